from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from lakehouse_platform import faults
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.errors import UnknownName
from lakehouse_platform.lake.scratch import Scratch, ScratchLocked
from lakehouse_platform.publish.curated import MartRefused, publish_marts
from lakehouse_platform.zones.lake import Lake
from tests.core.small_lake import CONTRACTS, published

KPI = CONTRACTS["finance.kpi_revenue_daily"]
COLUMNS = "revenue_date date, region varchar, invoices bigint, revenue_usd decimal(38, 4)"
ROWS = [(dt.date(2026, 11, 2), "north", 2, Decimal("10.5000")), (dt.date(2026, 11, 3), "south", 1, Decimal("0.0000"))]


class Stopped(Exception):
    """What a planted fault raises."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), PolarsEngine())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return build(tmp_path / "marts.duckdb", *ROWS)


@pytest.fixture
def stop_at() -> Iterator[list[str]]:
    """Fault points at which to stop."""
    points: list[str] = []

    def hook(point: str) -> None:
        if point in points:
            raise Stopped(point)

    faults.install(hook)
    yield points
    faults.install(None)


def build(file: Path, *rows: tuple[object, ...], columns: str = COLUMNS) -> Path:
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema if not exists curated_finance")
        connection.execute(f"create or replace table curated_finance.kpi_revenue_daily ({columns})")
        for row in rows:
            connection.execute(f"insert into curated_finance.kpi_revenue_daily values ({', '.join('?' for _ in row)})", list(row))
    return file


def test_mart_becomes_a_table_of_the_lake(lake: Lake, file: Path) -> None:
    (mart,) = publish_marts(lake, file, [KPI])
    assert (mart.rows, mart.committed) == (2, True)
    assert published(lake, KPI) == ROWS


def test_table_has_the_properties_of_the_lake_and_no_statistics_on_wide_decimals(lake: Lake, file: Path) -> None:
    publish_marts(lake, file, [KPI])
    table = DeltaTable(lake.uri("curated", KPI))
    assert table.metadata().configuration["delta.dataSkippingStatsColumns"] == "revenue_date,region"
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)


def test_new_rows_replace_the_old_ones(lake: Lake, file: Path) -> None:
    first = publish_marts(lake, file, [KPI])[0]
    second = publish_marts(lake, build(file, ROWS[1]), [KPI])[0]
    assert published(lake, KPI) == [ROWS[1]]
    assert second.version == first.version + 1


def test_same_rows_in_another_order_are_not_committed(lake: Lake, file: Path) -> None:
    first = publish_marts(lake, file, [KPI])[0]
    second = publish_marts(lake, build(file, *reversed(ROWS)), [KPI])[0]
    assert (second.committed, second.version) == (False, first.version)


def test_mart_can_become_empty(lake: Lake, file: Path) -> None:
    publish_marts(lake, file, [KPI])
    publish_marts(lake, build(file), [KPI])
    assert published(lake, KPI) == []


def test_column_that_the_contract_gains_appears_with_the_rows(lake: Lake, file: Path) -> None:
    narrow = replace(KPI, columns=KPI.columns[:3], rules=KPI.rules[:1])
    publish_marts(lake, build(file, ROWS[0][:3], columns="revenue_date date, region varchar, invoices bigint"), [narrow])
    publish_marts(lake, build(file, *ROWS), [KPI])
    assert published(lake, KPI) == ROWS


@pytest.mark.parametrize(("columns", "rows", "problem"), [
    (COLUMNS.replace("invoices bigint, ", ""), [], "it lacks invoices int64"),
    (COLUMNS + ", extra int", [], "it has extra int32"),
    (COLUMNS.replace("decimal(38, 4)", "double"), [], r"it lacks revenue_usd decimal128\(38, 4\); it has revenue_usd double"),
    ("region varchar, revenue_date date, invoices bigint, revenue_usd decimal(38, 4)", [], "their order is region"),
    (COLUMNS, [ROWS[0], ROWS[0]], r"2 of 2 rows break key_unique \(key: revenue_date, region\)"),
    (COLUMNS, [(*ROWS[0][:3], None)], "1 of 1 rows break revenue_usd_present"),
    (COLUMNS, [(*ROWS[0][:3], Decimal(-1))], "1 of 1 rows break revenue_not_negative"),
])
def test_mart_that_breaks_its_contract_is_refused(
    lake: Lake, file: Path, columns: str, rows: list[tuple[object, ...]], problem: str,
) -> None:
    publish_marts(lake, file, [KPI])
    with pytest.raises(MartRefused, match=problem):
        publish_marts(lake, build(file, *rows, columns=columns), [KPI])
    assert published(lake, KPI) == ROWS


def test_one_refused_mart_holds_back_the_others(lake: Lake, file: Path) -> None:
    sibling = replace(KPI, table="sibling", columns=KPI.columns[:1], rules=())
    with pytest.raises(MartRefused):
        publish_marts(lake, file, [KPI, sibling])
    assert not lake.engine.exists(lake.uri("curated", KPI))


def test_model_that_was_not_built_is_named(lake: Lake, file: Path) -> None:
    contract: Contract = replace(KPI, table="kpi_other", model="kpi_other")
    with pytest.raises(UnknownName, match="build the model kpi_other first"):
        publish_marts(lake, file, [contract])


def test_nothing_built_is_named(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="nothing has been built here yet"):
        publish_marts(lake, tmp_path / "none.duckdb", [KPI])


def test_scratch_file_that_another_process_writes_is_left_alone(file: Path) -> None:
    holder = f"import duckdb, sys; c = duckdb.connect({str(file)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(ScratchLocked, match="wait until dbt has ended"):
            Scratch(file)
        process.communicate("")


def test_scratch_file_that_is_open_in_this_process_is_said_to_be(file: Path) -> None:
    with duckdb.connect(str(file)), pytest.raises(ScratchLocked, match="open in this process"):
        Scratch(file)


@pytest.mark.parametrize(("point", "seen"), [("curated.replace.before", [ROWS[1]]), ("curated.replace.after", ROWS)])
def test_reader_sees_old_or_new_rows_when_publishing_dies(lake: Lake, file: Path, stop_at: list[str], point: str, seen: object) -> None:
    publish_marts(lake, build(file, ROWS[1]), [KPI])
    stop_at.append(point)
    with pytest.raises(Stopped):
        publish_marts(lake, build(file, *ROWS), [KPI])
    assert published(lake, KPI) == seen
    stop_at.clear()
    assert publish_marts(lake, file, [KPI])[0].committed is (point == "curated.replace.before")
    assert published(lake, KPI) == ROWS
