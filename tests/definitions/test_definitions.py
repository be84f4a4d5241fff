"""What this repository's definitions promise for every asset."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_platform.jobs.certificates import CERTIFIED
from lakehouse_platform.jobs.gaps import NO_DAY_MISSING
from lakehouse_platform.jobs.scans import WITHIN_BUDGET
from lakehouse_platform.jobs.steps import FRESH
from lakehouse_platform.naming import pool

ROOT = Path(__file__).parents[2]
TABLES = {
    "customer": ("address", "customer"),
    "finance": ("billing_customer", "fx_rate", "gl_account", "gl_journal", "invoice"),
    "operations": ("inventory_level", "shipment", "work_order"),
    "risk": ("credit_limit", "exposure", "watchlist"),
}
MARTS = {
    "customer": ("dim_customer",), "finance": ("dim_gl_account", "fct_revenue", "kpi_revenue_daily"),
    "operations": ("kpi_fulfilment_daily",), "risk": ("kpi_limit_usage",),
}
DATASETS = {"customer": ("customers",), "finance": ("revenue_by_day",), "operations": ("fulfilment_by_day",)}
LOADED = {
    "customer": ("ods_customer", "hds_customer"),
    "finance": ("ods_billing_customer", "ods_fx_rate", "ods_gl_account", "hds_gl_account", "ods_invoice"),
    "operations": ("ods_shipment",), "risk": ("ods_credit_limit", "ods_exposure"),
}
WITHOUT_HISTORY = {"hds/risk/watchlist": "it has no key to follow a row by"}
WITHOUT_PARTITIONS_AND_CHECKS = {"source": "the legacy's own tables: nothing here writes them, Raw's check looks at their columns"}
LOADS = """
import socket
def refuse(*_): raise OSError("definitions touched the network")
socket.socket.connect = socket.getaddrinfo = refuse
import definitions
print(len(definitions.defs.resolve_asset_graph().get_all_asset_keys()))
"""
ONE_FILE = ("curated", "warehouse")
"""Zones that are built in one file, which one process at a time may write."""
CPU_SECONDS = 15


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    from definitions import defs

    return defs


@pytest.fixture(scope="module")
def specs(defs: dg.Definitions) -> list[dg.AssetSpec]:
    return [spec for spec in defs.resolve_all_asset_specs() if spec.key.path[0] not in WITHOUT_PARTITIONS_AND_CHECKS]


def names(zone: str, tables: Mapping[str, tuple[str, ...]]) -> set[str]:
    return {f"{zone}/{domain}/{table}" for domain, found in tables.items() for table in found}


def test_there_is_an_asset_a_table_and_zone(specs: list[dg.AssetSpec]) -> None:
    history = names("hds", TABLES) - WITHOUT_HISTORY.keys()
    wanted = names("raw", TABLES) | names("ods", TABLES) | history | names("curated", MARTS) | names("domo", DATASETS)
    wanted |= names("warehouse", LOADED)
    assert {spec.key.to_user_string() for spec in specs} == wanted


def test_every_source_table_begins_the_lineage(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    parents = {key: graph.get(key).parent_keys for key in graph.materializable_asset_keys if key.path[0] == "raw"}
    assert {parent.path[0] for found in parents.values() for parent in found} == {"source"}
    assert all(len(found) == 1 for found in parents.values())


def test_every_asset_has_partitions_and_a_check(defs: dg.Definitions, specs: list[dg.AssetSpec]) -> None:
    checked = {key.asset_key for key in defs.resolve_asset_graph().asset_check_keys}
    assert not [spec.key for spec in specs if spec.partitions_def is None or spec.key not in checked]


def test_checks_of_a_business_day_are_kept_a_day(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    about_now = {key.name for key in graph.asset_check_keys if graph.get(key).partitions_def is None}
    assert about_now == {FRESH, WITHIN_BUDGET, NO_DAY_MISSING.name, CERTIFIED.name}


def test_halting_rules_block(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    blocking = {f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys if graph.get(key).blocking}
    assert {"ods/operations/inventory_level:stock_not_negative", "ods/risk/watchlist:list_not_empty",
            "curated/finance/fct_revenue:control_total", "domo/finance/revenue_by_day:rows_match"} <= blocking
    assert "ods/operations/shipment:weight_known" not in blocking


def test_every_asset_says_whose_it_is_and_what_it_is(specs: list[dg.AssetSpec]) -> None:
    for spec in specs:
        zone, domain, _ = spec.key.path
        assert (spec.group_name, spec.tags["zone"], list(spec.owners)) == (domain, zone, [f"team:{domain}-data"])
        assert ("duckdb" if zone == "warehouse" else zone) in spec.kinds
        assert len(spec.kinds) <= 3
        assert spec.description


def test_every_table_has_its_columns_and_a_freshness_policy(specs: list[dg.AssetSpec]) -> None:
    assert not [spec.key for spec in specs if "dagster/column_schema" not in spec.metadata or spec.freshness_policy is None]


def test_one_writer_at_a_time_a_table_and_a_file(defs: dg.Definitions, specs: list[dg.AssetSpec]) -> None:
    graph = defs.resolve_asset_graph()
    for spec in specs:
        zone, domain, table = spec.key.path
        assert graph.get(spec.key).pools == {zone if zone in ONE_FILE else pool(zone, domain, table)}


def test_everything_but_raw_follows_by_itself(specs: list[dg.AssetSpec]) -> None:
    assert {spec.key.path[0] for spec in specs if spec.automation_condition is None} == {"raw"}


def test_a_job_and_a_schedule_a_domain(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    wanted = {f"{domain}_daily" for domain in TABLES}
    assert wanted <= set(repository.job_names)
    assert {schedule.job_name for schedule in repository.schedule_defs} == wanted


def test_automation_freshness_incidents_and_the_watching_itself_are_watched_from_the_start(defs: dg.Definitions) -> None:
    running = {s.name for s in defs.get_repository_def().sensor_defs if s.default_status is dg.DefaultSensorStatus.RUNNING}
    assert running == {"automation", "data_freshness", "landing", "incidents", "heartbeat", "certificates"}


def test_they_load_with_an_empty_environment_and_no_network_in_little_time(defs: dg.Definitions) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", LOADS], cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(defs.resolve_asset_graph().get_all_asset_keys())
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < CPU_SECONDS
