"""Marts in Redshift as Dagster sees them: what they are made of, how they are checked, and where there are none."""

from __future__ import annotations

import datetime as dt
import warnings
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.jobs.marts import Mart, MartTest
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.automation import FOLLOW
from lakehouse_platform.orchestration.warehouse_marts import build_warehouse_marts
from lakehouse_platform.settings import DuckDbWarehouse, Environment, Redshift, Reference
from lakehouse_platform.settings.environment import LakeSettings, PartitionSettings
from tests.core.small_lake import CONTRACTS

DAYS = dg.DailyPartitionsDefinition(start_date="2026-11-01")
SOMEWHERE = Reference("file", "nowhere", Path("/nowhere"), "here:1")
REDSHIFT = Redshift(SOMEWHERE, 5439, "lakehouse", SOMEWHERE, SOMEWHERE, "arn:aws:iam::1:role/copy", "s3://bucket/manifests", cluster="c")


def mart(name: str, *upstream: tuple[str, str], tests: tuple[MartTest, ...] = ()) -> Mart:
    return Mart(CONTRACTS[name], tuple((zone, CONTRACTS[table]) for zone, table in upstream), tests)


MARTS = (
    mart("customer.dim_customer", ("hds", "customer.customer")),
    mart("finance.fct_revenue", ("ods", "finance.invoice"), ("curated", "customer.dim_customer"),
         tests=(MartTest("control_total_fct_revenue", "control_total", "Every invoice.", halting=True),)),
)


def project(warehouse: Redshift | DuckDbWarehouse | None) -> Project:
    found = Project(Path("/nowhere"), "test")
    found.__dict__["environment"] = Environment(
        "test", Path("/nowhere/test.yaml"), Path("/nowhere"), LakeSettings("s3://bucket/lake", None),
        PartitionSettings(dt.date(2026, 11, 1), "UTC"), {}, warehouse=warehouse)
    return found


@pytest.fixture
def built() -> dg.AssetsDefinition:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        (found,) = build_warehouse_marts(project(REDSHIFT), MARTS, DAYS)
    return found


def key(contract: Contract) -> dg.AssetKey:
    return dg.AssetKey(["warehouse", contract.domain, contract.table])


def test_mart_follows_what_was_loaded_the_marts_it_is_made_of_and_the_lakes_own(built: dg.AssetsDefinition) -> None:
    spec = next(spec for spec in built.specs if spec.key == key(CONTRACTS["finance.fct_revenue"]))
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == {
        "warehouse/finance/ods_invoice", "warehouse/customer/dim_customer", "curated/finance/fct_revenue"}
    assert spec.automation_condition == FOLLOW
    assert spec.kinds == {"redshift", "dbt"}


def test_its_tests_and_the_comparison_with_the_lake_are_checks_that_block(built: dg.AssetsDefinition) -> None:
    checks = {(check.asset_key, check.name): check.blocking for check in built.check_specs}
    fct, dim = key(CONTRACTS["finance.fct_revenue"]), key(CONTRACTS["customer.dim_customer"])
    assert checks == {(fct, "agrees_with_lake"): True, (fct, "control_total"): True, (dim, "agrees_with_lake"): True}


@pytest.mark.parametrize("warehouse", [None, DuckDbWarehouse(Path("/nowhere/warehouse.duckdb"))])
def test_there_are_none_where_the_warehouse_is_not_redshift(warehouse: DuckDbWarehouse | None) -> None:
    assert build_warehouse_marts(project(warehouse), MARTS, DAYS) == []
