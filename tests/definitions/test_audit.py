"""The crawlers' audit as checks of the Raw assets. moto never crawls: the test writes what a crawler would have written."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_platform.jobs.audit import AUDITED
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.registration import register_table
from lakehouse_platform.orchestration import build_definitions
from tests.standins.account import StandIns, stand_ins
from tests.standins.image import REGION

ROOT = Path(__file__).parents[2]
KEY = dg.AssetKey(["raw", "operations", "shipment"])
CLOUD = """\
lake: {root: s3://audited/lake}
partitions: {start: 2025-03-06, time_zone: America/New_York}
connections: {erp: {kind: postgresql, uri: {env: NOBODY_ASKS}, time_zone: America/New_York}}
aws: {region: eu-west-1, endpoint: {env: LAKEHOUSE_AWS_ENDPOINT}}
catalog: {prefix: lake, crawler_role: crawler}
"""


@pytest.fixture(scope="module")
def account() -> Iterator[StandIns]:
    with stand_ins() as running:
        running.account.s3.create_bucket(Bucket="audited", CreateBucketConfiguration={"LocationConstraint": REGION})
        at_once = json.dumps({"model_name": "glue::crawl", "transition": {"progression": "immediate"}}).encode()
        urllib.request.urlopen(f"{running.address}/moto-api/state-manager/set-transition", at_once).close()
        yield running


@pytest.fixture
def project(account: StandIns, tmp_path: Path) -> Project:
    """A lakehouse of one table, which is there and registered."""
    domain = tmp_path / "assets" / "contracts" / "operations"
    domain.mkdir(parents=True)
    for name in ("_defaults.yaml", "shipment.yaml", "shipment.py"):
        shutil.copy(ROOT / "assets" / "contracts" / "operations" / name, domain)
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "local.yaml").write_text(CLOUD)
    found = Project.open(tmp_path)
    found.lake.raw(found.contracts[0])
    register_table(found, "raw", found.contracts[0])
    return found


def crawled(account: StandIns, *, without: str = "") -> None:
    """What a crawler leaves of the table."""
    glue = account.account.glue
    table = glue.get_table(DatabaseName="lake_operations", Name="raw_shipment")["Table"]
    columns = [c for c in table["StorageDescriptor"]["Columns"] if c["Name"] != without]
    location = table["StorageDescriptor"]["Location"]
    glue.create_database(DatabaseInput={"Name": "lake_audit_operations"})
    glue.create_table(DatabaseName="lake_audit_operations", TableInput={
        "Name": "raw_shipment", "PartitionKeys": table["PartitionKeys"], "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "delta"}, "StorageDescriptor": {"Columns": columns, "Location": location},
    })  # fmt: skip


@pytest.mark.parametrize(("without", "passed"), [("", True), ("carrier", False)])
def test_what_a_crawler_finds_is_a_check_of_raw(account: StandIns, project: Project, without: str, *, passed: bool) -> None:
    crawled(account, without=without)
    definitions = build_definitions(project)
    with dg.DagsterInstance.ephemeral() as instance:
        whole = definitions.resolve_implicit_global_asset_job_def()
        job = whole.get_subset(asset_selection=set(), asset_check_selection={dg.AssetCheckKey(KEY, AUDITED.name)})
        (found,) = job.execute_in_process(instance=instance).get_asset_check_evaluations()
    account.account.glue.delete_database(Name="lake_audit_operations")
    assert (found.asset_key, found.passed) == (KEY, passed)
    assert ("carrier" in (found.description or "")) is not passed


def test_an_environment_without_crawlers_has_no_such_check(project: Project) -> None:
    (project.folder / "resources" / "local.yaml").write_text(CLOUD.replace(", crawler_role: crawler", ""))
    graph = build_definitions(Project.open(project.folder)).resolve_asset_graph()
    assert AUDITED.name not in {key.name for key in graph.asset_check_keys}
