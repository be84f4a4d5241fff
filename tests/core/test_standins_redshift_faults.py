"""The stand-in for Redshift: what goes wrong on purpose, and the log of what was said."""

from __future__ import annotations

import time

import pytest
from redshift_connector.error import InterfaceError, ProgrammingError

from tests.core.redshift_sessions import connected, do, module_warehouse, said, warehouse
from tests.standins.redshift import Redshift

__all__ = ["module_warehouse", "warehouse"]

COUNT = "select count(*) from finance.t"


@pytest.fixture
def table(warehouse: Redshift) -> Redshift:
    do(warehouse, "create table finance.t (a int)")
    return warehouse


def insert(warehouse: Redshift) -> None:
    with connected(warehouse) as connection:
        connection.cursor().execute("insert into finance.t values (1)")
        connection.commit()


@pytest.mark.parametrize(("verb", "rows"), [("INSERT", 0), ("COMMIT", 0)])
def test_connection_is_cut_before_a_statement(table: Redshift, verb: str, rows: int) -> None:
    fault = table.faults.cut_before(verb=verb)
    with pytest.raises((InterfaceError, OSError)):
        insert(table)
    assert do(table, COUNT) == [(rows,)]
    assert table.faults.met(fault) == 1


@pytest.mark.parametrize(("verb", "rows"), [("INSERT", 0), ("COMMIT", 1)])
def test_answer_is_lost_after_a_statement(table: Redshift, verb: str, rows: int) -> None:
    table.faults.cut_after(verb=verb)
    with pytest.raises((InterfaceError, OSError)):
        insert(table)
    assert do(table, COUNT) == [(rows,)]


def test_statement_that_commits_by_itself_is_done_though_its_answer_is_lost(table: Redshift) -> None:
    table.faults.cut_after("insert*")
    with pytest.raises((InterfaceError, OSError)):
        do(table, "insert into finance.t values (1)")
    assert do(table, COUNT) == [(1,)]


def test_fault_meets_the_statement_after_those_that_it_lets_pass(table: Redshift) -> None:
    table.faults.refuse("53100", "insert*", skip=1)
    insert(table)
    with pytest.raises(ProgrammingError) as refused:
        insert(table)
    assert said(refused.value)[0] == "53100"
    insert(table)
    assert do(table, COUNT) == [(2,)]


def test_isolation_is_violated_on_request(table: Redshift) -> None:
    table.faults.refuse("1023", verb="COMMIT")
    with pytest.raises(ProgrammingError, match="Serializable isolation violation") as refused:
        insert(table)
    assert said(refused.value)[1] == "1023"
    assert do(table, COUNT) == [(0,)]


def test_transactions_that_write_the_same_row_violate_the_isolation(table: Redshift) -> None:
    insert(table)
    with connected(table) as one, connected(table) as other:
        one.cursor().execute(COUNT)
        other.cursor().execute("update finance.t set a = 2")
        other.commit()
        with pytest.raises(ProgrammingError, match="1023"):
            one.cursor().execute("update finance.t set a = 3")


def test_statement_is_late(table: Redshift) -> None:
    table.faults.delay(0.3, "*finance.t*")
    began = time.monotonic()
    do(table, COUNT)
    assert time.monotonic() - began > 0.3


def test_transaction_fails_as_a_whole_after_a_refusal(table: Redshift) -> None:
    with connected(table) as connection:
        connection.cursor().execute("insert into finance.t values (1)")
        with pytest.raises(ProgrammingError):
            connection.cursor().execute("create index i on finance.t (a)")
        with pytest.raises(ProgrammingError, match="25P02"):
            connection.cursor().execute(COUNT)
        connection.commit()
    assert do(table, COUNT) == [(0,)]


def test_log_has_each_statement_with_its_outcome(table: Redshift) -> None:
    table.statements.clear()
    table.faults.cut_before("*as lost*")
    do(table, COUNT)
    for statement in ("select * from finance.nothing", "create index i on finance.t (a)", "select a as lost from finance.t"):
        with pytest.raises((ProgrammingError, InterfaceError, OSError)):
            do(table, statement)
    assert [(entry.verb, entry.outcome) for entry in table.statements.like()] == [
        ("SELECT", "done"), ("SELECT", "42P01"), ("CREATE", "0A000"), ("SELECT", "cut")]
