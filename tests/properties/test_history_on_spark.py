"""The law on Spark, and on two engines in turns: many histories in one table, held against the same oracle."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path
from shutil import copytree

import narwhals as nw
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.engines.spark.engine import SparkEngine
from lakehouse_platform.zones import gate, hds, law, ods, raw
from lakehouse_platform.zones.lake import Lake
from tests.properties import wide
from tests.properties.feeds import KEY, Delivery
from tests.properties.test_history_law import DAYS, Warehouse, in_instants, truth
from tests.properties.wide import versions

EXAMPLES = range(int(os.environ.get("LAKEHOUSE_SPARK_EXAMPLES", "2")))
"""Of the law alone; each has 150 histories."""


@pytest.mark.parametrize("seed", EXAMPLES)
def test_the_law_gives_what_the_oracle_gives(spark: SparkSession, seed: int) -> None:
    told, engine = wide.deliveries(random.Random(seed), 12), SparkEngine(spark)
    rows, snapshots = engine.frame(wide.change_rows(told)), engine.frame(wide.snapshots(told))
    found = engine.collect(law.history(rows, snapshots, KEY).filter(nw.col("_op") == "upsert"))
    expected = in_instants(truth(told))
    assert versions(found) == expected
    assert found.num_rows == len(expected) > len(wide.KEYS)


def test_any_split_and_order_gives_the_same_history(spark: SparkSession, tmp_path: Path) -> None:
    told = wide.deliveries(random.Random(7), 3)
    reads, merges = Warehouse(str(tmp_path)), Warehouse(str(tmp_path), SparkEngine(spark))
    for number, delivery in enumerate([*told, told[0]]):
        reads.deliver(delivery, DAYS[number % 2], f"run{number}")
        if number == 1:
            merges.merge(DAYS[1])
    for day in DAYS:
        merges.merge(day)
    assert_holds(merges, told)


def assert_holds(warehouse: Warehouse, told: Sequence[Delivery]) -> None:
    expected = in_instants(truth(told))
    assert warehouse.versions() == expected
    assert warehouse.state() == {(k, v) for k, v, _, end in expected if end is None}


def test_two_engines_in_turns_and_a_rebuild_on_either_give_the_same_tables(spark: SparkSession, tmp_path: Path) -> None:
    told, engines = wide.deliveries(random.Random(11), 4), (PolarsEngine(), SparkEngine(spark))
    warehouse = Warehouse(str(tmp_path / "turns"))
    for number, delivery in enumerate(told):
        day = DAYS[number // 2]
        warehouse.deliver(delivery, day, f"run{number}")
        gate.judge(warehouse.lake, warehouse.contract, day)
        ods.merge(Lake(warehouse.lake.root, engines[number % 2]), warehouse.contract, day)
        hds.merge(Lake(warehouse.lake.root, engines[1 - number % 2]), warehouse.contract, day)
    assert_holds(warehouse, told)
    one, other = (rebuilt(tmp_path / "turns", tmp_path / engine.name, engine) for engine in engines)
    assert one == other
    assert versions(one["hds"]) == in_instants(truth(told))


def rebuilt(folder: Path, anew: Path, engine: Engine) -> dict[str, pa.Table]:
    """ODS and HDS, made again from Raw and the gate's ledger."""
    copytree(folder, anew, ignore=lambda _, names: {"ods", "hds"} & set(names))
    lake, table = Lake(str(anew), engine), Warehouse(str(anew)).contract
    for day in reversed(DAYS):
        ods.merge(lake, table, day)
        hds.merge(lake, table, day)
    polars = Lake(str(anew), PolarsEngine())
    return {name: polars.engine.collect(polars.engine.open(polars.uri(name, table)).scan().sort(order))
            for name, order in (("ods", [*KEY]), ("hds", [*KEY, "valid_from"]))}


def test_a_batch_that_spark_has_committed_is_adopted_by_polars(spark: SparkSession, tmp_path: Path) -> None:
    told = wide.deliveries(random.Random(3), 1)[0]
    first = Warehouse(str(tmp_path), SparkEngine(spark)).deliver(told, DAYS[0], "run")
    again = Warehouse(str(tmp_path)).deliver(told, DAYS[0], "run")
    assert again == raw.Extraction(first.batch, new=False)
