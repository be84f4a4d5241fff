"""The ledger of publications: an append-only table of the lake that says what was sent to each dataset, and whether that ended."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any
from uuid import uuid4

import pyarrow as pa

from lakehouse_platform.engines.base import Commit, Table, TableSpec, opened
from lakehouse_platform.naming import publications_path
from lakehouse_platform.publish.changes import State
from lakehouse_platform.publish.destination import Known
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.replan import replanned
from lakehouse_platform.zones.rows import INSTANT, TEXT, WHOLE

COLUMNS = {
    **dict.fromkeys(("publication", "event", "mart", "dataset", "mode", "reason", "schema", "content", "execution", "mark"), TEXT),
    "at": INSTANT, **dict.fromkeys(("version", "rows", "sent", "parts", "bytes"), WHOLE), "divisions": TEXT,
}


class Event(StrEnum):
    """What an entry says."""

    BEGUN = "begun"
    """Rows are about to be sent: until the publication is done it is not known what the dataset holds."""
    DONE = "done"
    """The dataset holds the mart's rows; they were counted."""
    FLOWED = "flowed"
    """The dataflow that it feeds ran on them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    publication: str
    event: Event
    mart: str
    """`domain.table`."""
    dataset: str
    """Id at the destination."""
    version: int
    """Delta version of the mart."""
    rows: int
    """Of the mart."""
    schema: str
    at: dt.datetime
    mode: str = ""
    reason: str = ""
    content: str = ""
    """Fingerprint of the rows, where changes can be sent; empty where they cannot."""
    divisions: Mapping[str, str] = field(default_factory=dict)
    """Fingerprint of the rows of each division; empty where there is none."""
    execution: str = ""
    sent: int = 0
    """Rows that were sent."""
    parts: int = 0
    bytes: int = 0
    mark: str = ""
    """`Dataset.mark`."""

    @property
    def state(self) -> State:
        """What the dataset is of."""
        return State(self.version, self.schema, self.rows)


@dataclass(frozen=True, slots=True)
class History:
    """What the ledger says of one dataset."""

    done: Entry | None
    """What was published last; None where nothing was, or where a publication began after it or had not ended when it began."""
    flowed: bool
    """Whether the dataflow ran on it."""


def new_publication() -> str:
    """An id that no other publication has."""
    return uuid4().hex


def record(lake: Lake, entry: Entry) -> None:
    """Put an entry into the ledger, in one commit. Raises CommitConflict where others are always first."""
    replanned(f"what was published of {entry.mart}", lambda: _append(lake, entry))


def _append(lake: Lake, entry: Entry) -> None:
    table, application = _ledger(lake), f"lakehouse/publication/{entry.publication}/{entry.event}"
    if table.transaction(application) is None:
        rows = lake.engine.frame(pa.Table.from_pylist([_row(entry)], schema=lake.engine.schema(COLUMNS)))
        table.append(rows, Commit("publication.append", {application: 1}))


def known(entries: Sequence[Entry]) -> Known | None:
    """The dataset that a mart was published to last."""
    return Known(entries[-1].dataset, entries[-1].mark) if entries else None


def history(entries: Sequence[Entry], dataset: str) -> History:
    """What was published last to a dataset, told from a mart's entries."""
    own = [entry for entry in entries if entry.dataset == dataset]
    place = max((place for place, entry in enumerate(own) if entry.event is Event.BEGUN), default=None)
    if place is None:
        return History(None, flowed=False)
    of_last = {entry.event: entry for entry in own[place:] if entry.publication == own[place].publication}
    crossed = any(entry.event is Event.DONE and entry.publication != own[place].publication for entry in own[place:])
    return History(None if crossed else of_last.get(Event.DONE), Event.FLOWED in of_last)


def recorded(lake: Lake, mart: str) -> tuple[Entry, ...]:
    """Every entry of a mart in the order of time; none where there is no ledger."""
    table = opened(lake.engine, _uri(lake))
    if table is None:
        return ()
    entries = map(_entry, lake.engine.collect(table.scan(partitions={"mart": [mart]}).select(*COLUMNS)).to_pylist())
    return tuple(sorted(entries, key=lambda entry: (entry.at, list(Event).index(entry.event))))


def _uri(lake: Lake) -> str:
    return f"{lake.root}/{publications_path()}"


def _ledger(lake: Lake) -> Table:
    return lake.engine.create(TableSpec(
        _uri(lake), COLUMNS, partition_by=("mart",), append_only=True, comment="What was published: two or three rows a publication"))


def _row(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "divisions": json.dumps(dict(entry.divisions), sort_keys=True)}


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(**{**row, "event": Event(row["event"]), "divisions": json.loads(row["divisions"])})
