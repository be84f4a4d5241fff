"""A lakehouse made by `init` does its work by the command line alone, against a PostgreSQL that it was never told about before."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lakehouse_platform.cli.app import run
from lakehouse_platform.cli.start import make_project
from lakehouse_platform.jobs.marts import prepare_marts
from lakehouse_platform.jobs.project import Project

Captured = pytest.CaptureFixture[str]
YESTERDAY = str(dt.datetime.now(tz=dt.UTC).date() - dt.timedelta(1))
BEFORE = str(dt.datetime.now(tz=dt.UTC).date() - dt.timedelta(2))
TABLE = """
create table public.product (
    product_id bigint primary key, product_name varchar(80) not null, price numeric(12, 2), updated_at timestamptz not null default now());
insert into public.product (product_id, product_name, price) values (1, ' Lamp ', 39.90), (2, 'Chair', -1), (3, 'Table', null);
"""


@pytest.fixture
def shop(postgres_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A new lakehouse in the current folder, and a connection to its source. It has no marts, so dbt need not look at it."""
    make_project(tmp_path, source_uri_env="SHOP_URI")
    shutil.rmtree(tmp_path / "assets" / "marts")
    monkeypatch.setenv("SHOP_URI", postgres_uri)
    monkeypatch.setenv("LAKEHOUSE_ENV", "local")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".lakehouse" / "dagster"))
    monkeypatch.chdir(tmp_path)
    with psycopg.connect(postgres_uri, autocommit=True) as connection:
        connection.execute(TABLE.encode())
        yield connection


def rows(sql: str, capsys: Captured) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run(["query", sql, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_day_goes_from_the_source_to_its_history(shop: psycopg.Connection, capsys: Captured) -> None:
    assert run(["materialize", "*/shop/*", "--partition", YESTERDAY]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1].startswith("3 of 3 materialized, in ")
    assert "price_not_negative" in shown.out
    assert f"3 assets for {YESTERDAY}: 3 of 3, " in shown.err
    assert rows("select product_id, product_name, price from hds.shop.product order by 1", capsys) == [
        {"product_id": 1, "product_name": "Lamp", "price": "39.90"}, {"product_id": 3, "product_name": "Table", "price": None}]
    assert run(["status", "--json"]) == 0
    (status,) = json.loads(capsys.readouterr().out)
    assert (status["rows"], status["quarantined"], status["last_partition"], status["fresh"]) == (
        {"raw": 6, "ods": 2, "hds": 2}, 1, YESTERDAY, True)  # Raw: three rows, and the three keys that were there
    assert run(["quarantine", "product"]) == 0
    assert "price_not_negative" in capsys.readouterr().out


def test_what_was_parked_comes_back_once_it_is_declared(shop: psycopg.Connection, capsys: Captured, tmp_path: Path) -> None:
    shop.execute("alter table public.product add column colour text default 'red'")
    assert run(["backfill", "*/shop/*", "--from", BEFORE, "--to", YESTERDAY]) == 0
    assert "Backfill " in capsys.readouterr().err
    contract = tmp_path / "assets/contracts/shop/product.yaml"
    column = "      - name: colour\n        logicalType: string\n        physicalType: text\n"
    contract.write_text(contract.read_text().replace("customProperties:", f"{column}customProperties:"))
    shop.execute("drop table public.product")
    assert run(["replay", "product"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("4 of 4 materialized, in ")
    for zone in ("ods", "hds"):
        assert {row["colour"] for row in rows(f"select colour from {zone}.shop.product", capsys)} == {"red"}


def test_a_source_that_is_down_may_be_tried_again(shop: psycopg.Connection, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse_platform.orchestration.steps.FIRST_WAIT", 0)
    monkeypatch.setenv("SHOP_URI", "postgresql://nobody@127.0.0.1:1/nothing")
    assert run(["materialize", "raw/shop/product", "-p", YESTERDAY]) == 3
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1].startswith("0 of 1 materialized, 1 failed, in ")
    assert "Traceback" not in shown.err
    assert f"raw/shop/product, {YESTERDAY}: " in shown.err


def test_a_table_that_is_gone_is_a_failure(shop: psycopg.Connection, capsys: Captured) -> None:
    shop.execute("drop table public.product")
    assert run(["materialize", "*/shop/*", "-p", YESTERDAY]) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1].startswith("0 of 3 materialized, 1 failed, in ")
    assert "public.product" in shown.err


@pytest.mark.parametrize(("arguments", "message"), [
    (["materialize", "hds/shop/produkt"], 'no asset matches "hds/shop/produkt". Did you mean "hds/shop/product"?'),
    (["materialize", "hds/*", "-p", "1999-01-01"], "there is no partition 1999-01-01"),
    (["backfill", "hds/*", "--from", YESTERDAY, "--to", "2999-01-01"], "there is no partition 2999-01-01"),
    (["backfill", "hds/*", "--from", YESTERDAY, "--to", YESTERDAY, "--single-run", "--reverse"], "--single-run has no order"),
    (["replay", "product"], "Raw holds nothing yet"),
])
def test_what_cannot_be_meant_is_a_usage_error(shop: psycopg.Connection, capsys: Captured, arguments: list[str], message: str) -> None:
    assert run(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_lakehouse_without_a_business_has_no_demo(shop: psycopg.Connection, capsys: Captured) -> None:
    assert run(["demo"]) == 1
    assert "this environment names no business to play" in capsys.readouterr().err


def test_the_dbt_project_of_a_new_lakehouse_is_valid(tmp_path: Path) -> None:
    make_project(tmp_path)
    assert prepare_marts(Project.open(tmp_path))
