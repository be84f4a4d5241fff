"""One incident a cause."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from lakehouse_platform.incidents.base import Incident, Observation, Problem, Severity, Stage, State, Trouble
from lakehouse_platform.incidents.cause import GRACE, KEEP, relate
from lakehouse_platform.incidents.fold import fold
from lakehouse_platform.incidents.kinds import can_cause
from tests.core.incident_cases import DAY, GRAPH, HOUR, MINUTE, NEXT_DAY, NOON, Desk, at, checked, done, failed, late

RAW, ODS, HDS, MART, DATASET = (
    "raw/finance/invoice", "ods/finance/invoice", "hds/finance/invoice", "curated/finance/revenue", "domo/finance/revenue")
PAYMENT, ORDER = "raw/finance/payment", "raw/sales/order"


def related(*ticks: list[Observation]) -> list[Incident]:
    """Incidents after ticks of ten seconds, oldest first."""
    state = State()
    for n, observed in enumerate(ticks):
        state = relate(fold(state, observed), GRAPH, NOON + n * dt.timedelta(seconds=10))
    return sorted(state.incidents.values(), key=lambda i: (i.opened, i.id))


def test_what_fails_below_a_halt_belongs_to_it_and_the_rest_below_is_listed() -> None:
    [incident] = related([checked(1, ODS, "rule"), failed(2, HDS)])
    assert (incident.title, len(incident.problems)) == (ODS, 2)
    assert incident.affected == (MART, DATASET)
    assert (incident.owner, incident.domain) == ("team:finance", "finance")


def test_a_root_that_is_known_after_its_effect_was_told_takes_over_its_message() -> None:
    desk = Desk()
    desk.settle(failed(2, HDS))
    symptom = desk.only()
    desk.tick(late(3, MART), checked(1, ODS, "rule"))
    assert (desk.only().id, desk.only().title) == (symptom.id, ODS)
    assert desk.slack.parents() == ["🔴 finance.invoice (ODS) is halted"]
    assert desk.slack.replies()[0].startswith("The cause is known: finance.invoice (ODS).")


def test_effects_beside_each_other_become_one_incident_once_their_root_is_known() -> None:
    assert len(related([failed(1, HDS), failed(2, "hds/sales/order")])) == 2
    assert len(related([failed(1, HDS), late(2, DATASET)], [checked(3, ODS, "rule")])) == 1


def test_another_business_day_is_another_cause() -> None:
    assert len(related([checked(1, ODS, "rule"), failed(2, HDS, NEXT_DAY)])) == 2


def test_the_same_check_on_the_next_day_is_the_same_incident() -> None:
    [incident] = related([checked(1, ODS, "rule")], [checked(2, ODS, "rule", NEXT_DAY)])
    assert sorted(str(p.partition) for p in incident.problems) == [DAY, NEXT_DAY]


def test_lateness_explains_lateness_below_it_and_no_failure() -> None:
    assert len(related([late(1, ODS), late(2, HDS)])) == 1
    assert len(related([late(1, ODS), failed(2, HDS)])) == 2


def test_tables_of_a_source_that_fail_alike_in_one_run_are_the_sources_incident() -> None:
    down = [failed(n, raw, run="r", error="SourceUnavailable") for n, raw in enumerate((RAW, PAYMENT), 1)]
    [incident] = related(down, [late(3, "ods/finance/payment")])
    assert (incident.title, len(incident.problems)) == ("source/erp", 3)


@pytest.mark.parametrize("other", [
    failed(2, PAYMENT, run="r", error="SourceError", step="b"), failed(2, PAYMENT, run="another", error="SourceUnavailable"),
    failed(2, ORDER, run="r", error="SourceUnavailable", step="b")], ids=["another error", "another run", "another source"])
def test_tables_that_fail_otherwise_are_incidents_of_their_own(other: Observation) -> None:
    assert len(related([failed(1, RAW, run="r", error="SourceUnavailable", step="a"), other])) == 2


@pytest.mark.parametrize("step", ["curated", ""], ids=["one step", "the run itself"])
def test_assets_that_one_step_or_run_takes_down_are_one_incident(step: str) -> None:
    assert len(related([failed(1, ORDER, run="r", step=step), failed(2, RAW, run="r", step=step)])) == 1


def test_what_goes_on_after_its_root_was_mended_stays_one_incident() -> None:
    [incident] = related([checked(1, ODS, "rule"), failed(2, HDS), failed(3, DATASET)], [done(4, ODS)])
    assert (incident.stage, incident.title, len(incident.open_problems)) == (Stage.OPEN, ODS, 2)


def test_an_effect_of_two_roots_moves_to_the_one_that_goes_on() -> None:
    first, second = related(
        [checked(1, ODS, "rule"), checked(2, "ods/sales/order", "rule"), failed(3, MART)], [done(4, ODS), done(5, "ods/sales/order")])
    assert {first.stage, second.stage} == {Stage.OPEN, Stage.RECOVERED}
    both = related(
        [checked(1, ODS, "rule"), failed(2, MART)], [checked(3, "ods/sales/order", "rule")], [done(4, ODS)])
    assert [(i.stage, len(i.problems)) for i in both] == [(Stage.RECOVERED, 1), (Stage.OPEN, 2)]


def test_a_failure_that_is_read_after_its_root_was_mended_still_belongs_to_it() -> None:
    [incident] = related([checked(1, ODS, "rule"), done(9, ODS)], [failed(5, HDS)])
    assert (incident.title, incident.stage) == (ODS, Stage.OPEN)


def test_what_begins_after_a_root_was_mended_is_another_incident() -> None:
    over, going_on = related([checked(1, ODS, "rule"), done(2, ODS), failed(3, HDS)])
    assert [(i.title, i.stage) for i in (over, going_on)] == [(ODS, Stage.RECOVERED), (HDS, Stage.OPEN)]


def test_effects_of_a_root_that_broke_and_was_mended_between_two_looks_are_one_incident() -> None:
    [incident] = related([failed(5, HDS)], [late(6, DATASET)], [checked(1, ODS, "rule"), done(9, ODS)])
    assert (incident.stage, incident.title, len(incident.open_problems)) == (Stage.OPEN, ODS, 2)


def test_a_root_that_is_known_later_does_not_make_its_incident_wait_again() -> None:
    desk = Desk()
    desk.tick(failed(2, HDS))
    desk.tick(checked(1, ODS, "rule"), after=MINUTE)
    desk.tick(after=MINUTE)
    assert desk.slack.parents() == ["🔴 finance.invoice (ODS) is halted"]


def test_an_incident_that_may_be_in_slack_already_is_the_one_that_goes_on() -> None:
    desk = Desk()
    desk.slack.fault = lambda name: "lose" if name == "post" else None
    desk.settle(failed(2, HDS))
    desk.slack.fault = lambda _: "refuse"
    desk.tick(checked(1, ODS, "rule"))
    desk.slack.fault = lambda _: None
    desk.tick()
    desk.tick(after=HOUR)
    assert desk.slack.parents() == ["🔴 finance.invoice (ODS) is halted"]


def test_an_incident_is_over_when_all_its_problems_are() -> None:
    [incident] = related([checked(1, ODS, "rule"), late(2, HDS)], [done(3, ODS)], [late(4, HDS, passed=True)])
    assert (incident.stage, incident.recovered) == (Stage.RECOVERED, at(4))


def test_what_comes_back_soon_is_the_same_incident_and_later_another() -> None:
    desk = Desk()
    desk.settle(checked(1, ODS, "rule"))
    desk.tick(done(300, ODS), after=5 * MINUTE)
    desk.tick(checked(600, ODS, "rule"), after=5 * MINUTE)
    assert (desk.only().stage, desk.only().openings) == (Stage.OPEN, 2)
    desk.tick(done(900, ODS), after=5 * MINUTE)
    desk.tick(checked(9000, ODS, "rule"), after=GRACE + 5 * MINUTE)
    assert [i.stage for i in desk.incidents] == [Stage.RECOVERED, Stage.OPEN]


def test_two_that_were_told_and_turn_out_to_be_one_end_as_one() -> None:
    desk = Desk()
    desk.settle(failed(1, HDS), failed(2, "hds/finance/payment"))
    assert len(desk.slack.parents()) == 2
    desk.graph = replace(GRAPH, known={**GRAPH.known, HDS: replace(GRAPH.known[HDS], upstream=(ODS, PAYMENT))})
    desk.tick(checked(300, PAYMENT, "rule"))
    older, younger = desk.incidents
    assert (younger.stage, younger.merged_into, older.title) == (Stage.MERGED, older.id, PAYMENT)
    assert [p[:1] for p in desk.slack.parents()] == ["🔴", "↪"]
    desk.tick(done(400, PAYMENT), done(401, HDS), done(402, "hds/finance/payment"), after=5 * MINUTE)
    assert [reply[:1] for reply in desk.slack.replies()].count("✅") == 1


def test_an_incident_is_as_bad_as_the_worst_of_it_was() -> None:
    [low] = related([checked(1, RAW, "schema", halting=False, trouble=Trouble.DRIFT)])
    assert low.severity is Severity.LOW
    lost = checked(2, DATASET, "certified", halting=False, trouble=Trouble.CERTIFICATE)
    [incident] = related([checked(1, RAW, "schema", halting=False, trouble=Trouble.DRIFT), lost], [replace(lost, id=3, passed=True)])
    assert (incident.severity, incident.title) == (Severity.HIGH, RAW)


def test_low_findings_that_nobody_sees_again_are_over_and_others_go_on() -> None:
    state = relate(fold(State(), [checked(1, ODS, "rule", halting=False), checked(2, PAYMENT, "rule")]), GRAPH, NOON)
    later = relate(state, GRAPH, NOON + KEEP + HOUR)
    assert [p.asset for p in later.problems.values()] == [PAYMENT]
    assert {i.title: i.stage for i in later.incidents.values()} == {ODS: Stage.RECOVERED, PAYMENT: Stage.OPEN}


def test_a_warning_that_comes_every_day_does_not_grow_for_ever() -> None:
    desk = Desk()
    for n in range(20):
        desk.tick(replace(checked(n + 1, ODS, "rule", f"2026-11-{n + 1:02}", halting=False), at=desk.now), after=24 * HOUR)
    assert len(desk.only().problems) < 17
    assert len(desk.only().open_problems) == 7


def test_what_is_over_and_told_is_forgotten_in_time() -> None:
    desk = Desk()
    desk.settle(checked(1, ODS, "rule"))
    desk.tick(done(300, ODS), after=5 * MINUTE)
    assert len(desk.incidents) == 1
    desk.tick(after=KEEP + HOUR)
    assert desk.incidents == []


def problem(trouble: Trouble, *, halting: bool = False) -> Problem:
    """A problem of a kind."""
    return Problem("k", "a", DAY, "c", trouble, halting, 1, 1, NOON, NOON)


@pytest.mark.parametrize(("cause", "effect", "can"), [
    (Trouble.HALTED, Trouble.FAILED, True), (Trouble.FAILED, Trouble.LATE, True), (Trouble.GAP, Trouble.WARNED, True),
    (Trouble.MALFORMED, Trouble.LATE, True), (Trouble.LATE, Trouble.CERTIFICATE, True), (Trouble.DRIFT, Trouble.CERTIFICATE, True),
    (Trouble.WITHDRAWN, Trouble.CERTIFICATE, True), (Trouble.DRIFT, Trouble.WITHDRAWN, False), (Trouble.HALTED, Trouble.WITHDRAWN, False),
    (Trouble.CERTIFICATE, Trouble.CERTIFICATE, True), (Trouble.DRIFT, Trouble.FAILED, False), (Trouble.FAILED, Trouble.GAP, False),
    (Trouble.WARNED, Trouble.FAILED, False), (Trouble.CERTIFICATE, Trouble.LATE, False), (Trouble.HEARTBEAT, Trouble.LATE, False),
])
def test_kinds_bring_about_what_they_can(cause: Trouble, effect: Trouble, can: bool) -> None:
    assert can_cause(problem(cause), problem(effect)) is can


def test_drift_that_halts_brings_about_what_a_halt_does() -> None:
    assert can_cause(problem(Trouble.DRIFT, halting=True), problem(Trouble.LATE))
