"""A batch into ODS and HDS against other ways, and against appending it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.bench import merging
from tests.bench.measure import measured, show

pytestmark = pytest.mark.bench
OURS, BY_HAND = "ours", "delta-rs MERGE by hand"
WAYS: Mapping[str, Mapping[str, Callable[..., None]]] = {
    "ods": {
        "limit: append only": merging.append_ods, OURS: merging.our_ods,
        BY_HAND: merging.merge_ods, "Polars, all of it anew": merging.rewrite_ods,
    },
    "hds": {
        "limit: append only": merging.append_hds, OURS: merging.our_hds,
        BY_HAND: merging.merge_hds, "Polars, all of it anew": merging.rewrite_hds,
    },
}


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake for each batch, the batch in Raw and judged."""
    folder = tmp_path_factory.mktemp("lakes")
    figures = [measured(f"first load: {merging.ROWS:,} rows in {merging.LOADS} days", merging.load, folder=folder / "loaded")]
    for batch in merging.BATCHES:
        target = merging.linked(folder / "loaded", folder / batch)
        figures.append(measured(f"{merging.CHANGES:,} changes, {batch}: Raw and gate", merging.deliver, folder=target, batch=batch))
    show("Into the lake", figures, limit=figures[0].total, limit_name="first load")
    return folder


@pytest.mark.parametrize("batch", merging.BATCHES)
@pytest.mark.parametrize("zone", WAYS)
def test_merge(lakes: Path, tmp_path: Path, zone: str, batch: str) -> None:
    found = []
    for name, way in WAYS[zone].items():
        if batch != "late" or name.startswith((OURS, "limit")):
            found.append(measured(name, way, folder=merging.linked(lakes / batch, tmp_path / way.__name__)))
    title = f"{zone.upper()}, {merging.CHANGES:,} changes into {merging.ROWS:,} rows, keys {batch}"
    show(title, found, limit=found[0].total, limit_name="append")
    if batch != "late":
        mine, theirs = (merging.content(tmp_path / WAYS[zone][name].__name__, zone) for name in (OURS, BY_HAND))
        assert mine.equals(theirs)
