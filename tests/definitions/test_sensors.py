"""Sensors, ticked by hand on a real instance."""

from __future__ import annotations

import json

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from lakehouse_platform.jobs.gaps import NO_DAY_MISSING, missing_days
from lakehouse_platform.orchestration.sensors import build_freshness_sensor
from tests.definitions.conftest import SECOND, TABLE, Shop


def tick(sensor: dg.SensorDefinition, shop: Shop, cursor: str | None) -> str | None:
    context = dg.build_sensor_context(instance=shop.instance, cursor=cursor)
    sensor(context)
    return context.cursor


def freshness_of(shop: Shop, asset: str) -> AssetCheckEvaluation | None:
    key = dg.AssetCheckKey(dg.AssetKey.from_user_string(asset), "data_is_fresh")
    return shop.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key].evaluation


def test_data_that_has_grown_old_turns_red_without_a_run_and_once(shop: Shop) -> None:
    sensor = build_freshness_sensor(shop.project)
    cursor = tick(sensor, shop, None)
    found = freshness_of(shop, f"ods/{TABLE}")
    assert found is not None
    assert (found.passed, found.partition) == (False, None)
    known = json.loads(cursor or "{}")
    assert {key for key, passed in known.items() if passed is False} == {
        f"ods/{TABLE}", f"hds/{TABLE}", "curated/operations/kpi_fulfilment_daily"}
    assert tick(sensor, shop, cursor) == cursor
    key = dg.AssetCheckKey(dg.AssetKey.from_user_string(f"ods/{TABLE}"), "data_is_fresh")
    history = shop.instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    assert len([record for record in history if record.partition is None]) == 1


def test_days_that_raw_lacks_are_told_of_the_source_unless_a_run_is_about_to_bring_them(shop: Shop) -> None:
    sensor = build_freshness_sensor(shop.project)
    job = shop.defs.resolve_implicit_global_asset_job_def()
    raw = dg.AssetKey.from_user_string(f"raw/{TABLE}")
    run = shop.instance.create_run_for_job(job, tags={"dagster/partition": SECOND}, asset_selection=frozenset({raw}))
    cursor = tick(sensor, shop, None)
    assert gap_of(shop) is None
    shop.instance.report_run_canceled(run)
    tick(sensor, shop, cursor)
    found = gap_of(shop)
    assert found is not None
    assert (found.passed, found.metadata["raw_asset"].value) == (False, f"raw/{TABLE}")
    assert found.description is not None
    assert found.description.startswith("No batch of 2025-03-08, 2025-03-09, ")


def test_a_gap_is_a_check_of_the_source_that_no_run_of_raw_makes(shop: Shop) -> None:
    graph = shop.defs.resolve_asset_graph()
    assert [key.asset_key.path[0] for key in graph.asset_check_keys if key.name == NO_DAY_MISSING.name] == ["source"]
    done = shop.materialize(f"raw/{TABLE}", days=(SECOND,))
    assert (done.success, gap_of(shop)) == (True, None)


def gap_of(shop: Shop) -> AssetCheckEvaluation | None:
    key = dg.AssetCheckKey(dg.AssetKey(["source", "erp", "ops", "shipment"]), NO_DAY_MISSING.name)
    record = shop.instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
    return record.evaluation if record is not None else None


@pytest.mark.parametrize(("held", "ended", "missing"), [
    ((), ("d1", "d2"), ()),
    (("d2",), ("d1", "d2"), ()),
    (("d1", "d3"), ("d1", "d2", "d3"), ("d2",)),
    (("d1",), ("d1", "d2", "d3"), ("d2", "d3")),
    (("d1", "d2"), ("d1",), ()),
])
def test_a_day_is_missing_that_has_ended_after_the_first_one_held(
    held: tuple[str, ...], ended: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert missing_days(held, ended) == missing
