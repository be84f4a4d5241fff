"""A contract as the platform uses it: read, merged with its domain's defaults, validated and frozen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lakehouse_platform.contracts.serving import Certification, Publication, Role, WarehouseLayout
from lakehouse_platform.contracts.types import LakeType, PhysicalType
from lakehouse_platform.naming import Zone


class Capture(StrEnum):
    """How changes are taken from the source."""

    SNAPSHOT = "snapshot"
    """A full image every time; what is missing from it was deleted."""
    ROW_VERSION = "row_version"
    """Rows whose own version (PostgreSQL xmin, SQL Server rowversion) moved since the last batch."""
    WINDOW = "window"
    """Rows whose event time lies in the partition, and late ones; a past partition can be read again."""
    CHANGE_LOG = "change_log"
    """Every change, from a log table that the source's triggers write."""
    CHANGES = "changes"
    """Landed files hold the rows that changed."""


class Compute(StrEnum):
    """Where a step runs."""

    IN_PROCESS = "in_process"
    """In the Dagster process, on Polars."""
    SPARK = "spark"
    """On this machine, on Spark."""
    EMR_SERVERLESS = "emr_serverless"
    GLUE = "glue"


class Drift(StrEnum):
    """What happens when the source's schema leaves the contract."""

    FREEZE = "freeze"
    """The extraction halts."""
    EVOLVE = "evolve"
    """The extra values are parked, and a contract patch is proposed."""
    DISCARD = "discard"
    """The extra values are parked without an alert."""


class OnFailure(StrEnum):
    """What the gate does with rows, or a batch, that break a rule."""

    HALT = "halt"
    """Nothing of the partition is committed beyond Raw."""
    QUARANTINE = "quarantine"
    """The rows that break it are held back with the reason; the rest goes on."""
    WARN = "warn"
    """It is reported."""


class Metric(StrEnum):
    """What a rule measures; the first five are the Open Data Contract Standard's library metrics."""

    NULL_VALUES = "nullValues"
    MISSING_VALUES = "missingValues"
    INVALID_VALUES = "invalidValues"
    DUPLICATE_VALUES = "duplicateValues"
    ROW_COUNT = "rowCount"
    EXPRESSION = "expression"
    """A row must satisfy an SQL expression (`type: custom`, `engine: sql`, `implementation: amount >= 0`)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One quality rule of the gate."""

    name: str
    """Unique in its table; the asset check has this name."""
    metric: Metric
    on_failure: OnFailure
    columns: tuple[str, ...] = ()
    """The column it looks at, or the columns that must be unique together; empty for rowCount and expression."""
    valid_values: tuple[str, ...] = ()
    missing_values: tuple[str, ...] = ()
    """Texts that stand for a missing value (missingValues)."""
    pattern: str | None = None
    """Regular expression that the whole value must match (invalidValues)."""
    minimum: str | None = None
    """Least allowed value, as text in the column's type (invalidValues), or least row count."""
    maximum: str | None = None
    expression: str | None = None
    description: str = ""

    @property
    def by_row(self) -> bool:
        """Whether single rows can break it, and so be quarantined; rowCount and duplicateValues judge a batch."""
        return self.metric not in (Metric.ROW_COUNT, Metric.DUPLICATE_VALUES)


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column."""

    name: str
    """Name in ODS, HDS and marts."""
    physical_name: str
    """Name at the source and in Raw."""
    physical: PhysicalType
    required: bool = False
    """NULL is not allowed; a row that has it is quarantined."""
    classification: str | None = None
    """Anything but None, "public" and "internal" keeps the values out of metadata, logs and errors."""
    transforms: tuple[str, ...] = ()
    """Names of standard transforms, in order: trim, upper, lower, null_if_empty, collapse_spaces."""
    description: str = ""

    @property
    def type(self) -> LakeType:
        """Type in the lake."""
        return self.physical.lake

    @property
    def classified(self) -> bool:
        """Whether values may not be shown."""
        return self.classification not in (None, "public", "internal")


@dataclass(frozen=True, slots=True)
class SourceTable:
    """Where rows come from."""

    connection: str
    """Name of a connection in the environment."""
    schema: str
    table: str


class FileFormat(StrEnum):
    """What landed files are."""

    CSV = "csv"
    """UTF-8 text with a header line."""
    JSON = "json"
    """UTF-8 text, one object a line."""
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Landing:
    """Rows come in files that another system leaves in the table's landing folder."""

    format: FileFormat
    pattern: str = "*"
    """What the files' names match, as in `orders_*.csv`."""
    delimiter: str = ","
    """Between the values of a line (csv)."""
    time_zone: str | None = None
    """IANA name: what wall-clock times in the files mean; the environment's business days' where nothing is said."""


@dataclass(frozen=True, slots=True)
class ChangeLog:
    """The log table behind `change_log` capture. It has the table's columns beside its own three."""

    schema: str
    table: str
    position: str
    """Integer column whose order is, for one key, the order of its changes."""
    operation: str
    """Column that says what was done."""
    changed_at: str
    """Column with the instant of the change."""
    delete_values: tuple[str, ...] = ("D",)


@dataclass(frozen=True, slots=True)
class SnapshotGuard:
    """When a full image is too small to be believed."""

    min_rows: int = 1
    max_shrink: float = 0.5
    """Greatest share of rows that may be gone since the last image, 0 to 1."""


@dataclass(frozen=True, slots=True)
class CaptureSpec:
    """How a table's changes are taken."""

    mode: Capture
    column: str | None = None
    """Physical name of the event time (window)."""
    effective_at: str | None = None
    """Physical name of the column that says when a change became true (row_version, snapshot, changes)."""
    reconcile_deletes: bool = False
    """row_version: take the keys' full image too, so that hard deletes are seen."""
    log: ChangeLog | None = None
    guard: SnapshotGuard = field(default_factory=SnapshotGuard)
    operation: str | None = None
    """Column of the files that says what was done (changes); without one, every row is so."""
    delete_values: tuple[str, ...] = ("D",)
    """What `operation` says of a delete."""


@dataclass(frozen=True, slots=True)
class ScanBudget:
    """What Athena may read for a query that is typical of a mart."""

    bytes: int
    query: str
    """One SELECT; tables are `zone.domain.table`."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One table: where it comes from, what it looks like, what it promises."""

    domain: str
    table: str
    version: str
    description: str
    owner: str
    """An e-mail address or `team:name`."""
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Names (not physical names) of the primary key's columns, in key order; empty for a keyless table."""
    source: SourceTable | Landing | None
    """None for a mart."""
    model: str | None
    """dbt model of a mart; None for a source table. A contract has one of both."""
    capture: CaptureSpec | None
    keeps_history: bool
    drift: Drift
    rules: tuple[Rule, ...]
    freshness: dt.timedelta | None
    """How old the data may be (SLA `freshness`)."""
    retention: dt.timedelta | None
    steps: dict[str, Path]
    """The hatch: step name (`standardise` a Python file, `extract` an SQL file) to a file beside the contract."""
    publication: Publication | None
    tags: dict[str, str]
    path: Path
    """The contract's file."""
    fingerprint: str
    """sha256 of the merged document."""
    shape: str
    """sha256 of what decides how a raw row reads: columns, key, transforms, hatch."""
    rules_version: str
    """sha256 of the rules and required columns: what a gate's verdict depends on beside the rows."""
    scan_budget: ScanBudget | None = None
    """A mart's; None where none is declared."""
    compute: Mapping[Zone, Compute] = field(default_factory=dict)
    """What the steps into ODS and HDS run on, where the environment has it; by size where nothing is said."""
    warehouse: WarehouseLayout | None = None
    """None: a source table stays in the lake; a mart is laid out by default."""
    certification: Certification | None = None
    """None: the mart is not to be certified."""
    roles: tuple[Role, ...] = ()

    @property
    def name(self) -> str:
        """`domain.table`."""
        return f"{self.domain}.{self.table}"

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError where there is none."""
        return next((c for c in self.columns if c.name == name), None) or _raise(name)


def _raise(name: str) -> Column:
    raise KeyError(name)
