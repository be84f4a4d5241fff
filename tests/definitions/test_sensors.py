"""Sensors, ticked by hand on a real instance."""

from __future__ import annotations

import json

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from lakehouse_platform.orchestration.sensors import Alert, build_alert_sensor, build_freshness_sensor
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
    assert json.loads(cursor or "{}") == dict.fromkeys((f"ods/{TABLE}", f"hds/{TABLE}", "curated/operations/kpi_fulfilment_daily"), False)
    assert tick(sensor, shop, cursor) == cursor
    key = dg.AssetCheckKey(dg.AssetKey.from_user_string(f"ods/{TABLE}"), "data_is_fresh")
    history = shop.instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    assert len([record for record in history if record.partition is None]) == 1


def test_a_halted_day_is_told_once_and_only_from_now_on(shop: Shop) -> None:
    told: list[Alert] = []
    sensor = build_alert_sensor(told.append)
    cursor = tick(sensor, shop, None)
    assert told == []
    with shop.shipment(900010, units=0, shipped_at=f"{SECOND} 11:00"):
        shop.materialize(f"raw/{TABLE}", f"ods/{TABLE}", days=(SECOND,))
    cursor = tick(sensor, shop, cursor)
    halted = [alert for alert in told if alert.kind != "stale"]
    assert [(a.kind, a.subject, a.partition, a.details["check"]) for a in halted] == [("halted", f"ods/{TABLE}", SECOND, "units_positive")]
    before = len(told)
    tick(sensor, shop, cursor)
    assert len(told) == before
