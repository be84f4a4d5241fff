"""What a query would read of a table, as it lies: columns, conditions, files, row groups, and a budget that a bad layout breaks."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import WriterProperties, write_deltalake

from lakehouse_platform.contracts.contract import ScanBudget
from lakehouse_platform.errors import UnknownName
from lakehouse_platform.jobs.scans import judge
from lakehouse_platform.lake.athena.errors import AthenaError
from lakehouse_platform.lake.athena.layout import TableLayout
from lakehouse_platform.lake.athena.scan import Bound, DataFile, Read, plan_reads, scan_estimate

SALES = "curated.shop.sales"
COLUMNS = {SALES: dict.fromkeys(["day", "shop", "amount", "note"], "varchar"), "ods.shop.shop": {"shop": "varchar", "city": "varchar"}}
FIRST = dt.date(2026, 1, 1)
MAY = "day >= date '2026-05-01' and day < date '2026-06-01'"


def reads(sql: str) -> list[tuple[str, list[str], list[Bound]]]:
    return [(read.table, sorted(read.columns), list(read.bounds)) for read in plan_reads(sql, COLUMNS)]


@pytest.mark.parametrize(("sql", "columns"), [
    (f"select sum(amount) from {SALES}", ["amount"]),
    (f"select count(*) from {SALES}", []),
    (f"select * from {SALES}", ["amount", "day", "note", "shop"]),
    (f"select shop from {SALES} where note is not null order by day", ["day", "note", "shop"]),
    (f"with s as (select * from {SALES}) select amount from s", ["amount"]),
    (f"select x from (select amount + 1 as x, upper(note) as y from {SALES}) as t", ["amount"]),
])  # fmt: skip
def test_only_columns_that_the_query_needs_are_read(sql: str, columns: list[str]) -> None:
    assert reads(sql) == [(SALES, columns, [])]


@pytest.mark.parametrize(("condition", "bounds"), [
    ("day = date '2026-05-01'", [Bound("day", dt.date(2026, 5, 1), dt.date(2026, 5, 1))]),
    ("date '2026-05-01' <= day", [Bound("day", dt.date(2026, 5, 1))]),
    ("day between date '2026-05-01' and date '2026-05-31'",
     [Bound("day", None, dt.date(2026, 5, 31)), Bound("day", dt.date(2026, 5, 1), None)]),
    ("shop in ('c', 'a')", [Bound("shop", "a", "c")]),
    ("amount > -5 and shop < 'm'", [Bound("amount", -5), Bound("shop", None, "m")]),
    ("day = date '2026-05-01' or shop = 'a'", []),
    ("year(day) = 2026", []),
    ("shop <> 'a'", []),
    ("day = shop", []),
])  # fmt: skip
def test_conditions_that_must_hold_bound_their_columns(condition: str, bounds: list[Bound]) -> None:
    ((_, _, found),) = reads(f"select 1 from {SALES} where {condition}")
    assert sorted(map(repr, found)) == sorted(map(repr, bounds))


def test_condition_outside_bounds_the_table_inside() -> None:
    ((_, _, found),) = reads(f"with s as (select day, amount from {SALES}) select sum(amount) from s where day >= date '2026-05-01'")
    assert found == [Bound("day", dt.date(2026, 5, 1))]


def test_table_that_is_named_twice_is_read_twice() -> None:
    assert reads(f"with s as (select shop from {SALES}) select a.shop from s as a join s as b on a.shop = b.shop") == [
        (SALES, ["shop"], []), (SALES, ["shop"], [])]


def test_every_table_has_its_own_columns_and_bounds() -> None:
    found = reads(f"select city, sum(amount) from {SALES} s join ods.shop.shop on s.shop = shop.shop where city = 'x' and {MAY} group by 1")
    assert sorted((table, columns, len(bounds)) for table, columns, bounds in found) == [
        (SALES, ["amount", "day", "shop"], 2), ("ods.shop.shop", ["city", "shop"], 1)]


@pytest.mark.parametrize(("join", "bounded"), [
    ("join", {SALES, "ods.shop.shop"}), ("left join", {"ods.shop.shop"}), ("right join", set()), ("full join", set()),
])  # fmt: skip
def test_outer_join_reads_every_row_of_the_side_that_it_keeps(join: str, bounded: set[str]) -> None:
    found = reads(f"select 1 from {SALES} as s {join} ods.shop.shop on s.shop = shop.shop and s.day = date '2026-05-01' and city = 'x'")
    assert {table for table, _, bounds in found if bounds} == bounded


@pytest.mark.parametrize(("sql", "error"), [
    ("select amuont from curated.shop.sales", AthenaError), ("select 1 from curated.shop.sale", UnknownName),
    ("delete from curated.shop.sales", AthenaError),
    ("with recursive r(n) as (select 1 union all select n + 1 from r) select n from r", AthenaError),
])  # fmt: skip
def test_query_that_cannot_be_followed_is_an_error(sql: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        plan_reads(sql, COLUMNS)


def file(name: str, low: object, high: object) -> DataFile:
    return DataFile(name, 100, {}, {"day": low}, {"day": high})


@pytest.mark.parametrize(("bound", "size"), [
    (Bound("day", 5, 5), 100), (Bound("day", 3), 200), (Bound("day", None, 2), 100), (Bound("day", 9), 0), (Bound("day", "a"), 300),
    (Bound("other", 1, 1), 300), (Bound("day", 3, 3), 100), (Bound("day", 2, 3), 200),
])  # fmt: skip
def test_files_that_cannot_hold_a_row_are_not_read(bound: Bound, size: int) -> None:
    files = [file("a", 1, 2), file("b", 3, 4), file("c", 5, 6)]
    assert scan_estimate([Read(SALES, frozenset(), (bound,))], {SALES: files}).bytes == size


def test_partition_values_and_unknown_bounds() -> None:
    files = [DataFile("t", 1, {"is_current": True}), DataFile("f", 10, {"is_current": False}), DataFile("n", 100, {"is_current": None})]
    assert scan_estimate([Read(SALES, frozenset(), (Bound("is_current", least=True, greatest=True),))], {SALES: files}).bytes == 1
    assert scan_estimate([Read(SALES, frozenset(), (Bound("day", 1, 1),))], {SALES: files}).bytes == 111


def sales(folder: Path, *, by_day: bool) -> TableLayout:
    """A year of sales, 400 a day, in twelve files with bounds of the day; in its order, or with all days in every file."""
    rows = [(FIRST + dt.timedelta(days=n // 400), f"shop {n % 40}", n * 7919 % 1_000_003, f"{n * 104729 % 999_983:06d}" * 8)
            for n in range(365 * 400)]
    if not by_day:
        rows = [row for start in range(12) for row in rows[start::12]]
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(COLUMNS[SALES])})
    size = -(-len(rows) // 12)
    for start in range(0, len(rows), size):
        write_deltalake(
            folder, table.slice(start, size), mode="append", writer_properties=WriterProperties(max_row_group_size=4_000),
            configuration={"delta.dataSkippingStatsColumns": "day"})
    return TableLayout(str(folder))


def check(layout: TableLayout, budget: ScanBudget, *, by_column: bool) -> dict[str, object]:
    found = scan_estimate(plan_reads(budget.query, COLUMNS), {SALES: layout.files()}, layout.measure if by_column else None)
    outcome = judge(budget, found)
    return {"passed": outcome.passed, **outcome.figures, "description": outcome.description}


@pytest.fixture(scope="module")
def sorted_sales(tmp_path_factory: pytest.TempPathFactory) -> TableLayout:
    return sales(tmp_path_factory.mktemp("sorted"), by_day=True)


@pytest.fixture(scope="module")
def mixed_sales(tmp_path_factory: pytest.TempPathFactory) -> TableLayout:
    return sales(tmp_path_factory.mktemp("mixed"), by_day=False)


MONTH = ScanBudget(2_000_000, f"select shop, sum(amount), max(note) from {SALES} where {MAY} group by shop")


def test_sorted_table_stays_within_the_budget(sorted_sales: TableLayout) -> None:
    found = check(sorted_sales, MONTH, by_column=True)
    assert found["passed"] is True
    assert (found["files_read"], found["files"]) == (2, 12)


def test_unsorted_table_breaks_the_budget_with_figures(mixed_sales: TableLayout) -> None:
    found = check(mixed_sales, MONTH, by_column=True)
    assert found["passed"] is False
    assert (found["files_read"], found["files"], found["budget_bytes"]) == (12, 12, 2_000_000)
    assert str(found["bytes"]).isdigit()
    assert "MB of 12 of 12 files, and may read 2 MB. Sort or partition the table" in str(found["description"])


def test_footers_count_columns_and_row_groups_only(sorted_sales: TableLayout) -> None:
    """Never more than whole files, and next to nothing where one small column of one day is wanted."""
    narrow = ScanBudget(1_000_000, f"select max(amount) from {SALES} where day = date '2026-05-05'")
    whole, exact = (check(sorted_sales, narrow, by_column=by_column) for by_column in (False, True))
    assert (whole["files_read"], exact["files_read"]) == (1, 1)
    assert 0 < int(str(exact["bytes"])) < int(str(whole["bytes"])) / 10


def test_column_that_files_lack_costs_nothing(sorted_sales: TableLayout) -> None:
    assert sorted_sales.measure(Read(SALES, frozenset({"later"}), ()), sorted_sales.files()[0]) == 0


def test_bound_on_files_by_the_log_never_loses_a_row(mixed_sales: TableLayout, sorted_sales: TableLayout) -> None:
    for layout in (mixed_sales, sorted_sales):
        for number in (0, 1, 31, 150, 363, 364):
            day = FIRST + dt.timedelta(days=number)
            kept = {f.path for f in layout.files() if f.may_hold([Bound("day", day, day)])}
            dataset = layout._delta.to_pyarrow_dataset()
            holding = {f.path.split("/")[-1] for f in dataset.get_fragments()
                       if f.to_table(columns=["day"], filter=pa.compute.field("day") == pa.scalar(day)).num_rows}
            assert holding <= kept
