"""The ledger of batches: header rows of Raw. There is no other state store."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

import narwhals as nw
import pyarrow as pa

from lakehouse_platform.contracts.contract import Capture
from lakehouse_platform.engines.base import Table
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.rows import BATCH

_INSTANTS = ("seen_at", "effective_at", "last_effective", "complete_through")


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch says about itself, committed with its rows."""

    partition: str
    """Business day, `YYYY-MM-DD`."""
    ordinal: int
    """1, 2, … within the partition; the version of the partition's Delta transaction."""
    run: str
    """Root run that extracted it: the same attempt, retried, has the same value."""
    capture: str
    low: int | None
    """Cursor it began from."""
    high: int
    """Cursor to continue from."""
    running: int
    """First transaction of the source that had not begun."""
    position: int | None
    """Sequence position of its full image, if it holds one."""
    last_seq: int | None
    """Greatest `_seq` of its rows or its image."""
    last_effective: dt.datetime | None
    """Greatest `_effective_at` of its rows or its image."""
    rows: int
    """Change rows, image keys included."""
    image_rows: int
    """Rows, or keys, of the full image."""
    outside: int
    """Rows of other days, effective before or after its own."""
    parked: int
    """Rows with parked values."""
    seen_at: dt.datetime
    effective_at: dt.datetime
    """When what its image lacks is taken to have gone."""
    complete_through: dt.datetime | None
    """Source instant up to which Raw holds everything once this batch is in; None while that is not known."""
    contract: str
    """Contract fingerprint."""
    shape: str
    """Fingerprint of what decides how its rows read."""
    origin: str = ""
    """The file that it was made of; empty where a database was read."""

    @property
    def batch_id(self) -> str:
        """`<partition>#<ordinal>`."""
        return f"{self.partition}#{self.ordinal}"

    def to_json(self) -> str:
        """The header row's text."""
        return json.dumps({n: v.isoformat() if isinstance(v, dt.datetime) else v for n, v in asdict(self).items()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Batch:
        """Read a header row."""
        held: dict[str, Any] = json.loads(text)
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {n: v for n, v in held.items() if n in known}
        values.update({n: dt.datetime.fromisoformat(values[n]) for n in _INSTANTS if values[n]})
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All batches of a Raw table, by partition and ordinal."""

    batches: tuple[Batch, ...]

    def of(self, partition: str) -> tuple[Batch, ...]:
        """Batches of one partition."""
        return tuple(b for b in self.batches if b.partition == partition)

    @property
    def newest(self) -> str | None:
        """Latest partition that has a batch: the open one."""
        return max((b.partition for b in self.batches), default=None)

    def is_past(self, partition: str) -> bool:
        """Whether a later partition has a batch."""
        return self.newest is not None and partition < self.newest

    @property
    def cursor(self) -> int | None:
        """Where the next positional read begins."""
        return max((b.high for b in self.batches), default=None)

    @property
    def position(self) -> int | None:
        """Greatest position of a full image."""
        return max((b.position for b in self.batches if b.position is not None), default=None)

    @property
    def last_image(self) -> Batch | None:
        """The full image that saw the source last."""
        return max((b for b in self.batches if b.position is not None), key=lambda b: b.seen_at, default=None)

    def replaced(self, batch: Batch, by: Container[str]) -> bool:
        """Whether a later delivery of the same image or day is among `by`, so that the batch does not matter any more.

        Events of other days that came late are in no later delivery of the day: a batch that has some is never replaced.
        """
        whole = batch.capture == Capture.SNAPSHOT or (batch.capture == Capture.WINDOW and batch.outside == 0)
        return whole and any(b.ordinal > batch.ordinal and b.batch_id in by for b in self.of(batch.partition))

    def adopted(self, partition: str, run: str) -> Batch | None:
        """The batch that this run already committed."""
        return next((b for b in self.of(partition) if b.run == run), None)


def read_ledger(lake: Lake, table: Table) -> Ledger:
    """Read the header rows of a Raw table."""
    headers = lake.engine.collect(table.scan(partitions={"_kind": [BATCH]}).select("_header"))
    return ledger_of(Batch.from_json(str(text)) for text in headers.column("_header").to_pylist())


def ledger_of(batches: Iterable[Batch]) -> Ledger:
    """A ledger in its order."""
    return Ledger(tuple(sorted(batches, key=lambda b: (b.partition, b.ordinal))))


def complete_through(ledger: Ledger, applied: Iterable[str]) -> dt.datetime | None:
    """Source instant up to which a table holds everything, when it has taken in the batches called `applied`.

    A batch that is missing holds it back to what was complete before that batch was read, unless a later delivery of the
    same image or day is there in its place.
    """
    taken = set(applied)
    best: dt.datetime | None = None
    for batch in sorted(ledger.batches, key=lambda b: b.seen_at):
        if batch.batch_id in taken:
            best = max(filter(None, (best, batch.complete_through)), default=None)
        elif not ledger.replaced(batch, taken):
            break
    return best


def snapshots_frame(lake: Lake, batches: Iterable[Batch]) -> nw.LazyFrame[Any]:
    """Full images among the batches, as the law wants them: `_seq`, `_seen_at`, `_effective_at`."""
    images = [b for b in batches if b.position is not None]
    instant = pa.timestamp("us", "UTC")
    return lake.engine.frame(pa.table({
        "_seq": pa.array([b.position for b in images], pa.int64()),
        "_seen_at": pa.array([b.seen_at for b in images], instant),
        "_effective_at": pa.array([b.effective_at for b in images], instant),
    }))
