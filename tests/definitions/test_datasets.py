"""When a dataset follows its marts: for the same business day, all of them, and only where their blocking checks passed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

from lakehouse_platform.errors import TransientError
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import CheckOutcome, Outcome
from lakehouse_platform.orchestration import build_definitions
from lakehouse_platform.orchestration.materialize import materialize
from lakehouse_platform.orchestration.steps import evaluations, seconds_to_wait
from lakehouse_platform.publish.destination import PublicationTooSoon

ROOT = Path(__file__).parents[2]
DAY, OTHER = "2026-11-02", "2026-11-03"
OWN, AWAITED = dg.AssetKey(["curated", "finance", "kpi_revenue_daily"]), dg.AssetKey(["curated", "operations", "kpi_fulfilment_daily"])
DATASET = dg.AssetKey(["domo", "finance", "revenue_by_day"])


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """This repository's definitions, but that revenue waits for fulfilment."""
    folder = tmp_path_factory.mktemp("waiting")
    for piece in ("assets", "resources"):
        shutil.copytree(ROOT / piece, folder / piece, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "assets" / "contracts" / "finance" / "kpi_revenue_daily.yaml"
    text = file.read_text()
    assert text.count("update: upsert") == 1
    file.write_text(text.replace("update: upsert", "update: upsert\n        waits_for: [operations.kpi_fulfilment_daily]"))
    return build_definitions(Project.open(folder))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def built(defs: dg.Definitions, instance: dg.DagsterInstance, mart: dg.AssetKey, *, day: str = DAY, failed: str = "") -> None:
    """The mart was built for a day, and its blocking checks came out."""
    instance.report_runless_asset_event(dg.AssetMaterialization(mart, partition=day))
    graph = defs.resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys if key.asset_key == mart]
    blocking = [spec.name for spec in specs if spec.blocking]
    assert failed in ("", *blocking)
    outcome = Outcome(tuple(CheckOutcome(name, passed=name != failed, halting=True) for name in blocking))
    for found in evaluations(instance, mart, {day: outcome}):
        instance.report_runless_asset_event(found)


@dataclass
class Automation:
    """Looks at one instance again and again, and remembers where it was."""

    defs: dg.Definitions
    instance: dg.DagsterInstance
    cursor: AssetDaemonCursor | None = None

    def __post_init__(self) -> None:
        self.asked()

    def asked(self) -> set[str | None]:
        """Days of the dataset that are asked for."""
        found = dg.evaluate_automation_conditions(self.defs, self.instance, dg.AssetSelection.assets(DATASET), cursor=self.cursor)
        self.cursor = found.cursor
        return set(found.get_requested_partitions(DATASET))


def test_a_dataset_waits_for_every_mart_of_the_day(defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    automation = Automation(defs, instance)
    built(defs, instance, OWN)
    assert automation.asked() == set()
    built(defs, instance, AWAITED, day=OTHER)
    assert automation.asked() == set()
    built(defs, instance, AWAITED)
    assert automation.asked() == {DAY}


def test_a_dataset_does_not_follow_a_mart_whose_blocking_check_failed(defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    automation = Automation(defs, instance)
    for day in (DAY, OTHER):
        built(defs, instance, AWAITED, day=day)
        built(defs, instance, OWN, day=day, failed="invoices_positive" if day == DAY else "")
    assert automation.asked() == {OTHER}


def test_a_run_that_asks_for_a_day_without_its_marts_is_told(defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    built(defs, instance, OWN)
    result = materialize(defs, instance, [DATASET], [DAY])
    assert not result.success
    assert "curated/operations/kpi_fulfilment_daily was not built for 2026-11-02. Materialize it first" in str(result.failures)


def test_a_step_is_not_tried_again_before_its_neighbour_would_take_it() -> None:
    busy = PublicationTooSoon("Domo takes its next commit later", 600.0)
    assert [seconds_to_wait(retries, busy) for retries in range(2)] == [600.0, 600.0]
    assert [seconds_to_wait(retries, TransientError("the network")) for retries in range(3)] == [2, 4, 8]
