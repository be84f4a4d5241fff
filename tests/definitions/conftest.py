"""A small lakehouse at work: one table, its mart and its dataset, two business days of a real PostgreSQL."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration import build_definitions
from lakehouse_platform.orchestration.follow import follow
from lakehouse_platform.orchestration.instance import open_instance
from lakehouse_platform.orchestration.materialize import RunResult, materialize, select
from resources.legacy import Business, Legacy

ROOT = Path(__file__).parents[2]
FIRST, SECOND = "2025-03-06", "2025-03-07"
TABLE = "operations/shipment"
CHAIN = {
    f"ods/{TABLE}", f"hds/{TABLE}", "curated/operations/kpi_fulfilment_daily", "domo/operations/fulfilment_by_day",
}
"""What follows from Raw."""
CONTRACTS = ("_defaults.yaml", "shipment.yaml", "shipment.py", "kpi_fulfilment_daily.yaml")


@dataclass(frozen=True)
class Shop:
    """A project's folder with its definitions and instance, and the legacy behind it."""

    project: Project
    defs: dg.Definitions
    instance: dg.DagsterInstance
    legacy: Legacy

    def materialize(self, *patterns: str, days: tuple[str, ...]) -> RunResult:
        return materialize(self.defs, self.instance, select(self.defs, patterns), days)

    def follow(self) -> list[RunResult]:
        return follow(self.defs, self.instance, self.project.home / "automation.json")

    @contextmanager
    def shipment(self, number: int, *, units: int, shipped_at: str) -> Iterator[None]:
        """A row at the source while the test lasts."""
        insert = "insert into ops.shipment (shipment_id, warehouse_code, carrier, units, shipped_at) values (%s, 'NYC', 'UPS', %s, %s)"
        change(self.legacy, insert, number, units, f"{shipped_at} America/New_York")
        try:
            yield
        finally:
            change(self.legacy, "delete from ops.shipment where shipment_id = %s", number)



def change(legacy: Legacy, statement: str, *values: object) -> None:
    """Change the ERP, as the business does."""
    with legacy.connect("erp") as connection:
        connection.execute("select set_config('legacy.now', now()::text, false)")
        connection.execute(statement.encode(), values)


@pytest.fixture(scope="session")
def legacy(server_folder: Callable[[str], Path]) -> Iterator[Legacy]:
    """Two days of the business."""
    legacy = Legacy(server_folder("legacy") / "pg")
    with Business(legacy, start=dt.date.fromisoformat(FIRST)) as business:
        business.play(1)
        business.play(2)
    change(legacy, "delete from ops.shipment where units <= 0")
    yield legacy
    legacy.stop()


@pytest.fixture(scope="session")
def played(legacy: Legacy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lakehouse after both days; nobody may write to it."""
    folder = tmp_path_factory.mktemp("played") / "lakehouse"
    build_folder(folder, legacy)
    with pytest.MonkeyPatch.context() as patch, opened(folder, legacy, patch) as shop:
        assert shop.materialize("*", days=(FIRST, SECOND)).success
        assert shop.follow() == []
    return folder


@pytest.fixture
def shop(played: Path, legacy: Legacy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The lakehouse after both days, for the test alone."""
    shutil.copytree(played, tmp_path / "lakehouse")
    with opened(tmp_path / "lakehouse", legacy, monkeypatch) as shop:
        yield shop


@contextmanager
def opened(folder: Path, legacy: Legacy, patch: pytest.MonkeyPatch) -> Iterator[Shop]:
    patch.setenv("DAGSTER_HOME", str(folder))  # so that it is put back
    project = Project.open(folder)
    with open_instance(project) as instance:
        yield Shop(project, build_definitions(project), instance, legacy)


def build_folder(folder: Path, legacy: Legacy) -> None:
    """A lakehouse of one table whose gate halts on empty parcels, and of what is made of it."""
    domain = folder / "assets" / "contracts" / "operations"
    domain.mkdir(parents=True)
    for name in CONTRACTS:
        shutil.copy(ROOT / "assets" / "contracts" / "operations" / name, domain)
    contract = domain / "shipment.yaml"
    strict = re.sub(r"(units > 0\"\n\s+severity: )quarantine", r"\1halt", contract.read_text())
    assert strict != contract.read_text()
    contract.write_text(strict)
    shutil.copytree(ROOT / "assets" / "marts", folder / "assets" / "marts", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copy(ROOT / "dagster.yaml", folder)
    (folder / "erp.uri").write_text(legacy.uri("erp"))
    (folder / "resources").mkdir()
    (folder / "resources" / "local.yaml").write_text(
        "lake: {root: .lakehouse/lake}\n"
        f"partitions: {{start: {FIRST}, time_zone: America/New_York}}\n"
        "connections: {erp: {kind: postgresql, uri: {file: erp.uri}, time_zone: America/New_York}}\n"
        "publish: {domo: {kind: folder, path: .lakehouse/domo}}\n")
