"""Killed at any moment and run again, the tables are those of an undisturbed run, and Raw holds no batch twice."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lakehouse_platform.publish.folder import read_dataset
from tests.faults.road import DAYS

ROOT = Path(__file__).parents[2]
KILLED = -9
RANDOM_KILLS = 20
ELSEWHERE = {
    "landing.": "test_landing_*.py", "warehouse.": "test_warehouse_*.py", "domo.": "test_publish_*.py", "publication.": "test_publish_*.py"}
"""Points of files that land, and of what is no Delta table: they have roads of their own, where the tests of that name kill."""


EVIDENCE = "_internal/certification/evidence"


def travel(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tests.faults.road", str(folder), *arguments], cwd=ROOT, capture_output=True, text=True,
                          check=False)


def finished(folder: Path) -> None:
    done = travel(folder)
    assert done.returncode == 0, done.stderr


def state(folder: Path) -> dict[str, Any]:
    """What readers see, and what Raw holds; of evidence, which some roads leave out, what there is."""
    lake = folder / "lake"
    known = [EVIDENCE] if (lake / EVIDENCE).exists() else []
    tables = {name: pl.read_delta(str(lake / name)) for name in (
        "raw/finance/ledger", "raw/finance/shadow", "ods/finance/ledger", "ods/finance/shadow", "hds/finance/ledger",
        "curated/finance/totals", "_internal/cost/jobs", *known)}
    seen = {name: _rows(table.drop("_header", strict=False)) for name, table in tables.items()}
    headers = tables["raw/finance/ledger"].filter(pl.col("_kind") == "batch")
    assert not headers["_batch_id"].is_duplicated().any()
    return {**seen, "dataset": _rows(pl.DataFrame(read_dataset(folder / "domo", "Totals"))), "batches": sorted(headers["_batch_id"])}


def _rows(table: pl.DataFrame) -> list[tuple[str, ...]]:
    return sorted(tuple(map(str, row)) for row in table.select(sorted(table.columns)).rows())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Counter[str], float]:
    """State after a run to the end, the points it reached, and how long it took."""
    folder, begun = tmp_path_factory.mktemp("undisturbed"), time.monotonic()
    run = travel(folder, "list")
    assert run.returncode == 0, run.stderr
    return state(folder), Counter(run.stdout.split()), time.monotonic() - begun


def in_pairs(work: Callable[[Any], None], items: list[Any]) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(work, items):
            pass


def test_every_commit_of_the_library_is_on_the_road(undisturbed: tuple[dict[str, Any], Counter[str], float]) -> None:
    elsewhere = {point for point in named_points() if point.startswith(tuple(ELSEWHERE))}
    assert set(undisturbed[1]) == named_points() - elsewhere
    killed = "".join(file.read_text() for files in ELSEWHERE.values() for file in (ROOT / "tests" / "core").glob(files))
    assert elsewhere == {point for point in elsewhere if f'"{point}"' in killed}


def test_killed_at_each_fault_point(undisturbed: tuple[dict[str, Any], Counter[str], float], tmp_path: Path) -> None:
    expected, points, _ = undisturbed

    def kill(place: tuple[str, int]) -> None:
        folder = tmp_path / f"{place[0]}-{place[1]}"
        folder.mkdir()
        assert travel(folder, place[0], str(place[1])).returncode == KILLED, place
        finished(folder)
        assert state(folder) == expected, place

    in_pairs(kill, [(point, (count + 1) // 2) for point, count in sorted(points.items())])


def test_killed_at_random_moments(undisturbed: tuple[dict[str, Any], Counter[str], float], tmp_path: Path) -> None:
    expected, _, seconds = undisturbed
    dice = random.Random(20261123)

    def kill(number: int, after: float) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        process = subprocess.Popen([sys.executable, "-m", "tests.faults.road", str(folder)], cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        finished(folder)
        assert state(folder) == expected, (number, after)

    moments = [(n, dice.uniform(0.3, 1.2) * seconds) for n in range(RANDOM_KILLS)]
    in_pairs(lambda moment: kill(*moment), moments)


def named_points() -> set[str]:
    """Every fault point that the library's text names: literals of `faults.reach`, and `Commit("…")` on both sides."""
    found: set[str] = set()
    for file in (ROOT / "lakehouse_platform").rglob("*.py"):
        for call in (n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call) and n.args):
            point = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
            if isinstance(point, str) and ast.unparse(call.func) == "faults.reach":
                found.add(point)
            elif isinstance(point, str) and ast.unparse(call.func) == "Commit":
                found |= {f"{point}.before", f"{point}.after"}
    return found


def test_the_road_lists_days_in_order() -> None:
    assert list(DAYS) == sorted(DAYS)
