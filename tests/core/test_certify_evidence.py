"""The table of evidence, badges, and what Domo says of a dataset."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pytest

from lakehouse_platform import faults
from lakehouse_platform.certify.badge import Change, Waiting, mirror, plan_badge
from lakehouse_platform.certify.evidence import Evidence, Kind, Ledger, changed, record, recorded
from lakehouse_platform.certify.served import OFF, UNREADABLE, observe
from lakehouse_platform.certify.subject import access_digest
from lakehouse_platform.contracts.serving import RowPolicy
from lakehouse_platform.domo.public import HeldDataset, HeldPolicy, PolicySpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.errors import TransientError
from lakehouse_platform.zones.lake import Lake

NINE = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
CHECK = Evidence("ods/shop/orders", Kind.CHECK, NINE, True, "units", "run-1", "2026-11-19", {"failed": 0})
THROUGH = Evidence("curated/shop/sales", Kind.COMPLETE, NINE, True, figures={"complete_through": "2026-11-20T00:00:00+00:00"})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path), PolarsEngine())


def test_evidence_is_given_back_as_it_was_seen_in_the_order_of_time(lake: Lake) -> None:
    later = replace(THROUGH, at=NINE + dt.timedelta(microseconds=1), passed=False)
    assert recorded(lake) == ()
    assert record(lake, [later, CHECK]) == 2
    assert recorded(lake) == (CHECK, later)


def test_what_was_seen_is_kept_once(lake: Lake) -> None:
    assert [record(lake, [CHECK, CHECK]), record(lake, [CHECK, THROUGH]), record(lake, [CHECK]), record(lake, [])] == [1, 1, 0, 0]
    assert len(pl.read_delta(f"{lake.root}/_internal/certification/evidence")) == 2


def test_observations_of_the_same_at_another_time_or_result_are_others(lake: Lake) -> None:
    others = [replace(CHECK, at=NINE + dt.timedelta(hours=1)), replace(CHECK, passed=False), replace(CHECK, run="run-2"),
              replace(CHECK, partition="2026-11-20"), replace(CHECK, figures={"failed": 1}), replace(CHECK, name="rows")]
    assert record(lake, [CHECK, *others]) == len(recorded(lake)) == 7


@pytest.mark.parametrize("steps", ["aA", "abAB", "aBbA", "AaBb", "abcABC", "cAbBaC", "aAxA", "aAxaA"])
def test_what_a_process_knows_of_the_table_is_what_the_table_holds(tmp_path: Path, steps: str) -> None:
    """Letters are processes that write; as capitals, they read. `x`: the table is lost."""
    lake, processes = Lake(str(tmp_path), PolarsEngine()), {name: Ledger() for name in "abc"}
    for number, step in enumerate(steps):
        if step == "x":
            shutil.rmtree(tmp_path / "_internal")
        elif step.islower():
            seen = [replace(CHECK, run=f"run-{number}"), replace(CHECK, figures={"rows": [1], "n": 0.5})]
            processes[step].record(lake, seen)
        else:
            assert processes[step.lower()].recorded(lake) == recorded(lake)


def test_another_writer_that_comes_between_is_read(lake: Lake) -> None:
    ledger = Ledger()
    ledger.record(lake, [CHECK])
    others = iter([THROUGH])

    def between(point: str) -> None:
        if point == "evidence.append.before":
            record(lake, list(others))

    faults.install(between)
    try:
        ledger.record(lake, [replace(CHECK, run="run-2")])
    finally:
        faults.install(None)
    assert len(ledger.recorded(lake)) == len(recorded(lake)) == 3


def test_what_is_known_is_not_read_again(lake: Lake) -> None:
    ledger = Ledger()
    ledger.record(lake, [CHECK])
    for file in (Path(lake.root) / "_internal" / "certification" / "evidence").glob("*.parquet"):
        file.unlink()
    assert ledger.recorded(lake) == (CHECK,)


def test_only_what_says_something_new_is_written() -> None:
    again, moved = replace(THROUGH, at=NINE + dt.timedelta(hours=1)), replace(THROUGH, figures={"complete_through": "later"})
    assert changed([again], [THROUGH]) == ()
    assert changed([moved], [THROUGH]) == (moved,)
    assert changed([again], [replace(moved, at=NINE + dt.timedelta(minutes=1)), THROUGH]) == (again,)
    assert changed([THROUGH], []) == (THROUGH,)


@pytest.mark.parametrize(("found", "wanted", "change"), [
    (None, True, Change("d", certified=True)), ("ACTIVE", True, None), ("PENDING", True, Change("d", certified=True)),
    (None, False, None), ("ACTIVE", False, Change("d", certified=False)), ("PENDING", False, Change("d", certified=False)),
])
def test_badge_changes_where_it_is_not_as_it_should_be(found: str | None, wanted: bool, change: Change | None) -> None:
    assert plan_badge("d", found, wanted=wanted) == change


@dataclass
class Shelf:
    """Badges of some datasets; those called `broken` cannot be reached."""

    held: dict[str, str]
    calls: list[str] = field(default_factory=list)

    def certificate(self, dataset: str) -> str | None:
        if dataset.startswith("broken"):
            raise TransientError(f"{dataset} does not answer")
        return self.held.get(dataset)

    def certify(self, dataset: str) -> None:
        self.calls.append(f"+{dataset}")
        self.held[dataset] = "ACTIVE"

    def uncertify(self, dataset: str) -> None:
        self.calls.append(f"-{dataset}")
        del self.held[dataset]


def test_once_too_much_time_is_lost_to_calls_that_fail_the_others_wait_for_the_next_look() -> None:
    ticks = iter(range(0, 1000, 8))
    shelf = Shelf({"lost": "ACTIVE"})
    done = mirror(shelf, {"broken 1": False, "broken 2": False, "lost": False}, Waiting(15.0, lambda: next(ticks)))
    assert done.failed["lost"] == "it was not asked: Domo has not answered for others in time."
    slow = {"broken 1": False, "lost": False, "new 1": True, "new 2": True}
    assert mirror(shelf, slow, Waiting(15.0, lambda: next(ticks))).failed.keys() == {"broken 1"}


def test_badges_that_go_go_first_and_one_that_fails_keeps_no_other() -> None:
    shelf = Shelf({"lost": "ACTIVE", "kept": "ACTIVE"})
    wanted = {"broken": False, "new": True, "kept": True, "lost": False}
    done = mirror(shelf, wanted, Waiting())
    assert shelf.calls == ["-lost", "+new"]
    assert done.failed == {"broken": "broken does not answer"}
    assert mirror(shelf, wanted, Waiting()).changes == ()


@dataclass
class Office:
    """An account with a user, a group and a dataset."""

    held: tuple[HeldPolicy, ...] = ()
    applied: bool = True
    owner: str = "7"
    users: dict[str, int] = field(default_factory=lambda: {"ana@shop.test": 7})
    groups: dict[str, int] = field(default_factory=lambda: {"Sales": 3})

    def dataset(self, dataset: str) -> HeldDataset:
        return HeldDataset(dataset, "Sales", "", 1, (), self.owner, self.applied)

    def policies(self, dataset: str) -> tuple[HeldPolicy, ...]:
        return self.held


NORTH = RowPolicy("North", "region", ("n",), ("Sales",), ("Ana@shop.test",))
SPEC = PolicySpec("North", "region", ("n",), (7,), (3,))
DOMOS = HeldPolicy("1", None, "All rows", system=True)


@pytest.mark.parametrize(("office", "access"), [
    (Office((HeldPolicy("2", SPEC, "North", system=False), DOMOS)), access_digest([NORTH])),
    (Office((DOMOS,)), access_digest([])),
    (Office((HeldPolicy("2", SPEC, "North", system=False),), applied=False), OFF),
    (Office((HeldPolicy("2", None, "North", system=False),)), UNREADABLE),
    (Office((HeldPolicy("2", replace(SPEC, groups=(9,)), "North", system=False),)), UNREADABLE),
])
def test_row_policies_of_domo_are_seen_by_the_names_that_contracts_use(office: Office, access: str) -> None:
    owner, seen = observe(office, "d", "domo/shop/sales", NINE)
    assert (owner.figures["found"], seen.figures["found"]) == ("ana@shop.test", access)
    assert seen.passed is (access not in (OFF, UNREADABLE))


def test_owner_whom_nobody_knows_is_no_owner() -> None:
    owner, _ = observe(Office(owner="8"), "d", "domo/shop/sales", NINE)
    assert (owner.passed, owner.figures) == (False, {"found": ""})
