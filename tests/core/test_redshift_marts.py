"""The marts in Redshift: the numbers of DuckDB's to the last digit, written by what changed, read through views, by whom they are for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.jobs.marts import Mart, mart_project, read_marts
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import Outcome
from lakehouse_platform.jobs.warehouse_marts import (
    AGREES,
    compare_with_lake,
    may_pass,
    moved_on,
    run_warehouse_marts,
    warehouse_mart_project,
)
from lakehouse_platform.publish.curated import publish_marts
from lakehouse_platform.publish.project import MartProject
from lakehouse_platform.warehouse.base import Place
from lakehouse_platform.warehouse.ddl import at
from lakehouse_platform.warehouse.evolution import Held
from lakehouse_platform.warehouse.held import held_table
from lakehouse_platform.warehouse.session import Session
from tests.core import small_lake
from tests.core.redshift_lake import LoadedLake, bound_project, place, settings_of
from tests.core.small_lake import CONTRACTS, MARTS, day, published
from tests.standins.redshift.service import redshift

FCT, KPI = CONTRACTS["finance.fct_revenue"], CONTRACTS["finance.kpi_revenue_daily"]
FULFILMENT, SHIPMENT = CONTRACTS["operations.kpi_fulfilment_daily"], at(place("ods", "operations.shipment"))
Rows = list[tuple[object, ...]]
UNTESTED = ("--indirect-selection", "empty")
"""Options of dbt's after what is selected: models alone."""
BUILT_AGAIN = ("dim_customer", "fct_revenue", "kpi_revenue_daily")


def name_of(contract: Contract, schema: str = "{}") -> str:
    return f'"{schema.format(contract.domain)}"."{contract.table}"'


@dataclass(frozen=True)
class Warehouse:
    """The stand-in after a build of all marts, and how it went."""

    loaded: LoadedLake
    project: Project
    marts: tuple[Mart, ...]
    outcomes: dict[str, Outcome]
    compiled: dict[str, str]
    """What each model and test asked."""

    @property
    def session(self) -> Session:
        return Session(self.loaded.settings)

    @property
    def dbt(self) -> MartProject:
        with self.session.asking() as ask:
            return warehouse_mart_project(self.project, self.marts, ask)

    def held(self, contract: Contract) -> Held:
        with self.session.asking() as ask:
            found = held_table(ask, Place(contract.domain, contract.table))
        assert found is not None
        return found

    def rows(self, contract: Contract, schema: str = "{}") -> Rows:
        columns = ", ".join(f'"{column.name}"' for column in contract.columns)
        return self.loaded.rows(f"select {columns} from {name_of(contract, schema)} order by {', '.join(contract.key)}")


KNOWN = "          - not_null: {name: fct_revenue_region_is_known}\n"
OF_CUSTOMERS = """\
          - relationships:
              name: fct_revenue_region_is_a_customers
              arguments: {to: ref('dim_customer'), field: region}
              config: {where: region <> 'unknown'}
"""


def add_test(file: Path) -> None:
    """A test of dbt's own that asks of another mart, and of some rows."""
    said = file.read_text()
    assert KNOWN in said
    file.write_text(said.replace(KNOWN, KNOWN + OF_CUSTOMERS))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("redshift_marts")
    lake = small_lake.write(folder / "lake")
    with redshift() as standin:
        loaded = LoadedLake(standin, settings_of(standin, folder), lake)
        loaded.load()
        project = bound_project(folder, lake, loaded.settings)
        add_test(folder / "assets/marts/models/finance/finance.yml")
        local = mart_project(project)
        assert local.build("resource_type:model", *UNTESTED).failed == ()
        publish_marts(lake, local.scratch, MARTS)
        marts = read_marts(project)
        outcomes = run_warehouse_marts(project, marts, {mart.contract.name for mart in marts})
        compiled = project.state / "warehouse_marts/compiled/marts"
        asked = [file for kind in ("models", "tests") for file in (compiled / kind).rglob("*.sql")]
        yield Warehouse(loaded, project, marts, outcomes, {file.stem: file.read_text() for file in asked})


@pytest.mark.parametrize("contract", MARTS, ids=lambda mart: mart.name)
def test_mart_has_the_rows_of_the_lakes_to_the_last_digit(warehouse: Warehouse, contract: Contract) -> None:
    mine, theirs = warehouse.rows(contract), published(warehouse.loaded.lake, contract)
    assert mine
    assert [[repr(value) for value in row] for row in plain(mine)] == [[repr(value) for value in row] for row in plain(theirs)]


def plain(rows: Rows) -> Rows:
    """Instants as texts: each driver has a class of its own for UTC."""
    return [tuple(value.isoformat() if isinstance(value, dt.datetime) else value for value in row) for row in rows]


@pytest.mark.parametrize("contract", MARTS, ids=lambda mart: mart.name)
def test_every_test_and_control_total_passes_and_the_mart_agrees(warehouse: Warehouse, contract: Contract) -> None:
    outcome = warehouse.outcomes[contract.name]
    assert [check.name for check in outcome.checks if not check.passed] == []
    assert {AGREES, "control_total"} < {check.name for check in outcome.checks}
    assert (outcome.halted, outcome.rows) == (None, len(warehouse.rows(contract)))


@pytest.mark.parametrize("contract", MARTS, ids=lambda mart: mart.name)
def test_reports_read_the_marts_rows_through_a_view(warehouse: Warehouse, contract: Contract) -> None:
    assert warehouse.rows(contract, "{}_reporting") == warehouse.rows(contract)


def test_what_is_asked_is_sql_that_redshift_has(warehouse: Warehouse) -> None:
    missing = (exp.NullSafeEQ, exp.NullSafeNEQ, exp.ArgMax, exp.Qualify, exp.Filter)
    for name, sql in warehouse.compiled.items():
        (tree,) = sqlglot.parse(sql, dialect="redshift")
        assert tree is not None, name
        assert [found.sql() for found in tree.find_all(*missing)] == [], name
        assert "window" not in {str(arg) for select in tree.find_all(exp.Select) for arg, value in select.args.items() if value}, name


def test_table_lies_as_its_contract_says(warehouse: Warehouse) -> None:
    held = warehouse.held(FCT)
    assert (held.distribution, held.dist_key, held.sort_key) == (Distribution.KEY, "invoice_id", ("invoice_date",))
    kinds = ("bigint", "character varying(80)", "date", "numeric(19,4)")
    assert tuple(held.columns[name] for name in ("invoice_id", "invoice_no", "invoice_date", "amount_usd")) == kinds


def test_roles_of_the_contract_read_the_mart_and_its_view_and_nobody_else(warehouse: Warehouse) -> None:
    found = warehouse.loaded.rows(
        "select namespace_name, privilege_type, identity_name from svv_relation_privileges where relation_name = 'fct_revenue'")
    assert set(found) == {("finance", "SELECT", "finance_reader"), ("finance_reporting", "SELECT", "finance_reader")}
    used = warehouse.loaded.rows("select identity_name from svv_schema_privileges where namespace_name = 'finance_reporting'")
    assert used == [("finance_reader",)]


def test_password_is_in_no_file_that_dbt_leaves(warehouse: Warehouse) -> None:
    secret = warehouse.loaded.standin.password.encode()
    files = [file for file in warehouse.project.state.rglob("*") if file.is_file()]
    assert [file.name for file in files if secret in file.read_bytes()] == []
    assert {"dbt.log", "manifest.json"} <= {file.name for file in files}


CHANGES = [
    ("customer.dim_customer", "customer_name", "customer_name || ' '"), ("customer.dim_customer", "is_vip", "not is_vip"),
    ("customer.dim_customer", "effective_from", "effective_from + interval '1 second'"),
    ("finance.fct_revenue", "amount_usd", "amount_usd + 0.0001"), ("finance.fct_revenue", "invoice_date", "invoice_date + 1"),
    ("finance.fct_revenue", "segment", "null"), ("risk.kpi_limit_usage", "usage", "usage * 1.0000000000000002"),
    ("operations.kpi_fulfilment_daily", "late", "late + 1"),
]
"""A mart, a column of it, and what is put in its place."""


@pytest.mark.parametrize(("name", "column", "value"), CHANGES)
def test_column_that_is_not_the_lakes_is_named(warehouse: Warehouse, name: str, column: str, value: str) -> None:
    contract, loaded = CONTRACTS[name], warehouse.loaded
    loaded.execute(f"create table kept as select * from {name_of(contract)}")
    try:
        loaded.execute(f"update {name_of(contract)} set {column} = {value}")
        found = compare_with_lake(warehouse.project, warehouse.session, contract)
    finally:
        loaded.execute(f"delete from {name_of(contract)}")
        loaded.execute(f"insert into {name_of(contract)} select * from kept")
        loaded.execute("drop table kept")
    assert (found.columns, found.rows == found.other_rows) == ((column,), True)
    assert compare_with_lake(warehouse.project, warehouse.session, contract).agrees


def test_mart_that_does_not_agree_is_built_anew(warehouse: Warehouse) -> None:
    warehouse.loaded.execute(f"insert into {name_of(KPI)} select * from {name_of(KPI)} where revenue_date = '2026-11-02'")
    outcome = run_warehouse_marts(warehouse.project, warehouse.marts, {KPI.name})[KPI.name]
    assert outcome.figures["built_anew"] is True
    assert [check.name for check in outcome.checks if not check.passed] == []
    assert len(warehouse.rows(KPI)) == 5


@dataclass(frozen=True)
class Changed:
    """What there is after tables were loaded again and only what changed was written."""

    fct: Rows
    kpi: Rows
    written: set[int]
    """Invoices whose row in the fact is another than before."""
    table: Held
    """The KPI's columns and layout."""


@pytest.fixture(scope="module")
def changed(warehouse: Warehouse) -> Changed:
    loaded = warehouse.loaded
    invoice, billing, rate = (at(place("ods", f"finance.{name}")) for name in ("invoice", "billing_customer", "fx_rate"))
    for sql in (
        f"update {invoice} set amount = 10.0002 where invoice_id = 2",
        f"update {invoice} set status = 'paid' where invoice_id = 3",
        f"delete from {invoice} where invoice_id in (6, 7)",
        f"update {billing} set customer_id = 1 where customer_no = 'B3'",
        f"insert into {rate} (rate_date, currency_code, rate) values ('2026-11-04', 'GBP', 1.5)",
    ):
        loaded.execute(sql)
    loaded.insert(place("ods", "finance.invoice"), [{**small_lake.ODS["finance.invoice"][0], "invoice_id": 8, "customer_no": "B2"}])
    loaded.execute(f"update {at(place('hds', 'customer.customer'))} set segment = 'public' where customer_id = 3")
    before = versions(warehouse)
    layouts = {**warehouse.dbt.layouts, KPI.table: {**warehouse.dbt.layouts[KPI.table], "sort": ["region", "revenue_date"]}}
    assert replace(warehouse.dbt, layouts=layouts).build(*BUILT_AGAIN, *UNTESTED).failed == ()
    written = {key for key, version in versions(warehouse).items() if before.get(key) != version}
    return Changed(warehouse.rows(FCT), warehouse.rows(KPI), written, warehouse.held(KPI))


def versions(warehouse: Warehouse) -> dict[int, str]:
    """The transaction that wrote each invoice's row."""
    return dict(warehouse.loaded.standin.rows("select invoice_id, xmin::text from finance.fct_revenue"))


def full(warehouse: Warehouse, contract: Contract) -> Rows:
    """What the model gives when it is built from nothing."""
    sql = warehouse.compiled[contract.table]
    assert " as held" not in sql
    return warehouse.loaded.rows(f"select * from ({sql}) as whole order by {', '.join(contract.key)}")


def test_fact_written_by_what_changed_equals_a_full_build(warehouse: Warehouse, changed: Changed) -> None:
    assert changed.fct == full(warehouse, FCT)
    assert [row[0] for row in changed.fct] == [1, 2, 3, 4, 5, 8]
    assert [row[-1] for row in changed.fct][1] == Decimal("12.0002")


def test_rows_that_are_as_they_were_are_not_written_again(changed: Changed) -> None:
    assert changed.written == {2, 3, 4, 5, 8}


def test_kpi_after_the_change_equals_a_full_build(warehouse: Warehouse, changed: Changed) -> None:
    assert changed.kpi == full(warehouse, KPI)
    assert day(6) not in {row[0] for row in changed.kpi}


def test_another_layout_is_a_full_build_and_the_view_survives_the_swap(warehouse: Warehouse, changed: Changed) -> None:
    assert changed.table.sort_key == ("region", "revenue_date")
    assert warehouse.rows(KPI, "{}_reporting") == changed.kpi


def test_mart_that_differs_from_a_lake_that_moved_on_is_a_warning_and_says_why(warehouse: Warehouse) -> None:
    mart = next(mart for mart in warehouse.marts if mart.contract.name == FULFILMENT.name)
    with warehouse.session.asking() as ask:
        assert moved_on(warehouse.project, ask, warehouse.marts, mart) == []
    small_lake.add(warehouse.loaded.lake, "ods", "operations.shipment", [])
    warehouse.loaded.execute(f"update {SHIPMENT} set units = units + 1")
    outcome = run_warehouse_marts(warehouse.project, warehouse.marts, {FULFILMENT.name})[FULFILMENT.name]
    (check,) = (check for check in outcome.checks if not check.passed)
    assert (check.name, check.halting, check.figures["columns"]) == (AGREES, False, "units")
    assert check.description == "operations.ods_shipment is loaded at version 1, and the lake is at 2"
    assert (outcome.halted, outcome.figures["built_anew"]) == (None, False)


def test_test_that_asks_of_another_mart_is_asked_before_the_commit_too(warehouse: Warehouse) -> None:
    counted = warehouse.loaded.standin.statements.like("*select count([*]) from (*")
    asked = [said.text for said in counted if "region <> 'unknown'" in said.text]
    assert any('"finance"."fct_revenue"' in text and '"customer"."dim_customer"' in text for text in asked)


def test_mart_that_breaks_a_test_is_not_committed(warehouse: Warehouse) -> None:
    before = [warehouse.rows(contract, "{}_reporting") for contract in (FULFILMENT, FCT)]
    warehouse.loaded.execute(f"update {SHIPMENT} set warehouse_code = null where shipment_id = 1")
    warehouse.loaded.execute(f"update {at(place('ods', 'finance.invoice'))} set status = 'lost' where invoice_id = 1")
    done = run_warehouse_marts(warehouse.project, warehouse.marts, {FULFILMENT.name, FCT.name})
    broken = {name: {check.name for check in outcome.checks if not check.passed} for name, outcome in done.items()}
    assert broken == {
        FULFILMENT.name: {AGREES, "warehouse_code_is_known", "control_total"}, FCT.name: {AGREES, "status_is_in_use"}}
    assert "held back by its tests: fct_revenue_status_is_in_use (1)" in str(done[FCT.name].halted)
    assert [warehouse.rows(contract, "{}_reporting") for contract in (FULFILMENT, FCT)] == before


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("Runtime Error in model fct_revenue\n  BrokenPipe: server socket closed.", True), ("Database Error\n  1023", True),
        ("Database Error\n  ('communication error', ConnectionRefusedError(111, 'Connection refused'))", True),
        ("could not complete because of conflict with concurrent transaction", True),
        ("terminating connection due to administrator command", True), ("could not open relation with OID 1234", True),
        ("Database Error\n  value too long for type character varying(12)", False), ("column \"x10234\" does not exist", False),
    ],
)
def test_what_may_pass_is_told_from_what_will_not(said: str, *, passes: bool) -> None:
    assert may_pass(said) is passes
