from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.jobs.datasets import awaited_marts, dataset_checks, run_dataset
from lakehouse_platform.jobs.marts import Mart
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.zones.lake import Lake
from tests.core.domo_cases import CONTRACT, NAME, Shop, sale, serving
from tests.standins.domo.stand_in import domo_stand_in

ENVIRONMENT = """\
lake: {root: lake}
partitions: {start: 2026-11-01, time_zone: America/New_York}
connections: {erp: {kind: postgresql, uri: {env: ERP_URI}, time_zone: America/New_York}}
publish:
  domo:
    kind: domo
    client_id: {env: LAKEHOUSE_DOMO_CLIENT}
    client_secret: {env: LAKEHOUSE_DOMO_SECRET}
    api: {env: LAKEHOUSE_DOMO_API}
    instance: {url: {env: LAKEHOUSE_DOMO_INSTANCE}, token: {env: LAKEHOUSE_DOMO_TOKEN}}
"""


@pytest.fixture
def sales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "local.yaml").write_text(ENVIRONMENT)
    with domo_stand_in(polls=0) as domo:
        for name, value in domo.environment.items():
            monkeypatch.setenv(name, value)
        yield Shop(Lake(str(tmp_path / "lake"), PolarsEngine()), domo)


@pytest.fixture
def project(sales: Shop, tmp_path: Path) -> Project:
    return Project.open(tmp_path)


def mart(contract: Contract = CONTRACT) -> Mart:
    return Mart(contract, (), ())


def test_environment_leads_to_domo_and_the_outcome_says_what_was_sent(sales: Shop, project: Project) -> None:
    sales.build(sale(1), sale(2))
    outcome = run_dataset(project, mart(), [])
    (check,) = outcome.checks
    assert (check.name, check.passed, dict(check.figures)) == ("rows_match", True, {"mart_rows": 2, "dataset_rows": 2})
    assert (outcome.rows, outcome.halted, sales.ids()) == (2, None, [1, 2])
    figures = dict(outcome.figures)
    assert {name: figures[name] for name in ("dataset", "dataset_id", "mart_version", "mode", "rows_sent", "parts")} == {
        "dataset": NAME, "dataset_id": sales.domo.about(NAME)["id"], "mart_version": 1, "mode": "replace", "rows_sent": 2, "parts": 1}


def test_rows_that_do_not_arrive_fail_the_check_and_halt(sales: Shop, project: Project) -> None:
    sales.build(sale(1))
    sales.domo.lose_part()
    outcome = run_dataset(project, mart(), [])
    assert [(check.name, check.passed, check.halting) for check in outcome.checks] == [("rows_match", False, True)]
    assert "ended as FAILED" in str(outcome.halted)


def test_dataflow_that_fails_is_a_check_and_does_not_halt(sales: Shop, project: Project) -> None:
    flowing = serving(dataflow="42")
    sales.domo.add_dataflow("42", "By week")
    sales.domo.fail_dataflows()
    sales.build(sale(1))
    outcome = run_dataset(project, mart(flowing), [])
    assert [(check.name, check.passed) for check in outcome.checks] == [("rows_match", True), ("dataflow_succeeded", False)]
    assert [spec.name for spec in dataset_checks(flowing)] == ["rows_match", "dataflow_succeeded"]
    assert outcome.halted is None


def test_dataset_waits_for_its_mart_and_for_those_that_its_contract_names() -> None:
    other = replace(CONTRACT, table="rates", publication=None)
    waiting = serving(waits_for=("finance.rates",))
    assert [c.name for c in awaited_marts(waiting, [mart(waiting), mart(other)])] == ["finance.sales", "finance.rates"]
