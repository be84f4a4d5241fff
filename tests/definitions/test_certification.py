"""Certificates at work: a real instance, two marts, their datasets in Domo, and each cause that takes a badge away."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_platform.certify.approvals import Act, Entry, append_entry, approvals_file
from lakehouse_platform.certify.evidence import recorded
from lakehouse_platform.cli.app import run
from lakehouse_platform.jobs.certificates import CERTIFIED, Certified
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import CheckOutcome
from lakehouse_platform.orchestration.certification import build_certificates, build_certification_sensor
from lakehouse_platform.orchestration.evidence import OVERLAP, Position
from lakehouse_platform.orchestration.steps import evaluation
from resources.legacy import Legacy
from tests.definitions.conftest import FIRST, SECOND, TABLE, Shop, opened
from tests.standins.domo.stand_in import DomoStandIn, domo_stand_in

DAYS, TOTAL = "operations.kpi_fulfilment_daily", "operations.kpi_fulfilment_total"
BY_DAY, ALL = "Fulfilment by day", "Fulfilment in all"
OWNER = "ops@shop.test"
YOUNG_FOR = dt.timedelta(hours=24_000)
"""Its days lie years back: the contract promises no more."""
ENVIRONMENT = """\
publish:
  domo:
    kind: domo
    api: {env: LAKEHOUSE_DOMO_API}
    client_id: {env: LAKEHOUSE_DOMO_CLIENT}
    client_secret: {env: LAKEHOUSE_DOMO_SECRET}
    instance: {url: {env: LAKEHOUSE_DOMO_INSTANCE}, token: {env: LAKEHOUSE_DOMO_TOKEN}}
    commit_minutes: 0
"""
MODEL = """\
select
    warehouse_code,
    cast(sum(shipments) as bigint) as shipments
from {{ ref('kpi_fulfilment_daily') }}
group by warehouse_code
"""
SCHEMA = """\
models:
  - name: kpi_fulfilment_total
    description: Shipments of each warehouse.
    columns:
      - {name: warehouse_code, data_type: varchar}
      - {name: shipments, data_type: bigint}
"""
CONTRACT = f"""\
apiVersion: v3.1.0
kind: DataContract
id: {TOTAL}
version: 1.0.0
description: {{purpose: Shipments of each warehouse.}}
schema:
  - name: kpi_fulfilment_total
    properties:
      - {{name: warehouse_code, logicalType: string, physicalType: varchar(8), required: true, primaryKey: true, primaryKeyPosition: 1}}
      - {{name: shipments, logicalType: integer, physicalType: bigint, required: true}}
customProperties:
  - property: lakehouse
    value:
      model: kpi_fulfilment_total
      domo: {{dataset: {ALL}, owner: {OWNER}}}
      certification: {{green_runs: 1}}
"""


@dataclass
class Tower:
    """A lakehouse with two certified datasets, and what watches them."""

    shop: Shop
    domo: DomoStandIn
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(tz=dt.UTC))
    cursor: str | None = None
    set_back: dt.datetime | None = None
    """What the sensor's clock shows instead."""

    @cached_property
    def sensor(self) -> dg.SensorDefinition:
        """As one code server has it from its start."""
        return build_certification_sensor(self.shop.project, clock=lambda: self.set_back or self.now)

    def tick(self) -> None:
        """The sensor's tick."""
        self.now = max(self.now, dt.datetime.now(tz=dt.UTC))
        context = dg.build_sensor_context(instance=self.shop.instance, cursor=self.cursor)
        self.sensor(context)
        self.cursor = context.cursor

    @property
    def badges(self) -> dict[str, bool]:
        return {name: self.domo.badge(name) for name in (BY_DAY, ALL)}

    def append(self, name: str, act: Act, by: str, *, until: dt.timedelta | None = None) -> None:
        contract = Project.open(self.shop.project.folder).contract(name)
        self.now = max(self.now, dt.datetime.now(tz=dt.UTC))
        append_entry(contract, Entry(
            act, by, self.now, "" if act is Act.REVOKED else contract.fingerprint, self.now + until if until else None,
            "" if act is Act.APPROVED else "the board wants it"))

    def approve(self, *names: str) -> None:
        for name in names:
            self.append(name, Act.REQUESTED, "ana@shop.test")
            self.append(name, Act.APPROVED, "bo@shop.test", until=dt.timedelta(days=3_000))

    def tell(self, asset: str, check: str, *, passed: bool, day: str | None = None, halting: bool = True) -> None:
        """A check's result, as a run leaves it."""
        said = evaluation(dg.AssetKey.from_user_string(asset), CheckOutcome(check, passed, halting=halting), day)
        self.shop.instance.report_runless_asset_event(said)

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.shop.project.contracts_folder / f"{name.replace('.', '/')}.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def said(self, asset: str = "domo/operations/fulfilment_by_day") -> list[tuple[bool, str]]:
        """What the check `certified` of an asset was reported to be, the oldest first: passed, and causes."""
        key = dg.AssetCheckKey(dg.AssetKey.from_user_string(asset), CERTIFIED.name)
        records = self.shop.instance.event_log_storage.get_asset_check_execution_history(key, limit=20)
        found = [record.evaluation for record in reversed(records)]
        return [(e.passed, str(e.metadata["causes"].value)) for e in found if isinstance(e, dg.AssetCheckEvaluation)]


@pytest.fixture(scope="module")
def domo() -> Iterator[DomoStandIn]:
    with domo_stand_in(commit_seconds=0, polls=1) as running:
        running.add_user("Operations", OWNER)
        running.add_group("Eastern desk", OWNER)
        yield running


@pytest.fixture(scope="module")
def published(played: Path, legacy: Legacy, domo: DomoStandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both marts built and published; nobody may write to it."""
    folder = tmp_path_factory.mktemp("published") / "lakehouse"
    shutil.copytree(played, folder)
    prepare(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in domo.environment.items():
            patch.setenv(name, value)
        with opened(folder, legacy, patch) as shop:
            assert shop.materialize("curated/*", "domo/*", days=(FIRST, SECOND)).success
    return folder


def prepare(folder: Path) -> None:
    domain, models = folder / "assets" / "contracts" / "operations", folder / "assets" / "marts" / "models" / "operations"
    (models / "kpi_fulfilment_total.sql").write_text(MODEL)
    (models / "total.yml").write_text(SCHEMA)
    (domain / "kpi_fulfilment_total.yaml").write_text(CONTRACT)
    daily = domain / "kpi_fulfilment_daily.yaml"
    access = "row_access: [{name: East, column: warehouse_code, values: [NYC], groups: [Eastern desk]}]"
    daily.write_text(daily.read_text().replace(
        "        partition_by: ship_date\n", f"        owner: {OWNER}\n        {access}\n      certification: {{green_runs: 1}}\n"))
    defaults = domain / "_defaults.yaml"
    defaults.write_text(defaults.read_text().replace("value: 26\n", f"value: {YOUNG_FOR // dt.timedelta(hours=1)}\n"))
    local = folder / "resources" / "local.yaml"
    local.write_text(re.sub(r"publish: .*\n", ENVIRONMENT, local.read_text()))


@pytest.fixture
def tower(
    published: Path, legacy: Legacy, domo: DomoStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tower]:
    """Both datasets certified, for the test alone."""
    shutil.copytree(published, tmp_path / "lakehouse")
    for name, value in domo.environment.items():
        monkeypatch.setenv(name, value)
    domo.clear()
    with opened(tmp_path / "lakehouse", legacy, monkeypatch) as shop:
        found = Tower(shop, domo)
        found.tick()
        assert found.badges == {BY_DAY: False, ALL: False}
        found.approve(DAYS, TOTAL)
        found.tick()
        assert found.badges == {BY_DAY: True, ALL: True}
        yield found


CHAIN = {BY_DAY: False, ALL: False}
GREEN = {BY_DAY: True, ALL: True}
ODS, RAW, CURATED = f"ods/{TABLE}", f"raw/{TABLE}", "curated/operations/kpi_fulfilment_daily"
SUM = "domo/operations/fulfilment_in_all"


def test_nothing_happens_until_something_does(tower: Tower) -> None:
    changes, kept = tower.domo.count("*", "*/CERTIFIED/state/*"), len(recorded(tower.shop.project.lake))
    tower.tick()
    tower.cursor = None  # a sensor that begins anew, in another code server, reads all that there is once more
    del tower.sensor
    tower.tick()
    assert tower.badges == GREEN
    assert tower.domo.count("*", "*/CERTIFIED/state/*") == changes
    assert len(recorded(tower.shop.project.lake)) == kept
    assert tower.said() == [(True, "")]


def test_halted_day_upstream_takes_both_badges_and_the_day_run_again_gives_them_back(tower: Tower) -> None:
    with tower.shop.shipment(900011, units=0, shipped_at=f"{SECOND} 11:00"):
        assert not tower.shop.materialize(RAW, ODS, days=(SECOND,)).success
    tower.tick()
    assert tower.badges == CHAIN
    assert tower.said() == [(True, ""), (False, "failed check")]
    assert tower.shop.materialize(RAW, ODS, days=(SECOND,)).success
    tower.tick()
    assert tower.badges == GREEN
    assert tower.said() == [(True, ""), (False, "failed check"), (True, "")]


@pytest.mark.parametrize(("asset", "check", "lost"), [
    (CURATED, "control_total", CHAIN), ("domo/operations/fulfilment_by_day", "rows_match", CHAIN),
    (SUM, "rows_match", {BY_DAY: True, ALL: False}),
])
def test_failed_blocking_check_takes_the_badge_and_those_below(tower: Tower, asset: str, check: str, lost: dict[str, bool]) -> None:
    tower.tell(asset, check, passed=False, day=SECOND)
    tower.tick()
    assert tower.badges == lost


def test_what_is_no_cause_takes_nothing(tower: Tower) -> None:
    tower.tell(f"hds/{TABLE}", "agrees_with_ods", passed=False, day=SECOND, halting=False)
    tower.tell(CURATED, "units_positive", passed=False, day=SECOND, halting=False)
    tower.tell("ods/finance/invoice", "amount_is_known", passed=False, day=SECOND)
    tower.tell(CURATED, "scan_within_budget", passed=False, day=SECOND, halting=False)
    tower.tick()
    assert tower.badges == GREEN
    assert tower.said() == [(True, "")]


def test_source_that_leaves_its_contract_takes_both_badges_until_somebody_approves_again(tower: Tower) -> None:
    tower.tell(RAW, "schema_matches_contract", passed=False, day=SECOND, halting=False)
    tower.tick()
    assert tower.badges == CHAIN
    assert tower.said()[-1] == (False, "schema change")
    assert tower.shop.materialize(RAW, days=(SECOND,)).success
    tower.tick()
    assert tower.badges == CHAIN
    tower.approve(DAYS, TOTAL)
    tower.tick()
    assert tower.badges == GREEN


def test_contract_that_changes_takes_the_badge_before_anything_is_loaded_anew_and_taken_back_gives_nothing_back(tower: Tower) -> None:
    tower.edit(DAYS, "Number of shipments.", "Shipments, cancelled ones too.")
    tower.tick()
    assert tower.badges == CHAIN
    assert (tower.said(), tower.said(SUM)[-1]) == ([(True, ""), (False, "schema change")], (False, "upstream"))
    tower.edit(DAYS, "Shipments, cancelled ones too.", "Number of shipments.")
    tower.tick()
    assert tower.badges == CHAIN
    tower.approve(DAYS)
    tower.tick()
    assert tower.badges == GREEN


def test_data_that_grows_late_takes_the_badges(tower: Tower) -> None:
    tower.now = dt.datetime.fromisoformat(f"{SECOND}T00:00:00-05:00") + YOUNG_FOR
    tower.tick()
    assert tower.badges == GREEN
    tower.now += dt.timedelta(days=2)
    tower.tick()
    assert tower.badges == CHAIN
    assert tower.said() == [(True, ""), (False, "lateness")]


def test_approval_that_ends_takes_the_badge_and_that_of_the_mart_below(tower: Tower) -> None:
    tower.append(DAYS, Act.REQUESTED, "ana@shop.test")
    tower.append(DAYS, Act.APPROVED, "bo@shop.test", until=dt.timedelta(days=1))
    tower.tick()
    assert tower.badges == GREEN
    tower.now += dt.timedelta(days=1)
    tower.tick()
    assert tower.badges == CHAIN
    assert (tower.said()[-1], tower.said(SUM)[-1]) == ((False, "expiry"), (False, "upstream"))


def test_revocation_upstream_takes_the_badge_below_and_a_new_approval_gives_it_back(tower: Tower) -> None:
    tower.append(DAYS, Act.REVOKED, "eve@shop.test")
    tower.tick()
    assert tower.badges == CHAIN
    assert (tower.said()[-1], tower.said(SUM)[-1]) == ((False, "revocation"), (False, "upstream"))
    tower.approve(DAYS)
    tower.tick()
    assert tower.badges == GREEN


def test_policy_that_somebody_takes_away_in_domo_takes_the_badge(tower: Tower) -> None:
    dataset = tower.domo.account.named(BY_DAY)
    policies = dict(dataset.policies)
    dataset.policies.clear()
    tower.tick()
    assert tower.badges == CHAIN
    dataset.policies.update(policies)
    tower.tick()
    assert tower.badges == GREEN


def test_badge_that_somebody_takes_or_gives_by_hand_is_put_right(tower: Tower) -> None:
    given, tower.domo.account.named(BY_DAY).badge = tower.domo.account.named(BY_DAY).badge, None
    tower.tick()
    assert tower.badges == GREEN
    tower.append(DAYS, Act.REVOKED, "eve@shop.test")
    tower.tick()
    tower.domo.account.named(BY_DAY).badge = given
    assert tower.badges == {BY_DAY: True, ALL: False}
    tower.tick()
    assert tower.badges == CHAIN


def test_while_domo_is_down_the_loss_is_told_and_the_badge_goes_as_soon_as_it_is_back(tower: Tower) -> None:
    tower.domo.reset(times=None)
    tower.append(DAYS, Act.REVOKED, "eve@shop.test")
    tower.tick()
    assert tower.said() == [(True, ""), (False, "revocation")]
    assert tower.badges == GREEN
    tower.domo.clear()
    tower.tick()
    assert tower.badges == CHAIN
    assert tower.said() == [(True, ""), (False, "revocation")]


@pytest.mark.parametrize("broken", ["contract", "model", "client"])
def test_whatever_is_wrong_meanwhile_a_revocation_counts(tower: Tower, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tower.shop.project.folder
    if broken == "contract":
        (folder / "assets/contracts/operations/shipment.yaml").write_text("kind: [\n")
    elif broken == "model":
        (folder / "assets/marts/models/operations/total.yml").write_text("models: [{name: kpi_fulfilment_total, columns: [1]\n")
    else:
        monkeypatch.delenv("LAKEHOUSE_DOMO_CLIENT")
    append_entry(tower.shop.project.contract(DAYS), Entry(Act.REVOKED, "eve@shop.test", tower.now, why="the board wants it"))
    tower.tick()
    assert tower.said() == [(True, ""), (False, "revocation")]
    assert tower.badges == CHAIN


def test_approvals_that_cannot_be_read_approve_nothing(tower: Tower) -> None:
    contract = tower.shop.project.contract(TOTAL)
    file = approvals_file(contract)
    file.write_text(file.read_text().replace("approved", "aproved"))
    tower.tick()
    assert tower.badges == {BY_DAY: True, ALL: False}


def test_mart_that_is_not_to_be_certified_any_more_loses_its_badge(tower: Tower) -> None:
    tower.edit(TOTAL, "      certification: {green_runs: 1}\n", "")
    tower.tick()
    assert tower.badges == {BY_DAY: True, ALL: False}


def test_clock_that_is_set_back_gives_no_badge_back(tower: Tower) -> None:
    tower.set_back = dt.datetime.now(tz=dt.UTC)
    tower.tell(CURATED, "control_total", passed=False, day=SECOND)
    tower.tick()
    position = Position.from_cursor(tower.cursor)
    tower.cursor = replace(position, after=(position.after or 0) + OVERLAP).cursor  # much happened since, and nothing is read again
    tower.tick()
    assert tower.badges == CHAIN


def test_page_shows_the_cards_and_datasets_that_domo_makes_of_it(tower: Tower) -> None:
    tower.domo.add_card("Late shipments, by warehouse", BY_DAY)
    folder = tower.shop.project.folder
    assert run(["--project", str(folder), "certify", "page", DAYS, "--output", str(folder / "page.md")]) == 0
    text = (folder / "page.md").read_text()
    assert text.startswith(f"# {BY_DAY}: certified\n")
    assert "| card | Late shipments, by warehouse |" in text


def test_where_datasets_go_to_a_folder_the_certificate_is_in_the_check_alone(tower: Tower) -> None:
    local = tower.shop.project.folder / "resources" / "local.yaml"
    local.write_text(local.read_text().replace(ENVIRONMENT, "publish: {domo: {kind: folder, path: .lakehouse/domo}}\n"))
    calls = len(tower.domo.calls())
    tower.append(DAYS, Act.REVOKED, "eve@shop.test")
    tower.tick()
    assert tower.said() == [(True, ""), (False, "revocation")]
    assert len(tower.domo.calls()) == calls


def test_anybody_can_run_the_check(tower: Tower) -> None:
    project = Project.open(tower.shop.project.folder)
    definitions = dg.Definitions(asset_checks=build_certificates(project, Certified.of(project).marts))
    job = definitions.resolve_implicit_global_asset_job_def()
    (found,) = [
        said for said in job.execute_in_process(instance=tower.shop.instance).get_asset_check_evaluations()
        if said.asset_key.to_user_string() == SUM]
    assert found.passed
    assert found.metadata["state"].value == "active"
    assert (found.description or "").startswith(f"{TOTAL}: active since ")
