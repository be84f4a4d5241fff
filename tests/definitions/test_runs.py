"""Runs of a real table: what is committed, checked, retried and carried on."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import polars as pl
import pytest
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from lakehouse_platform.errors import SourceUnavailable, TransientError
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import STEPS, Outcome
from lakehouse_platform.orchestration import build_definitions, places, steps
from lakehouse_platform.orchestration.backfill import backfill
from lakehouse_platform.orchestration.materialize import select
from lakehouse_platform.publish.folder import read_dataset
from tests.definitions.conftest import CHAIN, FIRST, SECOND, TABLE, Shop, change

HALT = "units_positive"


def status_of(shop: Shop, asset: str, check: str, day: str) -> AssetCheckExecutionRecordStatus:
    key = dg.AssetCheckKey(dg.AssetKey.from_user_string(asset), check)
    records = shop.instance.event_log_storage.get_asset_check_execution_history(key, limit=1, partition_filter=PartitionKeyFilter(key=day))
    return records[0].status


def fulfilled(shop: Shop) -> int:
    published = read_dataset(shop.project.state / "domo", "Fulfilment by day")
    return sum(int(number or 0) for number in published.column("shipments").to_pylist())


def content(shop: Shop, zone: str) -> pl.DataFrame:
    contract = shop.project.contract("operations.shipment")
    frame = pl.read_delta(shop.project.lake.uri(zone, contract))
    return frame.drop([c for c in ("_batch_id", "_seen_at", "_seq", "_clamp") if c in frame.columns]).sort("shipment_id")


def test_late_row_reaches_the_mart_and_the_dataset_by_itself(shop: Shop) -> None:
    before = fulfilled(shop)
    with shop.shipment(900001, units=3, shipped_at=f"{FIRST} 11:00"):
        assert shop.materialize(f"raw/{TABLE}", days=(FIRST,)).success
        runs = shop.follow()
    assert {made for run in runs for made in run.materialized} == {(asset, FIRST) for asset in CHAIN}
    assert fulfilled(shop) == before + 1
    assert shop.follow() == []


def test_halted_day_reaches_nothing_and_stays_red_when_another_passes(shop: Shop) -> None:
    with shop.shipment(900002, units=0, shipped_at=f"{SECOND} 11:00"):
        shop.materialize(f"raw/{TABLE}", days=(SECOND,))
        runs = shop.follow()
    assert [run.materialized for run in runs] == [()]
    assert HALT in runs[0].failures[f"ods/{TABLE}"]
    shop.materialize(f"ods/{TABLE}", f"hds/{TABLE}", days=(FIRST,))
    states = {day: status_of(shop, f"ods/{TABLE}", HALT, day) for day in (FIRST, SECOND)}
    assert states == {FIRST: AssetCheckExecutionRecordStatus.SUCCEEDED, SECOND: AssetCheckExecutionRecordStatus.FAILED}
    assert all(day != SECOND for run in shop.follow() for _, day in run.materialized)


def test_halted_day_goes_on_once_its_source_is_mended(shop: Shop) -> None:
    with shop.shipment(900003, units=0, shipped_at=f"{SECOND} 11:00"):
        shop.materialize(f"raw/{TABLE}", days=(SECOND,))
        shop.follow()
    shop.materialize(f"raw/{TABLE}", days=(SECOND,))
    assert {made for run in shop.follow() for made in run.materialized} == {(asset, SECOND) for asset in CHAIN}


def test_range_in_one_run_commits_the_good_days_and_names_the_halted_one(shop: Shop) -> None:
    with shop.shipment(900004, units=0, shipped_at=f"{SECOND} 11:00"):
        run = shop.materialize(f"raw/{TABLE}", f"ods/{TABLE}", f"hds/{TABLE}", days=(FIRST, SECOND))
    assert not run.success
    assert (f"ods/{TABLE}", FIRST) in run.materialized
    assert (f"ods/{TABLE}", SECOND) not in run.materialized
    assert run.failures[f"ods/{TABLE}"].startswith(f"the gate halted {SECOND}")
    assert run.skipped == (f"hds/{TABLE}",)
    assert status_of(shop, f"ods/{TABLE}", HALT, SECOND) is AssetCheckExecutionRecordStatus.FAILED
    assert status_of(shop, f"ods/{TABLE}", HALT, FIRST) is AssetCheckExecutionRecordStatus.SUCCEEDED


@pytest.mark.parametrize("single_run", [False, True])
def test_backfill_backwards_and_again_leaves_the_same_tables(shop: Shop, single_run: bool) -> None:
    before = {zone: content(shop, zone) for zone in ("ods", "hds")}
    keys = select(shop.defs, [f"*/{TABLE}"])
    for _ in range(2):
        done = backfill(shop.defs, shop.instance, keys, [FIRST, SECOND], reverse=True, single_run=single_run)
        assert done.success
        assert len(done.runs) == (1 if single_run else 2)
        recorded = shop.instance.get_backfill(done.backfill_id)
        assert recorded is not None
        assert recorded.status is BulkActionStatus.COMPLETED_SUCCESS
    for zone, frame in before.items():
        assert content(shop, zone).equals(frame)


def test_added_column_is_reported_with_owner_patch_and_what_it_reaches(shop: Shop) -> None:
    change(shop.legacy, "alter table ops.shipment add column gift boolean")
    try:
        found, = shop.materialize(f"raw/{TABLE}", days=(SECOND,)).failed_checks
    finally:
        change(shop.legacy, "alter table ops.shipment drop column gift")
    assert (found.check, found.halting, found.description) == (
        "schema_matches_contract", False, "column gift (boolean) was added at the source")
    assert found.figures["owner"] == "team:operations-data"
    assert "name: gift" in str(found.figures["proposed_patch"])
    assert set(str(found.figures["downstream"]).split(", ")) == CHAIN


def failing(error: Exception, times: int) -> tuple[Callable[[Project, object, str, str], Outcome], list[str]]:
    tries: list[str] = []

    def step(_: Project, contract: object, day: str, run: str) -> Outcome:
        tries.append(run)
        if len(tries) <= times:
            raise error
        return Outcome(())

    return step, tries


@pytest.mark.parametrize(
    ("error", "times", "tried", "success"),
    [(SourceUnavailable("down"), 2, 3, True), (SourceUnavailable("down"), 9, 4, False), (RuntimeError("a bug"), 9, 1, False)],
)
def test_only_what_may_pass_is_tried_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception, times: int, tried: int, success: bool
) -> None:
    step, tries = failing(error, times)
    monkeypatch.setattr(steps, "FIRST_WAIT", 0)
    monkeypatch.setattr(places, "STEPS", {**STEPS, "ods": step})
    defs = build_definitions(shop.project)
    run = Shop(shop.project, defs, shop.instance, shop.legacy).materialize(f"ods/{TABLE}", days=(FIRST,))
    assert (run.success, len(tries), len(set(tries))) == (success, tried, 1)
    assert isinstance(error, TransientError) or run.failures


def test_materialization_says_what_it_did(shop: Shop) -> None:
    shop.materialize(f"hds/{TABLE}", days=(FIRST,))
    event = shop.instance.get_latest_materialization_event(dg.AssetKey.from_user_string(f"hds/{TABLE}"))
    assert event is not None
    assert event.asset_materialization is not None
    said = event.asset_materialization.metadata
    assert {"versions_opened", "versions_closed", "rows_accepted", "rows_held_back", "complete_through", "dagster/row_count",
            "dagster/partition_row_count", "dagster/column_lineage"} <= said.keys()
