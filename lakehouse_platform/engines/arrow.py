"""Lake types in Arrow's words: what every engine takes and gives."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from lakehouse_platform.contracts.types import Kind, LakeType

_ARROW: dict[Kind, pa.DataType] = {
    Kind.BOOLEAN: pa.bool_(), Kind.INT16: pa.int16(), Kind.INT32: pa.int32(), Kind.INT64: pa.int64(),
    Kind.FLOAT32: pa.float32(), Kind.FLOAT64: pa.float64(), Kind.STRING: pa.string(), Kind.BINARY: pa.binary(),
    Kind.DATE: pa.date32(), Kind.TIMESTAMP: pa.timestamp("us", "UTC"),
}


def arrow_type(lake: LakeType) -> pa.DataType:
    """Arrow's word for a lake type."""
    return pa.decimal128(lake.precision or 38, lake.scale or 0) if lake.kind is Kind.DECIMAL else _ARROW[lake.kind]


def arrow_schema(columns: Mapping[str, LakeType]) -> pa.Schema:
    """Arrow schema of lake columns, all nullable."""
    return pa.schema([pa.field(name, arrow_type(lake)) for name, lake in columns.items()])
