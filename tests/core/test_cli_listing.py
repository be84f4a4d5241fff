"""status, query and quarantine over a small lake."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse_platform.cli.app import run
from lakehouse_platform.cli.start import make_project
from lakehouse_platform.engines.base import Commit
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.zones.rows import ods_columns

Captured = pytest.CaptureFixture[str]
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
PRODUCTS = [(1, "Lamp", Decimal("39.90")), (2, "Chair; \"high\"", None), (3, "Tisch, groß", Decimal("120.00"))]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lakehouse with three products in ODS, in the current folder."""
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    lake, contract = (opened := Project.open(tmp_path)).lake, opened.contract("product")
    rows = [{"product_id": number, "product_name": name, "price": price, "updated_at": NOON} for number, name, price in PRODUCTS]
    table = pa.Table.from_pylist(rows, schema=lake.engine.schema(ods_columns(contract)))
    lake.ods(contract).append(lake.engine.frame(table), Commit("ods.merge"))
    return tmp_path


NAMES = "select product_id, product_name, price from ods.shop.product order by 1"


def test_a_query_is_a_table(project: Path, capsys: Captured) -> None:
    assert run(["query", NAMES]) == 0
    shown = capsys.readouterr()
    assert [" ".join(line.split()) for line in shown.out.splitlines() if line.strip()][0::2] == [
        "product_id product_name price", "1 Lamp 39.90", "3 Tisch, groß 120.00"]
    assert shown.err == "3 rows\n"


def test_a_limit_says_that_there_is_more(project: Path, capsys: Captured) -> None:
    assert run(["query", NAMES, "--limit", "1"]) == 0
    assert capsys.readouterr().err == "1 row; there are more: --limit 0 shows all\n"


def test_json_is_exact(project: Path, capsys: Captured) -> None:
    assert run(["query", "select price, updated_at, 'nan'::double as odd from ods.shop.product order by product_id", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[:2] == [
        {"price": "39.90", "updated_at": "2026-11-20 12:00:00+00:00", "odd": "nan"},
        {"price": None, "updated_at": "2026-11-20 12:00:00+00:00", "odd": "nan"}]


def test_no_row_is_an_empty_array(project: Path, capsys: Captured) -> None:
    assert run(["query", f"select * from ({NAMES}) where false", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_csv_quotes_what_it_must(project: Path, capsys: Captured) -> None:
    assert run(["query", NAMES, "--csv"]) == 0
    assert capsys.readouterr().out == 'product_id,product_name,price\n1,Lamp,39.90\n2,"Chair; ""high""",\n3,"Tisch, groß",120.00\n'


def test_a_query_that_is_not_right_is_an_error(project: Path, capsys: Captured) -> None:
    assert run(["query", "selec 1"]) == 1
    assert capsys.readouterr().err.startswith("Error: ")


def test_an_unknown_table_is_a_usage_error(project: Path, capsys: Captured) -> None:
    assert run(["query", "select * from ods.shop.products"]) == 2
    assert 'Did you mean "ods.shop.product"?' in capsys.readouterr().err


def test_json_and_csv_exclude_each_other(project: Path) -> None:
    assert run(["query", "select 1", "--json", "--csv"]) == 2


def test_status_is_a_line_a_table(project: Path, capsys: Captured) -> None:
    assert run(["status"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0][:5] == ["table", "raw", "ods", "hds", "curated"]
    assert lines[2] == ["shop.product", "·", "3", "·", "·", "·", "·", "·", "·", "·"]


def test_status_as_json(project: Path, capsys: Captured) -> None:
    assert run(["status", "shop.product", "--json"]) == 0
    held: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    assert held == [{
        "table": "shop.product", "owner": "team:shop-data", "last_partition": None, "rows": {"ods": 3}, "partitions": {"ods": list[str]()},
        "complete_through": None, "fresh": None, "parked": 0, "quarantined": 0, "checks": []}]


def test_status_of_an_unknown_table_is_a_usage_error(project: Path, capsys: Captured) -> None:
    assert run(["status", "produkt"]) == 2
    assert capsys.readouterr().err == 'Error: unknown table "produkt". Did you mean "product"? Valid tables: product.\n'


def test_an_empty_quarantine_says_so(project: Path, capsys: Captured) -> None:
    assert run(["quarantine", "product"]) == 0
    assert capsys.readouterr().out == "shop.product: no row is held back.\n"
