"""What a step runs on, the reason that people read, and the token of its job."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lakehouse_platform.compute.choice import choose
from lakehouse_platform.compute.token import job_token
from lakehouse_platform.contracts.contract import Compute
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import ComputeBlock, EmrServerlessBlock
from lakehouse_platform.zones import gate, ods, raw
from lakehouse_platform.zones.extent import touched
from lakehouse_platform.zones.lake import Lake
from tests.properties.feeds import Delivery, FeedSource, contract
from tests.properties.oracle import Row

EMR = EmrServerlessBlock(application="00a", role="arn:aws:iam::123456789012:role/jobs")
LAPTOP = ComputeBlock()
WORKSTATION = ComputeBlock(spark_from_mb=1_000)
PRODUCTION = ComputeBlock(
    spark_from_mb=1_000, distributed_from_mb=20_000, distributed="emr_serverless", emr_serverless=EMR, artifacts="s3://bucket/jobs")
MB = 1_000_000


@pytest.mark.parametrize(("settings", "size", "compute", "reason"), [
    (LAPTOP, 412 * MB, "in_process", "412 MB touched: this environment runs every step in process."),
    (WORKSTATION, 999 * MB, "in_process", "999 MB touched: from 1,000 MB on spark would run it."),
    (WORKSTATION, 1_000 * MB, "spark", "1,000 MB touched: from 1,000 MB on spark runs it."),
    (PRODUCTION, 0, "in_process", "nothing touched: from 1,000 MB on spark would run it."),
    (PRODUCTION, 1, "in_process", "less than 1 MB touched: from 1,000 MB on spark would run it."),
    (PRODUCTION, 19_999 * MB, "spark", "19,999 MB touched: from 1,000 MB on spark runs it."),
    (PRODUCTION, 20_000 * MB, "emr_serverless", "20,000 MB touched: from 20,000 MB on emr_serverless runs it."),
])
def test_size_decides(settings: ComputeBlock, size: int, compute: str, reason: str) -> None:
    choice = choose(settings, contract(), "hds", size)
    assert (choice.compute, choice.reason) == (compute, reason)


def test_a_service_without_a_size_runs_what_memory_is_short_for() -> None:
    named = ComputeBlock(distributed="emr_serverless", emr_serverless=EMR, artifacts="s3://bucket/jobs")
    found = [choose(named, contract(), "hds", size * MB).compute for size in (1_999, 2_000)]
    assert found == [Compute.IN_PROCESS, Compute.EMR_SERVERLESS]


def test_contracts_word_comes_before_size() -> None:
    told = contract(compute={Zone.ODS: Compute.EMR_SERVERLESS, Zone.HDS: Compute.IN_PROCESS})
    assert (choose(PRODUCTION, told, "ods", 1).compute, choose(PRODUCTION, told, "ods", 1).reason) == (
        Compute.EMR_SERVERLESS, "The contract says emr_serverless.")
    assert choose(PRODUCTION, told, "hds", 30_000 * MB).compute is Compute.IN_PROCESS


@pytest.mark.parametrize(("settings", "wanted", "size", "compute", "reason"), [
    (LAPTOP, Compute.EMR_SERVERLESS, 5 * MB, "in_process",
     "The contract says emr_serverless, which this environment does not have. 5 MB touched: this environment runs every step in process."),
    (LAPTOP, Compute.SPARK, 5 * MB, "in_process",
     "The contract says spark, which this environment does not have. 5 MB touched: this environment runs every step in process."),
    (PRODUCTION, Compute.GLUE, 30_000 * MB, "emr_serverless",
     "The contract says glue, which this environment does not have. 30,000 MB touched: from 20,000 MB on emr_serverless runs it."),
])
def test_compute_that_is_not_there_is_passed_over_and_the_reason_says_so(
    settings: ComputeBlock, wanted: Compute, size: int, compute: str, reason: str
) -> None:
    choice = choose(settings, contract(compute={Zone.HDS: wanted}), "hds", size)
    assert (choice.compute, choice.reason) == (compute, reason)


def test_extraction_always_runs_in_process() -> None:
    assert choose(PRODUCTION, contract(), "raw", 10**12).compute is Compute.IN_PROCESS


def test_what_a_merge_touches_are_its_days_of_raw_and_the_target(tmp_path: Path) -> None:
    lake, table = Lake(str(tmp_path), PolarsEngine()), contract()
    assert touched(lake, table, "ods", ["2026-03-02"]) == 0
    for number, day in enumerate(("2026-03-02", "2026-03-03"), 1):
        source = FeedSource()
        source.next = Delivery((Row(("north", number), number, False, number, ("1.5", "a" * 200 * number), number),), seen=number)
        raw.extract(lake, table, source, day, run=day)
    gate.judge(lake, table, "2026-03-02")
    before = touched(lake, table, "ods", ["2026-03-02"])
    assert before == _bytes(tmp_path, "raw/finance/ledger/_kind=change/_partition=2026-03-02")
    ods.merge(lake, table, "2026-03-02")
    both = touched(lake, table, "ods", ["2026-03-02", "2026-03-03"])
    assert both == _bytes(tmp_path, "raw/finance/ledger/_kind=change") + _bytes(tmp_path, "ods/finance/ledger")


def _bytes(folder: Path, path: str) -> int:
    return sum(file.stat().st_size for file in (folder / path).rglob("*.parquet") if "_delta_log" not in file.parts)


WORK = ("run-1", "ods/sales/orders", ("2026-11-19", "2026-11-20"), "contract", "bundle", 0)


def token(**changes: object) -> str:
    names = ("root_run", "asset_key", "days", "contract_fingerprint", "bundle_fingerprint", "generation")
    return job_token(**{**dict(zip(names, WORK, strict=True)), **changes})  # type: ignore[arg-type]


def test_token_is_what_services_take() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token())


def test_token_is_the_same_for_the_same_work_in_any_order_of_days() -> None:
    assert token(days=("2026-11-20", "2026-11-19")) == token()


@pytest.mark.parametrize("change", [
    {"root_run": "run-2"}, {"asset_key": "hds/sales/orders"}, {"days": ("2026-11-20",)}, {"contract_fingerprint": "other"},
    {"bundle_fingerprint": "other"}, {"generation": 1},
])
def test_other_work_has_another_token(change: dict[str, object]) -> None:
    assert token(**change) != token()
