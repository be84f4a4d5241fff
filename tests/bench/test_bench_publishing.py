"""A mart to a dataset in Domo against pydomo's own upload from pandas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import publishing
from tests.bench.measure import Figures, measured, show

pytestmark = pytest.mark.bench
ROWS = (1_000_000, 5_000_000)
LEAST_TIMES, MOST_MB, MOST_GROWTH = 4, 350, 1.1
"""Of the memory some 250 MB are the libraries' own, before a row is read."""
OURS, THEIRS = "ours: refresh_dataset", "pydomo stream_upload, frame ready"
WAYS: dict[str, Callable[..., None]] = {OURS: publishing.ours, THEIRS: publishing.pydomo_upload}


def way(name: str, folder: Path, rows: int) -> Figures:
    """One measurement, its bytes those on the wire."""
    with publishing.sink(rows) as port:
        found = measured(name, WAYS[name], folder=folder, port=port)
        return replace(found, written=publishing.sent(port))


def test_publication(tmp_path: Path) -> None:
    found: dict[int, dict[str, Figures]] = {}
    for rows in ROWS:
        folder = tmp_path / str(rows)
        publishing.build(str(folder), rows)
        found[rows] = {name: way(name, folder, rows) for name in WAYS}
        show(f"Mart to dataset, {rows:,} rows of {len(publishing.COLUMNS)} columns; MB are those sent",
             list(found[rows].values()), limit=found[rows][OURS].total, limit_name="ours")
    few, many = (found[rows] for rows in ROWS)
    assert many[THEIRS].total >= LEAST_TIMES * many[OURS].total
    assert many[OURS].peak <= MOST_MB
    assert many[OURS].peak <= few[OURS].peak * MOST_GROWTH
