"""Errors of the PostgreSQL source: the right class, a next step, and neither secrets nor values."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, ChangeLog, Contract
from lakehouse_platform.errors import LakehouseError, SourceError, SourceUnavailable
from lakehouse_platform.sources.base import Request
from tests.core.postgres_cases import DAY, ROW_VERSION, SNAPSHOT, contract_of, extracting, read, run, source_of

THING = contract_of({"id": "int", "v": "text"})
LOGGED = CaptureSpec(Capture.CHANGE_LOG, log=ChangeLog("public", "thing", "pos", "op", "at"))


OTHERS = "backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()"


@pytest.fixture
def long(postgres_uri: str) -> str:
    """Address of a database with more things than a batch holds."""
    run(postgres_uri, "create table thing (id int, v text)")
    run(postgres_uri, "insert into thing select g, repeat('x', 500) from generate_series(1, 20000) g")
    return postgres_uri


def assert_alone(uri: str) -> None:
    """No other connection is left; the server needs a moment to see that one is gone."""
    deadline = time.monotonic() + 5
    with psycopg.connect(uri, autocommit=True) as connection:
        while connection.execute(f"select count(*) from pg_stat_activity where {OTHERS}".encode()).fetchone() != (0,):
            assert time.monotonic() < deadline


def spoken(error: BaseException) -> str:
    """All that a log may show of an error, chained ones included."""
    chained = [e for e in (error.__cause__, error.__context__) if e]
    return "".join(traceback.format_exception(error)) + "".join(map(repr, chained))


def failure(uri: str, contract: Contract = THING) -> LakehouseError:
    with pytest.raises(LakehouseError) as caught:
        read(uri, contract)
    assert caught.value.__context__ is None
    return caught.value


def test_nothing_is_resolved_before_the_first_read() -> None:
    source_of("not even a uri")


def test_server_that_is_down_is_transient() -> None:
    error = failure("postgresql://me:hunter2@localhost:1/erp")
    assert isinstance(error, SourceUnavailable)
    assert 'connection "erp" does not answer' in str(error)


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:hunter2@localhost:1/erp", "postgresql://me:hunter2%zz@localhost/erp", "postgresql://me:x@localhost:hunter2/erp",
        "hunter2", "postgresql://me@localhost:1/erp?hunter2=1",
    ],
)
def test_secret_is_never_spoken(uri: str) -> None:
    assert "hunter2" not in spoken(failure(uri))


def test_uri_that_cannot_be_read_is_terminal() -> None:
    assert isinstance(failure("postgresql://me:hunter2%zz@localhost/erp"), SourceError)


def test_missing_database_is_terminal(postgres_uri: str) -> None:
    error = failure(postgres_uri.replace("?host", "_nope?host"))
    assert isinstance(error, SourceError)
    assert "no such database or user" in str(error)


@pytest.mark.parametrize(("schema", "table"), [("public", "nope"), ("nope", "thing")])
def test_table_that_is_gone(postgres_uri: str, schema: str, table: str) -> None:
    error = failure(postgres_uri, contract_of({"id": "int"}, schema=schema, table=table))
    assert isinstance(error, SourceError)
    assert str(error).startswith(f"{schema}.{table} is not there")


def test_describe_of_a_table_that_is_gone(postgres_uri: str) -> None:
    with pytest.raises(SourceError, match=r"public\.thing is not there"):
        source_of(postgres_uri).describe(THING)


def test_missing_permission_says_what_to_ask_for(postgres_uri: str) -> None:
    run(postgres_uri, "create table thing (id int)", "drop role if exists reader", "create role reader login")
    error = failure(postgres_uri.replace("postgres:@", "reader:@"))
    assert isinstance(error, SourceError)
    assert "ask for GRANT SELECT" in str(error)


@pytest.mark.parametrize(
    ("capture", "columns", "says"),
    [
        (SNAPSHOT, "other int", 'no column "id".*Valid columns: other'),
        (replace(ROW_VERSION, effective_at="at"), "id int", 'no column "at"'),
        (replace(ROW_VERSION, effective_at="at"), "id int, at text", '"at" of public.thing is text, but must be a date or a timestamp'),
        (CaptureSpec(Capture.WINDOW, column="at"), "id int, at int", '"at" of public.thing is integer'),
        (LOGGED, "id int, pos text, op text, at date", '"pos" of public.thing is text, but must be an integer'),
        (LOGGED, "id int, pos int, at date", 'no column "op"'),
    ],
)
def test_column_that_the_capture_needs(postgres_uri: str, capture: CaptureSpec, columns: str, says: str) -> None:
    run(postgres_uri, f"create table thing ({columns})")
    with pytest.raises(SourceError, match=says):
        read(postgres_uri, contract_of({"id": "int"}, capture))


def test_value_that_fails_the_query_is_not_spoken(postgres_uri: str, tmp_path: Path) -> None:
    run(postgres_uri, "create table thing (id int, v text)", "insert into thing select g, 'n' || g from generate_series(1, 9) g")
    query = tmp_path / "thing.sql"
    query.write_text("select id, substr(v, 2)::int / (id - 5) + ('x' || v)::int as v from thing")
    error = failure(postgres_uri, extracting(THING, query))
    assert isinstance(error, SourceError)
    assert "xn1" not in spoken(error)
    assert "the query thing.sql of risk.thing cannot be read" in str(error)


def test_connection_that_breaks_half_way_is_transient(long: str) -> None:
    with source_of(long, batch_bytes=1 << 14).read(Request(THING, DAY, None)) as reading:
        reading.rows.read_next_batch()
        run(long, f"select pg_terminate_backend(pid) from pg_stat_activity where {OTHERS}")
        with pytest.raises(SourceUnavailable, match="Run it again"):
            reading.rows.read_all()


def test_read_that_is_left_early_leaves_no_connection(long: str) -> None:
    with source_of(long, batch_bytes=1 << 14).read(Request(THING, DAY, None)) as reading:
        reading.rows.read_next_batch()
    assert_alone(long)


def test_reader_that_fails_leaves_no_connection(long: str) -> None:
    def fail() -> None:
        with source_of(long, batch_bytes=1 << 14).read(Request(THING, DAY, None)) as reading:
            reading.rows.read_next_batch()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert_alone(long)


def test_mart_has_no_source(postgres_uri: str) -> None:
    with pytest.raises(SourceError, match="is a mart"):
        read(postgres_uri, replace(THING, source=None, capture=None))
