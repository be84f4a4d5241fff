"""What an engine does for the zones.

Zone logic is written once over narwhals frames; an engine reads, writes and does what narwhals cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import narwhals as nw
import pyarrow as pa

from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.errors import UnknownName

CHECKPOINT_EVERY = 50
"""Commits between two checkpoints of a table's log."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """How a Delta table is created."""

    uri: str
    schema: Mapping[str, LakeType]
    """Columns in order; all nullable."""
    partition_by: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    """Columns with file statistics; never decimals above 15 digits (delta-rs prunes them wrongly)."""
    append_only: bool = False
    comment: str = ""

    @property
    def properties(self) -> dict[str, str]:
        """Delta's table properties, the same whichever engine makes the table."""
        found = {
            "delta.checkpointInterval": str(CHECKPOINT_EVERY),
            "delta.logRetentionDuration": "interval 30 days",
            "delta.deletedFileRetentionDuration": "interval 7 days",
            "delta.dataSkippingStatsColumns": ",".join(self.statistics),
        }
        return {**found, "delta.appendOnly": "true"} if self.append_only else found


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit carries beside its rows."""

    point: str
    """Name of the commit, as in `raw.append`; fault points are `<point>.before` and `<point>.after`."""
    transactions: Mapping[str, int] = field(default_factory=dict)
    """Delta transactions (`txn`): application id to version."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Commit metadata for people; never read back."""


@dataclass(frozen=True, slots=True)
class MergeFigures:
    """What a merge did."""

    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A table's columns, as its log has them."""

    schema: str
    """Delta's own JSON: `{"type":"struct","fields":[{"name":"id","type":"long",…}]}`."""
    partition_by: tuple[str, ...]


class Table(Protocol):
    """A Delta table at one version. Commits are made against that version and raise CommitConflict if they cannot be."""

    @property
    def uri(self) -> str:
        """Where it lies."""
    @property
    def version(self) -> int:
        """The Delta version."""
    @property
    def shape(self) -> Shape:
        """Its columns; reads no data."""
    def transaction(self, application: str) -> int | None:
        """Version last committed by a Delta transaction's application, None when it never was."""
    def scan(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> nw.LazyFrame[Any]:
        """The table's rows; `partitions` prunes by partition values."""
    def batches(self, columns: Sequence[str]) -> pa.RecordBatchReader:
        """The rows, only these columns, as a stream that is never held as a whole in this process."""
    def count(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> int:
        """Number of rows, by the log's own figures where it has them."""
    def size(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> int:
        """Bytes of the files that hold the rows, by the log; nothing of the data is read."""
    def append(self, rows: pa.RecordBatchReader | nw.LazyFrame[Any], commit: Commit) -> None:
        """Add rows in one commit, streaming."""
    def merge(self, changes: nw.LazyFrame[Any], *, key: Sequence[str], commit: Commit, bounded: bool = True) -> MergeFigures:
        """Upsert by `key` the rows of `changes`; a row whose `_drop` is true deletes its key instead. One commit.

        It is pruned by key bounds, which the table's log then shows, unless `bounded` is false.
        """
    def replace(self, rows: pa.RecordBatchReader | nw.LazyFrame[Any], commit: Commit) -> None:
        """All rows anew in one commit. A reader streams, and its schema becomes the table's; a frame is put into the table's schema."""


class Engine(Protocol):
    """One dataframe engine and its Delta writer."""

    name: str

    def exists(self, uri: str) -> bool:
        """Whether there is a table."""
    def create(self, spec: TableSpec) -> Table:
        """The table's newest version; it is made where there is none, and given the columns of `spec` that it lacks.

        A table that is as it should be is opened once and asked for nothing else.
        """
    def open(self, uri: str) -> Table:
        """Newest version. Raises UnknownName where there is no table."""
    def schema(self, columns: Mapping[str, LakeType]) -> pa.Schema:
        """Arrow schema of lake columns."""
    def frame(self, table: pa.Table) -> nw.LazyFrame[Any]:
        """An Arrow table as a frame."""
    def collect(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        """Compute a frame."""
    def persist(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Compute once, so that several uses do not repeat the work."""
    def fingerprint(self, frame: nw.LazyFrame[Any], columns: Mapping[str, LakeType], *, into: str) -> nw.LazyFrame[Any]:
        """Add a column with the sha256 (32 hex digits kept) of the row's non-null values, typed; columns that are NULL do not count."""
    def conform(self, frame: nw.LazyFrame[Any], columns: Mapping[str, LakeType], *, parked: str) -> nw.LazyFrame[Any]:
        """Cast `columns` to their types; values that do not fit exactly become NULL and go, as text, into the JSON object `parked`."""
    def unpark(self, frame: nw.LazyFrame[Any], names: Mapping[str, str], *, parked: str) -> nw.LazyFrame[Any]:
        """Text columns taken back out of the JSON object `parked`: `names` maps the column to its key there."""
    def satisfies(self, frame: nw.LazyFrame[Any], expression: str, *, into: str) -> nw.LazyFrame[Any]:
        """Add a boolean column: whether the row satisfies an SQL expression (NULL counts as satisfied, as in SQL's CHECK)."""


def opened(engine: Engine, uri: str) -> Table | None:
    """The table's newest version, None where there is no table: a look whether there is one would open it, too."""
    try:
        return engine.open(uri)
    except UnknownName:
        return None
