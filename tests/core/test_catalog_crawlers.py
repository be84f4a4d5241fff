"""Crawlers over Raw. moto never crawls: the tests write what a crawler would have written, between its start and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lakehouse_platform.catalog.audit import Change, Mismatch, SchemaVersion, audit_raw, compare
from lakehouse_platform.catalog.crawlers import apply_crawler, crawl, crawler_request, plan_crawler
from lakehouse_platform.catalog.glue import Applied, register
from lakehouse_platform.errors import SettingsError, TerminalError, TransientError
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import CatalogBlock
from tests.core.catalog_cases import CONTRACTS, INVOICE, SETTINGS, Catalog, catalog, lake, uri
from tests.standins.answers import JSON_RPC, Answer, json_answer
from tests.standins.calls import Call
from tests.standins.faults import Effect, Fault

NAME = "lake_audit_finance"
RAW = uri(Zone.RAW, INVOICE)
PLAN = plan_crawler(SETTINGS, "finance", [RAW])


@pytest.fixture(scope="module")
def service() -> Iterator[Catalog]:
    with catalog() as made:
        yield made


@pytest.fixture
def aws(service: Catalog) -> Catalog:
    return service.emptied()


def found_by_crawler(aws: Catalog, *, name: str = "raw_invoice", **differing: str | None) -> None:
    """Write the audit's table as a crawler does: all columns of the log, other than ours only in what `differing` says."""
    table = aws.table("raw_invoice")
    columns = {c["Name"]: c["Type"] for c in (*table["StorageDescriptor"]["Columns"], *table["PartitionKeys"])}
    columns.update({column: kind for column, kind in differing.items() if kind is not None})
    kept = [{"Name": n, "Type": kind} for n, kind in columns.items() if differing.get(n, "") is not None]
    made: Any = {
        "Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": [c for c in kept if c["Name"] in ("_kind", "_partition")],
        "Parameters": {"classification": "delta", "table_type": "delta", "UPDATED_BY_CRAWLER": NAME},
        "StorageDescriptor": {
            "Columns": [c for c in kept if c["Name"] not in ("_kind", "_partition")], "Location": table["StorageDescriptor"]["Location"]}}
    if name in {t["Name"] for t in aws.moto.get_tables(DatabaseName=NAME)["TableList"]}:
        aws.moto.update_table(DatabaseName=NAME, TableInput=made)
    else:
        aws.moto.create_table(DatabaseName=NAME, TableInput=made)


def registered(aws: Catalog, folder: Path) -> None:
    register(aws.account, SETTINGS, INVOICE, Zone.RAW, RAW, lake(folder).raw(INVOICE))
    apply_crawler(aws.glue, PLAN)


def crawling(aws: Catalog, write: Callable[[], object] = lambda: None) -> Callable[[float], None]:
    """What happens while the platform waits: the crawler writes, and moto's crawl goes on by one state."""
    def pause(_: float) -> None:
        write()
        aws.moto.list_crawls(CrawlerName=NAME)

    return pause


def test_a_domain_without_a_role_has_no_crawler() -> None:
    with pytest.raises(SettingsError, match="crawler_role"):
        plan_crawler(CatalogBlock(prefix="lake"), "finance", [RAW])


def test_a_crawler_reads_raw_and_writes_to_a_database_of_its_own() -> None:
    request = crawler_request(PLAN)
    assert (request["Name"], request.get("DatabaseName"), request.get("TablePrefix")) == (NAME, NAME, "raw_")
    assert request.get("Targets") == {"DeltaTargets": [{
        "DeltaTables": ["s3://lake-bucket/lake/raw/finance/invoice/"], "CreateNativeDeltaTable": True, "WriteManifest": False}]}
    assert request.get("SchemaChangePolicy") == {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}


def test_a_crawler_is_created_with_its_database(aws: Catalog) -> None:
    assert apply_crawler(aws.glue, PLAN) is Applied.CREATED
    held = aws.moto.get_crawler(Name=NAME)["Crawler"]
    assert (held["Role"], held["DatabaseName"]) == (SETTINGS.crawler_role, NAME)
    assert aws.moto.get_database(Name=NAME)["Database"]["Parameters"] == {"lakehouse.domain": "finance"}


@pytest.mark.parametrize("tables", [[RAW], [RAW + "/"]], ids=["as it was", "with a slash"])
def test_a_crawler_that_is_as_planned_is_not_touched(aws: Catalog, tables: list[str]) -> None:
    apply_crawler(aws.glue, PLAN)
    aws.calls()
    assert apply_crawler(aws.glue, plan_crawler(SETTINGS, "finance", tables)) is Applied.UNCHANGED
    assert aws.calls() == ["CreateDatabase", "GetCrawler"]


def test_glue_s_short_name_of_the_role_is_the_role(aws: Catalog) -> None:
    apply_crawler(aws.glue, plan_crawler(CatalogBlock(prefix="lake", crawler_role="crawler"), "finance", [RAW]))
    assert apply_crawler(aws.glue, PLAN) is Applied.UNCHANGED


def test_a_table_more_updates_the_crawler(aws: Catalog) -> None:
    apply_crawler(aws.glue, PLAN)
    wider = plan_crawler(SETTINGS, "finance", [RAW, uri(Zone.RAW, CONTRACTS["finance.fx_rate"])])
    assert apply_crawler(aws.glue, wider) is Applied.UPDATED
    assert aws.moto.get_crawler(Name=NAME)["Crawler"]["Targets"]["DeltaTargets"][0]["DeltaTables"] == list(wider.tables)


def test_another_role_updates_the_crawler(aws: Catalog) -> None:
    apply_crawler(aws.glue, PLAN)
    assert apply_crawler(aws.glue, plan_crawler(CatalogBlock(prefix="lake", crawler_role="other"), "finance", [RAW])) is Applied.UPDATED


def test_a_crawl_is_waited_for(aws: Catalog) -> None:
    apply_crawler(aws.glue, PLAN)
    aws.calls()
    crawl(aws.glue, NAME, pause=crawling(aws))
    assert aws.calls() == ["GetCrawler", "StartCrawler", "GetCrawler", "GetCrawler"]


def test_a_crawl_that_is_going_on_is_waited_for_and_not_started_again(aws: Catalog) -> None:
    apply_crawler(aws.glue, PLAN)
    aws.moto.start_crawler(Name=NAME)
    aws.calls()
    crawl(aws.glue, NAME, pause=crawling(aws))
    assert "StartCrawler" not in aws.calls()


def test_a_crawl_that_never_ends_is_an_error_that_may_pass(aws: Catalog) -> None:
    apply_crawler(aws.glue, PLAN)
    with pytest.raises(TransientError, match=f"crawler {NAME} is still running after 3 s"):
        crawl(aws.glue, NAME, pause=lambda _: None, poll_seconds=1, patience_seconds=3)


ENDS = [
    ({"Status": "FAILED", "ErrorMessage": "Access Denied", "LogGroup": "/g", "LogStream": "s"}, TerminalError,
     "failed: Access Denied. Its log: /g, stream s."),
    ({"Status": "CANCELLED"}, TransientError, "ended as CANCELLED"),
]


@pytest.mark.parametrize(("last", "error", "said"), ENDS, ids=["failed", "cancelled"])
def test_a_crawl_that_ends_badly_says_why(aws: Catalog, last: Mapping[str, object], error: type[Exception], said: str) -> None:
    """moto knows no failed crawl, so its answer after the start is AWS's here."""
    ready: dict[str, object] = {"State": "READY", "LastCrawl": {**last, "StartTime": 1.0}}
    states: Iterator[dict[str, object]] = iter([{"State": "READY"}, {"State": "RUNNING"}, {"State": "STOPPING"}, ready])

    def failing(call: Call, target: str, body: bytes) -> Answer | None:
        return json_answer({"Crawler": {"Name": NAME, **next(states)}}, JSON_RPC) if call.operation == "GetCrawler" else None

    apply_crawler(aws.glue, PLAN)
    aws.front.desks.append(failing)
    with pytest.raises(error, match=said):
        crawl(aws.glue, NAME, pause=lambda _: None)


def test_a_crawler_that_looks_ready_right_after_its_start_is_not_judged_by_its_last_crawl(aws: Catalog) -> None:
    """moto is never late, so its answers are AWS's here."""
    before: dict[str, object] = {"State": "READY", "LastCrawl": {"Status": "FAILED", "StartTime": 1.0}}
    after: dict[str, object] = {"State": "READY", "LastCrawl": {"Status": "SUCCEEDED", "StartTime": 2.0}}
    states: Iterator[dict[str, object]] = iter([before, before, {"State": "RUNNING"}, after])

    def late(call: Call, target: str, body: bytes) -> Answer | None:
        return json_answer({"Crawler": {"Name": NAME, **next(states)}}, JSON_RPC) if call.operation == "GetCrawler" else None

    apply_crawler(aws.glue, PLAN)
    aws.front.desks.append(late)
    crawl(aws.glue, NAME, pause=lambda _: None)
    assert list(states) == []


def test_a_crawl_that_somebody_else_starts_at_the_same_moment_is_waited_for(aws: Catalog) -> None:
    apply_crawler(aws.glue, PLAN)
    aws.front.faults.add(Fault(Effect.REFUSE, "glue", "StartCrawler", times=None, status=400, code="CrawlerRunningException"))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        if pauses:
            aws.moto.list_crawls(CrawlerName=NAME)
        else:
            aws.moto.start_crawler(Name=NAME)
        pauses.append(seconds)

    crawl(aws.glue, NAME, pause=pause)
    assert aws.moto.get_crawler(Name=NAME)["Crawler"]["State"] == "READY"


def test_an_audit_of_what_is_as_registered_finds_nothing(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    crawl(aws.glue, NAME, pause=crawling(aws, lambda: found_by_crawler(aws)))
    assert audit_raw(aws.glue, "lake", "finance") == ()


def test_an_audit_finds_planted_drift(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    crawl(aws.glue, NAME, pause=crawling(aws, lambda: found_by_crawler(aws, discount="double", amount="double", note=None)))
    assert [(m.contract, m.change, m.column, m.declared, m.found) for m in audit_raw(aws.glue, "lake", "finance")] == [
        ("finance.invoice", Change.ADDED, "discount", None, "double"),
        ("finance.invoice", Change.RETYPED, "amount", "decimal(19,4)", "double"),
        ("finance.invoice", Change.REMOVED, "note", "string", None),
    ]


def test_an_audit_says_in_which_version_it_began(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    found_by_crawler(aws)
    found_by_crawler(aws, discount="double")
    found_by_crawler(aws, discount="double", note=None)
    assert {m.column: m.version for m in audit_raw(aws.glue, "lake", "finance")} == {"discount": "2", "note": "3"}


def test_the_tenth_version_is_newer_than_the_ninth(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    for _ in range(9):
        found_by_crawler(aws)
    found_by_crawler(aws, discount="double")
    assert {m.column: m.version for m in audit_raw(aws.glue, "lake", "finance")} == {"discount": "10"}


def test_a_table_that_the_crawler_did_not_find_is_reported(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    assert [str(m) for m in audit_raw(aws.glue, "lake", "finance")] == ["finance.invoice: the crawler found no Raw table"]


def test_a_crawler_s_own_name_for_a_table_is_no_matter(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    found_by_crawler(aws, name="raw_invoice_5f3c")
    assert audit_raw(aws.glue, "lake", "finance") == ()


def test_a_table_that_is_not_registered_is_reported(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    found_by_crawler(aws)
    aws.moto.delete_table(DatabaseName="lake_finance", Name="raw_invoice")
    assert [str(m) for m in audit_raw(aws.glue, "lake", "finance")] == [f"{RAW}: the crawler found a table there that is not registered"]


def test_only_raw_is_audited(aws: Catalog, tmp_path: Path) -> None:
    register(aws.account, SETTINGS, INVOICE, Zone.ODS, uri(Zone.ODS, INVOICE), lake(tmp_path).ods(INVOICE))
    assert audit_raw(aws.glue, "lake", "finance") == ()


def versions(*schemas: Mapping[str, str]) -> list[SchemaVersion]:
    """Versions, oldest first."""
    return [SchemaVersion(str(number), None, schema) for number, schema in enumerate(schemas, 1)][::-1]


def test_a_mismatch_that_went_away_and_came_back_began_when_it_came_back() -> None:
    assert compare("d.t", {"a": "int"}, versions({"a": "string"}, {"a": "int"}, {"a": "string"}, {"a": "string"})) == (
        Mismatch("d.t", Change.RETYPED, "a", "int", "string", "3"),)


def test_drift_that_is_mended_is_none() -> None:
    assert compare("d.t", {"a": "int"}, versions({"a": "string"}, {"a": "int"})) == ()


@pytest.mark.parametrize(("mismatch", "said"), [
    (Mismatch("d.t", Change.ADDED, "a", None, "int", "2"), "d.t: column a (int) is in Raw and not registered since version 2"),
    (Mismatch("d.t", Change.REMOVED, "a", "int", None, "2"), "d.t: column a (int) is registered and not in Raw since version 2"),
    (Mismatch("d.t", Change.RETYPED, "a", "int", "string", "2"), "d.t: column a is registered as int and is string in Raw since version 2"),
])
def test_a_mismatch_says_what_is_where(mismatch: Mismatch, said: str) -> None:
    assert str(mismatch).startswith(said)
