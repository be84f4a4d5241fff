"""Values that a rule lists are read as the column's type is, so that 1.5 is 1.500000000 and an instant is one in any zone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from lakehouse_platform.contracts.contract import Column, Metric, OnFailure, Rule
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.quality.rules import evaluated, flag
from tests.properties.feeds import contract

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
LISTED: list[tuple[str, tuple[str, ...], dict[Any, bool]]] = [
    ("numeric(38,9)", ("1.5",), {Decimal("1.5"): False, Decimal("1.500000001"): True, None: False}),
    ("timestamptz", ("2026-03-02T14:00:00+02:00",), {NOON: False, NOON + dt.timedelta(microseconds=1): True, None: False}),
    ("double precision", ("1e3", "0"), {1000.0: False, -0.0: False, 0.5: True}),
    ("date", ("2026-03-02",), {NOON.date(): False, dt.date(1, 1, 1): True}),
    ("text", ("a", "b"), {"a": False, "a\n": True, "A": True}),
    ("boolean", ("true",), {True: False, False: True}),
]


def broken(kind: str, values: list[Any], rule: Rule) -> list[bool]:
    engine, table = PolarsEngine(), contract(columns=(Column("v", "v", parse_type(kind)),), key=())
    rows = engine.frame(pa.table({"v": values}, schema=engine.schema({"v": parse_type(kind).lake})))
    return [bool(v) for v in engine.collect(evaluated(engine, table, rows, [rule])).column(flag(rule.name)).to_pylist()]


@pytest.mark.parametrize(("kind", "listed", "rows"), LISTED, ids=[kind for kind, _, _ in LISTED])
def test_a_value_that_is_not_listed_breaks_the_rule(kind: str, listed: tuple[str, ...], rows: dict[Any, bool]) -> None:
    rule = Rule("listed", Metric.INVALID_VALUES, OnFailure.WARN, columns=("v",), valid_values=listed)
    assert broken(kind, list(rows), rule) == list(rows.values())


def test_a_text_that_is_no_value_of_the_column_is_never_there() -> None:
    rule = Rule("missing", Metric.MISSING_VALUES, OnFailure.WARN, columns=("v",), missing_values=("n/a", "-1.00"))
    assert broken("numeric(9,2)", [Decimal("-1"), Decimal("1"), None], rule) == [True, False, True]


def test_a_pattern_matches_the_whole_value_and_no_line_break_after_it() -> None:
    rule = Rule("shaped", Metric.INVALID_VALUES, OnFailure.WARN, columns=("v",), pattern="a*")
    assert broken("text", ["aa", "aa\n", "", None], rule) == [False, True, False, False]
