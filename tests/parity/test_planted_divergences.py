"""The comparison can fail: an engine that is wrong in one cell, or in one type, is found by the cases of the verbs that use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest

from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.engines.polars import PolarsEngine
from tests.parity.cases import CASES, Ground
from tests.parity.comparison import compared, differences, size

Frame = nw.LazyFrame[Any]


class Rounds(PolarsEngine):
    """A value with a digit too many is cut instead of parked."""

    def conform(self, frame: Frame, columns: Mapping[str, LakeType], *, parked: str) -> Frame:
        cut = nw.when(nw.col("amount") == "1.0000000001").then(nw.lit("1.000000000")).otherwise(nw.col("amount")).alias("amount")
        return super().conform(frame.with_columns(cut), columns, parked=parked)


class HashesNull(PolarsEngine):
    """One column's NULL counts in the fingerprint, as an empty text."""

    def fingerprint(self, frame: Frame, columns: Mapping[str, LakeType], *, into: str) -> Frame:
        filled = super().fingerprint(frame.with_columns(nw.col("note").fill_null("")), columns, into=into)
        return filled.with_columns(nw.when(nw.col("note") != "").then(nw.col("note")).alias("note"))


class LosesMicroseconds(PolarsEngine):
    """Instants in milliseconds."""

    def frame(self, table: pa.Table) -> Frame:
        return super().frame(table).with_columns(nw.col("_effective_at").dt.truncate("1ms"))


class Narrower(PolarsEngine):
    """Equal values of another type."""

    def collect(self, frame: Frame) -> pa.Table:
        table = super().collect(frame)
        place = table.column_names.index("number") if "number" in table.column_names else -1
        return table if place < 0 else table.set_column(place, "number", table.column("number").cast(pa.int32()))


class TakesUnknownForFalse(PolarsEngine):
    """An expression that is NULL holds the row back."""

    def satisfies(self, frame: Frame, expression: str, *, into: str) -> Frame:
        unknown = nw.col("size").is_null()
        found = super().satisfies(frame, expression, into=into)
        return found.with_columns(nw.when(unknown).then(nw.lit(value=False)).otherwise(nw.col(into)).alias(into))


class LosesTheSignOfZero(PolarsEngine):
    """A zero is a zero."""

    def collect(self, frame: Frame) -> pa.Table:
        names = frame.collect_schema().names()
        plain = nw.when(nw.col("rate") == 0).then(nw.lit(0.0)).otherwise(nw.col("rate")).alias("rate")
        return super().collect(frame.with_columns(plain) if "rate" in names else frame)


PLANTED = [
    (Rounds, "raw.extract", "values of every kind"), (HashesNull, "standardise.standardised", "an older shape"),
    (LosesMicroseconds, "law.history", "seed 1"), (Narrower, "law.current", "seed 2"),
    (TakesUnknownForFalse, "gate.judge", "as it was"), (LosesTheSignOfZero, "law.facts", "seed 1"),
]


@pytest.mark.parametrize(("engine", "verb", "case"), PLANTED, ids=[engine.__name__ for engine, _, _ in PLANTED])
def test_a_wrong_engine_is_found(
    engine: type[PolarsEngine], verb: str, case: str, prepared: Callable[[str, int], Path], tmp_path: Path,
) -> None:
    right, wrong = PolarsEngine(), engine()
    expected = compared(right, CASES[verb][case](Ground(right, tmp_path / "right", prepared)))
    found = compared(wrong, CASES[verb][case](Ground(wrong, tmp_path / "wrong", prepared)))
    assert size(expected)
    assert differences(found, expected)
