"""What the zones do to rows is written once: every verb gives the same tables on every engine, types included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.engines.spark.engine import SparkEngine
from tests.parity.cases import CASES, GROWING, Ground, transformed
from tests.parity.comparison import compared, differences, size
from tests.parity.matrix import RAN

Expected = Callable[[str, str], Any]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, prepared: Callable[[str, int], Path]) -> Expected:
    """What Polars finds, each case once."""
    found: dict[tuple[str, str], Any] = {}

    def find(verb: str, case: str) -> Any:
        if (verb, case) not in found:
            engine = PolarsEngine()
            found[verb, case] = compared(engine, CASES[verb][case](Ground(engine, tmp_path_factory.mktemp("expected"), prepared)))
        return found[verb, case]

    return find


LISTED = [(verb, case) for verb, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(("verb", "case"), LISTED, ids=[f"{verb}: {case}" for verb, case in LISTED])
def test_a_verb_gives_the_same_tables_on_every_engine(
    verb: str, case: str, engine: Engine, expected: Expected, prepared: Callable[[str, int], Path], tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    found = compared(engine, CASES[verb][case](Ground(engine, tmp_path, prepared)))
    assert differences(found, expected(verb, case)) == []
    assert size(found)
    record_property(RAN, (verb, engine.name))


def test_letters_that_change_in_number_are_spelt_alike(spark: SparkSession, prepared: Callable[[str, int], Path], tmp_path: Path) -> None:
    one, other = PolarsEngine(), SparkEngine(spark)
    expected, found = (compared(e, transformed(Ground(e, tmp_path, prepared), GROWING)) for e in (one, other))
    assert differences(found, expected) == []
    assert size(expected) == len(GROWING)
