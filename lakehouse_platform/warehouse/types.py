"""Types of the lake in Redshift's words: of the table, of the staging table that COPY fills, and the way from one to the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.errors import TerminalError, did_you_mean
from lakehouse_platform.warehouse.base import WarehouseColumn

MOST_TEXT = 65_535
"""Bytes of the widest VARCHAR; texts that nobody has sized get it, for a value that does not fit fails the load."""
BYTES_A_CHARACTER = 4
"""Of UTF-8; VARCHAR(n) counts bytes."""
BINARY = "binary varying(64000)"
"""VARBYTE as it is without a length: its width costs nothing on disk, and it cannot be widened later."""


@dataclass(frozen=True, slots=True)
class RedshiftType:
    """A column's type in Redshift."""

    held: str
    """Of the table, as `format_type` spells it."""
    staged: str
    """Of the staging table: a type that COPY takes from Parquet."""
    conversion: str = "{}"
    """From the staged column to the held one."""


PLAIN: Mapping[Kind, RedshiftType] = {
    Kind.BOOLEAN: RedshiftType("boolean", "boolean"),
    Kind.INT16: RedshiftType("smallint", "smallint"),
    Kind.INT32: RedshiftType("integer", "integer"),
    Kind.INT64: RedshiftType("bigint", "bigint"),
    Kind.FLOAT32: RedshiftType("real", "real"),
    Kind.FLOAT64: RedshiftType("double precision", "double precision"),
    Kind.DATE: RedshiftType("date", "date"),
    # COPY reads Parquet as Spectrum does, which knows no TIMESTAMPTZ: instants come as UTC wall clocks and become instants again.
    Kind.TIMESTAMP: RedshiftType("timestamp with time zone", "timestamp without time zone", "{} AT TIME ZONE 'UTC'"),
}
"""Types without arguments."""

LENGTHS: Mapping[str, int] = {"uuid": 36, "uniqueidentifier": 36, "time": 32}
"""Characters of texts whose source type says how long they are, without arguments."""
PLATFORM: Mapping[str, int] = {"_op": 16, "_hash": 64, "_batch_id": 256}
"""Characters of the platform's own texts."""
JSON = frozenset({"json", "jsonb"})
"""Source types that are SUPER in Redshift."""


def redshift_type(column: WarehouseColumn) -> RedshiftType:
    """Redshift's type of a column. Raises TerminalError, naming the column, for one that it has no type for."""
    kind = column.lake.kind
    if kind in PLAIN:
        return PLAIN[kind]
    if kind is Kind.DECIMAL and column.lake.precision is not None and column.lake.precision <= 38:
        return _both(f"numeric({column.lake.precision},{column.lake.scale or 0})")
    if kind is Kind.STRING and column.json:
        return RedshiftType("super", _varchar(None), "JSON_PARSE({})")
    if kind is Kind.STRING:
        return _both(_varchar(column.length))
    if kind is Kind.BINARY:
        return _both(BINARY)
    known = did_you_mean(str(kind), [*map(str, PLAIN), "decimal", "string", "binary"], noun="types")
    raise TerminalError(f"column {column.name}: Redshift has no type for {column.lake}. {known}")


def _both(name: str) -> RedshiftType:
    return RedshiftType(name, name)


def _varchar(characters: int | None) -> str:
    return f"character varying({MOST_TEXT if characters is None else max(1, min(characters * BYTES_A_CHARACTER, MOST_TEXT))})"


_FROM_ARROW: Mapping[pa.DataType, Kind] = {
    pa.bool_(): Kind.BOOLEAN, pa.int16(): Kind.INT16, pa.int32(): Kind.INT32, pa.int64(): Kind.INT64,
    pa.float32(): Kind.FLOAT32, pa.float64(): Kind.FLOAT64, pa.date32(): Kind.DATE,
    pa.string(): Kind.STRING, pa.large_string(): Kind.STRING, pa.string_view(): Kind.STRING,
    pa.binary(): Kind.BINARY, pa.large_binary(): Kind.BINARY, pa.binary_view(): Kind.BINARY,
}  # fmt: skip


def lake_type(column: str, arrow: pa.DataType) -> LakeType:
    """What a column of a Parquet file holds. Raises TerminalError, naming the column, for what no table of the platform has."""
    if pa.types.is_decimal(arrow):
        return LakeType(Kind.DECIMAL, arrow.precision, arrow.scale)
    if pa.types.is_timestamp(arrow):
        return LakeType(Kind.TIMESTAMP)
    if arrow not in _FROM_ARROW:
        known = did_you_mean(str(arrow), ["decimal", "timestamp", *map(str, _FROM_ARROW)], noun="types")
        raise TerminalError(f"column {column} is {arrow} in its file, which no warehouse column can be loaded from. {known}")
    return LakeType(_FROM_ARROW[arrow])
