"""What may stand under the `lakehouse` custom property and in a quality rule: the words that the platform adds to the standard."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from lakehouse_platform.contracts.contract import Capture, Compute, Drift, FileFormat
from lakehouse_platform.contracts.serving import Distribution, Update
from lakehouse_platform.contracts.strict import Closed
from lakehouse_platform.errors import did_you_mean

Mode = Annotated[Capture, Field(strict=False)]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]
_WORD = {"enum": [str(compute) for compute in Compute]}
_COMPUTE_SCHEMA = {"anyOf": [_WORD, {"type": "object", "properties": {"ods": _WORD, "hds": _WORD}, "additionalProperties": False}]}


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) else value


Value = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""A text or a number; what it means depends on the column's type."""


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(f'unknown time zone "{name}". Take an IANA name, as in Europe/Berlin.') from None


class FilesBlock(Closed):
    """What the files are that other systems leave in the table's landing folder."""

    format: Annotated[FileFormat, Field(strict=False)]
    """csv and json are UTF-8; json is one object a line."""
    pattern: Text | None = None
    """What their names match, as in `orders_*.csv`; all do, if nothing is said."""
    delimiter: Annotated[str, Field(pattern=r"^[^\r\n\"]$")] | None = None
    """csv: what stands between values; a comma, if nothing is said."""
    time_zone: Annotated[Text, AfterValidator(_known_zone)] | None = None
    """IANA name: what wall-clock times in them mean; the environment's business days', if nothing is said."""


class SourceBlock(Closed):
    """Where the rows come from: a table that is read, or files that land."""

    connection: Text | None = None
    """Name of a connection in the environment."""
    table: Text | None = None
    """`schema.table` at the source."""
    landing: FilesBlock | None = None
    """Files in `raw/<domain>/_landing/<table>/`."""


class LogBlock(Closed):
    """The log table behind `change_log`."""

    table: Text
    """`schema.table` at the source."""
    position: Text
    """Integer column whose order is the order of a key's changes."""
    operation: Text
    """Column that says what was done."""
    changed_at: Text
    """Column with the instant of the change."""
    delete_values: Texts = Field(default=["D"])
    """What `operation` says of a delete."""


class GuardBlock(Closed):
    """When a full image is too small to be believed."""

    min_rows: Annotated[int, Field(ge=0)] = 1
    max_shrink: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Greatest share of rows that may be gone since the last image, 0 to 1."""


class CaptureBlock(Closed):
    """How changes are taken from the source."""

    mode: Mode
    column: Text | None = None
    """window: physical name of the event time."""
    effective_at: Text | None = None
    """snapshot, row_version, changes: physical name of the column that says when a change became true."""
    deletes: Literal["reconcile"] | None = None
    """row_version: read the keys too, so that hard deletes are seen."""
    log: LogBlock | None = None
    """change_log: where the changes are."""
    guard: GuardBlock | None = None
    """snapshot, row_version with reconciled deletes."""
    operation: Text | None = None
    """changes: column of the files that says what was done; without one, every row is so."""
    delete_values: Texts | None = None
    """changes: what `operation` says of a delete; D, if nothing is said."""


class StepsBlock(Closed):
    """The hatch: a file beside the contract that replaces one step."""

    extract: Text | None = None
    """An SQL file."""
    standardise: Text | None = None
    """A Python file."""


class RowAccessBlock(Closed):
    """Who sees which rows of a dataset."""

    name: Text
    column: Text
    values: Annotated[list[Text], Field(min_length=1, max_length=254)]
    """Domo takes fewer than 255."""
    groups: list[Text] = Field(default=[])
    """Names of Domo groups."""
    users: list[Text] = Field(default=[])
    """E-mail addresses of Domo users."""


class DomoBlock(Closed):
    """The Domo dataset that a mart becomes."""

    dataset: Text
    """Title in Domo."""
    description: str = ""
    tags: list[Text] = Field(default=[])
    update: Annotated[Update, Field(strict=False)] = Update.REPLACE
    """What is sent: replace, upsert or append."""
    partition_by: Text | None = None
    """Column by whose values the dataset is divided, so that only divisions that changed are sent."""
    owner: Text | None = None
    """E-mail address of the Domo user who owns it."""
    row_access: list[RowAccessBlock] = Field(default=[])
    waits_for: list[Text] = Field(default=[])
    """Other marts, `domain.table`, that must be of the same business day."""
    dataflow: Text | None = None
    """Id of the Domo dataflow that is run once the dataset is new."""


class WarehouseBlock(Closed):
    """The table in the warehouse."""

    zones: list[Literal["ods", "hds", "curated"]] = Field(default=[])
    """Zones of a table that are loaded."""
    distribution: Annotated[Distribution, Field(strict=False)] | None = None
    dist_key: Text | None = None
    sort_key: list[Text] = Field(default=[])
    encodings: dict[Text, Text] = Field(default={})


class CertificationBlock(Closed):
    """The mart's certificate."""

    green_runs: Annotated[int, Field(ge=1, le=100)] = 3
    """Runs in a row whose blocking checks passed."""


class AthenaBlock(Closed):
    """What Athena may read for a query that is typical of a mart."""

    scan_budget_mb: Annotated[int, Field(ge=1)]
    """Millions of bytes. Athena bills 10 at least."""
    query: Text
    """One SELECT; tables are `zone.domain.table`."""


class ZonesBlock(Closed):
    """What the steps into each zone run on; by size where nothing is said. Extraction into Raw always runs in process."""

    ods: Annotated[Compute, Field(strict=False)] | None = None
    hds: Annotated[Compute, Field(strict=False)] | None = None


def _of_all_zones(value: object) -> object:
    """One word stands for all zones."""
    if not isinstance(value, str):
        return value
    if value not in set(Compute):
        raise ValueError(f'unknown compute "{value}". {did_you_mean(value, Compute)}')
    return dict.fromkeys(ZonesBlock.model_fields, value)


class LakehouseBlock(Closed):
    """What the standard has no word for."""

    source: SourceBlock | None = None
    model: Text | None = None
    """dbt model, for a mart."""
    capture: CaptureBlock | None = None
    history: Literal["scd2", "none"] | None = None
    """scd2 where the table has a key, if nothing is said."""
    drift: Annotated[Drift, Field(strict=False)] | None = None
    """evolve, if nothing is said."""
    compute: Annotated[ZonesBlock | None, BeforeValidator(_of_all_zones), WithJsonSchema(_COMPUTE_SCHEMA)] = None
    """What the steps into ODS and HDS run on, where the environment has it; by size, if nothing is said."""
    steps: StepsBlock | None = None
    domo: DomoBlock | None = None
    warehouse: WarehouseBlock | None = None
    certification: CertificationBlock | None = None
    athena: AthenaBlock | None = None


class Arguments(Closed):
    """A rule of the table's may name its column."""

    properties: Texts | None = None


class InvalidArguments(Arguments):
    """What makes a value valid."""

    valid_values: Annotated[list[Value], Field(min_length=1)] | None = Field(default=None, alias="validValues")
    pattern: Text | None = None
    """The whole value must match it."""
    minimum: Value | None = None
    """Least value, in the column's type."""
    maximum: Value | None = None


class MissingArguments(Arguments):
    """Texts that stand for a missing value; NULL always does."""

    missing_values: Annotated[list[str], Field(min_length=1)] | None = Field(default=None, alias="missingValues")
