"""What a warehouse is asked for, and the words in which tables, versions and loads are spoken of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import pyarrow as pa

from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.errors import TerminalError

LEDGER_SCHEMA, LEDGER = "lakehouse", "loads"
"""Where a warehouse keeps what was loaded."""


class LoadRefused(TerminalError):
    """A load whose rows cannot be right: a key twice, a file that cannot be read as it is. Nothing of it is in the warehouse."""


class LoadDiverged(LoadRefused):
    """After an incremental load the table would not have had as many rows as the lake: the warehouse held something else before."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table is in the warehouse."""

    schema: str
    """The domain."""
    name: str
    """`<zone>_<table>`."""

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class WarehouseColumn:
    """A column, as the lake and the contract have it; each warehouse has its own type for it."""

    name: str
    lake: LakeType
    length: int | None = None
    """Characters at most of a text, bytes of a binary; None where nobody says."""
    json: bool = False
    """Text that is JSON."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table lies on disk."""

    distribution: Distribution
    dist_key: str | None = None
    sort_key: tuple[str, ...] = ()
    encodings: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    """Why it is laid out so, for people."""


@dataclass(frozen=True, slots=True)
class WarehouseTable:
    """A table as it should be in the warehouse."""

    place: Place
    columns: tuple[WarehouseColumn, ...]
    key: tuple[str, ...]
    """Columns that tell its rows apart; empty where none do."""
    layout: Layout
    contract: str
    """The contract's fingerprint."""
    readers: tuple[str, ...] = ()
    """Roles that may read it."""

    @property
    def shape(self) -> str:
        """Fingerprint of columns, types and key: rows loaded under another shape are loaded anew."""
        said = [(c.name, str(c.lake), c.length, c.json) for c in self.columns]
        return hashlib.sha256(repr((said, self.key)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class DataFile:
    """A Parquet file of a Delta table."""

    path: str
    """In the table's folder, as the log has it."""
    url: str
    """Absolute."""
    bytes: int
    rows: int | None
    """By the log; None where it has no figure."""
    partition: tuple[tuple[str, object], ...] = ()
    """Partition columns and values, which are not in the file."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A Delta table at one version."""

    uri: str
    lake_id: str
    """Delta's id of the table: another one where the table was made anew."""
    version: int
    files: tuple[DataFile, ...]
    """The active ones, by path."""

    @property
    def rows(self) -> int | None:
        """Rows of all files, None where the log does not say."""
        known = [file.rows for file in self.files if file.rows is not None]
        return sum(known) if len(known) == len(self.files) else None

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a warehouse says it holds of a table: the newest entry of its ledger."""

    ordinal: int
    """Number of the load; 0 before the first."""
    version: int
    """Delta version; -1 before the first load."""
    lake_id: str
    contract: str
    shape: str
    rows: int
    mode: str
    run: str


class Mode(StrEnum):
    """How much is loaded."""

    NOTHING = "nothing"
    INCREMENTAL = "incremental"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What brings the warehouse to a version."""

    mode: Mode
    reason: str
    added: tuple[DataFile, ...] = ()
    """Files whose rows come in."""
    removed: tuple[DataFile, ...] = ()
    """Files whose keys leave; incremental loads only."""


@dataclass(frozen=True, slots=True)
class FileGroup:
    """Files with the same columns in the same order, and the same partition."""

    columns: tuple[tuple[str, LakeType], ...]
    """As they lie in the files."""
    partition: tuple[tuple[str, object], ...]
    files: tuple[DataFile, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """A planned load with everything that has to be known of its files."""

    table: WarehouseTable
    plan: LoadPlan
    snapshot: Snapshot
    before: Loaded
    """The ledger as the plan saw it: the load only commits if it still says so."""
    added: tuple[FileGroup, ...]
    removed: tuple[FileGroup, ...]
    rows: int
    """Of the whole table afterwards."""
    run: str


class FileReader(Protocol):
    """Reads a Delta table's files where they lie."""

    def batches(self, group: FileGroup) -> pa.RecordBatchReader:
        """The rows of the group's files, batch by batch, without partition columns."""


class Warehouse(Protocol):
    """Where loaded tables are read by people. Redshift (`warehouse/redshift.py`) and a DuckDB file (`warehouse/duckdb.py`) are.

    Raises TransientError where it does not answer or somebody else has it, TerminalError where a person has to act.
    """

    kind: str

    def distribution(self, place: Place) -> Distribution | None:
        """How the table's rows are spread now; None where there is no table or nothing is spread."""
    def prepare(self, table: WarehouseTable) -> tuple[str, ...]:
        """Make the table, or change it to what it should be; what was done, for people. Readers never miss the table meanwhile."""
    def loaded(self, place: Place) -> Loaded | None:
        """The newest load of a table, None where it was never prepared."""
    def load(self, load: Load, reader: FileReader) -> None:
        """Bring the table to the version in one transaction, its ledger entry with it.

        Raises LoadRefused or LoadDiverged with nothing changed, CommitConflict where another load came first.
        """
    def grant(self, table: WarehouseTable) -> tuple[str, ...]:
        """Have exactly the readers read the table; what was changed, for people."""
    def count(self, place: Place) -> int:
        """Number of rows."""
    def sums(self, place: Place, columns: Sequence[str]) -> dict[str, Decimal]:
        """Exact sums of whole-number and decimal columns; NULL counts as nothing."""
    def rows(self, place: Place, columns: Sequence[str]) -> list[tuple[object, ...]]:
        """Rows with the given columns, in no order; for small tables."""
