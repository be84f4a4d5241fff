"""What each capture reads, with transactions that are open while it reads."""

from __future__ import annotations

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, ChangeLog
from lakehouse_platform.errors import SourceError
from lakehouse_platform.sources.base import Request, Window
from lakehouse_platform.sources.postgres.query import PLACES, version_of
from lakehouse_platform.sources.postgres.session import render
from tests.core.postgres_cases import DAY, ROW_VERSION, SNAPSHOT, contract_of, extracting, ids, read, run, source_of, utc

THING = {"id": "int", "v": "text"}
TIMED = {"id": "int", "at": "timestamp"}
RECONCILED = replace(ROW_VERSION, reconcile_deletes=True)
EFFECTIVE = CaptureSpec(Capture.ROW_VERSION, effective_at="at")
WINDOW = CaptureSpec(Capture.WINDOW, column="at")
LOG = CaptureSpec(Capture.CHANGE_LOG, log=ChangeLog("audit", "log", "pos", "op", "changed", ("D", "X")))
NEXT_DAY = Window(DAY.end, DAY.end + dt.timedelta(days=1))


@pytest.fixture
def thing(postgres_uri: str) -> str:
    """Address of a database with two things."""
    run(postgres_uri, "create table thing (id int, v text)", "insert into thing values (1, 'a'), (2, 'b')")
    return postgres_uri


@pytest.fixture
def timed(postgres_uri: str) -> str:
    """Address of a database with one thing in New York's noon of the day."""
    run(postgres_uri, "create table thing (id int, at timestamp)", "insert into thing values (1, '2026-11-02 12:00')")
    return postgres_uri


@pytest.fixture
def log(postgres_uri: str) -> str:
    """Address of a database with an empty change log."""
    run(postgres_uri, "create schema audit", "create table audit.log (pos bigint, op char(2), changed timestamptz, id int, v text)")
    return postgres_uri


def test_snapshot_takes_all_rows_at_one_position(thing: str) -> None:
    rows, reading = read(thing, contract_of(THING))
    assert ids(rows) == [1, 2]
    assert {(row["_seq"], row["_snapshot"], row["_effective_at"]) for row in rows} == {(reading.position, True, DAY.end)}
    assert reading.position == (reading.high - 1) * PLACES


@pytest.mark.parametrize("capture", [SNAPSHOT, RECONCILED], ids=["snapshot", "reconciled"])
def test_images_follow_each_other_while_a_transaction_stays_open(thing: str, capture: CaptureSpec) -> None:
    contract = contract_of(THING, capture)
    above: list[int] = []
    with psycopg.connect(thing) as late:
        number = late.execute("insert into thing values (3, 'late') returning pg_current_xact_id()::text::bigint").fetchone() or (0,)
        for value in "cde":
            run(thing, f"update thing set v = '{value}' where id = 2")
            _, reading = read(thing, contract, above=max(above, default=None))
            assert reading.high == number[0]
            above.append(reading.position or 0)
        late.commit()
    assert above == [(number[0] - 1) * PLACES + n for n in range(3)]
    rows, last = read(thing, contract, number[0], above=above[-1])
    assert above[-1] < min(row["_seq"] for row in rows)
    assert last.position == (last.high - 1) * PLACES


def test_effective_time_without_column_is_never_after_the_read(thing: str) -> None:
    future = Window(utc(2999, 1, 1), utc(2999, 1, 2))
    rows, reading = read(thing, contract_of(THING), window=future)
    assert {row["_effective_at"] for row in rows} == {reading.seen_at}


def test_clock_is_before_the_snapshot_and_in_utc(thing: str) -> None:
    with psycopg.connect(thing, autocommit=True) as connection:
        before = connection.execute("select clock_timestamp()").fetchone()
        _, reading = read(thing, contract_of(THING))
        after = connection.execute("select clock_timestamp()").fetchone()
    assert before is not None
    assert after is not None
    assert before[0] <= reading.seen_at <= after[0]
    assert reading.seen_at.utcoffset() == dt.timedelta(0)


def test_row_versions_are_read_once_each(thing: str) -> None:
    contract = contract_of(THING, ROW_VERSION)
    rows, first = read(thing, contract)
    assert ids(rows) == [1, 2]
    run(thing, "update thing set v = 'c' where id = 2")
    rows, second = read(thing, contract, first.high)
    assert [(row["id"], row["v"], row["_snapshot"]) for row in rows] == [(2, "c", False)]
    assert first.high <= rows[0]["_seq"] // PLACES < second.high
    assert read(thing, contract, second.high)[0] == []


def test_version_is_the_transactions_number(thing: str) -> None:
    with psycopg.connect(thing) as writer:
        number = writer.execute("select pg_current_xact_id()::text::bigint").fetchone()
        writer.execute("insert into thing values (3)")
    rows, _ = read(thing, contract_of(THING, ROW_VERSION))
    assert [row["_seq"] for row in rows if row["id"] == 3] == [number and number[0] * PLACES]


def test_late_commit_is_neither_lost_nor_read_twice(thing: str) -> None:
    contract = contract_of(THING, ROW_VERSION)
    low, taken = None, []
    with psycopg.connect(thing) as late:
        late.execute("insert into thing values (3, 'late')")
        run(thing, "insert into thing values (4, 'quick')")
        rows, reading = read(thing, contract, low)
        taken += ids(rows)
        assert reading.high < reading.running
        late.commit()
    for _ in range(2):
        rows, reading = read(thing, contract, reading.high)
        taken += ids(rows)
    assert taken == [1, 2, 3, 4]


def test_late_commit_of_a_savepoint_is_not_lost(thing: str) -> None:
    contract = contract_of(THING, ROW_VERSION)
    with psycopg.connect(thing) as late:
        late.execute("select pg_current_xact_id()")
        with late.transaction():
            late.execute("insert into thing values (3, 'inner')")
        run(thing, "insert into thing values (4, 'quick')")
        _, first = read(thing, contract)
        late.commit()
    assert ids(read(thing, contract, first.high)[0]) == [3, 4]


def test_reconciled_read_adds_the_keys_that_are_left(thing: str) -> None:
    contract = contract_of(THING, RECONCILED)
    _, first = read(thing, contract)
    run(thing, "delete from thing where id = 1")
    rows, second = read(thing, contract, first.high)
    got = [tuple(row[name] for name in ("_op", "id", "v", "_seq", "_snapshot", "_effective_at")) for row in rows]
    assert got == [("present", 2, None, second.position, True, DAY.end)]
    assert second.position == (second.high - 1) * PLACES


def test_key_of_a_row_above_the_bound_is_present_and_its_row_comes_later(thing: str) -> None:
    contract = contract_of(THING, RECONCILED)
    with psycopg.connect(thing) as late:
        late.execute("insert into thing values (3, 'late')")
        run(thing, "insert into thing values (4, 'quick')")
        rows, first = read(thing, contract)
        late.commit()
    assert (ids(rows), ids(rows, "present")) == ([1, 2], [1, 2, 4])
    rows, _ = read(thing, contract, first.high)
    assert ids(rows) == [3, 4]
    assert all(row["_seq"] > (first.position or 0) for row in rows)


def test_effective_time_in_the_future_is_capped_and_parked(timed: str) -> None:
    run(timed, "insert into thing values (2, '2999-01-01'), (3, 'infinity'), (4, null), (5, '-infinity')")
    rows, reading = read(timed, contract_of(TIMED, EFFECTIVE))
    got = {row["id"]: row["_effective_at"] for row in rows}
    parked = {row["id"]: json.loads(row["_parked"]) for row in rows if row["_parked"]}
    assert got == {1: utc(2026, 11, 2, 17), 2: reading.seen_at, 3: reading.seen_at, 4: DAY.end, 5: DAY.end}
    assert parked == {
        2: {"_effective_at": "2999-01-01T05:00:00+00:00"},
        3: {"_effective_at": "infinity", "at": "infinity"},
        5: {"_effective_at": "-infinity", "at": "-infinity"},
    }


def test_effective_date_begins_at_midnight_of_the_zone(postgres_uri: str) -> None:
    run(postgres_uri, "create table thing (id int, at date)", "insert into thing values (1, '2026-07-01')")
    [row], _ = read(postgres_uri, contract_of({"id": "int", "at": "date"}, EFFECTIVE))
    assert row["_effective_at"] == utc(2026, 7, 1, 4)


def test_window_holds_its_start_and_not_its_end(timed: str) -> None:
    run(timed, "truncate thing", "insert into thing values (1, '2026-11-01 23:59:59.999999'), (2, '2026-11-02')")
    run(timed, "insert into thing values (3, '2026-11-02 23:59:59.999999'), (4, '2026-11-03')")
    rows, _ = read(timed, contract_of(TIMED, WINDOW), only_window=True)
    assert ids(rows) == [2, 3]
    assert sorted(row["_seq"] for row in rows) == [int(DAY.start.timestamp()) * 10**6, int(DAY.end.timestamp()) * 10**6 - 1]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25)])
def test_window_of_a_day_that_changes_the_clock(timed: str, day: str, hours: int) -> None:
    start = dt.datetime.fromisoformat(f"{day}T{5 if hours == 23 else 4:02}:00+00:00")
    run(timed, "truncate thing", f"insert into thing select h, '{day}'::timestamp + h * interval '1 hour' from generate_series(-1, 24) h")
    rows, _ = read(timed, contract_of(TIMED, WINDOW), window=Window(start, start + dt.timedelta(hours=hours)), only_window=True)
    assert ids(rows) == list(range(24))


def test_first_window_takes_what_is_older_or_has_no_time(timed: str) -> None:
    run(timed, "insert into thing values (2, '1999-01-01'), (3, null), (4, '2026-11-03'), (5, '-infinity')")
    rows, reading = read(timed, contract_of(TIMED, WINDOW))
    assert ids(rows) == [1, 2, 3, 5]
    assert reading.position is None
    assert {row["id"]: row["_effective_at"] for row in rows if row["at"] is None} == {3: DAY.end, 5: DAY.end}


def test_window_also_takes_late_rows_of_other_days_once(timed: str) -> None:
    contract = contract_of(TIMED, WINDOW)
    with psycopg.connect(timed) as late:
        late.execute("insert into thing values (2, '2026-11-02 13:00')")
        run(timed, "insert into thing values (3, '2026-11-02 14:00')")
        rows, first = read(timed, contract)
        assert ids(rows) == [1, 3]
        late.commit()
    rows, second = read(timed, contract, first.high, window=NEXT_DAY)
    assert ids(rows) == [2, 3]
    assert {row["_effective_at"] for row in rows} == {utc(2026, 11, 2, 18), utc(2026, 11, 2, 19)}
    assert read(timed, contract, second.high, window=NEXT_DAY)[0] == []


def test_window_alone_leaves_late_rows_of_other_days(timed: str) -> None:
    assert read(timed, contract_of(TIMED, WINDOW), low=0, window=NEXT_DAY, only_window=True)[0] == []


def test_change_log_is_read_in_its_own_order(log: str) -> None:
    run(log, "insert into audit.log values (7, 'I', '2026-11-02 10:00Z', 1, 'a'), (8, 'U', '2026-11-02 10:00Z', 1, 'b')")
    run(log, "insert into audit.log values (9, 'D', '2026-11-02 11:00Z', 1, 'b'), (10, 'X', '2999-01-01Z', 2, null)")
    rows, reading = read(log, contract_of(THING, LOG))
    got = [(r["_seq"], r["_op"], r["v"], r["_effective_at"], r["_snapshot"]) for r in rows]
    assert got == [
        (7, "upsert", "a", utc(2026, 11, 2, 10), False), (8, "upsert", "b", utc(2026, 11, 2, 10), False),
        (9, "delete", "b", utc(2026, 11, 2, 11), False), (10, "delete", None, reading.seen_at, False),
    ]
    assert (reading.position, [c.name for c in reading.columns]) == (None, ["id", "v"])
    assert [row["_parked"] for row in rows] == [None, None, None, '{"_effective_at": "2999-01-01T00:00:00+00:00"}']


def test_late_commit_to_the_change_log_is_neither_lost_nor_read_twice(log: str) -> None:
    contract = contract_of(THING, LOG)
    with psycopg.connect(log) as late:
        late.execute("insert into audit.log values (1, 'I', now(), 1, 'late')")
        run(log, "insert into audit.log values (2, 'I', now(), 2, 'quick')")
        rows, first = read(log, contract)
        assert rows == []
        late.commit()
    rows, second = read(log, contract, first.high)
    assert sorted(row["_seq"] for row in rows) == [1, 2]
    assert read(log, contract, second.high)[0] == []


def test_logs_own_columns_are_data_where_the_contract_declares_them(log: str) -> None:
    run(log, "insert into audit.log values (1, 'I', '2026-11-02 10:00Z', 1, 'a')")
    [row], reading = read(log, contract_of({"id": "int", "op": "char(2)"}, LOG))
    assert (row["op"], row["_parked"]) == ("I ", '{"v": "a"}')
    assert [c.name for c in reading.columns] == ["op", "id", "v"]


def test_change_without_position_is_an_error(log: str) -> None:
    run(log, "insert into audit.log values (null, 'I', now(), 1, 'a')")
    with pytest.raises(SourceError, match="change without a position"):
        read(log, contract_of(THING, LOG))


def test_query_of_the_hatch_replaces_the_table(thing: str, tmp_path: Path) -> None:
    query = tmp_path / "thing.sql"
    query.write_text("select id, v || ' :x \\:y 50%'::text as v, 1.5::numeric(9,2) as \"E x\" from thing -- all of it\n;\n")
    rows, reading = read(thing, extracting(contract_of(THING), query))
    assert [(row["id"], row["v"]) for row in rows] == [(1, "a :x \\:y 50%"), (2, "b :x \\:y 50%")]
    assert {row["_parked"] for row in rows} == {'{"E x": "1.50"}'}
    assert [(c.name, c.type) for c in reading.columns] == [("id", "integer"), ("v", "text"), ("E x", "numeric")]


def test_query_of_the_hatch_has_no_row_versions(thing: str, tmp_path: Path) -> None:
    query = tmp_path / "thing.sql"
    query.write_text("select id, v from thing")
    with pytest.raises(SourceError, match=r"extract step, thing\.sql, with row_version capture.*Use capture mode snapshot"):
        read(thing, extracting(contract_of(THING, ROW_VERSION), query))


def test_query_of_the_hatch_cannot_write(thing: str, tmp_path: Path) -> None:
    run(thing, "create function wipe() returns int language sql as 'delete from thing returning id'")
    query = tmp_path / "thing.sql"
    query.write_text("select wipe() as id, null::text as v")
    with pytest.raises(SourceError):
        read(thing, extracting(contract_of(THING), query))


def test_view_and_materialized_view_are_read_by_snapshot(thing: str) -> None:
    run(thing, "create view v1 as select * from thing", "create materialized view v2 as select * from thing")
    assert ids(read(thing, contract_of(THING, SNAPSHOT, table="v1"))[0]) == [1, 2]
    assert ids(read(thing, contract_of(THING, SNAPSHOT, table="v2"))[0]) == [1, 2]
    with pytest.raises(SourceError, match=r"public\.v1 is not a table.*use capture mode snapshot"):
        read(thing, contract_of(THING, ROW_VERSION, table="v1"))


def test_partitioned_table_is_read_by_row_version(postgres_uri: str) -> None:
    run(postgres_uri, "create table thing (id int, v text) partition by range (id)")
    run(postgres_uri, *(f"create table thing_{i} partition of thing for values from ({i}) to ({i + 1})" for i in (1, 2)))
    run(postgres_uri, "insert into thing values (1, 'a'), (2, 'b')")
    assert ids(read(postgres_uri, contract_of(THING, RECONCILED))[0]) == [1, 2]


def test_database_whose_transactions_went_back_is_an_error(thing: str) -> None:
    with pytest.raises(SourceError, match=r"restored or replaced.*loaded anew"):
        read(thing, contract_of(THING, ROW_VERSION), low=10**12)


def test_describe_tells_names_types_and_nullability(thing: str) -> None:
    run(thing, "alter table thing add n numeric(18,2) not null default 0, add dropped int", "alter table thing drop dropped")
    columns = source_of(thing).describe(contract_of(THING))
    assert [(c.name, c.type, c.nullable) for c in columns] == [("id", "integer", True), ("v", "text", True), ("n", "numeric(18,2)", False)]


def test_whole_read_sees_one_moment(thing: str) -> None:
    contract = contract_of(THING, RECONCILED)
    run(thing, "insert into thing select g, repeat('x', 100) from generate_series(3, 20000) g")
    with source_of(thing, batch_bytes=1 << 14).read(Request(contract, DAY, None)) as reading:
        first = reading.rows.read_next_batch()
        run(thing, "delete from thing where id > 10000", "update thing set v = 'changed'")
        rest = reading.rows.read_all()
    ops = [*first["_op"].to_pylist(), *rest["_op"].to_pylist()]
    assert (ops.count("upsert"), ops.count("present")) == (20000, 20000)
    assert "changed" not in rest["v"].to_pylist()


def test_reload_that_is_under_way_is_waited_for_and_seen_as_a_whole(thing: str) -> None:
    waiting = "select count(*) from pg_locks join pg_database d on d.oid = database where not granted and datname = current_database()"
    with psycopg.connect(thing) as loader, ThreadPoolExecutor(1) as reader:
        loader.execute("truncate thing")
        loader.execute("insert into thing values (7, 'new')")
        pending = reader.submit(read, thing, contract_of(THING, RECONCILED))
        while loader.execute(waiting).fetchone() == (0,):
            assert not pending.done()
        loader.commit()
        rows, _ = pending.result(timeout=30)
    assert (ids(rows), ids(rows, "present")) == ([7], [7])


@pytest.mark.parametrize(
    ("bits", "version"),
    [(2**32 - 1, 2**32 - 1), (3, 2**32 + 3), (9, 2**32 + 9), (10, 10), (11, 11)],
)
def test_version_is_the_newest_number_below_the_bound_with_the_rows_bits(thing: str, bits: int, version: int) -> None:
    sql = render(sa.select(version_of(sa.literal_column(f"'{bits}'::xid"), running=2**32 + 10)))
    with psycopg.connect(thing) as connection:
        assert connection.execute(sql.encode()).fetchone() == (version,)


def test_definition_cannot_change_during_a_read(thing: str) -> None:
    run(thing, "insert into thing select g, repeat('x', 100) from generate_series(3, 20000) g")
    with source_of(thing, batch_bytes=1 << 14).read(Request(contract_of(THING), DAY, None)) as reading:
        reading.rows.read_next_batch()
        with psycopg.connect(thing, options="-c lock_timeout=50ms") as other, pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("truncate thing")
