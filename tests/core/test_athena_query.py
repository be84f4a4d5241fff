"""`zone.domain.table` on Athena: what is submitted, how its end is told, and what comes back."""

from __future__ import annotations

import _thread
import datetime as dt
import signal
import threading
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest

from lakehouse_platform.aws.base import Account
from lakehouse_platform.errors import UnknownName
from lakehouse_platform.lake.athena.errors import AthenaBusy, AthenaError, QueryStopped, ScanCapExceeded
from lakehouse_platform.lake.athena.names import Relation, by_name, translate
from lakehouse_platform.lake.athena.query import AthenaQuery, cost
from lakehouse_platform.settings.cloud import AthenaBlock
from tests.core.athena_service import AthenaService, result_set, serving_account

RELATIONS = [Relation("ods", "finance", "invoice"), Relation("hds", "finance", "invoice"), Relation("curated", "risk", "usage"),
             Relation("raw", "finance", "invoice", ("invoice_id", "_seq"))]
SETTINGS = AthenaBlock(workgroup="team", results="s3://results/athena", scan_cap_mb=500, price_per_tb=5)
INVOICE = "ods.finance.invoice"


@pytest.mark.parametrize(("sql", "expected"), [
    ("select * from ods.finance.invoice", 'select * from "lake_finance"."ods_invoice" as "invoice"'),
    ("select * from ODS.Finance.INVOICE i;\n", 'select * from "lake_finance"."ods_invoice" i'),
    ("select invoice.a, ods.finance.invoice.b from ods.finance.invoice -- why\nwhere x = 'ods.finance.invoice'",
     'select invoice.a, "invoice".b from "lake_finance"."ods_invoice" as "invoice" -- why\nwhere x = \'ods.finance.invoice\''),
    ('select 1 from "ods"."finance"."invoice" a join hds.finance.invoice b on a.i = b.i',
     'select 1 from "lake_finance"."ods_invoice" a join "lake_finance"."hds_invoice" b on a.i = b.i'),
    ("with usage as (select * from curated.risk.usage) select * from usage",
     'with usage as (select * from "lake_risk"."curated_usage" as "usage") select * from usage'),
    ("select (select max(u) from curated.risk.usage) from ods.finance.invoice",
     'select (select max(u) from "lake_risk"."curated_usage" as "usage") from "lake_finance"."ods_invoice" as "invoice"'),
    ("select * from raw.finance.invoice as r",
     'select * from (select "invoice_id", "_seq" from "lake_finance"."raw_invoice" where "_kind" = \'change\') as r'),
    ("select table_name from information_schema.tables", "select table_name from information_schema.tables"),
    ("select * from ods.finance.invoice union all select * from hds.finance.invoice",
     'select * from "lake_finance"."ods_invoice" as "invoice" union all select * from "lake_finance"."hds_invoice" as "invoice"'),
])  # fmt: skip
def test_names_become_the_catalogs_and_the_rest_stays_as_written(sql: str, expected: str) -> None:
    assert translate(sql, by_name(RELATIONS), "lake").sql == expected


@pytest.mark.parametrize("sql", [
    "insert into ods.finance.invoice select 1", "delete from ods.finance.invoice", "drop table ods.finance.invoice", "select 1; select 2",
    "create table x as select 1", "select 1 into x", "unload (select 1) to 's3://x' with (format = 'PARQUET')", "", "selekt 1",
    "select * from table(system.query('drop table x'))", "merge into ods.finance.invoice using x on true when matched then delete",
    "values (1)", "update ods.finance.invoice set a = 1",
])  # fmt: skip
def test_anything_but_one_select_is_refused(sql: str) -> None:
    with pytest.raises(AthenaError, match="A query is one SELECT"):
        translate(sql, by_name(RELATIONS), "lake")


@pytest.mark.parametrize("name", ["ods.finance.invoise", "invoice", "lake_finance.ods_invoice", "awsdatacatalog.lake_finance.ods_invoice"])
def test_only_the_lakes_tables_can_be_named(name: str) -> None:
    with pytest.raises(UnknownName, match=f'There is no table "{name}"'):
        translate(f"select * from {name}", by_name(RELATIONS), "lake")


def test_two_tables_with_one_name_need_aliases() -> None:
    with pytest.raises(AthenaError, match="invoice: two tables have this name in one SELECT"):
        translate("select 1 from ods.finance.invoice, hds.finance.invoice", by_name(RELATIONS), "lake")


@pytest.fixture
def service() -> AthenaService:
    found = AthenaService()
    found.pages = [result_set({"n": "bigint"}, [["1"]])]
    return found


@pytest.fixture
def account(service: AthenaService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with serving_account(service, monkeypatch) as found:
        yield found


@pytest.fixture
def query(account: Account) -> AthenaQuery:
    return AthenaQuery(account.athena, SETTINGS, "lake", RELATIONS)


@pytest.mark.parametrize(("sql", "named", "workgroup", "database"), [
    (f"select 1 from {INVOICE}", None, "team_finance", "lake_finance"),
    (f"select 1 from curated.risk.usage, {INVOICE}", None, "team_risk", "lake_risk"),
    (f"select 1 from {INVOICE}", "team_risk", "team_risk", "lake_finance"),
])  # fmt: skip
def test_workgroup_is_the_first_tables_unless_named(
    query: AthenaQuery, service: AthenaService, sql: str, named: str | None, workgroup: str, database: str,
) -> None:
    query.run(sql, workgroup=named)
    (made,) = service.made("StartQueryExecution")
    assert made["WorkGroup"] == workgroup
    assert made["QueryExecutionContext"] == {"Catalog": "AwsDataCatalog", "Database": database}
    assert "ResultConfiguration" not in made


def test_query_of_no_table_needs_a_workgroup(query: AthenaQuery) -> None:
    with pytest.raises(AthenaError, match="reads no table"):
        query.run("select 1 as n")
    assert query.run("select 1 as n", workgroup="team_risk").rows.read_all().to_pylist() == [{"n": 1}]


def test_answer_says_what_was_read_and_what_it_cost(query: AthenaQuery, service: AthenaService) -> None:
    service.scanned = 2_000_000_000_000
    answer = query.run(f"select 1 from {INVOICE}")
    assert (answer.bytes_scanned, answer.seconds, answer.cost, answer.workgroup) == (2_000_000_000_000, 1.5, 10.0, "team_finance")


@pytest.mark.parametrize(("scanned", "dollars"), [(0, 0.0), (1, 0.00005), (10_000_001, 0.000055), (10**12, 5.0)])
def test_bytes_are_billed_by_the_megabyte_and_ten_at_least(scanned: int, dollars: float) -> None:
    assert cost(scanned, 5.0) == pytest.approx(dollars)


COLUMNS = {
    "b": "boolean", "i": "integer", "n": "bigint", "f": "double", "m": "decimal(19,4)", "t": "varchar", "d": "date", "w": "timestamp",
    "z": "timestamp with time zone", "y": "varbinary", "a": "array",
}
ROW = ["true", "7", "-9007199254740993", "NaN", "12.5000", "", "0001-01-01", "2026-11-02 15:00:00.123",
       "2026-11-02 10:00:00.123 America/New_York", "00 ff", "[1, 2]"]


def test_rows_have_their_types(query: AthenaQuery, service: AthenaService) -> None:
    service.pages = [result_set(COLUMNS, [ROW, [None] * len(COLUMNS)])]
    found = query.run(f"select 1 from {INVOICE}").rows.read_all()
    assert found.schema.types == [
        pa.bool_(), pa.int32(), pa.int64(), pa.float64(), pa.decimal128(19, 4), pa.string(), pa.date32(), pa.timestamp("us"),
        pa.timestamp("us", "UTC"), pa.binary(), pa.string(),
    ]
    first, second = found.to_pylist()
    assert first.pop("f") != first.get("f")
    assert first == {
        "b": True, "i": 7, "n": -9007199254740993, "m": Decimal("12.5000"), "t": "", "d": dt.date(1, 1, 1),
        "w": dt.datetime.fromisoformat("2026-11-02 15:00:00.123"), "z": dt.datetime(2026, 11, 2, 15, 0, 0, 123000, tzinfo=dt.UTC),
        "y": b"\x00\xff", "a": "[1, 2]",
    }
    assert set(second.values()) == {None}


@pytest.mark.parametrize("zone", ["UTC", "+00:00", "-05:00", "Europe/Berlin"])
def test_instant_of_any_zone_is_utc(query: AthenaQuery, service: AthenaService, zone: str) -> None:
    service.pages = [result_set({"z": "timestamp with time zone"}, [[f"2026-11-02 15:00:00.000 {zone}"]])]
    hour = {"UTC": 15, "+00:00": 15, "-05:00": 20, "Europe/Berlin": 14}[zone]
    assert query.run(f"select 1 from {INVOICE}").rows.read_all().to_pylist() == [{"z": dt.datetime(2026, 11, 2, hour, tzinfo=dt.UTC)}]


def test_pages_are_fetched_as_they_are_read(query: AthenaQuery, service: AthenaService) -> None:
    service.pages = [result_set({"n": "bigint"}, [["1"], ["2"]]), result_set({"n": "bigint"}, [["3"]], header=False)]
    rows = query.run(f"select 1 from {INVOICE}").rows
    assert len(service.made("GetQueryResults")) == 1
    assert rows.read_all().to_pylist() == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert len(service.made("GetQueryResults")) == 2


def test_answer_without_rows_has_its_columns(query: AthenaQuery, service: AthenaService) -> None:
    service.pages = [result_set({"n": "bigint"}, [])]
    assert query.run(f"select 1 from {INVOICE}").rows.read_all().schema.names == ["n"]


@pytest.mark.parametrize(("status", "error", "said"), [
    ({"State": "FAILED", "StateChangeReason": "COLUMN_NOT_FOUND: line 1:8"}, AthenaError, "failed: COLUMN_NOT_FOUND: line 1:8"),
    ({"State": "FAILED", "StateChangeReason": "INTERNAL", "AthenaError": {"Retryable": True}}, AthenaBusy, "failed: INTERNAL"),
    ({"State": "FAILED"}, AthenaError, "Athena does not say why"),
    ({"State": "CANCELLED", "StateChangeReason": "Query cancelled by user"}, QueryStopped, "cancelled: Query cancelled by user"),
    ({"State": "CANCELLED", "StateChangeReason": "Bytes scanned limit was exceeded"}, ScanCapExceeded,
     r"had read 501,000,000 bytes .* workgroup team_finance lets a query read 500 MB \(scan_cap_mb\)"),
])  # fmt: skip
def test_end_without_success_says_why(
    query: AthenaQuery, service: AthenaService, status: dict[str, object], error: type[Exception], said: str,
) -> None:
    service.scanned, service.states = 501_000_000, [{"State": "RUNNING"}, status]
    with pytest.raises(error, match=said) as caught:
        query.run(f"select 1 from {INVOICE}")
    assert type(caught.value) is error
    assert service.made("StopQueryExecution") == []


def test_query_is_waited_for(query: AthenaQuery, service: AthenaService) -> None:
    service.states = [{"State": "QUEUED"}, {"State": "RUNNING"}, {"State": "SUCCEEDED"}]
    assert query.run(f"select 1 from {INVOICE}").rows.read_all().num_rows == 1
    assert len(service.made("GetQueryExecution")) == 3


def test_query_that_does_not_end_is_stopped(query: AthenaQuery, service: AthenaService) -> None:
    service.states = [{"State": "RUNNING"}]
    with pytest.raises(QueryStopped, match="has not ended after 1 s, and was stopped"):
        query.run(f"select 1 from {INVOICE}", longest_s=1)
    assert len(service.made("StopQueryExecution")) == 1


def test_interrupted_wait_stops_the_query(query: AthenaQuery, service: AthenaService) -> None:
    service.states = [{"State": "RUNNING"}]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins deaf to it
    threading.Timer(1.0, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        query.run(f"select 1 from {INVOICE}")
    signal.signal(signal.SIGINT, before)
    assert len(service.made("StopQueryExecution")) == 1
