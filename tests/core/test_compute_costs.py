"""What jobs cost: by the prices of the environment, in a ledger of the lake, and as the command line sums it."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from lakehouse_platform.cli.app import run
from lakehouse_platform.cli.start import make_project
from lakehouse_platform.compute.base import JobState, JobStatus, Usage
from lakehouse_platform.compute.prices import cost
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.settings import PricesBlock
from lakehouse_platform.zones.costs import JobCost, job_cost, record, recorded, summed
from lakehouse_platform.zones.lake import Lake
from tests.properties.feeds import contract

Captured = pytest.CaptureFixture[str]
PRICES = PricesBlock(currency="EUR", vcpu_hour=0.052624, gb_hour=0.0057785, storage_gb_hour=0.000111, dpu_hour=0.44)
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(("usage", "expected"), [
    (Usage(), "0.000000"),
    (Usage(vcpu_hours=1.5, gb_hours=6, storage_gb_hours=20), "0.115827"),
    (Usage(vcpu_hours=0.1), "0.005262"),
    (Usage(dpu_hours=0.05), "0.022000"),
    (Usage(seconds=3600), "0.000000"),
])
def test_cost_is_rounded_once_to_the_millionth(usage: Usage, expected: str) -> None:
    assert str(cost(usage, PRICES)) == expected


@pytest.mark.parametrize(("hours", "expected"), [(0.0000005, "0.000000"), (0.0000015, "0.000002"), (0.0000025, "0.000002")])
def test_halves_go_to_even(hours: float, expected: str) -> None:
    assert str(cost(Usage(vcpu_hours=hours), PricesBlock(vcpu_hour=1.0))) == expected


def entry(job_id: str, domain: str = "sales", table: str = "orders", month: int = 11, price: str = "0.25", **changes: object) -> JobCost:
    values: dict[str, object] = {
        "job_id": job_id, "compute": "glue", "state": "succeeded", "zone": "ods", "domain": domain, "table": table,
        "partitions": ("2026-11-19", "2026-11-20"), "root_run": "run-1", "started": NOON, "ended": NOON.replace(month=month),
        "dpu_hours": 0.5, "seconds": 450.0, "cost": Decimal(price).quantize(Decimal("0.000001")), "currency": "USD", "tags": {"team": "x"},
    }
    return JobCost(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path), PolarsEngine())


def test_ledger_gives_back_what_was_recorded(lake: Lake) -> None:
    assert recorded(lake) == ()
    jobs = (entry("a", started=None, tags={}), entry("b", month=12))
    assert [record(lake, job) for job in reversed(jobs)] == [True, True]
    assert recorded(lake) == jobs


def test_job_is_recorded_once(lake: Lake, tmp_path: Path) -> None:
    assert [record(lake, entry("a")), record(lake, entry("a", price="9")), record(Lake(str(tmp_path), PolarsEngine()), entry("a"))] == [
        True, False, False]
    assert [job.cost for job in recorded(lake)] == [Decimal("0.25")]
    assert len(pl.read_delta(f"{lake.root}/_internal/cost/jobs")) == 1


def test_entry_says_what_was_billed_and_for_what() -> None:
    usage = Usage(dpu_hours=2.0, seconds=1200)
    status = JobStatus("jr_1", JobState.FAILED, "TIMEOUT", usage=usage, started=NOON, ended=NOON + dt.timedelta(minutes=20))
    made = job_cost(status, "glue", PRICES, zone="hds", contract=contract(), days=["2026-11-20"], run="run-1", tags={"team": "x"})
    assert made == JobCost(
        "jr_1", "glue", "failed", "hds", "finance", "ledger", ("2026-11-20",), "run-1", NOON + dt.timedelta(minutes=20),
        Decimal("0.880000"), "EUR", NOON, dpu_hours=2.0, seconds=1200, tags={"team": "x"})


def test_sums_are_by_name_and_currency_and_the_dearest_come_first() -> None:
    jobs = [entry("a"), entry("b", domain="risk", price="3"), entry("c", price="0.5"), entry("d", currency="EUR")]
    assert [(s.name, s.currency, s.jobs, s.cost) for s in summed(jobs, "domain")] == [
        ("risk", "USD", 1, Decimal(3)), ("sales", "USD", 2, Decimal("0.75")), ("sales", "EUR", 1, Decimal("0.25"))]
    assert [s.name for s in summed([entry("a", month=12, price="9"), entry("b", month=10)], "month")] == ["2026-10", "2026-12"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A lakehouse in the current folder, whose jobs of two months are in the ledger."""
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    opened = Project.open(tmp_path)
    for job in (entry("a"), entry("b", table="refunds", price="1234.5"), entry("c", domain="risk", month=10, price="0.1234")):
        record(opened.lake, job)
    return opened


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip() and "─" not in line]


def test_command_sums_by_domain(project: Project, capsys: Captured) -> None:
    assert run(["cost"]) == 0
    assert lines(capsys.readouterr().out) == [
        "domain jobs time cost currency", "sales 2 15 min 0 s 1,234.7500 USD", "risk 1 7 min 30 s 0.1234 USD",
        "all 3 22 min 30 s 1,234.8734 USD"]


def test_command_takes_months_and_gives_json(project: Project, capsys: Captured) -> None:
    assert run(["cost", "--by", "table", "--from", "2026-11", "--to", "2026-11", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "sales.refunds", "currency": "USD", "jobs": 1, "seconds": 450.0, "cost": "1234.500000"},
        {"name": "sales.orders", "currency": "USD", "jobs": 1, "seconds": 450.0, "cost": "0.250000"}]


def test_command_says_that_no_job_has_run(project: Project, capsys: Captured) -> None:
    assert run(["cost", "--from", "2027-01"]) == 0
    assert capsys.readouterr().out == "No job has run.\n"


def test_command_refuses_what_is_no_month(project: Project, capsys: Captured) -> None:
    assert run(["cost", "--from", "2026-99"]) == 2
    assert '"2026-99" is not a month; write it as 2026-11.' in capsys.readouterr().err


def test_command_stops_at_the_last_month(project: Project, capsys: Captured) -> None:
    assert run(["cost", "--by", "month", "--to", "2026-10"]) == 0
    assert lines(capsys.readouterr().out) == ["month jobs time cost currency", "2026-10 1 7 min 30 s 0.1234 USD"]
