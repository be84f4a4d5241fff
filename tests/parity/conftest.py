"""The engines, each behind one fixture, and the lakes that their cases start from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.polars import PolarsEngine
from tests.parity.cases import prepare
from tests.parity.duck import DuckEngine


def _spark(request: pytest.FixtureRequest) -> Engine:
    from lakehouse_platform.engines.spark.engine import SparkEngine

    return SparkEngine(request.getfixturevalue("spark"))


ENGINES: dict[str, Callable[[pytest.FixtureRequest], Engine]] = {
    "polars": lambda _: PolarsEngine(), "duckdb": lambda _: DuckEngine(), "spark": _spark,
}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn; Spark's session is the process's one."""
    return ENGINES[request.param](request)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Makes lakes with Polars, each once."""
    made: dict[tuple[str, int], Path] = {}

    def make(road: str, seed: int) -> Path:
        if (road, seed) not in made:
            made[road, seed] = prepare(tmp_path_factory.mktemp("prepared"), road, seed)
        return made[road, seed]

    return make
