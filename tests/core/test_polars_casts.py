"""Casts that lose nothing: what does not fit exactly is parked as text; fingerprints are typed, and blind to NULL columns."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest

from lakehouse_platform.contracts.types import LakeType, parse_type
from lakehouse_platform.engines.polars import PolarsEngine

ENGINE = PolarsEngine()
FITS = [
    ("integer", "-7", -7), ("integer", "+7", 7), ("smallint", "32767", 32767), ("bigint", "9223372036854775807", 2**63 - 1),
    ("numeric(6,2)", "1234.50", Decimal("1234.50")), ("numeric(6,2)", "1.500", Decimal("1.50")), ("numeric(2,2)", "0.25", Decimal("0.25")),
    ("numeric(38,9)", "99999999999999999999999999999.999999999", Decimal("99999999999999999999999999999.999999999")),
    ("boolean", "t", True), ("boolean", "FALSE", False), ("date", "0001-01-01", dt.date(1, 1, 1)),
    ("date", "9999-12-31", dt.date(9999, 12, 31)),
    ("timestamptz", "2026-03-02T10:00:00.123456+02:00", dt.datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=dt.UTC)),
    ("timestamptz", "2026-03-02 10:00:00+00", dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)),
    ("timestamptz", "2026-03-02 10:00:00Z", dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)),
    ("double precision", "1e3", 1000.0), ("bytea", "\\x01ff", b"\x01\xff"), ("text", " é😀 ", " é😀 "),
]
DOES_NOT_FIT = [
    ("integer", "high"), ("integer", "1.5"), ("smallint", "32768"), ("numeric(6,2)", "12345.00"), ("numeric(6,2)", "1.234"),
    ("numeric(6,2)", "NaN"), ("boolean", "maybe"), ("date", "2026-02-30"), ("timestamptz", "soon"), ("bytea", "\\xzz"),
]


def conformed(kind: str, text: str | None, parked: str | None = None) -> dict[str, Any]:
    frame = nw.from_native(pl.LazyFrame({"value": [text], "_parked": [parked]}, schema={"value": pl.String, "_parked": pl.String}))
    return dict(ENGINE.collect(ENGINE.conform(frame, {"value": parse_type(kind).lake}, parked="_parked")).to_pylist()[0])


@pytest.mark.parametrize(("kind", "text", "value"), FITS)
def test_text_that_fits_becomes_the_value(kind: str, text: str, value: object) -> None:
    assert conformed(kind, text) == {"value": value, "_parked": None}


@pytest.mark.parametrize(("kind", "text"), DOES_NOT_FIT)
def test_text_that_does_not_fit_is_parked(kind: str, text: str) -> None:
    row = conformed(kind, text)
    assert row["value"] is None
    assert json.loads(row["_parked"]) == {"value": text}


def test_parked_values_of_the_source_stay() -> None:
    row = conformed("integer", 'say "high"\n', '{"extra":"1"}')
    assert json.loads(row["_parked"]) == {"extra": "1", "value": 'say "high"\n'}


def test_null_is_not_parked() -> None:
    assert conformed("integer", None) == {"value": None, "_parked": None}


def test_a_parked_value_is_found_by_any_name() -> None:
    frame = nw.from_native(pl.LazyFrame({"_parked": [json.dumps({"Größe 'x'": "7"}), None]}))
    rows = ENGINE.collect(ENGINE.unpark(frame, {"size": "Größe 'x'"}, parked="_parked")).column("size").to_pylist()
    assert rows == ["7", None]


def fingerprints(columns: dict[str, tuple[str, list[Any]]]) -> list[str]:
    types: dict[str, LakeType] = {name: parse_type(kind).lake for name, (kind, _) in columns.items()}
    frame = ENGINE.frame(pa.table({n: v for n, (_, v) in columns.items()}, schema=ENGINE.schema(types)))
    return [str(text) for text in ENGINE.collect(ENGINE.fingerprint(frame, types, into="_hash")).column("_hash").to_pylist()]


def test_a_new_column_that_is_null_changes_no_fingerprint() -> None:
    before = fingerprints({"a": ("integer", [1])})
    assert fingerprints({"a": ("integer", [1]), "b": ("text", [None])}) == before
    assert fingerprints({"a": ("integer", [1]), "b": ("text", [""])}) != before


def test_texts_do_not_run_into_each_other() -> None:
    found = fingerprints({"a": ("text", ["1", "1;b=1:2", None, ""]), "b": ("text", ["2", None, "12", "12"])})
    assert len(set(found)) == 4


def test_equal_decimals_have_equal_fingerprints() -> None:
    one, other = fingerprints({"a": ("numeric(19,4)", [Decimal("1.5"), Decimal("1.5000")])})
    assert one == other


def test_equal_floats_have_equal_fingerprints() -> None:
    zero, minus_zero, nan, minus_nan, one = fingerprints({"a": ("double precision", [0.0, -0.0, float("nan"), -float("nan"), 1.0])})
    assert zero == minus_zero
    assert nan == minus_nan
    assert len({zero, nan, one}) == 3
