"""Rows of datasets: CSV read as strictly as Domo reads it, fitted to a schema, merged by key."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

TYPES: dict[str, pa.DataType] = {
    "STRING": pa.string(), "LONG": pa.int64(), "DECIMAL": pa.decimal256(76, 38), "DOUBLE": pa.float64(),
    "DATE": pa.date32(), "DATETIME": pa.timestamp("us"),
}  # fmt: skip
FORMS = {
    "LONG": r"^-?\d+$",
    "DECIMAL": r"^-?\d+(\.\d+)?$",
    "DOUBLE": r"^-?\d+(\.\d*)?([eE][+-]?\d+)?$",
    "DATE": r"^\d{4}-\d\d-\d\d$",
    "DATETIME": r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?)?$",
}
"""How a value of a type is written; text is as it is."""
Row = dict[str, Any]


class Unfit(Exception):
    """Content that does not fit the schema."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a schema."""

    name: str
    type: str


def unpacked(content: bytes, encoding: str) -> bytes:
    """A body without its content encoding. Raises Unfit."""
    if encoding != "gzip":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise Unfit(f"the body is no gzip: {error}") from None


def parse(content: bytes, columns: Sequence[Column]) -> pa.Table:
    """The rows of CSV without a header; nothing between commas is NULL, quotes around nothing are an empty text. Raises Unfit."""
    names = [column.name for column in columns]
    if not content:
        return pa.table([pa.array([], TYPES[column.type]) for column in columns], names=names)
    read = arrow_csv.ReadOptions(column_names=names)
    lines = arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(columns) > 1)
    text = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False)
    try:
        table = arrow_csv.read_csv(io.BytesIO(content), read, lines, text)
    except pa.ArrowInvalid as error:
        raise Unfit(f"it has not the {len(names)} columns of the schema: {error}") from None
    return pa.table([_typed(table.column(column.name), column) for column in columns], names=names)


def _typed(values: Any, column: Column) -> Any:
    form = FORMS.get(column.type)
    if form and not pc.all(pc.match_substring_regex(values, form), min_count=0).as_py():
        raise Unfit(f"column {column.name} is {column.type}, and a value is not")
    try:
        return values.cast(TYPES[column.type])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise Unfit(f"column {column.name} is {column.type}, and a value is not") from None


def fitted(tables: Iterable[pa.Table], columns: Sequence[Column]) -> pa.Table:
    """Rows of several tables under one schema: columns that a table lacks are NULL. Raises Unfit."""
    schema = pa.schema([(column.name, TYPES[column.type]) for column in columns])
    return pa.concat_tables([schema.empty_table(), *(_fitted(table, schema) for table in tables)])


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    try:
        arrays = [
            table.column(field.name).cast(field.type) if field.name in table.column_names else pa.nulls(table.num_rows, field.type)
            for field in schema
        ]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unfit(f"rows that the dataset holds do not fit its schema: {error}") from None
    return pa.table(arrays, schema=schema)


def merged(old: pa.Table, new: pa.Table, keys: Sequence[str]) -> pa.Table:
    """`old` with the rows of `new` put in the place of those of the same key; of several in `new` the last."""
    if missing := [key for key in keys if key not in new.column_names]:
        raise Unfit(f"key column {missing[0]} is not in the schema")
    last = {key: place for place, key in enumerate(_keys(new, keys))}
    staying = pa.array([key not in last for key in _keys(old, keys)], pa.bool_())
    return pa.concat_tables([old.filter(staying), new.take(pa.array(sorted(last.values()), pa.int64()))])


def _keys(table: pa.Table, keys: Sequence[str]) -> Iterator[tuple[object, ...]]:
    return zip(*(table.column(key).to_pylist() for key in keys), strict=True)


def query(table: pa.Table, sql: str) -> pa.Table:
    """What a SELECT of MySQL's dialect finds in the dataset, which it calls `table`. Raises Unfit."""
    spoken = sql.replace("`", '"')
    for name in ("table", '"table"'):
        spoken = spoken.replace(f"from {name}", "FROM dataset").replace(f"FROM {name}", "FROM dataset")
    try:
        with duckdb.connect(config={"enable_external_access": False}) as connection:
            connection.register("dataset", table.cast(_narrow(table.schema)))
            return connection.sql(spoken).to_arrow_table()
    except (duckdb.Error, AttributeError) as error:
        raise Unfit(f"the query is not understood: {error}") from None


def _narrow(schema: pa.Schema) -> pa.Schema:
    """Columns as DuckDB has them, and as Domo's JSON shows them: decimals so wide it does not know."""
    return pa.schema([field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in schema])


def written(table: pa.Table, *, header: bool) -> bytes:
    """Rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(table.column_names)
    writer.writerows([_text(value) for value in row.values()] for row in table.to_pylist())
    return text.getvalue().encode()


def _text(value: object) -> object:
    if isinstance(value, float) or value is None or isinstance(value, str | int):
        return value
    shown = str(value)
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
