"""The embedded legacy plays the same five days for a seed, and its journal tells what it did."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

import resources.legacy.business as business_module
from lakehouse_platform.errors import TerminalError, UnknownName
from resources.legacy import Business, Entry, Journal, Legacy
from resources.legacy.business.step import NEW_YORK, Step, steps_of

START = dt.date(2026, 3, 2)
TABLES = {
    "erp": ("finance.gl_account", "finance.gl_journal", "finance.invoice", "finance.fx_rate", "billing.customer", "risk.credit_limit",
            "risk.exposure", "risk.watchlist", "ops.work_order", "ops.shipment", "ops.inventory_level"),
    "crm": ("public.customer", "public.address"),
}
LogRow = tuple[object, ...]
NewLegacy = Callable[[str], Legacy]


@pytest.fixture(scope="module")
def new_legacy(server_folder: Callable[[str], Path]) -> Iterator[NewLegacy]:
    made: list[Legacy] = []

    def make(name: str) -> Legacy:
        made.append(Legacy(server_folder(name) / "pg"))
        return made[-1]

    yield make
    for legacy in made:
        legacy.stop()


@pytest.fixture(scope="module")
def played(new_legacy: NewLegacy) -> Legacy:
    return played_in(new_legacy("played"))


@pytest.fixture(scope="module")
def journal(played: Legacy) -> Journal:
    return Journal(played)


def played_in(legacy: Legacy, *, seed: int = 7, size: str = "small") -> Legacy:
    with Business(legacy, seed=seed, size=size, start=START) as business:
        for day in range(1, 6):
            business.play(day)
    return legacy


def rows_of(legacy: Legacy, database: str, table: str) -> Counter[str]:
    with legacy.connect(database) as connection:
        cursor = connection.execute(f"select * from {table}")
        names = [column.name for column in cursor.description or ()]
        return Counter(repr(list(zip(names, row, strict=True))) for row in cursor)


def replayed(journal: Journal, database: str, table: str, day: int) -> Counter[str]:
    return Counter(repr(list(row.items())) for row in journal.rows_after(database, table, day))


def fetch(legacy: Legacy, query: str, database: str = "erp") -> list[LogRow]:
    with legacy.connect(database) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(("database", "table"), [(d, t) for d, tables in TABLES.items() for t in tables])
def test_journal_replayed_equals_the_table(played: Legacy, journal: Journal, database: str, table: str) -> None:
    assert replayed(journal, database, table, 5) == rows_of(played, database, table)


def test_journal_is_the_same_for_the_same_seed(new_legacy: NewLegacy, journal: Journal) -> None:
    again = Journal(played_in(new_legacy("again")))
    assert sorted(map(repr, again.entries)) == sorted(map(repr, journal.entries))


def test_another_seed_plays_another_business(new_legacy: NewLegacy, journal: Journal) -> None:
    other = Journal(played_in(new_legacy("other"), seed=8))
    assert sorted(map(repr, other.entries)) != sorted(map(repr, journal.entries))


def test_large_estate_has_four_to_twenty_times_the_rows_and_the_same_laws(new_legacy: NewLegacy, played: Legacy) -> None:
    large = played_in(new_legacy("large"), size="large")
    journal = Journal(large)
    sizes = [sum(rows_of(legacy, d, t).total() for d, tables in TABLES.items() for t in tables) for legacy in (played, large)]
    assert 2_000 <= sizes[0] <= 5_000
    assert 4 <= sizes[1] / sizes[0] <= 20
    assert all(replayed(journal, d, t, 5) == rows_of(large, d, t) for d, tables in TABLES.items() for t in tables)


def test_each_evening_the_tables_are_as_the_journal_says(new_legacy: NewLegacy) -> None:
    legacy = new_legacy("evenings")
    with Business(legacy, start=START) as business:
        for day in (1, 2, 3):
            business.play(day)
            journal = Journal(legacy)
            assert replayed(journal, "erp", "ops.work_order", day) == rows_of(legacy, "erp", "ops.work_order")
            assert replayed(journal, "erp", "finance.invoice", day) == rows_of(legacy, "erp", "finance.invoice")


def test_late_transaction_is_invisible_on_day_2_and_committed_on_day_3(new_legacy: NewLegacy) -> None:
    legacy = new_legacy("late")
    with Business(legacy, start=START) as business:
        business.play(1)
        business.play(2)
        assert fetch(legacy, "select * from finance.gl_journal where journal_id between 700000 and 799999") == []
        running, newest = fetch(legacy, "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint, "
                                        "max(xid::text::bigint) from legacy_meta.played")[0]
        assert isinstance(running, int)
        assert isinstance(newest, int)
        assert running < newest
        business.play(3)
    late = [e for e in Journal(legacy).of("erp", "finance.gl_journal") if e.key[0] in (700_001, 700_002, 700_003)]
    assert [e.day_committed for e in late] == [3, 3, 3]
    assert {e.business_time.astimezone(NEW_YORK).date() for e in late} == {START + dt.timedelta(1)}


def test_lost_late_transaction_is_written_again_with_the_same_values(new_legacy: NewLegacy, journal: Journal) -> None:
    legacy = new_legacy("lost")
    with Business(legacy, start=START) as business:
        business.play(1)
        business.play(2)
    with Business(legacy) as business:
        for day in (3, 4, 5):
            business.play(day)
    assert sorted(map(repr, Journal(legacy).entries)) == sorted(map(repr, journal.entries))


def test_played_days_are_left_alone_and_keep_their_dates(new_legacy: NewLegacy, journal: Journal) -> None:
    legacy = played_in(new_legacy("twice"))
    with Business(legacy, start=START + dt.timedelta(1)) as tomorrow:
        for day in range(1, 6):
            tomorrow.play(day)
        assert tomorrow.days == [START + dt.timedelta(n) for n in range(5)]
    assert len(Journal(legacy).entries) == len(journal.entries)


def test_day_broken_off_is_continued_where_it_stopped(
    new_legacy: NewLegacy, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy = new_legacy("broken_off")

    def first_steps(day: int) -> list[Step]:
        return steps_of(day)[:4] if day == 1 else steps_of(day)

    with monkeypatch.context() as patch, Business(legacy, start=START) as business:
        patch.setattr(business_module, "steps_of", first_steps)
        business.play(1)
    played_in(legacy)
    assert sorted(map(repr, Journal(legacy).entries)) == sorted(map(repr, journal.entries))


def test_estate_of_another_seed_is_refused(played: Legacy) -> None:
    with pytest.raises(TerminalError, match="has seed 7 and size small, not 9 and small"):
        Business(played, seed=9).create()


def test_unknown_size_names_the_sizes(played: Legacy) -> None:
    with pytest.raises(UnknownName, match='Did you mean "small"'):
        Business(played, size="smal")


def test_unknown_day_is_refused(played: Legacy) -> None:
    with pytest.raises(UnknownName, match="Valid days: 1 to 5"):
        Business(played).play(6)


def test_default_days_end_yesterday(new_legacy: NewLegacy) -> None:
    today = dt.datetime.now(NEW_YORK).date()
    with Business(new_legacy("default")) as business:
        assert business.days[-1] in (today - dt.timedelta(1), dt.datetime.now(NEW_YORK).date() - dt.timedelta(1))


def test_every_time_lies_in_its_day_or_before(journal: Journal) -> None:
    for entry in journal.entries:
        day = entry.business_time.astimezone(NEW_YORK).date()
        assert day <= START + dt.timedelta(entry.day_committed - 1), entry


@pytest.mark.parametrize(("database", "table", "key", "day_gone", "day_back"), [
    ("erp", "finance.gl_account", ("1900",), 2, 4),
    ("erp", "finance.invoice", (31,), 2, 4),
    ("erp", "risk.credit_limit", (11, "LOAN"), 2, 4),
    ("erp", "ops.inventory_level", ("SEA", "SKU-00001"), 3, 5),
    ("crm", "public.customer", (11,), 2, 4),
    ("crm", "public.address", (21,), 2, 4),
    ("crm", "public.address", (24,), 3, 3),
])
def test_deleted_key_comes_back(journal: Journal, database: str, table: str, key: tuple[object, ...], day_gone: int, day_back: int) -> None:
    seen = [(e.operation, e.day_committed) for e in journal.of(database, table) if e.key == key]
    assert seen[-2:] == [("D", day_gone), ("I", day_back)]


def test_work_order_changes_twice_between_extractions(journal: Journal) -> None:
    seen = Counter(e.day_committed for e in journal.of("erp", "ops.work_order") if e.key == (5,) and e.operation == "U")
    assert seen == dict.fromkeys(range(1, 6), 2)


def test_log_has_every_change_with_equal_times_in_order(played: Legacy) -> None:
    log = fetch(played, "select operation, changed_at, limit_amount from audit.credit_limit_log "
                        "where customer_id = 5 and product_code = 'CARD' order by log_id")
    assert [str(limit) for _, _, limit in log[1:4]] == ["100.0001", "200.0002", "301.0003"]
    assert len({changed for _, changed, _ in log[1:4]}) == 1


@pytest.mark.parametrize(("database", "table", "log"), [
    ("erp", "risk.credit_limit", "audit.credit_limit_log"), ("crm", "public.customer", "audit.customer_log"),
])
def test_log_tells_the_same_as_the_journal(played: Legacy, journal: Journal, database: str, table: str, log: str) -> None:
    def told(entry: Entry) -> LogRow:
        return entry.operation, entry.business_time, *entry.values.values()

    def logged(row: LogRow) -> LogRow:
        return row[1], row[2].astimezone(dt.UTC) if isinstance(row[2], dt.datetime) else None, *row[3:]

    rows = [logged(row) for row in fetch(played, f"select * from {log}", database)]
    assert Counter(map(repr, rows)) == Counter(repr(told(e)) for e in journal.of(database, table))


def test_columns_change_on_day_3(new_legacy: NewLegacy) -> None:
    legacy = new_legacy("drift")
    columns = ("select column_name, data_type from information_schema.columns where (table_name, column_name) "
               "in (('work_order', 'carrier_note'), ('invoice', 'priority')) order by 1")
    with Business(legacy, start=START) as business:
        business.play(1)
        business.play(2)
        assert fetch(legacy, columns) == [("priority", "integer")]
        business.play(3)
        assert fetch(legacy, columns) == [("carrier_note", "text"), ("priority", "text")]
    assert fetch(legacy, "select count(*) from finance.invoice where priority = 'high'") == [(6,)]


@pytest.mark.parametrize("present", [
    "finance.fx_rate where rate = 99999999999999999999999999999.999999999",
    "finance.gl_journal where amount = -999999999999999.9999",
    "finance.gl_journal where value_at = '2025-03-09 02:30' or value_at = '2025-11-02 01:30'",
    "finance.gl_journal where value_at = '0001-01-01'",
    "finance.invoice where due_date = '9999-12-31'",
    "finance.invoice where note = ''",
    "ops.work_order where due_at = '9999-12-31 23:59:59.999999'",
    "risk.credit_limit where valid_until = '9999-12-31 23:59:59.999999+00'",
    "risk.watchlist group by entity_name, reason, list_source, listed_on having count(*) > 1",
])
def test_odd_values_are_there(played: Legacy, present: str) -> None:
    assert fetch(played, f"select 1 from {present} limit 1") == [(1,)]


def test_processes_that_start_together_share_one_server(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from resources.legacy import Legacy; print(Legacy(Path(sys.argv[1])).uri('erp'))"
    folder, environment = str(tmp_path / "pg"), {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE, env=environment, text=True) for _ in range(3)]
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1
    assert [process.returncode for process in started] == [0, 0, 0]


def test_server_that_died_is_started_again(new_legacy: NewLegacy) -> None:
    legacy = new_legacy("died")
    legacy.uri("crm")
    with pytest.raises(psycopg.OperationalError), legacy.connect("crm") as connection:
        connection.execute("select pg_terminate_backend(pg_backend_pid())")
    legacy.stop()
    assert fetch(legacy, "select 1", "crm") == [(1,)]
