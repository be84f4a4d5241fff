"""`lakehouse catalog` on a lake on S3, with moto's S3 and Glue behind one address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copy, copytree, rmtree
from typing import Any
from urllib.request import Request, urlopen

import pytest

from lakehouse_platform.cli.app import run
from lakehouse_platform.cli.catalog import catalog as group
from lakehouse_platform.jobs.project import Project
from tests.core.catalog_cases import PROJECT, REGION, Catalog, catalog

Captured = pytest.CaptureFixture[str]
Lakehouse = Callable[..., int]
ENVIRONMENT = f"""
lake: {{root: s3://lake-bucket/lake}}
partitions: {{start: 2026-11-01, time_zone: UTC}}
connections:
  erp: {{kind: postgresql, uri: {{env: NOWHERE}}, time_zone: UTC}}
aws: {{region: {REGION}, endpoint: {{env: LAKEHOUSE_AWS_ENDPOINT}}}}
catalog: {{prefix: lake, crawler_role: crawler}}
"""
LOCAL = """
lake: {root: lake}
partitions: {start: 2026-11-01, time_zone: UTC}
connections: {}
"""


@pytest.fixture(scope="module")
def service() -> Iterator[Catalog]:
    with catalog() as made:
        yield made


@pytest.fixture
def aws(service: Catalog) -> Catalog:
    made = service.emptied()
    made.account.s3.create_bucket(Bucket="lake-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return made


@pytest.fixture
def folder(aws: Catalog, tmp_path: Path) -> Path:
    """A lakehouse of one contract; its Raw and ODS tables are there."""
    (tmp_path / "assets/contracts/finance").mkdir(parents=True)
    for file in ("_defaults.yaml", "invoice.yaml"):
        copy(PROJECT / "assets/contracts/finance" / file, tmp_path / "assets/contracts/finance")
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/aws.yaml").write_text(ENVIRONMENT)
    (tmp_path / "resources/local.yaml").write_text(LOCAL)
    project = Project.open(tmp_path, "aws")
    project.lake.raw(project.contract("invoice"))
    project.lake.ods(project.contract("invoice"))
    return tmp_path


@pytest.fixture
def lakehouse(folder: Path) -> Lakehouse:
    return lambda *arguments: run(["--project", str(folder), "--env", "aws", "catalog", *arguments])


@pytest.mark.parametrize("command", sorted(group.commands))
def test_help_of_each_has_examples_and_exit_codes(command: str, capsys: Captured) -> None:
    assert run(["catalog", command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"\n    lakehouse catalog {command}" in text
    assert "Exit codes: 0 " in text


def test_the_group_lists_every_command() -> None:
    assert set(group.commands) == {"sync", "list", "orphans", "crawl"}
    assert all(command.short_help for command in group.commands.values())


def test_sync_registers_the_tables_that_are_there(lakehouse: Lakehouse, aws: Catalog, capsys: Captured) -> None:
    assert lakehouse("sync") == 0
    assert "2 tables: 2 created." in capsys.readouterr().out
    assert aws.table("raw_invoice")["StorageDescriptor"]["Location"] == "s3://lake-bucket/lake/raw/finance/invoice/"


def test_sync_again_writes_nothing(lakehouse: Lakehouse, aws: Catalog, capsys: Captured) -> None:
    lakehouse("sync")
    aws.calls()
    assert lakehouse("sync", "finance.invoice") == 0
    assert aws.calls() == ["GetTable", "GetTable"]
    assert capsys.readouterr().out.endswith("2 tables: 2 unchanged.\n")


def test_sync_of_a_table_of_somebody_else_ends_with_an_error(lakehouse: Lakehouse, aws: Catalog, capsys: Captured) -> None:
    aws.moto.create_database(DatabaseInput={"Name": "lake_finance"})
    aws.moto.create_table(DatabaseName="lake_finance", TableInput={"Name": "ods_invoice"})
    assert lakehouse("sync") == 1
    assert "lake_finance.ods_invoice is not the platform's" in capsys.readouterr().err


def test_list_shows_what_is_registered_and_by_which_contract(lakehouse: Lakehouse, capsys: Captured) -> None:
    lakehouse("sync")
    capsys.readouterr()
    assert lakehouse("list") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "lake_finance" in line]
    assert [(line[1], line[-3:]) for line in lines] == [
        ("ods_invoice", ["finance.invoice", "1.0.0", "yes"]), ("raw_invoice", ["finance.invoice", "1.0.0", "yes"])]


def test_list_says_where_the_contract_has_moved_on(lakehouse: Lakehouse, folder: Path, capsys: Captured) -> None:
    lakehouse("sync")
    file = folder / "assets/contracts/finance/invoice.yaml"
    file.write_text(file.read_text().replace("version: 1.0.0", "version: 1.1.0"))
    capsys.readouterr()
    lakehouse("list", "finance")
    assert capsys.readouterr().out.count("an older contract") == 2


def test_an_unknown_domain_is_a_usage_error(lakehouse: Lakehouse, capsys: Captured) -> None:
    assert lakehouse("list", "finanse") == 2
    assert 'unknown domain "finanse". Did you mean "finance"?' in capsys.readouterr().err


def test_orphans_are_shown_and_removed_on_request_only(lakehouse: Lakehouse, folder: Path, aws: Catalog, capsys: Captured) -> None:
    lakehouse("sync")
    rmtree(folder / "assets/contracts/finance")
    copytree(PROJECT / "assets/contracts/risk", folder / "assets/contracts/risk")
    capsys.readouterr()
    assert lakehouse("orphans") == 0
    shown = capsys.readouterr().out
    assert "no contract finance.invoice has a table in raw any more" in shown
    assert "2 orphans. Remove them with: lakehouse catalog orphans --remove" in shown
    assert lakehouse("orphans", "--remove") == 0
    assert "2 orphans removed." in capsys.readouterr().out
    assert aws.moto.get_tables(DatabaseName="lake_finance")["TableList"] == []


def test_a_delta_table_that_is_gone_makes_an_orphan(lakehouse: Lakehouse, aws: Catalog, capsys: Captured) -> None:
    lakehouse("sync")
    for found in aws.account.s3.list_objects_v2(Bucket="lake-bucket", Prefix="lake/ods/")["Contents"]:
        aws.account.s3.delete_object(Bucket="lake-bucket", Key=found["Key"])
    capsys.readouterr()
    lakehouse("orphans")
    assert "1 orphan." in capsys.readouterr().out


def test_a_lake_in_a_folder_has_no_catalog(folder: Path, capsys: Captured) -> None:
    for command in ("sync", "list", "orphans", "crawl"):
        assert run(["--project", str(folder), "--env", "local", "catalog", command]) == 1
        assert "resources/local.yaml: this environment has no catalog: its lake is" in capsys.readouterr().err


@pytest.fixture
def crawler_done(aws: Catalog) -> Iterator[None]:
    """moto's crawls only go on when they are asked for: here they end at once."""
    _transition(aws, {"progression": "immediate"})
    yield
    _transition(aws, {"progression": "manual", "times": 1})


def _transition(aws: Catalog, transition: dict[str, object]) -> None:
    body = json.dumps({"model_name": "glue::crawl", "transition": transition}).encode()
    address = f"{aws.server}/moto-api/state-manager/set-transition"
    urlopen(Request(address, body, {"Content-Type": "application/json"}, method="POST")).close()


@pytest.mark.usefixtures("crawler_done")
def test_crawl_ends_with_an_error_where_the_crawler_found_something_else(lakehouse: Lakehouse, aws: Catalog, capsys: Captured) -> None:
    """moto never crawls: what the crawler found is written here."""
    lakehouse("sync")
    aws.moto.create_database(DatabaseInput={"Name": "lake_audit_finance"})
    place: Any = {"Columns": [{"Name": "surprise", "Type": "string"}], "Location": "s3://lake-bucket/lake/raw/finance/invoice/"}
    aws.moto.create_table(DatabaseName="lake_audit_finance", TableInput={"Name": "raw_invoice", "StorageDescriptor": place})
    capsys.readouterr()
    assert lakehouse("crawl", "finance") == 1
    shown = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert ["finance.invoice", "surprise", "added"] in shown


@pytest.mark.usefixtures("crawler_done")
def test_crawl_names_a_table_that_the_crawler_did_not_see(lakehouse: Lakehouse, capsys: Captured) -> None:
    lakehouse("sync")
    capsys.readouterr()
    assert lakehouse("crawl") == 1
    assert "unseen" in capsys.readouterr().out


@pytest.mark.usefixtures("crawler_done")
def test_crawl_agrees_where_the_crawler_found_what_is_registered(lakehouse: Lakehouse, aws: Catalog, capsys: Captured) -> None:
    """moto never crawls: what the crawler found is written here."""
    lakehouse("sync")
    registered = aws.table("raw_invoice")
    aws.moto.create_database(DatabaseInput={"Name": "lake_audit_finance"})
    found: Any = {"Name": "raw_invoice", "StorageDescriptor": registered["StorageDescriptor"], "PartitionKeys": registered["PartitionKeys"]}
    aws.moto.create_table(DatabaseName="lake_audit_finance", TableInput=found)
    assert lakehouse("crawl", "finance") == 0
    assert "finance: what the crawlers found is what is registered." in capsys.readouterr().out


@pytest.mark.usefixtures("crawler_done")
def test_crawl_of_a_domain_without_raw_tables_starts_no_crawler(
    lakehouse: Lakehouse, folder: Path, aws: Catalog, capsys: Captured
) -> None:
    copytree(PROJECT / "assets/contracts/risk", folder / "assets/contracts/risk")
    assert lakehouse("crawl", "risk") == 0
    assert capsys.readouterr().out .endswith(": there is no Raw table yet.\n")
    assert aws.calls() == []


