"""Which compute a step is cheapest on, and from which size it does not fit this process any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.table import Table

from tests.bench import computing
from tests.bench.computing import Line, Run
from tests.bench.measure import CONSOLE
from tests.bench.merging import content, linked

pytestmark = pytest.mark.bench
SIZES = (250_000, 500_000, 1_000_000)
MEMORY_GB = (4, 8, 16, 32)


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake for each size, made by Polars."""
    folder = tmp_path_factory.mktemp("lakes")
    for rows in SIZES:
        computing.build(folder / str(rows), rows)
    return folder


@pytest.mark.parametrize("zone", computing.MERGES)
def test_computes(lakes: Path, tmp_path: Path, zone: str) -> None:
    found: dict[str, list[Run]] = {way: [] for way in computing.WAYS}
    for rows in SIZES:
        for way, runs in found.items():
            runs.append(computing.measured(way, linked(lakes / str(rows), tmp_path / f"{way}-{rows}"), zone, rows))
        one, other = (content(tmp_path / f"{way}-{rows}", zone) for way in found)
        assert one.equals(other)
    _show_runs(zone, found)
    _show_lines(zone, found)


def _show_runs(zone: str, found: dict[str, list[Run]]) -> None:
    table = Table(title=f"{zone.upper()}: one row in {computing.SHARE} changes, keys anywhere", title_justify="left")
    table.add_column("compute")
    for column in ("rows", "MB touched", "CPU-s start", "CPU-s merge", "× in_process", "s (shared machine)", "peak MB"):
        table.add_column(column, justify="right")
    for way, runs in found.items():
        for run, beside in zip(runs, found["in_process"], strict=True):
            table.add_row(way, f"{run.rows:,}", f"{run.touched:.1f}", f"{run.start:.1f}", f"{run.work:.1f}", f"{run.cpu / beside.cpu:.1f}",
                          f"{run.wall:.1f}", f"{run.peak:.0f}")
    CONSOLE.print()
    CONSOLE.print(table)


def _show_lines(zone: str, found: dict[str, list[Run]]) -> None:
    cost = {way: Line.through(runs, lambda run: run.cpu) for way, runs in found.items()}
    memory = Line.through(found["in_process"], lambda run: run.peak)
    size = Line.through(found["in_process"], lambda run: run.touched)
    for way, line in cost.items():
        CONSOLE.print(f"{way}: {line.fixed:.1f} CPU-s fixed, {line.per_million:.2f} CPU-s a million rows")
    even = cost["spark"].meets(cost["in_process"])
    said = "at no size" if even is None else f"from {even:,.1f} million rows, {_touched(size, even):,.0f} MB touched"
    CONSOLE.print(f"{zone}: spark takes fewer CPU-seconds than in_process {said}")
    CONSOLE.print(f"in_process: {memory.fixed:.0f} MB fixed, {memory.per_million:.0f} MB a million rows, {size.per_million:.1f} MB touched")
    for limit in MEMORY_GB:
        most = memory.reaches(limit * 1000)
        CONSOLE.print(f"  in {limit} GB: up to {most:.0f} million rows, {_touched(size, most):,.0f} MB touched")


def _touched(size: Line, millions: float) -> float:
    return size.fixed + size.per_million * millions
