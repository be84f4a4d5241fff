"""How loading the definitions grows with the number of contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_platform import contracts
from tests.bench import loading
from tests.bench.measure import Figures, least, measured, show

pytestmark = pytest.mark.bench
ROUNDS, TIMES = 2, 10


def test_definitions(tmp_path: Path) -> None:
    figures: list[Figures] = []
    for times in (1, TIMES):
        folder = loading.grown(tmp_path / f"project-{times}", times)
        number = len(contracts.load(folder / "assets" / "contracts"))
        measured("dbt parses the marts", loading.prepare, folder=folder)
        for name, way in (("contracts alone", loading.read_contracts), ("definitions", loading.load_definitions)):
            rounds = [measured(f"{number} contracts: {name}", way, folder=folder) for _ in range(ROUNDS)]
            figures.append(least(rounds))
    show(f"Loading definitions, and with {TIMES} times the tables", figures, limit=figures[1].total, limit_name="the demo's definitions")
