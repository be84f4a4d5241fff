"""The whole road on AWS's stand-ins: PostgreSQL to Raw and ODS on S3 by Polars, HDS by a job on EMR Serverless, the Glue catalog, and
DuckDB that reads it; undisturbed, and with each of the accidents that such a road knows.
"""

from __future__ import annotations

import datetime as dt
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lakehouse_platform.cli.listing import lake_query
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration import build_definitions
from lakehouse_platform.orchestration.instance import open_instance
from lakehouse_platform.orchestration.materialize import RunResult, materialize, select
from lakehouse_platform.zones.costs import recorded
from resources.legacy import Business, Legacy
from tests.standins.account import StandIns
from tests.standins.fixtures import aws_jars, aws_stand_ins, module_stand_ins
from tests.standins.ready import furnish

__all__ = ["aws_jars", "aws_stand_ins", "module_stand_ins"]

ROOT = Path(__file__).parents[2]
FIRST, SECOND = "2025-03-06", "2025-03-07"
SECONDS = 180
"""How long something may take that happens elsewhere."""
LOCAL = """\
lake: {{root: .lakehouse/lake}}
partitions: {{start: 2025-03-06, time_zone: America/New_York}}
connections: {{erp: {{kind: postgresql, uri: {{file: erp.uri}}, time_zone: America/New_York}}}}
"""
CLOUD = """\
lake: {{root: "s3://lakehouse/{name}/lake"}}
partitions: {{start: 2025-03-06, time_zone: America/New_York}}
connections: {{erp: {{kind: postgresql, uri: {{file: erp.uri}}, time_zone: America/New_York}}}}
aws: {{region: eu-west-1, endpoint: {{env: LAKEHOUSE_AWS_ENDPOINT}}}}
catalog: {{prefix: {name}}}
compute:
  artifacts: s3://lakehouse/artifacts
  emr_serverless:
    application: 00standin
    role: arn:aws:iam::123456789012:role/lakehouse-jobs
    driver: {{cores: 1, memory_gb: 2}}
    executor: {{cores: 1, memory_gb: 2}}
    max_executors: 1
    timeout_minutes: 10
  prices: {{vcpu_hour: 0.05, gb_hour: 0.006}}
"""


@dataclass(frozen=True)
class Road:
    """A lakehouse in an environment, and its Dagster."""

    project: Project
    defs: dg.Definitions
    instance: dg.DagsterInstance

    def travel(self) -> RunResult:
        """Both days through all zones of the table, in one run."""
        run = materialize(self.defs, self.instance, select(self.defs, ["*/operations/shipment"]), (FIRST, SECOND))
        assert run.success, run.failures
        return run

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """What readers see by DuckDB; not when and by which run it was seen."""
        with lake_query(self.project) as session:
            return {
                zone: sorted(tuple(map(str, row.values())) for row in session.run(
                    f"select * exclude (_seen_at, _batch_id{', _effective_at, _clamp' if zone == 'hds' else ''}) "
                    f"from {zone}.operations.shipment").to_pylist())
                for zone in ("ods", "hds")
            }

    def metadata(self, zone: str) -> dict[str, Any]:
        """Of the newest materialization."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey([zone, "operations", "shipment"]))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}


@pytest.fixture(scope="module")
def legacy(server_folder: Callable[[str], Path]) -> Iterator[Legacy]:
    """Two days of the business."""
    legacy = Legacy(server_folder("legacy") / "pg")
    with Business(legacy, start=dt.date.fromisoformat(FIRST)) as business:
        business.play(1)
        business.play(2)
    yield legacy
    legacy.stop()


@contextmanager
def road(folder: Path, legacy: Legacy, environment: str, patch: pytest.MonkeyPatch) -> Iterator[Road]:
    """A lakehouse of one table whose HDS the contract gives to EMR Serverless."""
    domain = folder / "assets" / "contracts" / "operations"
    domain.mkdir(parents=True)
    for name in ("_defaults.yaml", "shipment.yaml", "shipment.py"):
        shutil.copy(ROOT / "assets" / "contracts" / "operations" / name, domain)
    contract = (domain / "shipment.yaml").read_text().rstrip()
    (domain / "shipment.yaml").write_text(f"{contract}\n      compute: {{hds: emr_serverless}}\n")
    shutil.copy(ROOT / "dagster.yaml", folder)
    (folder / "erp.uri").write_text(legacy.uri("erp"))
    (folder / "resources").mkdir()
    (folder / "resources" / "local.yaml").write_text(environment)
    patch.setenv("DAGSTER_HOME", str(folder))  # so that it is put back
    project = Project.open(folder)
    with open_instance(project) as instance:
        yield Road(project, build_definitions(project), instance)


@pytest.fixture(scope="module")
def expected(legacy: Legacy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """The tables as one machine makes them."""
    with pytest.MonkeyPatch.context() as patch, road(tmp_path_factory.mktemp("local"), legacy, LOCAL.format(), patch) as local:
        assert local.travel().success
        assert "does not have" in str(local.metadata("hds")["compute_reason"])
        return local.tables()


@pytest.fixture(scope="module")
def account(module_stand_ins: StandIns) -> StandIns:
    """The account, furnished."""
    furnish(module_stand_ins)
    return module_stand_ins


@pytest.fixture
def on_aws(
    request: pytest.FixtureRequest, account: StandIns, legacy: Legacy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Road]:
    """The same lakehouse on S3, a lake for each test."""
    name = "road_" + request.node.name.removeprefix("test_")[:20].rstrip("_")
    with road(tmp_path, legacy, CLOUD.format(name=name), monkeypatch) as found:
        yield found
    account.faults.clear()


def test_the_road(on_aws: Road, account: StandIns, expected: dict[str, list[tuple[Any, ...]]]) -> None:
    before = len(account.submissions)
    assert on_aws.travel().success
    assert on_aws.tables() == expected
    assert len(account.submissions) == before + 1
    said = on_aws.metadata("hds")
    assert (said["compute"], said["compute_reason"]) == ("emr_serverless", "The contract says emr_serverless.")
    assert said["job_cost"] > 0
    assert said["vcpu_hours"] > 0
    assert [(cost.job_id, cost.zone, cost.partitions) for cost in recorded(on_aws.project.lake)] == [(said["job"], "hds", (FIRST, SECOND))]
    glue = on_aws.project.account.glue.get_table(DatabaseName=str(said["catalog_table"]).partition(".")[0], Name="hds_shipment")["Table"]
    assert {"valid_from", "valid_to", "carrier"} <= {column["Name"] for column in glue["StorageDescriptor"]["Columns"]}


def test_a_job_that_is_killed_while_it_merges(on_aws: Road, account: StandIns, expected: dict[str, list[tuple[Any, ...]]]) -> None:
    before = len(account.submissions)
    killing = account.faults.kill_drivers_on("PutObject", "lakehouse/*/lake/hds/operations/shipment/*.parquet")
    on_aws.travel()
    assert account.faults.met(killing) == 1
    assert on_aws.tables() == expected
    assert len(account.submissions) == before + 1


def test_a_submission_whose_answer_is_lost(on_aws: Road, account: StandIns, expected: dict[str, list[tuple[Any, ...]]]) -> None:
    before = len(account.submissions)
    losing = account.faults.drop_answer("emr-serverless", "StartJobRun", times=2)
    on_aws.travel()
    assert account.faults.met(losing) == 2
    assert on_aws.tables() == expected
    assert len(account.submissions) == before + 1


def test_a_job_that_the_service_gives_up_is_followed_by_another(
    on_aws: Road, account: StandIns, expected: dict[str, list[tuple[Any, ...]]]
) -> None:
    before = len(account.submissions)

    def give_up() -> None:
        waited(lambda: len(account.submissions) > before)
        job = account.submissions[-1].run_id
        waited(lambda: state_of(account, job) == "RUNNING")
        account.faults.end(job, "failed")

    with ThreadPoolExecutor(1) as beside:
        given_up = beside.submit(give_up)
        on_aws.travel()
        given_up.result()
    assert on_aws.tables() == expected
    assert len(account.submissions) == before + 2
    assert sorted(cost.state for cost in recorded(on_aws.project.lake)) == ["failed", "succeeded"]


def test_a_run_that_is_interrupted_cancels_its_job(on_aws: Road, account: StandIns) -> None:
    for zone in ("raw", "ods"):
        assert materialize(on_aws.defs, on_aws.instance, select(on_aws.defs, [f"{zone}/operations/shipment"]), (FIRST, SECOND)).success
    before = len(account.submissions)
    lakehouse = str(Path(sys.executable).with_name("lakehouse"))
    folder = str(on_aws.project.folder)
    command = [lakehouse, "--project", folder, "materialize", "hds/operations/shipment", "--partition", f"{FIRST}..{SECOND}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        waited(lambda: len(account.submissions) > before)
        job = account.submissions[-1].run_id
        waited(lambda: state_of(account, job) == "RUNNING")
        run.send_signal(signal.SIGINT)
        run.wait(60)
    waited(lambda: state_of(account, job) == "CANCELLED")


def waited(until: Callable[[], bool]) -> None:
    for _ in range(SECONDS):
        if until():
            return
        time.sleep(1)
    pytest.fail(f"it has not come to that within {SECONDS} s")


def state_of(account: StandIns, job: str) -> str:
    return str(account.account.emr_serverless.get_job_run(applicationId="00standin", jobRunId=job)["jobRun"]["state"])


def test_s3_that_is_down_for_a_while(on_aws: Road, account: StandIns, expected: dict[str, list[tuple[Any, ...]]]) -> None:
    before = len(account.submissions)
    refusing = [account.faults.refuse("s3", operation, times=5) for operation in ("GetObject", "PutObject", "ListObjectsV2")]
    on_aws.travel()
    assert all(account.faults.met(number) for number in refusing)
    assert on_aws.tables() == expected
    assert len(account.submissions) == before + 1


def test_a_file_of_messages_that_is_lost(on_aws: Road, account: StandIns, expected: dict[str, list[tuple[Any, ...]]]) -> None:
    before = len(account.submissions)
    losing = account.faults.lose("lakehouse/artifacts/runs/*/messages-0/1.json")
    on_aws.travel()
    assert account.faults.met(losing) == 1
    assert on_aws.tables() == expected
    assert len(account.submissions) == before + 1
