"""The marts of this lakehouse, built by the real dbt from a few rows, published, and held against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from lakehouse_platform.lake.extension import load_delta
from lakehouse_platform.lake.query import LakeQuery
from lakehouse_platform.publish.curated import PublishedMart, publish_marts
from lakehouse_platform.publish.project import Build, BuildFailed, MartProject
from lakehouse_platform.zones.lake import Lake
from tests.core import small_lake
from tests.core.small_lake import CONTRACTS, MARTS, ODS, add, at, day, published

FOLDER = small_lake.PROJECT / "assets/marts"


@dataclass(frozen=True)
class Built:
    lake: Lake
    project: MartProject
    build: Build
    marts: tuple[PublishedMart, ...]

    def rows(self, name: str, *columns: str) -> list[tuple[object, ...]]:
        return published(self.lake, CONTRACTS[name], *columns)


def project(root: Path, lake: Lake) -> MartProject:
    return MartProject(FOLDER, lake.root, root / "scratch/marts.duckdb", "America/New_York", target_folder=root / "target")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    root = tmp_path_factory.mktemp("marts")
    lake = small_lake.write(root / "lake")
    marts = project(root, lake)
    build = marts.build()
    assert build.failed == ()
    return Built(lake, marts, build, publish_marts(lake, marts.scratch, MARTS))


def test_every_mart_is_published_with_its_rows(built: Built) -> None:
    assert {mart.contract.name: mart.rows for mart in built.marts} == {
        "customer.dim_customer": 5, "finance.dim_gl_account": 3, "finance.fct_revenue": 7, "finance.kpi_revenue_daily": 5,
        "operations.kpi_fulfilment_daily": 3, "risk.kpi_limit_usage": 3,
    }
    assert all(mart.committed for mart in built.marts)


def test_invoice_has_the_customer_of_its_own_day(built: Built) -> None:
    rows = built.rows("finance.fct_revenue", "invoice_id", "customer_id", "segment", "region")
    assert rows == [
        (1, 1, "retail", "north"), (2, 1, "business", "south"), (3, 2, None, "unknown"), (4, None, None, "unknown"),
        (5, None, None, "unknown"), (6, 2, "retail", "east"), (7, 2, None, "unknown"),
    ]


def test_invoice_is_converted_by_the_newest_rate_up_to_its_day(built: Built) -> None:
    rows = built.rows("finance.fct_revenue", "invoice_id", "amount", "fx_rate", "amount_usd")
    assert rows[1] == (2, Decimal("10.0001"), Decimal("1.200000001"), Decimal("12.0001"))
    assert rows[4] == (5, Decimal("1.0000"), None, None)


def test_dimension_merges_versions_that_look_alike_and_keeps_gaps(built: Built) -> None:
    rows = built.rows("customer.dim_customer", "customer_id", "region", "effective_from", "effective_to", "is_latest")
    assert rows == [
        (1, "north", at("2026-10-01 00:00"), at("2026-11-03 20:00"), False), (1, "south", at("2026-11-03 20:00"), None, True),
        (2, "east", at("2026-10-01 00:00"), at("2026-11-03 15:00"), False),
        (3, "west", at("2026-10-01 00:00"), at("2026-10-05 00:00"), False), (3, "west", at("2026-10-09 00:00"), None, True),
    ]


def test_account_that_was_renamed_has_two_versions(built: Built) -> None:
    rows = built.rows("finance.dim_gl_account", "account_code", "account_name", "is_latest")
    assert rows == [("1000", "Assets", True), ("4100", "Goods", False), ("4100", "Sales", True)]


def test_revenue_by_day_counts_what_it_cannot_convert(built: Built) -> None:
    assert built.rows("finance.kpi_revenue_daily") == [
        (day(2), "north", 1, Decimal("100.0000")), (day(3), "east", 1, Decimal("2.0000")), (day(4), "south", 1, Decimal("12.0001")),
        (day(4), "unknown", 2, Decimal("5.5000")), (day(6), "unknown", 1, Decimal("3.0000")),
    ]


def test_fulfilment_days_are_new_york_days(built: Built) -> None:
    assert built.rows("operations.kpi_fulfilment_daily") == [
        (day(2), "BOS", 3, 2, 1, 13), (day(3), "BOS", 1, 1, 0, 2), (day(3), "SEA", 1, 0, 1, 9),
    ]


def test_limit_usage_is_of_the_newest_close_in_dollars(built: Built) -> None:
    assert built.rows("risk.kpi_limit_usage") == [
        (1, "CARD", None, Decimal("0.0000"), Decimal("0.0000"), None, False),
        (1, "LOAN", day(4), Decimal("120.0000"), Decimal("150.0000"), 1.25, True),
        (2, "LOAN", None, Decimal("50.0000"), Decimal("0.0000"), 0.0, False),
    ]


def test_rules_that_warn_are_reported(built: Built) -> None:
    broken = {(mart.contract.name, r.rule, r.failed) for mart in built.marts for r in mart.results if not r.passed}
    assert broken == {("finance.fct_revenue", "converted", 1), ("risk.kpi_limit_usage", "within_limit", 1)}


def test_unchanged_mart_is_not_committed_again(built: Built) -> None:
    again = publish_marts(built.lake, built.project.scratch, MARTS)
    assert [(mart.committed, mart.version) for mart in again] == [(False, mart.version) for mart in built.marts]


def test_marts_are_queried_by_name(built: Built) -> None:
    contract = CONTRACTS["finance.kpi_revenue_daily"]
    with LakeQuery(built.lake.root, [("curated", "finance", contract.table, built.lake.uri("curated", contract))]) as query:
        assert query.run("select sum(invoices) as n from curated.finance.kpi_revenue_daily").to_pylist() == [{"n": 6}]


def test_every_mart_has_a_control_total(built: Built) -> None:
    totals = {outcome.of for outcome in built.build.outcomes if outcome.name.startswith("control_total")}
    assert totals == {frozenset({contract.model}) for contract in MARTS}


PLANTED = {
    "control_total_fct_revenue": "insert into curated_finance.fct_revenue from curated_finance.fct_revenue where invoice_id = 3",
    "control_total_kpi_revenue_daily": "update curated_finance.kpi_revenue_daily set revenue_usd = revenue_usd + 0.0001",
    "control_total_kpi_fulfilment_daily": "delete from curated_operations.kpi_fulfilment_daily where units = 2",
    "control_total_kpi_limit_usage": "update curated_risk.kpi_limit_usage set exposure_amount = 0",
    "control_total_dim_customer": "delete from curated_customer.dim_customer where customer_id = 3",
    "control_total_dim_gl_account": "update curated_finance.dim_gl_account set is_latest = false where account_code = '1000'",
}
"""A mistake in a mart, by the control total that has to find it."""


@pytest.fixture(scope="module")
def totals(built: Built) -> dict[str, str]:
    """SQL of the control totals, as dbt compiled it."""
    return {file.stem: file.read_text() for file in (built.project.output_folder / "compiled/marts/tests").glob("control_total_*.sql")}


@pytest.fixture
def scratch(built: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    """The scratch file, as it was after the test."""
    with duckdb.connect(str(built.project.scratch)) as connection:
        load_delta(connection)
        connection.begin()
        yield connection
        connection.rollback()


@pytest.mark.parametrize("total", sorted(PLANTED))
def test_control_total_finds_what_a_mart_got_wrong(total: str, totals: dict[str, str], scratch: duckdb.DuckDBPyConnection) -> None:
    assert scratch.execute(totals[total]).fetchall() == []
    scratch.execute(PLANTED[total])
    assert scratch.execute(totals[total]).fetchall() != []


@pytest.fixture(scope="module")
def without_shipments(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, MartProject]:
    root = tmp_path_factory.mktemp("without_shipments")
    lake = small_lake.write(root / "lake", leave_out=["operations.shipment"])
    return lake, project(root, lake)


def test_table_that_is_not_there_is_named(without_shipments: tuple[Lake, MartProject]) -> None:
    with pytest.raises(BuildFailed, match="materialize ods/operations/shipment first"):
        without_shipments[1].build("kpi_fulfilment_daily")


def test_row_of_ods_that_the_mart_has_not_seen_holds_it_back(without_shipments: tuple[Lake, MartProject]) -> None:
    lake, marts = without_shipments
    assert marts.build("dim_customer", "fct_revenue").publishable(["fct_revenue", "dim_customer"]) == ("fct_revenue", "dim_customer")
    add(lake, "ods", "finance.invoice", [{**ODS["finance.invoice"][0], "invoice_id": 99}])
    build = marts.build("fct_revenue,resource_type:test")
    assert [outcome.name for outcome in build.failed] == ["control_total_fct_revenue"]
    assert build.publishable(["fct_revenue"]) == ()
