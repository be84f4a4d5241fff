"""A file's columns held against the contract's, for drift, and what a file must have to be taken in at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from lakehouse_platform.contracts.contract import Column, Contract, FileFormat, Landing
from lakehouse_platform.contracts.types import Kind
from lakehouse_platform.sources.base import SourceColumn
from lakehouse_platform.sources.landing.base import MalformedFile

_WHOLE, _REAL = frozenset({Kind.INT16, Kind.INT32, Kind.INT64}), frozenset({Kind.FLOAT32, Kind.FLOAT64})
_SPELT = {
    Kind.BOOLEAN: "boolean", Kind.INT64: "bigint", Kind.FLOAT64: "double precision", Kind.BINARY: "bytea", Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamptz", Kind.STRING: "text",
}


def source_columns(contract: Contract, landing: Landing, schema: pa.Schema) -> tuple[SourceColumn, ...]:
    """The file's data columns as drift sees them, in the file's order.

    Texts have whatever type is declared: whether they fit is seen value by value. Objects of JSON may leave out what is NULL.
    """
    declared = {c.physical_name: c for c in contract.columns}
    own = contract.capture.operation if contract.capture is not None else None
    found = [_column(field, declared.get(field.name)) for field in schema if field.name != own]
    unsaid = [n for n in declared if n not in schema.names] if landing.format is FileFormat.JSON else []
    return (*found, *(SourceColumn(n, _declared(declared[n]), nullable=True) for n in unsaid))


def require_columns(contract: Contract, schema: pa.Schema) -> None:
    """Raise MalformedFile where the file lacks a column without which none of its rows could be used."""
    lacking = [f"{name} ({why})" for name, why in _needed(contract) if name not in schema.names]
    if lacking:
        raise MalformedFile(
            f"It has {len(schema.names)} columns, and lacks {', '.join(lacking)}. Correct the file, or the contract's names of columns.")


def _needed(contract: Contract) -> Iterator[tuple[str, str]]:
    capture = contract.capture
    for column in contract.columns:
        if column.name in contract.key:
            yield column.physical_name, "key"
        elif column.required:
            yield column.physical_name, "required"
        elif capture is not None and column.physical_name == capture.effective_at:
            yield column.physical_name, "effective_at"
    if capture is not None and capture.operation is not None:
        yield capture.operation, "operation"


def _column(field: pa.Field[Any], declared: Column | None) -> SourceColumn:
    kind = _kind(field.type)
    if declared is not None and _may_hold(kind, declared.type.kind):
        return SourceColumn(field.name, _declared(declared), nullable=True)
    return SourceColumn(field.name, _spelt(field.type, kind), nullable=True)


def _declared(column: Column) -> str:
    lake = column.type
    return f"numeric({lake.precision},{lake.scale})" if lake.kind is Kind.DECIMAL else column.physical.name


def _spelt(held: pa.DataType, kind: Kind) -> str:
    return f"numeric({held.precision},{held.scale})" if isinstance(held, pa.Decimal128Type) else _SPELT[kind]


def _may_hold(found: Kind, declared: Kind) -> bool:
    """Whether values of a file's column may all fit the declared type; those that do not are parked one by one."""
    return found is Kind.STRING or found is declared or any({found, declared} <= family for family in (_WHOLE, _REAL))


def _kind(kind: pa.DataType) -> Kind:
    tests = (
        (pa.types.is_boolean, Kind.BOOLEAN), (pa.types.is_integer, Kind.INT64), (pa.types.is_floating, Kind.FLOAT64),
        (pa.types.is_decimal, Kind.DECIMAL), (pa.types.is_date, Kind.DATE), (pa.types.is_timestamp, Kind.TIMESTAMP),
        (pa.types.is_binary, Kind.BINARY),
    )  # fmt: skip
    return next((found for test, found in tests if test(kind)), Kind.STRING)
