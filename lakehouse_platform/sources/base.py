"""What a source does: say what a table looks like, and read it consistently as a stream of Arrow batches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from lakehouse_platform.contracts.contract import Contract

OP, SEQ, SNAPSHOT, EFFECTIVE, PARKED = "_op", "_seq", "_snapshot", "_effective_at", "_parked"


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as the source has it now."""

    name: str
    type: str
    """The source's own spelling, as in `numeric(18,2)`."""
    nullable: bool


@dataclass(frozen=True, slots=True)
class Window:
    """A business day's instants, in UTC, start included and end not."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, slots=True)
class Request:
    """What to read of a contract's table."""

    contract: Contract
    window: Window
    """Of the partition. `window` capture selects by it; others use its end as the effective time of what has none."""
    low: int | None
    """Cursor of the last batch (the reading's `high` then); None reads everything."""
    only_window: bool = False
    """`window` capture: read just the partition again, leaving late rows of other days to the open partition."""
    above: int | None = None
    """Position of the last full image: the next one's is greater, also where a long transaction holds the cursor back."""
    taken: tuple[int, ...] = ()
    """Greatest `_seq` of each batch that Raw holds, where it has one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One consistent read. Iterate `rows` once, while the context is open."""

    rows: pa.RecordBatchReader
    """Declared columns by physical name, each as its lake type or as text to be cast softly, and
    `_op` (string: `upsert`, `delete` or `present`, the last with nothing but the key), `_seq` (int64),
    `_snapshot` (bool: part of a full image), `_effective_at` (timestamp[us, UTC]),
    `_parked` (string: a JSON object of text values, NULL where empty) with undeclared columns and values no type can carry."""
    low: int | None
    high: int
    """Cursor to continue from: every change of a transaction below it was read."""
    position: int | None
    """Sequence position of the full image (of rows, or of `present` keys), in the domain of `_seq`; None where there is none."""
    seen_at: dt.datetime
    """The source's clock at the read, UTC."""
    running: int
    """First transaction number not yet begun at the read: transactions below it had begun."""
    columns: Sequence[SourceColumn]
    """What the source's table looked like in the same transaction."""
    effective_at: dt.datetime | None = None
    """When what the full image lacks is taken to have gone; at the end of the partition at the latest, where nothing is said."""
    origin: str = ""
    """The file that was read; empty where a database was."""


class Source(Protocol):
    """A connection to one source database."""

    time_zone: str
    """IANA name: what naive wall-clock times at the source mean, and where its business days begin."""

    def describe(self, contract: Contract) -> Sequence[SourceColumn]:
        """Columns of the contract's table now. Raises SourceError where there is none, SourceUnavailable where nobody answers."""
    def read(self, request: Request) -> AbstractContextManager[Reading]:
        """One consistent read, streamed in bounded memory."""
