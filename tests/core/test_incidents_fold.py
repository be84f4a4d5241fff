"""What is wrong, from what was observed."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from lakehouse_platform.incidents.base import Kind, Observation, Problem, State, Trouble
from lakehouse_platform.incidents.fold import LAG, LONGEST_REASON, fold
from tests.core.incident_cases import DAY, MINUTE, NEXT_DAY, NOON, checked, done, failed, late

ODS = "ods/finance/invoice"


def wrong(*observations: Observation) -> list[Problem]:
    """What goes on after the observations."""
    return [p for p in fold(State(), observations).problems.values() if p.closed is None]


def test_a_check_that_fails_in_another_run_is_the_same_problem_again() -> None:
    [problem] = wrong(checked(1, ODS, "rule"), checked(2, ODS, "rule"))
    assert (problem.trouble, problem.occurrences, problem.run) == (Trouble.HALTED, 2, "run2")


def test_a_check_that_is_tried_again_in_its_run_is_no_repetition() -> None:
    [problem] = wrong(checked(1, ODS, "rule", run="r"), checked(2, ODS, "rule", run="r"))
    assert problem.occurrences == 1


def test_a_later_day_that_passes_leaves_the_earlier_one_open() -> None:
    [problem] = wrong(checked(1, ODS, "rule"), checked(2, ODS, "rule", NEXT_DAY, passed=True))
    assert problem.partition == DAY


def test_the_same_day_that_passes_is_over() -> None:
    assert wrong(checked(1, ODS, "rule"), checked(2, ODS, "rule", passed=True)) == []


def test_a_halt_is_one_problem_although_its_run_fails_too() -> None:
    halt, failure = checked(1, ODS, "rule", run="r"), failed(2, ODS, run="r")
    assert [p.trouble for p in wrong(halt, failure)] == [Trouble.HALTED]
    after_each_other = fold(fold(State(), [failure]), [halt])
    assert [p.trouble for p in after_each_other.problems.values() if p.closed is None] == [Trouble.HALTED]


def test_a_run_without_known_assets_says_no_more_than_its_step() -> None:
    assert [p.asset for p in wrong(failed(1, ODS, run="r"), failed(2, "job/nightly", None, run="r"))] == [ODS]


def test_a_run_that_halts_one_day_and_fails_another_is_two_problems() -> None:
    found = wrong(checked(1, ODS, "rule", run="r"), failed(2, ODS, NEXT_DAY, run="r"))
    assert [(p.trouble, p.partition) for p in found] == [(Trouble.HALTED, DAY), (Trouble.FAILED, NEXT_DAY)]


def test_a_failed_day_is_over_once_it_is_committed_and_no_other_is() -> None:
    assert wrong(failed(1, ODS), done(2, ODS)) == []
    assert len(wrong(failed(1, ODS), done(2, ODS, NEXT_DAY))) == 1


def test_a_halted_day_that_another_run_commits_is_over_although_its_check_is_gone() -> None:
    assert wrong(checked(1, ODS, "retired_rule"), done(2, ODS)) == []


def test_a_halting_check_stands_although_its_own_run_commits() -> None:
    assert len(wrong(checked(1, ODS, "rule", run="r"), done(2, ODS, run="r"))) == 1


def test_a_failure_that_is_read_after_the_commit_that_mended_it_is_history() -> None:
    assert fold(fold(State(), [done(2, ODS)]), [failed(1, ODS), checked(1, ODS, "rule")]).problems.keys() == set()


def test_lateness_does_not_mind_which_day_was_running_when_it_was_seen() -> None:
    of_a_day = replace(late(1, ODS), partition=DAY)
    assert [p.partition for p in wrong(of_a_day)] == [None]
    assert wrong(of_a_day, late(2, ODS, passed=True)) == []


def test_drift_that_stops_nothing_is_about_now_and_drift_that_halts_is_about_its_day() -> None:
    def drift(order: int, day: str, *, passed: bool = False, halting: bool = False) -> Observation:
        return checked(order, "raw/finance/invoice", "schema", day, passed=passed, halting=halting, trouble=Trouble.DRIFT)

    assert wrong(drift(1, DAY), drift(2, NEXT_DAY, passed=True)) == []
    assert len(wrong(drift(1, DAY, halting=True), drift(2, NEXT_DAY, passed=True, halting=True))) == 1


def test_what_is_far_behind_the_newest_event_is_history() -> None:
    state = fold(State(), [done(10 * LAG, ODS)])
    assert fold(state, [failed(1, ODS)]) == state


def test_only_what_may_still_be_contradicted_is_remembered_of_what_is_in_order() -> None:
    state = fold(State(), [checked(1, ODS, "rule", passed=True), done(2, ODS), done(10 * LAG, ODS, NEXT_DAY)])
    assert list(state.settled.values()) == [10 * LAG]


def test_an_asset_that_was_never_materialized_is_late_until_it_is() -> None:
    never = [Observation(None, Kind.FRESHNESS, ODS, NOON + n * MINUTE, text="It was never materialized.") for n in range(3)]
    [problem] = wrong(*never)
    assert (problem.trouble, problem.occurrences) == (Trouble.LATE, 1)
    committed = replace(done(5, ODS), at=NOON + dt.timedelta(seconds=90))
    assert [p.key for p in fold(fold(State(), never), [committed]).problems.values() if p.closed is None] == []


def test_a_sensor_that_beats_again_is_over() -> None:
    def beat(minute: int, *, passed: bool) -> Observation:
        return Observation(None, Kind.BEAT, "sensor/incidents", NOON + minute * MINUTE, passed=passed)

    assert [p.trouble for p in wrong(beat(0, passed=False))] == [Trouble.HEARTBEAT]
    assert wrong(beat(0, passed=False), beat(1, passed=True)) == []


def test_of_what_was_said_the_first_line_and_the_numbers_are_kept() -> None:
    said = replace(checked(1, ODS, "rule", text=f"{'x' * 400}\nsecond line"), figures={"failed": 3, "proposed_patch": "- name: vat"})
    [problem] = wrong(said)
    assert (len(problem.text), problem.text[-1], problem.figures) == (LONGEST_REASON, "…", {"failed": 3})
