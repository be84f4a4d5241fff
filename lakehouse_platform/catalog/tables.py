"""What a table of the lake is registered as: planned from its contract and its Delta log, and compared with what is held."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakehouse_platform import naming
from lakehouse_platform.catalog.types import hive_type, normal_type
from lakehouse_platform.contracts import glossary
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Shape
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.naming import Zone

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import ColumnOutputTypeDef, ColumnTypeDef, StorageDescriptorTypeDef, TableInputTypeDef, TableTypeDef

OURS = "lakehouse."
"""Parameters whose name begins so are the platform's; those of others are left as they are."""
CONTRACT, ZONE, PREFIX = "lakehouse.contract", "lakehouse.zone", "lakehouse.prefix"
CLASSIFICATION = "lakehouse.classification"
"""A column's parameter; a table's `classification` is Glue's word for its format."""

FORMAT: Mapping[str, str] = {
    "EXTERNAL": "TRUE", "classification": "delta", "table_type": "DELTA", "spark.sql.sources.provider": "delta",
}
"""What makes it a native Delta table: Athena looks at `table_type`, Spark and Trino at the provider, crawlers write all of them."""
_INPUT, _OUTPUT = "org.apache.hadoop.mapred.SequenceFileInputFormat", "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"
_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
"""What Athena's own `CREATE EXTERNAL TABLE` writes for Delta; nobody reads through them."""

NAME_BYTES, DESCRIPTION_BYTES = 255, 2048
"""Glue's limits of names, owners and comments, and of descriptions."""


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column as the catalog has it."""

    name: str
    type: str
    comment: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table as the catalog has it.

    The Delta version and figures of rows and bytes are not in it: they move with every commit, and would make a new version
    of the Glue table where nothing that a reader of the catalog plans by has changed. The log has them.
    """

    database: str
    name: str
    location: str
    """Ends with a slash, so that it is nobody else's prefix."""
    columns: tuple[CatalogColumn, ...]
    partition_keys: tuple[CatalogColumn, ...]
    description: str
    owner: str
    parameters: Mapping[str, str]

    @property
    def schema(self) -> dict[str, str]:
        """Types of all columns by name, the partition's last."""
        return {column.name: column.type for column in (*self.columns, *self.partition_keys)}


def zones_of(contract: Contract) -> tuple[Zone, ...]:
    """Zones that the contract has a table in."""
    if contract.model is not None:
        return (Zone.CURATED,)
    return (Zone.RAW, Zone.ODS, Zone.HDS) if contract.keeps_history else (Zone.RAW, Zone.ODS)


def plan_table(prefix: str, contract: Contract, zone: str, uri: str, shape: Shape) -> CatalogTable:
    """What a zone's table should be registered as. Raises TerminalError for a lake that the catalog cannot see."""
    if not uri.startswith("s3://"):
        raise TerminalError(f"{uri}: the Glue catalog only holds tables on S3. Set lake.root to an s3:// address.")
    columns = [_column(contract, item["name"], item["type"]) for item in json.loads(shape.schema)["fields"]]
    return CatalogTable(
        database=naming.catalog_database(prefix, contract.domain), name=naming.catalog_table(str(zone), contract.table),
        location=f"{uri.rstrip('/')}/", columns=tuple(c for c in columns if c.name not in shape.partition_by),
        partition_keys=tuple(c for name in shape.partition_by for c in columns if c.name == name),
        description=_cut(_description(Zone(zone), contract), DESCRIPTION_BYTES), owner=_line(contract.owner),
        parameters={**FORMAT, **_provenance(prefix, contract, zone)},
    )  # fmt: skip


def _description(zone: Zone, contract: Contract) -> str:
    return "\n\n".join(filter(None, (contract.description, glossary.zone_meaning(zone, contract))))


def _provenance(prefix: str, contract: Contract, zone: str) -> dict[str, str]:
    said = {
        CONTRACT: contract.name, f"{CONTRACT}.version": contract.version, f"{CONTRACT}.fingerprint": contract.fingerprint,
        ZONE: str(zone), PREFIX: prefix, "lakehouse.key": ",".join(contract.key),
    }  # fmt: skip
    return {name: value for name, value in said.items() if value}


def _column(contract: Contract, name: str, delta: object) -> CatalogColumn:
    declared = next((c for c in contract.columns if c.name == name), None)
    comment = declared.description if declared is not None else glossary.COLUMNS.get(name, "")
    classification = declared.classification if declared is not None else None
    return CatalogColumn(name, hive_type(name, delta), _line(comment), {CLASSIFICATION: classification} if classification else {})


def _line(text: str) -> str:
    """One line of at most 255 bytes."""
    return _cut(" ".join(text.split()), NAME_BYTES)


def _cut(text: str, most: int) -> str:
    """The text without characters that Glue refuses, or its beginning and an ellipsis; Glue counts bytes."""
    plain = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text)
    if len(plain.encode()) <= most:
        return plain
    return plain.encode()[: most - len("…".encode())].decode(errors="ignore").rstrip() + "…"


def read_table(held: TableTypeDef) -> CatalogTable:
    """A table as Glue answers it."""
    storage = held.get("StorageDescriptor", {})
    return CatalogTable(
        database=held.get("DatabaseName", ""), name=held["Name"], location=_location(held),
        columns=tuple(_read_column(c) for c in storage.get("Columns", [])),
        partition_keys=tuple(_read_column(c) for c in held.get("PartitionKeys", [])),
        description=held.get("Description", ""), owner=held.get("Owner", ""), parameters=held.get("Parameters", {}),
    )  # fmt: skip


def place_of(held: TableTypeDef) -> str:
    """Address of the Delta table, without a trailing slash."""
    return held.get("StorageDescriptor", {}).get("Location", "").rstrip("/")


def _location(held: TableTypeDef) -> str:
    """Athena goes by the location, Spark and Trino by the SerDe's path: where they disagree, neither is right."""
    path = held.get("StorageDescriptor", {}).get("SerdeInfo", {}).get("Parameters", {}).get("path", "")
    return f"{place_of(held)}/" if place_of(held) == path.rstrip("/") else f"{place_of(held)}/ and {path or 'nowhere'}"


def _read_column(column: ColumnTypeDef | ColumnOutputTypeDef) -> CatalogColumn:
    parameters = dict(column.get("Parameters", {}))
    return CatalogColumn(column["Name"], normal_type(column.get("Type", "")), column.get("Comment", ""), parameters)


def schema_changed(held: CatalogTable, wanted: CatalogTable) -> bool:
    """Whether readers would plan otherwise: columns, their order and types, the partitioning or the place differ."""
    def seen(table: CatalogTable) -> tuple[object, ...]:
        return [*table.schema.items()], [c.name for c in table.partition_keys], table.location

    return seen(held) != seen(wanted)


def changes(held: CatalogTable, wanted: CatalogTable) -> tuple[str, ...]:
    """What has to change for `held` to be `wanted`, for people; empty where they agree."""
    return (*_schema_changes(held, wanted), *_remark_changes(held, wanted), *_parameter_changes(held, wanted))


def _schema_changes(held: CatalogTable, wanted: CatalogTable) -> Iterator[str]:
    before, after = held.schema, wanted.schema
    yield from (f"column {name} ({kind}) added" for name, kind in after.items() if name not in before)
    yield from (f"column {name} ({kind}) removed" for name, kind in before.items() if name not in after)
    yield from (f"column {n}: {before[n]} is now {kind}" for n, kind in after.items() if n in before and before[n] != kind)
    if [n for n in before if n in after] != [n for n in after if n in before]:
        yield "order of columns"
    if (keys := [c.name for c in wanted.partition_keys]) != [c.name for c in held.partition_keys]:
        yield f"partitioned by {', '.join(keys) or 'nothing'}"
    if held.location != wanted.location:
        yield f"location is now {wanted.location}"


def _remark_changes(held: CatalogTable, wanted: CatalogTable) -> Iterator[str]:
    before = {column.name: column for column in (*held.columns, *held.partition_keys)}
    for column in (*wanted.columns, *wanted.partition_keys):
        was = before.get(column.name)
        if was is not None and was.comment != column.comment:
            yield f"comment of {column.name}"
        if was is not None and dict(was.parameters) != dict(column.parameters):
            yield f"classification of {column.name} is now {column.parameters.get(CLASSIFICATION, 'none')}"
    if held.description != wanted.description:
        yield "description"
    if held.owner != wanted.owner:
        yield f"owner is now {wanted.owner}"


def _parameter_changes(held: CatalogTable, wanted: CatalogTable) -> Iterator[str]:
    """Athena writes the format's values in small letters; that is no difference."""
    before, after = held.parameters, wanted.parameters
    yield from (
        f"{name} is now {value}" for name, value in after.items()
        if (before.get(name, "") != value if name.startswith(OURS) else before.get(name, "").lower() != value.lower())
    )
    yield from (f"{name} removed" for name in before if name.startswith(OURS) and name not in after)


def table_input(wanted: CatalogTable, held: TableTypeDef | None = None) -> TableInputTypeDef:
    """What Glue is given; parameters and retention that others have set on the held table stay."""
    kept = {name: value for name, value in held.get("Parameters", {}).items() if not name.startswith(OURS)} if held is not None else {}
    made: TableInputTypeDef = {
        "Name": wanted.name, "Description": wanted.description, "Owner": wanted.owner, "TableType": "EXTERNAL_TABLE",
        "Parameters": {**kept, **wanted.parameters}, "StorageDescriptor": _storage(wanted),
        "PartitionKeys": [_column_input(c) for c in wanted.partition_keys],
    }  # fmt: skip
    if held is not None and "Retention" in held:
        made["Retention"] = held["Retention"]
    return made


def _storage(wanted: CatalogTable) -> StorageDescriptorTypeDef:
    return {
        "Columns": [_column_input(c) for c in wanted.columns], "Location": wanted.location, "InputFormat": _INPUT, "OutputFormat": _OUTPUT,
        "SerdeInfo": {"SerializationLibrary": _SERDE, "Parameters": {"path": wanted.location, "serialization.format": "1"}},
    }  # fmt: skip


def _column_input(column: CatalogColumn) -> ColumnTypeDef:
    made: ColumnTypeDef = {"Name": column.name, "Type": column.type, "Comment": column.comment}
    if column.parameters:
        made["Parameters"] = dict(column.parameters)
    return made
