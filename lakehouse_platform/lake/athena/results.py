"""What Athena answers, page by page, as Arrow."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow as pa

from lakehouse_platform.aws.base import asking

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import ColumnInfoTypeDef, DatumTypeDef, GetQueryResultsOutputTypeDef, RowTypeDef

PAGE = 1000
"""Rows of a page; Athena gives no more."""
_OFFSET = re.compile(r"[+-]\d\d:\d\d$")


def _instant(text: str) -> dt.datetime:
    """`2026-11-02 15:00:00.000 UTC`; a zone may also be `America/New_York` or `+01:00`."""
    day, clock, zone = text.split(" ")
    wall = dt.datetime.fromisoformat(f"{day} {clock}")
    if _OFFSET.fullmatch(zone):
        return dt.datetime.fromisoformat(f"{day} {clock}{zone}").astimezone(dt.UTC)
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


_TYPES: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(), "tinyint": pa.int8(), "smallint": pa.int16(), "integer": pa.int32(), "int": pa.int32(), "bigint": pa.int64(),
    "real": pa.float32(), "float": pa.float32(), "double": pa.float64(), "date": pa.date32(), "timestamp": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", "UTC"), "varbinary": pa.binary(),
}
_READS: Mapping[str, Callable[[str], object]] = {
    "boolean": lambda text: text == "true", "tinyint": int, "smallint": int, "integer": int, "int": int, "bigint": int, "real": float,
    "float": float, "double": float, "decimal": Decimal, "date": dt.date.fromisoformat, "timestamp": dt.datetime.fromisoformat,
    "timestamp with time zone": _instant, "varbinary": bytes.fromhex,
}


def column_type(column: ColumnInfoTypeDef) -> pa.DataType:
    """Arrow's type for a column; what Athena writes as text (arrays, maps, rows, JSON, intervals) stays text."""
    name = column["Type"].lower()
    if name == "decimal":
        return pa.decimal128(column.get("Precision", 38), column.get("Scale", 0))
    return _TYPES.get(name, pa.string())


def result(client: AthenaClient, query: str) -> pa.RecordBatchReader:
    """The rows of a query that has succeeded; a page is fetched when it is read."""
    first = client.get_query_results(QueryExecutionId=query, MaxResults=PAGE)
    columns = first["ResultSet"].get("ResultSetMetadata", {}).get("ColumnInfo", [])
    schema = pa.schema([pa.field(column["Name"], column_type(column)) for column in columns])
    return pa.RecordBatchReader.from_batches(schema, _batches(_pages(client, query, first), columns, schema))


def _pages(client: AthenaClient, query: str, first: GetQueryResultsOutputTypeDef) -> Iterator[list[RowTypeDef]]:
    """Rows of each page; the first row of the first page holds the columns' names."""
    rows = first["ResultSet"].get("Rows", [])
    names = [column["Name"] for column in first["ResultSet"].get("ResultSetMetadata", {}).get("ColumnInfo", [])]
    yield rows[1:] if rows and [datum.get("VarCharValue") for datum in rows[0].get("Data", [])] == names else rows
    page = first
    while token := page.get("NextToken"):
        with asking(f"results of query {query}"):
            page = client.get_query_results(QueryExecutionId=query, MaxResults=PAGE, NextToken=token)
        yield page["ResultSet"].get("Rows", [])


def _batches(
    pages: Iterable[list[RowTypeDef]], columns: list[ColumnInfoTypeDef], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for rows in pages:
        values = [[_value(row.get("Data", [])[place], column) for row in rows] for place, column in enumerate(columns)]
        arrays = [pa.array(found, field.type) for found, field in zip(values, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _value(datum: DatumTypeDef, column: ColumnInfoTypeDef) -> object:
    """NULL has no text; an empty text is one."""
    text = datum.get("VarCharValue")
    return None if text is None else _READS.get(column["Type"].lower(), str)(text)
