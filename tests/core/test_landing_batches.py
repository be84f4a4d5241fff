"""A file becomes one batch of Raw, once, wherever it is killed and in whatever order files are found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse_platform import faults
from lakehouse_platform.errors import NotExtractable
from lakehouse_platform.jobs.landing import refuse_undeclared, take_in
from lakehouse_platform.jobs.steps import LANDED, SCHEMA, run_raw
from lakehouse_platform.naming import Zone
from lakehouse_platform.sources.landing.source import PLACES, position_of
from tests.core.landing_cases import DAY, NEXT, Shop, shop

HEADER = "order_id,amount,status,changed_at\n"
VERSION = ("order_id", "amount", "valid_from", "valid_to")


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(point: str) -> Iterator[None]:
    def hook(reached: str) -> None:
        if reached == point:
            raise Killed

    faults.install(hook)
    try:
        with pytest.raises(Killed):
            yield
    finally:
        faults.install(None)


def at(hour: int, day: int = 3) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, tzinfo=dt.UTC)


def clock(hour: int, day: int = 3) -> str:
    return f"2026-11-{day:02} {hour:02}:00:00"


def test_file_belongs_to_the_business_day_that_had_ended_when_it_landed(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,1,a,\n", at="2026-11-03 00:00:00")
    made.land("b.csv", HEADER + "2,1,a,\n", at="2026-11-03 23:59:59")
    made.land("c.csv", HEADER + "3,1,a,\n", at="2026-11-04 00:00:00")
    assert [b.origin.rpartition("/")[2] for b in (e.batch for e in made.take(DAY).taken)] == ["a.csv", "b.csv"]
    assert made.waiting == ["c.csv"]


def test_file_from_before_the_first_business_day_belongs_to_it(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,1,a,\n", at="2026-10-20 00:00:00")
    assert len(made.take("2026-11-01").taken) == 1


def test_changes_make_current_state_and_history(tmp_path: Path) -> None:
    made = shop(tmp_path, capture="{mode: changes, operation: op}")
    header = HEADER.replace("\n", ",op\n")
    made.land("1.csv", header + "1,10,a,,U\n2,20,a,,U\n1,11,a,,U\n", at=clock(6))
    made.land("2.csv", header + "1,12,b,,U\n2,,,,D\n", at=clock(8))
    made.take()
    made.merge(DAY)
    assert made.rows(Zone.ODS, "order_id", "amount") == [(1, Decimal(12))]
    assert made.rows(Zone.HDS, *VERSION) == [
        (1, Decimal(11), at(6), at(8)), (1, Decimal(12), at(8), None), (2, Decimal(20), at(6), at(8))]


def test_what_an_image_lacks_is_gone_when_it_landed(tmp_path: Path) -> None:
    made = shop(tmp_path, capture="{mode: snapshot}")
    made.land("1.csv", HEADER + "1,10,a,\n2,20,a,\n", at=clock(6))
    made.land("2.csv", HEADER + "1,10,a,\n", at=clock(8))
    made.take()
    made.merge(DAY)
    assert made.rows(Zone.ODS, "order_id", "amount") == [(1, Decimal(10))]
    assert made.rows(Zone.HDS, *VERSION) == [(1, Decimal(10), at(6), None), (2, Decimal(20), at(6), at(8))]


@pytest.mark.parametrize("order", [("1.csv", "2.csv", "3.csv"), ("3.csv", "1.csv", "2.csv"), ("2.csv", "3.csv", "1.csv")])
@pytest.mark.parametrize("mode", ["changes", "snapshot"])
def test_files_make_the_same_history_in_whatever_order_they_are_found(tmp_path: Path, mode: str, order: tuple[str, ...]) -> None:
    files = {
        "1.csv": ("1,10,a,\n2,20,a,\n", clock(6)), "2.csv": ("1,11,a,\n3,5,a,\n", clock(8)),
        "3.csv": ("1,12,a,\n2,20,a,\n", clock(6, day=4)),
    }
    made = shop(tmp_path, capture=f"{{mode: {mode}}}")
    for name in order:
        made.land(name, HEADER + files[name][0], at=files[name][1])
        day = NEXT if name == "3.csv" else DAY
        made.take(day)
        made.merge(day)
    gone: dict[str, list[tuple[object, ...]]] = {
        "changes": [(3, Decimal(5), at(8), None), (2, Decimal(20), at(6), None)],
        "snapshot": [(3, Decimal(5), at(8), at(6, 4)), (2, Decimal(20), at(6), at(8)), (2, Decimal(20), at(6, 4), None)],
    }
    ones: list[tuple[object, ...]] = [(1, Decimal(10), at(6), at(8)), (1, Decimal(11), at(8), at(6, 4)), (1, Decimal(12), at(6, 4), None)]
    assert made.rows(Zone.HDS, *VERSION) == sorted([*ones, *gone[mode]], key=str)


def test_file_that_is_found_again_is_taken_in_once(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,1,a,\n")
    assert len(made.take().taken) == 1
    assert made.take().taken == ()
    assert len(made.batches) == 1


@pytest.mark.parametrize("point", ["raw.append.before", "raw.append.after", "landing.move.before", "landing.move.after"])
def test_killed_anywhere_a_file_is_one_batch_and_waits_no_more(tmp_path: Path, point: str) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,1,a,\n")
    with killed_at(point):
        made.take()
    made.take()
    assert [(b.batch_id, b.rows) for b in made.batches] == [("2026-11-02#1", 1)]
    assert made.waiting == []
    assert [path.name[13:] for path in (made.root / "_internal" / "landed" / "sales" / "orders").iterdir()] == ["a.csv"]


@pytest.mark.parametrize("point", ["landing.move.before", "landing.move.after"])
def test_killed_on_the_way_to_quarantine_a_file_arrives_there_once(tmp_path: Path, point: str) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1\n")
    with killed_at(point):
        made.take()
    made.take()
    assert made.waiting == []
    assert len(list((made.quarantine / "orders").iterdir())) == 2


def test_two_at_once_make_one_batch(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,1,a,\n")
    others: list[int] = []

    def hook(reached: str) -> None:
        if reached == "raw.append.before" and not others:
            others.append(1)
            others.append(len(take_in(shop_again(made).project, made.contract, DAY).taken))

    faults.install(hook)
    try:
        mine = made.take()
    finally:
        faults.install(None)
    assert others == [1, 1]
    assert [e.new for e in mine.taken] in ([], [False])
    assert [b.rows for b in made.batches] == [1]
    assert made.waiting == []


def shop_again(made: Shop) -> Shop:
    """The same, as another process opens it."""
    return Shop(type(made.project).open(made.project.folder))


def test_file_that_replaces_one_of_its_name_is_another_batch_behind_it(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,1,a,\n", at=clock(6))
    made.take()
    made.land("a.csv", HEADER + "1,2,a,\n", at=clock(7))
    made.take()
    made.merge(DAY)
    assert [b.rows for b in made.batches] == [1, 1]
    assert made.rows(Zone.ODS, "amount") == [(Decimal(2),)]
    assert len(list((made.root / "_internal" / "landed" / "sales" / "orders").iterdir())) == 2


def test_file_replaced_while_it_is_read_is_left_to_the_next_time(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,1,a,\n", at=clock(6))

    def hook(reached: str) -> None:
        if reached == "raw.append.after":
            made.land("a.csv", HEADER + "1,2,a,\n", at=clock(7))

    faults.install(hook)
    try:
        made.take()
    finally:
        faults.install(None)
    assert made.waiting == ["a.csv"]
    made.take()
    assert [b.seen_at for b in made.batches] == [at(6), at(7)]


@pytest.mark.parametrize(("taken", "position"), [
    ((), 10 * PLACES), ((9 * PLACES + 5, 11 * PLACES), 10 * PLACES), ((10 * PLACES, 10 * PLACES + 7), 10 * PLACES + 8),
])  # fmt: skip
def test_files_of_one_second_follow_each_other(taken: tuple[int, ...], position: int) -> None:
    assert position_of(dt.datetime.fromtimestamp(10.9, dt.UTC), taken) == position


def test_files_of_one_second_are_taken_in_by_their_names(tmp_path: Path) -> None:
    made = shop(tmp_path)
    for name in ("c.csv", "a.csv", "b.csv"):
        made.land(name, HEADER + "1,1,a,\n")
    assert [e.batch.origin.rpartition("/")[2] for e in made.take().taken] == ["a.csv", "b.csv", "c.csv"]
    assert len({b.last_seq for b in made.batches}) == 3


def test_positions_last_until_2106() -> None:
    assert position_of(dt.datetime(2106, 1, 1, tzinfo=dt.UTC), ()) + PLACES < 2**63


def test_late_file_of_an_older_day_is_taken_in(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("b.csv", HEADER + "1,2,a,\n", at=clock(6, day=4))
    made.take(NEXT)
    made.land("a.csv", HEADER + "1,1,a,\n", at=clock(6))
    made.take(DAY)
    assert [b.batch_id for b in made.batches] == ["2026-11-02#1", "2026-11-03#1"]


def test_names_with_a_mark_in_front_are_ignored(tmp_path: Path) -> None:
    made = shop(tmp_path)
    for name in ("_SUCCESS", ".a.csv.part", "_temporary/a.csv"):
        made.land(name, "x")
    assert made.take() == type(made.take())((), ())
    assert refuse_undeclared(made.project, "sales") == ()


def test_file_in_a_folder_within_its_tables_folder_is_the_tables(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("2026/11/a.csv", HEADER + "1,1,a,\n")
    assert len(made.take().taken) == 1


def test_what_no_contract_takes_is_refused(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("../ordres/a.csv", "x")
    made.land("../stray.csv", "x")
    made.land("a.csv", HEADER + "1,1,a,\n")
    reasons = {r.file: r.reason for r in refuse_undeclared(made.project, "sales")}
    where = "Files may land in raw/sales/_landing/orders."
    assert reasons == {
        "a.csv": f"No contract takes files from raw/sales/_landing/ordres. {where}",
        "stray.csv": f"No contract takes files from raw/sales/_landing. {where}",
    }
    assert made.waiting == ["a.csv"]
    assert len(list((made.quarantine / "ordres").iterdir())) == 2


def test_step_reports_refused_files_and_goes_on_with_the_others(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,1,a,\n")
    made.land("b.csv", HEADER + "1\n")
    outcome = run_raw(made.project, made.contract, DAY, "run")
    checks = {c.name: (c.passed, c.description) for c in outcome.checks}
    assert checks == {SCHEMA: (True, ""), LANDED: (False, "b.csv: Row 1 after the header has 1 values, and the header has 4.")}
    assert (outcome.rows, outcome.halted, outcome.complete_through) == (1, None, at(6))


def test_step_halts_where_every_file_is_refused(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("b.csv", HEADER + "1\n")
    outcome = run_raw(made.project, made.contract, DAY, "run")
    assert outcome.halted == "no file of 2026-11-02 could be taken in: Row 1 after the header has 1 values, and the header has 4."


def test_step_without_a_file_says_so(tmp_path: Path) -> None:
    made = shop(tmp_path)
    with pytest.raises(NotExtractable, match="no file has landed for 2026-11-02, and none waits in raw/sales/_landing/orders"):
        run_raw(made.project, made.contract, DAY, "run")


def test_step_may_be_repeated_when_nothing_waits(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,1,a,\n")
    run_raw(made.project, made.contract, DAY, "run")
    outcome = run_raw(made.project, made.contract, DAY, "run")
    assert (outcome.rows, outcome.figures["rows_read"], len(made.batches)) == (1, 0, 1)
