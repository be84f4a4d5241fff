"""Every type arrives exactly, or is parked as text."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest

from lakehouse_platform.sources.base import Request
from tests.core.postgres_cases import DAY, contract_of, read, run, source_of, utc

UTC_TIME = pa.timestamp("us", "UTC")
EXACT = [
    ("boolean", "true", True, pa.bool_()),
    ("smallint", "-32768", -32768, pa.int16()),
    ("integer", "2147483647", 2147483647, pa.int32()),
    ("bigint", "-9223372036854775808", -(2**63), pa.int64()),
    ("numeric(18,2)", "-9999999999999999.99", Decimal("-9999999999999999.99"), pa.decimal128(18, 2)),
    ("numeric(38,9)", "99999999999999999999999999999.999999999", Decimal("99999999999999999999999999999.999999999"), pa.decimal128(38, 9)),
    ("numeric(38,38)", "0.00000000000000000000000000000000000001", Decimal("1E-38"), pa.decimal128(38, 38)),
    ("decimal(5)", "12345", Decimal(12345), pa.decimal128(5, 0)),
    ("real", "'NaN'", None, pa.float32()),
    ("real", "0.1", pa.scalar(0.1, pa.float32()).as_py(), pa.float32()),
    ("double precision", "'-Infinity'", float("-inf"), pa.float64()),
    ("double precision", "0.1", 0.1, pa.float64()),
    ("char(4)", "'a'", "a   ", pa.string()),
    ("varchar(9)", "' Zoë 😀 '", " Zoë 😀 ", pa.string()),
    ("text", "E'a\\\\b\\n%'", "a\\b\n%", pa.string()),
    ("json", "'{\"b\": 1,  \"a\": 2}'", '{"b": 1,  "a": 2}', pa.string()),
    ("jsonb", "'{\"b\": 1, \"a\": 2}'", '{"a": 2, "b": 1}', pa.string()),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", pa.string()),
    ("time", "'23:59:59.000001'", "23:59:59.000001", pa.string()),
    ("date", "'0001-01-01'", dt.date(1, 1, 1), pa.date32()),
    ("date", "'9999-12-31'", dt.date(9999, 12, 31), pa.date32()),
    ("timestamp(3)", "'2026-07-01 12:00:00.1236'", utc(2026, 7, 1, 16, 0, 0, 124000), UTC_TIME),
    ("timestamptz", "'2026-07-01 12:00:00.123456+02'", utc(2026, 7, 1, 10, 0, 0, 123456), UTC_TIME),
    ("timestamptz", "'0001-01-01 00:00:00Z'", utc(1, 1, 1), UTC_TIME),
    ("timestamptz", "'9999-12-31 23:59:59.999999Z'", utc(9999, 12, 31, 23, 59, 59, 999999), UTC_TIME),
    ("bytea", "'\\x00ff'", b"\x00\xff", pa.binary()),
]


@pytest.mark.parametrize(("kind", "literal", "value", "arrow"), EXACT)
def test_value_arrives_exactly_and_null_as_null(postgres_uri: str, kind: str, literal: str, value: object, arrow: pa.DataType) -> None:
    run(postgres_uri, f"create table thing (id int, v {kind})", f"insert into thing values (1, {literal}), (2, null)")
    with source_of(postgres_uri).read(Request(contract_of({"id": "int", "v": kind}), DAY, None)) as reading:
        table = reading.rows.read_all().sort_by("id")
    got, null = table["v"].to_pylist()
    assert table.schema.field("v").type == arrow
    assert got == value or (value is None and got != got)
    assert null is None
    assert table["_parked"].to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("America/New_York", "2026-01-15 12:00", utc(2026, 1, 15, 17)),
        ("America/New_York", "2026-07-15 12:00", utc(2026, 7, 15, 16)),
        ("America/New_York", "2026-03-08 02:30", utc(2026, 3, 8, 7, 30)),  # skipped: the clock before the change
        ("America/New_York", "2026-11-01 01:30", utc(2026, 11, 1, 6, 30)),  # twice: standard time
        ("Asia/Kolkata", "2026-07-15 12:00", utc(2026, 7, 15, 6, 30)),
        ("America/New_York", "9999-12-31 00:00", utc(9999, 12, 31, 5)),
    ],
)
def test_wall_clock_time_becomes_an_instant_of_the_connections_zone(postgres_uri: str, zone: str, wall: str, instant: dt.datetime) -> None:
    run(postgres_uri, "create table thing (id int, v timestamp)", f"insert into thing values (1, '{wall}')")
    with source_of(postgres_uri, zone=zone).read(Request(contract_of({"id": "int", "v": "timestamp"}), DAY, None)) as reading:
        assert reading.rows.read_all()["v"].to_pylist() == [instant]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "infinity"), ("date", "-infinity"), ("date", "10000-01-01"), ("date", "0044-03-15 BC"),
        ("timestamp", "infinity"), ("timestamp", "294276-12-31 23:59:59"), ("timestamp", "9999-12-31 23:59:59"),
        ("timestamp", "4713-01-01 00:00:00 BC"), ("timestamptz", "-infinity"), ("timestamptz", "10000-01-01 00:00:00+00"),
        ("numeric(18,2)", "NaN"), ("numeric(38,9)", "NaN"),
    ],
)
def test_value_that_no_type_carries_is_parked(postgres_uri: str, kind: str, text: str) -> None:
    run(postgres_uri, f"create table thing (id int, v {kind})", f"insert into thing values (1, '{text}')")
    [row], _ = read(postgres_uri, contract_of({"id": "int", "v": kind}))
    assert row["v"] is None
    assert json.loads(row["_parked"]) == {"v": text}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "123456789012345678901234567890.5"])
def test_unbounded_numeric_is_delivered_as_text(postgres_uri: str, text: str) -> None:
    run(postgres_uri, "create table thing (id int, v numeric)", f"insert into thing values (1, '{text}')")
    assert read(postgres_uri, contract_of({"id": "int", "v": "numeric(18,2)"}))[0][0]["v"] == text


@pytest.mark.parametrize(
    ("actual", "declared", "literal", "text"),
    [
        ("text", "integer", "'12 boxes'", "12 boxes"), ("numeric(20,2)", "numeric(18,2)", "1.50", "1.50"), ("bigint", "integer", "7", "7"),
        ("numeric(10,4)", "numeric(18,2)", "1.2345", "1.2345"), ("double precision", "numeric(18,2)", "0.1", "0.1"),
        ("money", "numeric(19,4)", "'$1,234.50'", "1234.50"), ("integer[]", "integer", "'{1,2}'", "{1,2}"), ("bit(1)", "bit", "B'1'", "1"),
    ],
)
def test_retyped_column_is_delivered_as_text(postgres_uri: str, actual: str, declared: str, literal: str, text: str) -> None:
    run(postgres_uri, f"create table thing (id int, v {actual})", f"insert into thing values (1, {literal})")
    assert read(postgres_uri, contract_of({"id": "int", "v": declared}))[0][0]["v"] == text


@pytest.mark.parametrize(
    ("actual", "declared", "literal", "value"),
    [
        ("smallint", "bigint", "7", 7), ("integer", "bigint", "7", 7), ("numeric(9,2)", "numeric(18,4)", "1.25", Decimal("1.25")),
        ("timestamptz", "timestamp", "'2026-01-01Z'", utc(2026, 1, 1)), ("mood", "text", "'glad'", "glad"),
        ("cents", "numeric(9,2)", "1.25", Decimal("1.25")), ("integer", "text", "7", "7"), ("letters", "text", "'ab'", "ab"),
    ],
)
def test_narrower_type_enum_or_domain_fits(postgres_uri: str, actual: str, declared: str, literal: str, value: object) -> None:
    run(postgres_uri, "create type mood as enum ('glad')", "create domain cents as numeric(9,2)", "create domain letters as varchar(2)")
    run(postgres_uri, f"create table thing (id int, v {actual})", f"insert into thing values (1, {literal})")
    assert read(postgres_uri, contract_of({"id": "int", "v": declared}))[0][0]["v"] == value


def test_undeclared_columns_are_parked_as_text(postgres_uri: str) -> None:
    run(
        postgres_uri,
        "create table thing (id int, n numeric, at timestamp, odd timestamp, c char(3), price money, j jsonb, nothing text)",
        "insert into thing values (1, 'NaN', '2026-07-01 12:00', 'infinity', 'a', 9.5, '{\"x\": null}', null)",
        "insert into thing values (2)",
    )
    rows, reading = read(postgres_uri, contract_of({"id": "int"}))
    parked = {row["id"]: row["_parked"] and json.loads(row["_parked"]) for row in rows}
    assert parked[2] is None
    assert parked[1] == {
        "n": "NaN", "at": "2026-07-01T16:00:00+00:00", "odd": "infinity", "c": "a  ", "price": "9.50", "j": '{"x": null}',
    }
    assert [c.name for c in reading.columns] == ["id", "n", "at", "odd", "c", "price", "j", "nothing"]


def test_more_undeclared_columns_than_a_function_takes_arguments(postgres_uri: str) -> None:
    extra = ", ".join(f"x{i} int default {i}" for i in range(300))
    run(postgres_uri, f"create table thing (id int, {extra})", "insert into thing values (1)")
    [row], _ = read(postgres_uri, contract_of({"id": "int"}))
    assert json.loads(row["_parked"]) == {f"x{i}": str(i) for i in range(300)}


def test_missing_column_is_null_of_its_type(postgres_uri: str) -> None:
    run(postgres_uri, "create table thing (id int)", "insert into thing values (1)")
    with source_of(postgres_uri).read(Request(contract_of({"id": "int", "v": "numeric(9,2)"}), DAY, None)) as reading:
        table = reading.rows.read_all()
    assert table.schema.field("v").type == pa.decimal128(9, 2)
    assert table["v"].to_pylist() == [None]


@pytest.mark.parametrize("name", ["Order", "select", "two words", 'quo"te', "it's", "grün %(x)s %s", "a:b ::c", "\\", "$1", "x" * 63])
def test_odd_names_are_quoted(postgres_uri: str, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    run(postgres_uri, f"create schema {quoted}", f"create table {quoted}.{quoted} (id int, {quoted} int, {quoted[:-1][:63]}_\" int)")
    run(postgres_uri, f"insert into {quoted}.{quoted} values (1, 2, 3)")
    contract = contract_of({"id": "int", name: "int"}, schema=name, table=name)
    [row], reading = read(postgres_uri, contract)
    assert (row["id"], row[name]) == (1, 2)
    assert json.loads(row["_parked"]) == {reading.columns[2].name: "3"}


def test_names_cannot_inject(postgres_uri: str) -> None:
    evil = 'x"; drop table victim; --'
    quoted = '"' + evil.replace('"', '""') + '"'
    run(postgres_uri, "create table victim (id int)")
    run(postgres_uri, f"create table {quoted} (id int, {quoted} int, \"','x'); drop table victim; --\" int)")
    run(postgres_uri, f"insert into {quoted} values (1, 2, 3)")
    [row], _ = read(postgres_uri, contract_of({"id": "int", evil: "int"}, table=evil))
    assert row[evil] == 2
    run(postgres_uri, "select from victim")


def test_other_encoding_of_the_database_arrives_as_unicode(postgres_uri: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(postgres_uri)["dbname"]
    run(postgres_uri, f"create database {name}_latin encoding 'LATIN1' locale 'C' template template0")
    latin = postgres_uri.replace(str(name), f"{name}_latin")
    run(latin, "create table thing (id int, v text)", "insert into thing values (1, 'Zoë')")
    assert read(latin, contract_of({"id": "int", "v": "text"}))[0][0]["v"] == "Zoë"
    run(postgres_uri, f"drop database {name}_latin")
