"""Spark's casts, fingerprints and parked values are Polars', to the last character."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from lakehouse_platform.contracts.types import LakeType, parse_type
from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.engines.spark.engine import SparkEngine

POLARS = PolarsEngine()
CONTROLS = "".join(map(chr, range(33)))
TEXTS = {
    "smallint": ["7", "+7", "-0", "007", "32767", "32768", "-32768", "1.5", "", " ", "٣", "1e3", "+-1", "\u00a01\u2003", "1\n",
        "1\x00", "0" * 40 + "1"],
    "integer": ["2147483647", "2147483648", "-2147483648", "-2147483649"],
    "bigint": ["9223372036854775807", "9223372036854775808", "-9223372036854775808"],
    "numeric(6,2)": ["1.", "1.5", "+1", ".5", "00.50", "-0.0", "1234.50", "12345.00", "1.234", "1.500", "NaN", "-", "1e3",
        "0" * 50 + "1", "1." + "0" * 60],
    "numeric(2,2)": ["0.25", "1.25", "0", "-0.99"],
    "numeric(38,9)": ["99999999999999999999999999999.999999999", "-0.000000001", "100000000000000000000000000000", "0"],
    "numeric(38,38)": ["0.00000000000000000000000000000000000001", "0." + "9" * 38, "1"],
    "double precision": ["1e3", "inf", "-Infinity", "NaN", "+nan", "1d", "1f", "0x1p3", "1_000", ".5", "5.", "1e999", "-0", "1e",
        "5e-324", " 1 ", "0.1"],
    "real": ["1e39", "0.1", "16777217"],
    "boolean": ["T", "yes", "1", "0", "tRue", " f ", "FALSE", "ſ"],
    "date": ["0001-01-01", "9999-12-31", "0000-01-01", "2026-1-5", "26-01-05", "2026-02-29", "2026-01-05x", "+2026-01-05", "2026"],
    "timestamptz": [
        "2026-03-02 10:00:00+02", "2026-03-02T10:00:00.123456789+0230", "2026-03-02 10:00:00.1 -14:59", "2026-3-2 1:0:0Z",
        "2026-03-02 10:00:00z",
        "2026-03-02 10:00:00", "2026-03-02 24:00:00+00", "2026-03-02 10:00:60+00", "2026-02-30 10:00:00+00", "0001-01-01 00:00:00+00",
        "0001-01-01 00:00:00+14", "9999-12-31 23:59:59.999999+00", "9999-12-31 23:59:59-14", "1582-10-10 00:00:00+00", "soon",
        "2026-03-02 10:00:00+18:00", "2026-03-02 10:00:00,5+00", "2026-03-02 10:00:00.+00",
    ],
    "bytea": ["\\x01ff", "AbCd", "", "\\x", "\\x0", "xyz", "\\X01"],
    "integer ": [CONTROLS + "\\\"/\x7f\u2028é😀", "\\u000B \x0b", 'say "high"\\', "\\\\\x1f"],
}
VALUES: dict[str, list[Any]] = {
    "smallint": [-2**15, 2**15 - 1], "integer": [-2**31, 2**31 - 1], "bigint": [-2**63, 2**63 - 1], "boolean": [True, False],
    "numeric(38,9)": [Decimal("0"), Decimal("0.000000001"), Decimal("-0.00000001"),
        Decimal("99999999999999999999999999999.999999999"), Decimal("-1.5")],
    "numeric(38,38)": [Decimal("1e-38"), Decimal("-0.5"), Decimal(0)], "numeric(17,2)": [Decimal("-0.01"), Decimal("123456789012345.67")],
    "double precision": [0.0, -0.0, float("nan"), float("inf"), float("-inf"), 5e-324, 1.7976931348623157e308, 0.1, 1e16, -2.5],
    "real": [0.0, -0.0, float("nan"), 0.10000000149011612, 3.4028234663852886e38], "text": ["", "a\x00b", "é😀\u2028", CONTROLS, " "],
    "bytea": [b"", b"\x00\xff", b"abc"], "date": [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1582, 10, 10), dt.date(1970, 1, 1)],
    "timestamptz": [dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
                    dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC), dt.datetime(1582, 10, 10, tzinfo=dt.UTC)],
}


def columns(spelt: dict[str, list[Any]]) -> dict[str, LakeType]:
    return {f"{kind.strip()} é{number}": parse_type(kind).lake for number, kind in enumerate(spelt)}


def padded(spelt: dict[str, list[Any]], types: list[pa.DataType]) -> pa.Table:
    """One column a kind; the shorter ones end in NULL."""
    height = 1 + max(map(len, spelt.values()))
    arrays = [pa.array([*values, *[None] * (height - len(values))], kind) for values, kind in zip(spelt.values(), types, strict=True)]
    return pa.table(dict(zip(columns(spelt), arrays, strict=True)))


def collected(engine: Engine, frame: nw.LazyFrame[Any]) -> pa.Table:
    rows = engine.collect(frame.sort("_row"))
    return rows.select(sorted(rows.column_names))


def conformed(engine: Engine, table: pa.Table, wanted: dict[str, LakeType]) -> pa.Table:
    rows = table.append_column("_parked", pa.nulls(table.num_rows, pa.string()))
    rows = rows.append_column("_row", pa.array(range(table.num_rows), pa.int64()))
    return collected(engine, engine.conform(engine.frame(rows), wanted, parked="_parked"))


def differences(one: pa.Table, other: pa.Table) -> list[tuple[str, object, object]]:
    """NaN equals NaN, and -0.0 is not 0.0."""
    assert [_plain(f) for f in one.schema] == [_plain(f) for f in other.schema]
    return [(name, a, b) for name in one.column_names
            for a, b in zip(one.column(name).to_pylist(), other.column(name).to_pylist(), strict=True) if repr(a) != repr(b)]


def _plain(field: pa.Field[Any]) -> tuple[str, str]:
    return field.name, str(field.type).removeprefix("large_")


def test_text_becomes_the_same_values_and_the_same_parked_text(spark: SparkSession) -> None:
    table = padded(TEXTS, [pa.string()] * len(TEXTS))
    expected = conformed(POLARS, table, columns(TEXTS))
    assert differences(expected, conformed(SparkEngine(spark), table, columns(TEXTS))) == []
    assert expected.column("_parked").null_count < table.num_rows


def test_every_value_has_the_same_fingerprint(spark: SparkSession) -> None:
    kinds = columns(VALUES)
    table = padded(VALUES, list(POLARS.schema(kinds).types))
    table = table.append_column("_row", pa.array(range(table.num_rows), pa.int64()))
    found: list[pa.Table] = []
    for engine in (POLARS, SparkEngine(spark)):
        frame = engine.frame(table)
        for name, lake in kinds.items():
            frame = engine.fingerprint(frame, {name: lake}, into=f"_hash {name}")
        found.append(collected(engine, engine.fingerprint(frame, kinds, into="_hash")))
    assert differences(*found) == []


NARROWER = [
    ("integer", "smallint", [1, 2**15, -2**15, -2**31]), ("bigint", "integer", [2**31, -1]), ("boolean", "integer", [True, False]),
    ("integer", "numeric(4,2)", [99, 100, -7]), ("numeric(38,9)", "numeric(4,2)", [Decimal("1.25"), Decimal("1.255"),
        Decimal("0.000000001")]),
    ("numeric(38,9)", "integer", [Decimal(1), Decimal("1.5")]), ("double precision", "numeric(6,2)", [1.5, 1e-3, 1234567.0, 1e20, 0.25]),
    ("double precision", "text", [1.5, 1e20, 123456789.125, 1e-7, float("nan"), float("-inf"), -0.0, 1e15]),
    ("timestamptz", "text", [dt.datetime(2026, 1, 2, 3, 4, 5, 60, dt.UTC), dt.datetime(1, 1, 1, tzinfo=dt.UTC)]),
    ("timestamptz", "date", [dt.datetime(1969, 12, 31, 23, 59, tzinfo=dt.UTC)]), ("date", "timestamptz", [dt.date(2026, 1, 1)]),
    ("date", "text", [dt.date(1, 1, 1)]), ("date", "integer", [dt.date(1969, 12, 31)]), ("bigint", "timestamptz", [1_700_000_000_000_001]),
    ("integer", "date", [-1, 20_000]), ("boolean", "text", [True, False]), ("integer", "double precision", [1, 2**31 - 1]),
]


@pytest.mark.parametrize(("held", "wanted", "values"), NARROWER, ids=[f"{a} to {b}" for a, b, _ in NARROWER])
def test_a_source_of_another_type_is_read_alike(spark: SparkSession, held: str, wanted: str, values: list[Any]) -> None:
    table = pa.table({"v": pa.array([*values, None], POLARS.schema({"v": parse_type(held).lake}).field("v").type)})
    kind = {"v": parse_type(wanted).lake}
    assert differences(conformed(POLARS, table, kind), conformed(SparkEngine(spark), table, kind)) == []


def test_parked_values_come_back_alike(spark: SparkSession) -> None:
    key = "Größe 'x'.\"y\""
    parked = [json.dumps({key: "7\x00"}), "{}", None, '{"other":"1"}']
    table = pa.table({"_row": pa.array(range(4), pa.int64()), "_parked": parked})
    found = [collected(e, e.unpark(e.frame(table), {"size": key}, parked="_parked")) for e in (POLARS, SparkEngine(spark))]
    assert differences(*found) == []
    assert found[0].column("size").to_pylist() == ["7\x00", None, None, None]
