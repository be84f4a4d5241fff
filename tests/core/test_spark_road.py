"""The road of a table on Spark: the same tables as on Polars, whichever of the two goes first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.engines.spark.engine import SparkEngine
from lakehouse_platform.zones import gate, hds, ods, raw
from lakehouse_platform.zones.lake import Lake
from tests.properties.feeds import KEY, Delivery, FeedSource, contract
from tests.properties.oracle import Row

NORTH, SOUTH = ("north", 1), ("south", 2)
A, B, C = ("1.5", "a"), (None, "é😀"), ("99999999999999999999999999999.999999999", None)
DAYS = ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-04"]


def told(*rows: Row, seen: int) -> Delivery:
    return Delivery(rows, seen=seen)


def image(position: int, seen: int, **state: tuple[str | None, str | None]) -> Delivery:
    keys = {"north": NORTH, "south": SOUTH}
    return Delivery(tuple(Row(keys[name], position, True, seen, value, seen) for name, value in state.items()), position, seen)


ROADS = {
    "changes, in order and late": [
        told(Row(NORTH, 1, False, 0, A, 1), Row(SOUTH, 2, False, 0, B, 2), seen=1), told(Row(NORTH, 5, False, 0, C, 5), seen=2),
        told(Row(NORTH, 3, False, 0, B, 3), Row(SOUTH, 6, False, 0, None, 6), seen=3), told(seen=4)],
    "images, a key gone and back": [
        image(1, 1, north=A, south=B), image(2, 2, south=C), image(4, 4, north=B, south=C), image(3, 3, north=A)],
}


def travel(root: Path, table: Contract, deliveries: Sequence[Delivery], engines: Sequence[Engine]) -> None:
    """Every delivery on its day, each by the next engine of the list."""
    source = FeedSource()
    for number, (day, delivery) in enumerate(zip(DAYS, deliveries, strict=True)):
        lake, source.next = Lake(str(root), engines[number % len(engines)]), delivery
        raw.extract(lake, table, source, day, run=f"run{number}")
        gate.judge(lake, table, day)
        ods.merge(lake, table, day)
        hds.merge(lake, table, day)


def tables(root: Path, table: Contract) -> dict[str, pa.Table]:
    lake = Lake(str(root), PolarsEngine())
    found = {"raw": lake.raw(table), "ods": lake.ods(table), "hds": lake.hds(table)}
    order = {"raw": ["_batch_id", "_kind", "_row"], "ods": list(KEY), "hds": [*KEY, "valid_from"]}
    return {name: lake.engine.collect(held.scan().sort(order[name])) for name, held in found.items()}


@pytest.mark.parametrize(("road", "order"), [
    ("changes, in order and late", ["spark"]), ("images, a key gone and back", ["polars", "spark"]),
    ("changes, in order and late", ["spark", "polars"]),
])
def test_spark_and_polars_write_the_same_tables(spark: SparkSession, tmp_path: Path, road: str, order: list[str]) -> None:
    engines: dict[str, Engine] = {"spark": SparkEngine(spark), "polars": PolarsEngine()}
    travel(tmp_path / "one", contract(), ROADS[road], [engines["polars"]])
    travel(tmp_path / "other", contract(), ROADS[road], [engines[name] for name in order])
    one, other = tables(tmp_path / "one", contract()), tables(tmp_path / "other", contract())
    for name, expected in one.items():
        assert other[name].equals(expected), name
        assert expected.num_rows
