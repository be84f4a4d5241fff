"""Parquet: typed columns. What no column of the lake could hold travels as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from lakehouse_platform.contracts.contract import Landing
from lakehouse_platform.sources.landing.base import MalformedFile

ROWS = 16384
"""In a batch."""
BUFFER = 1 << 20
"""Bytes that are held of a column while it is read."""


def read_parquet(path: Path, landing: Landing) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:  # noqa: ARG001 (readers have one signature)
    """Columns by the file's footer, and rows. Raises MalformedFile."""
    with _opened(path) as file:
        found = file.schema_arrow
    schema = pa.schema([pa.field(f.name, _carried(f.type)) for f in found])
    return schema, _batches(path, schema)


def _opened(path: Path) -> pyarrow.parquet.ParquetFile:
    try:
        return pyarrow.parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False, page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        raise MalformedFile("It is not a Parquet file, or was cut off: its footer cannot be read.") from None


def _batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with _opened(path) as file:
        try:
            for batch in file.iter_batches(ROWS, use_threads=False):
                columns = [_cast(column, f.type) for column, f in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
        except (pa.ArrowException, OSError):
            raise MalformedFile("Its pages cannot be read: the file is damaged.") from None


def _carried(kind: pa.DataType) -> pa.DataType:
    """The type that a column travels in."""
    if pa.types.is_dictionary(kind):
        return _carried(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_date(kind):
        return pa.date32()
    kept = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_binary(kind)
    return kind if kept or pa.types.is_decimal128(kind) else pa.string()


def _cast(column: pa.Array[Any], kind: pa.DataType) -> pa.Array[Any]:
    if pa.types.is_nested(column.type):
        return pa.array([None if v is None else json.dumps(v, default=str, ensure_ascii=False) for v in column.to_pylist()], kind)
    # A timestamp's digits beyond microseconds are cut, as everywhere.
    return pc.cast(column, kind, safe=not pa.types.is_timestamp(kind))
