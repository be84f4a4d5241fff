"""Which Parquet column a table's column takes, as strictly as Redshift: by position, and by type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

Fits = Callable[[pa.DataType], bool]


def _text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _small(kind: pa.DataType) -> bool:
    return bool(pa.types.is_int16(kind) or pa.types.is_int8(kind))


def _timestamp(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.unit in ("ms", "us"))


FITS: dict[str, Fits] = {
    "smallint": _small,
    "integer": pa.types.is_int32,
    "bigint": pa.types.is_int64,
    "real": pa.types.is_float32,
    "double precision": pa.types.is_float64,
    "boolean": pa.types.is_boolean,
    "date": pa.types.is_date32,
    "timestamp without time zone": _timestamp,
    "character varying": _text,
    "character": _text,
    "binary varying": _binary,
}


UNREADABLE = {"super": 4000, "timestamp with time zone": 1184, "time without time zone": 1083, "time with time zone": 1266}
"""Types that the scan of a file does not know, by their numbers; SUPER it does with SERIALIZETOJSON."""


@dataclass(frozen=True, slots=True)
class Target:
    """A table's column."""

    name: str
    type: str
    """As Redshift prints it: `character varying(20)`."""

    @property
    def base(self) -> str:
        """Without what is in brackets."""
        return self.type.partition("(")[0]

    @property
    def numbers(self) -> list[int]:
        """What is in brackets."""
        return [int(part) for part in self.type.partition("(")[2].partition(")")[0].split(",") if part]

    def takes(self, kind: pa.DataType) -> bool:
        """Whether a file's column of this type fits."""
        if self.base == "numeric":
            precision, scale = self.numbers or [1000, 0]
            return bool(pa.types.is_decimal(kind) and kind.scale == scale and kind.precision <= precision)
        if self.type == "super":
            return bool(pa.types.is_nested(kind) or _text(kind) or pa.types.is_primitive(kind))
        return self.base in FITS and FITS[self.base](kind)


def as_copied(table: pa.Table, targets: list[Target]) -> Iterator[bytes]:
    """Rows in the form that COPY FROM STDIN takes, by the batch."""
    columns = [_plain(column, target) for column, target in zip(table.columns, targets, strict=False)]
    columns += [pa.nulls(table.num_rows, pa.string()) for _ in targets[len(columns) :]]
    plain = pa.table(columns, [str(number) for number in range(len(columns))])
    for batch in plain.to_batches(max_chunksize=50_000):
        written = BytesIO()
        csv.write_csv(batch, written, csv.WriteOptions(include_header=False))
        yield written.getvalue()


def _plain(column: pa.ChunkedArray[Any], target: Target) -> Any:
    kind = column.type
    if target.type == "super":
        return pa.chunked_array([pa.array([None if value is None else _json(value, kind) for value in column.to_pylist()], pa.string())])
    if _binary(kind):
        return pa.array([None if value is None else "\\x" + value.hex() for value in column.to_pylist()], pa.string())
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    return column


def _json(value: Any, kind: pa.DataType) -> str:
    return json.dumps(_inner(value, kind), default=str, ensure_ascii=False)


def _inner(value: Any, kind: pa.DataType) -> Any:
    """Maps come as pairs."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return {str(key): _inner(item, kind.item_type) for key, item in value}
    if pa.types.is_struct(kind):
        return {field.name: _inner(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_inner(item, kind.value_type) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def longest(column: pa.ChunkedArray[Any]) -> int:
    """Bytes of the longest string."""
    return int(pc.max(pc.binary_length(column)).as_py() or 0) if _text(column.type) and not pa.types.is_dictionary(column.type) else 0


def as_stored(kind: pa.DataType) -> pa.DataType:
    """What lies in the file: a view is how its writer held it in memory."""
    return pa.string() if pa.types.is_string_view(kind) else pa.binary() if pa.types.is_binary_view(kind) else kind


def opened(content: bytes) -> pq.ParquetFile:
    """A file of Parquet."""
    return pq.ParquetFile(BytesIO(content))
