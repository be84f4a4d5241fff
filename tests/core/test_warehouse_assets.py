"""What Dagster sees of the warehouse."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from lakehouse_platform.contracts.serving import WarehouseLayout
from lakehouse_platform.errors import SettingsError
from lakehouse_platform.orchestration.automation import FOLLOW
from lakehouse_platform.orchestration.warehouse import build_loads
from lakehouse_platform.settings import DuckDbWarehouse
from lakehouse_platform.settings.references import Reference
from lakehouse_platform.settings.serving import Redshift
from lakehouse_platform.warehouse.duckdb import WarehouseLocked
from tests.core.warehouse_lake import OneTable

DAYS = dg.DailyPartitionsDefinition("2026-11-01", end_date="2026-11-05")
KEY = dg.AssetKey(["warehouse", "finance", "curated_sale"])


@pytest.fixture
def one(tmp_path: Path) -> OneTable:
    return OneTable(tmp_path, DuckDbWarehouse(tmp_path / "warehouse.duckdb"), str(tmp_path / "lake"))


@pytest.fixture(autouse=True)
def _beta_features() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield


def run(one: OneTable, *days: str) -> dg.ExecuteInProcessResult:
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(build_loads(one.project, DAYS), instance=instance, tags=tags, raise_on_error=False)


def test_a_load_is_an_asset_after_its_table() -> None:
    one = OneTable(Path("/nowhere"), DuckDbWarehouse(Path("/nowhere/w.duckdb")), "/nowhere/lake")
    (made,) = build_loads(one.project, DAYS)
    spec = made.specs_by_key[KEY]
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["curated", "finance", "sale"])]
    assert (spec.kinds, list(spec.owners), spec.automation_condition, spec.partitions_def) == ({"duckdb"}, ["team:finance"], FOLLOW, DAYS)
    assert made.op.pool == "warehouse"
    assert {check.name: check.blocking for check in made.check_specs} == {"rows_match": True, "sums_agree": True}


def test_loads_into_redshift_do_not_wait_for_each_other() -> None:
    secret = Reference("file", "secret", Path(), "secret")
    bound = Redshift(secret, 5439, "dw", secret, secret, "arn:aws:iam::1:role/copy", "s3://bucket/manifests", workgroup="w")
    one = OneTable(Path("/nowhere"), bound, "s3://bucket/lake")
    (made,) = build_loads(one.project, DAYS)
    assert (made.specs_by_key[KEY].kinds, made.op.pool) == ({"redshift"}, "warehouse_finance_curated_sale")


def test_only_zones_that_the_contract_names_are_loaded(one: OneTable) -> None:
    one.contract = replace(one.contract, warehouse=WarehouseLayout(("ods", "hds")), model=None)
    keys = [key.path[-1] for made in build_loads(one.project, DAYS) for key in made.keys]
    assert keys == ["ods_sale", "hds_sale"]
    one.contract = replace(one.contract, warehouse=None)
    assert build_loads(one.project, DAYS) == []


def test_an_environment_without_a_warehouse_loads_nothing(one: OneTable) -> None:
    project = one.project
    project.__dict__["environment"] = replace(project.environment, warehouse=None)
    assert build_loads(project, DAYS) == []
    with pytest.raises(SettingsError, match="there is no warehouse to load"):
        _ = project.warehouse


def test_days_of_a_run_are_loaded_at_once_and_say_how(one: OneTable) -> None:
    one.append({"id": 1}, {"id": 2})
    done = run(one, "2026-11-01", "2026-11-02")
    assert done.success
    told = done.asset_materializations_for_node("warehouse__finance__curated_sale")
    assert sorted(str(event.partition) for event in told) == ["2026-11-01", "2026-11-02"]
    metadata = told[0].metadata
    assert {name: metadata[name].value for name in ("mode", "delta_version", "dagster/row_count", "distribution")} == {
        "mode": "full", "delta_version": 1, "dagster/row_count": 2, "distribution": "all"}
    assert "copied to every node" in str(metadata["layout_reason"].value)
    assert {(e.check_name, e.partition, e.passed) for e in done.get_asset_check_evaluations()} == {
        (check, day, True) for check in ("rows_match", "sums_agree") for day in ("2026-11-01", "2026-11-02")}
    assert len(one.held) == 2


def test_rows_that_are_not_the_lakes_fail_the_asset(one: OneTable) -> None:
    one.append({"id": 1}, {"id": 2})
    assert run(one, "2026-11-01").success
    with duckdb.connect(str(one.folder / "warehouse.duckdb")) as connection:
        connection.execute("delete from finance.curated_sale where id = 2")
    done = run(one, "2026-11-02")
    assert not done.success
    assert {e.check_name: e.passed for e in done.get_asset_check_evaluations()} == {"rows_match": False, "sums_agree": False}
    assert done.asset_materializations_for_node("warehouse__finance__curated_sale") == []


def test_a_warehouse_that_is_open_elsewhere_may_be_free_the_next_time(one: OneTable) -> None:
    one.append({"id": 1})
    one.load()
    with duckdb.connect(str(one.folder / "warehouse.duckdb"), read_only=True), pytest.raises(WarehouseLocked, match="is open elsewhere"):
        one.load()
    assert one.load().halted is None
