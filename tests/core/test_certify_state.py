"""States of a certificate: what each cause takes away, what brings it back by itself, and what needs somebody to approve again."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from lakehouse_platform.certify.approvals import Act, Entry
from lakehouse_platform.certify.evidence import Evidence, Kind
from lakehouse_platform.certify.gates import Gate, Verdict
from lakehouse_platform.certify.state import Cause, Certificate, State, certificate, certificates, next_step
from lakehouse_platform.certify.subject import Asset, access_digest
from lakehouse_platform.contracts.serving import RowPolicy
from tests.properties.certified import (
    DATASET,
    DOWN,
    EMPTY,
    GRANTED,
    MART,
    ORDERS,
    OTHER,
    OURS,
    SUBJECT,
    green,
    hour,
)

RAW = "raw/shop/orders"
REQUEST, APPROVAL = GRANTED
UNTIL = hour(11)
AGAIN = [replace(REQUEST, at=hour(6)), replace(APPROVAL, at=hour(7), until=hour(20))]


def seen(subject: str, at: float, *, passed: bool, name: str, run: str = "r", day: str = "") -> Evidence:
    return Evidence(subject, Kind.CHECK, hour(at), passed, name, run, day)


def found(at: float, *more: Evidence, acts: list[Entry] = GRANTED) -> Certificate:
    return certificate(SUBJECT, acts, [*green(1), *more], hour(at))


def causes(certificate: Certificate) -> list[Cause]:
    return [reason.cause for reason in certificate.causes]


@pytest.mark.parametrize(("acts", "state", "since"), [
    ([], State.DRAFT, None),
    ([REQUEST], State.REQUESTED, hour(0)),
    (GRANTED, State.ACTIVE, hour(1)),
    ([REQUEST, Entry(Act.APPROVED, "ANA@shop.test", hour(0), OURS, UNTIL)], State.REQUESTED, hour(0)),
    ([APPROVAL], State.DRAFT, None),
    ([REQUEST, replace(APPROVAL, contract=OTHER)], State.REQUESTED, hour(0)),
    ([REQUEST, replace(APPROVAL, until=None)], State.REQUESTED, hour(0)),
    ([*GRANTED, Entry(Act.REVOKED, "eve@shop.test", hour(1), why="wrong")], State.REVOKED, hour(1)),
    ([*GRANTED, Entry(Act.REVOKED, "eve@shop.test", hour(3), why="later")], State.ACTIVE, hour(1)),
    ([*GRANTED, Entry(Act.REVOKED, "eve@shop.test", hour(1), why="wrong"), replace(REQUEST, at=hour(2))], State.REQUESTED, hour(2)),
])
def test_state_follows_from_what_people_did(acts: list[Entry], state: State, since: dt.datetime | None) -> None:
    certificate = found(2, acts=acts)
    assert (certificate.state, certificate.since) == (state, since)


def test_approval_waits_for_the_evidence() -> None:
    waiting = certificate(SUBJECT, GRANTED, [], hour(1))
    assert waiting.state is State.APPROVED
    assert set(causes(waiting)) == {Cause.NO_EVIDENCE}
    assert {gate.gate: gate.verdict for gate in waiting.gates if gate.verdict is not Verdict.MISSING} == {
        Gate.RECONCILIATION: Verdict.NOT_APPLICABLE, Gate.UPSTREAM: Verdict.NOT_APPLICABLE}


def test_what_to_do_next_is_to_run_what_never_ran_and_to_mend_what_failed() -> None:
    assert next_step(certificate(SUBJECT, GRANTED, [], hour(1)), OURS) == (
        "run the mart until its blocking checks have passed often enough; run what was never run, from the sources to the dataset; "
        "publish the dataset: the sensor of certificates then asks Domo about it")
    assert next_step(found(2, RED["owner"]), OURS) == "give the dataset its owner in Domo"


RED = {
    "check of the mart": seen(MART, 2, passed=False, name="shape", run="bad"),
    "control total": seen(MART, 2, passed=False, name="total", run="bad"),
    "check upstream": seen(ORDERS, 2, passed=False, name="units", day="2"),
    "rows of the dataset": seen(DATASET, 2, passed=False, name="rows_match"),
    "owner": Evidence(DATASET, Kind.OWNER, hour(2), True, figures={"found": "bo@shop.test"}),
    "row policies": Evidence(DATASET, Kind.ACCESS, hour(2), True, figures={"found": "other"}),
}


@pytest.mark.parametrize("red", RED.values(), ids=RED)
def test_failed_check_takes_it_away_at_once(red: Evidence) -> None:
    assert found(1.9, red).active
    lost = found(2, red)
    assert (lost.state, lost.since, set(causes(lost))) == (State.APPROVED, hour(2), {Cause.FAILED_CHECK})


@pytest.mark.parametrize("red", RED.values(), ids=RED)
def test_it_comes_back_by_itself_when_all_is_green_again(red: Evidence) -> None:
    back = found(3, red, *green(3))
    assert (back.state, back.since) == (State.ACTIVE, hour(3))


def test_it_comes_back_after_as_many_green_runs_as_the_contract_asks_for() -> None:
    red = seen(MART, 2, passed=False, name="shape", run="bad")
    first = [seen(MART, 3, passed=True, name=name, run="first") for name in ("shape", "total")]
    second = [seen(MART, 4, passed=True, name=name, run="second") for name in ("shape", "total")]
    assert not found(3, red, *first).active
    assert found(4, red, *first, *second).since == hour(4)


def test_halted_day_upstream_stays_red_until_that_day_is_run_again() -> None:
    red = seen(ORDERS, 2, passed=False, name="units", day="2")
    assert not found(3, red, seen(ORDERS, 3, passed=True, name="units", day="3")).active
    assert found(3, red, seen(ORDERS, 3, passed=True, name="units", day="2")).active


def test_tables_whose_checks_share_a_name_are_judged_each_for_itself() -> None:
    other = Asset("ods/shop/customers", frozenset({"units"}), by_day=True)
    made = [Evidence(other.key, Kind.RUN, hour(1), True), seen(other.key, 1, passed=False, name="units", day="1")]
    lost = certificate(replace(SUBJECT, upstream=(*SUBJECT.upstream, other)), GRANTED, [*green(1), *made], hour(2))
    assert [gate.text for gate in lost.closed] == ["failed: ods/shop/customers:units 1"]


@pytest.mark.parametrize(("red", "good"), ["ab", "ba"])
def test_of_two_results_at_one_time_the_worse_counts(red: str, good: str) -> None:
    at_once = [seen(DATASET, 2, passed=passed, name="rows_match", run=run) for run, passed in ((red, False), (good, True))]
    assert not found(2, *at_once).active


def test_run_of_the_mart_that_is_still_at_it_changes_nothing() -> None:
    assert found(2, seen(MART, 2, passed=True, name="shape", run="now")).active


def test_check_that_nobody_declares_changes_nothing() -> None:
    assert found(2, seen(MART, 2, passed=False, name="taken_out"), seen(ORDERS, 2, passed=False, name="reported_only")).active


def test_check_that_was_never_seen_keeps_it_closed() -> None:
    more = replace(SUBJECT, mart=Asset(MART, frozenset({"shape", "total", "new"})))
    assert causes(certificate(more, GRANTED, green(1), hour(2))) == [Cause.NO_EVIDENCE]


def test_lateness_takes_it_away_and_new_data_gives_it_back() -> None:
    assert found(5).active
    late = found(5.001)
    assert (late.state, late.since, causes(late)) == (State.APPROVED, hour(5), [Cause.LATENESS])
    fresh = Evidence(MART, Kind.COMPLETE, hour(7), True, figures={"complete_through": hour(6).isoformat()})
    back = found(7, fresh)
    assert (back.state, back.since) == (State.ACTIVE, hour(7))


def test_unknown_end_of_the_data_is_no_evidence() -> None:
    unknown = Evidence(MART, Kind.COMPLETE, hour(2), False, figures={"complete_through": ""})
    assert causes(found(2, unknown)) == [Cause.NO_EVIDENCE]


def test_it_expires_at_the_very_moment() -> None:
    fresh = green(10)
    assert found(10.999, *fresh).active
    expired = found(11, *fresh)
    assert (expired.state, expired.since, causes(expired)) == (State.EXPIRED, UNTIL, [Cause.EXPIRY])
    assert next_step(expired, OURS) == "lakehouse certify request shop.sales --why …"


def test_renewed_approval_goes_on_without_a_break() -> None:
    assert found(10, *green(10), acts=[*GRANTED, *AGAIN]).until == hour(20)
    assert found(12, *green(10), acts=[*GRANTED, *AGAIN]).active
    assert found(6.5, *green(6), acts=[*GRANTED, AGAIN[0]]).active


DRIFT = seen(RAW, 2, passed=False, name="schema", day="2")
REPAIRED = seen(RAW, 3, passed=True, name="schema", day="3")
CHANGED = Evidence(MART, Kind.CONTRACT, hour(2), True, figures={"fingerprint": OTHER})
RESTORED = Evidence(MART, Kind.CONTRACT, hour(3), True, figures={"fingerprint": OURS})


@pytest.mark.parametrize(("change", "repair"), [(DRIFT, REPAIRED), (CHANGED, RESTORED)], ids=["drift", "contract"])
def test_schema_change_ends_the_approval_even_when_it_is_taken_back(change: Evidence, repair: Evidence) -> None:
    for lost in (found(2, change), found(4, change, repair)):
        assert (lost.state, lost.since, lost.causes[0].cause) == (State.REVOKED, hour(2), Cause.SCHEMA_CHANGE)
    assert found(8, change, repair, *green(8), acts=[*GRANTED, *AGAIN]).active


def test_contract_that_is_otherwise_now_is_enough() -> None:
    lost = certificate(replace(SUBJECT, fingerprint=OTHER), GRANTED, green(1), hour(2))
    assert (lost.state, causes(lost)) == (State.REVOKED, [Cause.SCHEMA_CHANGE])


def test_approval_that_is_deployed_before_its_contract_is_not_ended_by_the_old_one() -> None:
    old = Evidence(MART, Kind.CONTRACT, hour(0.5), True, figures={"fingerprint": OTHER})
    assert found(2, old).active


def test_drift_that_somebody_knew_of_when_approving_keeps_it_closed_until_it_is_repaired() -> None:
    drift = seen(RAW, 5, passed=False, name="schema", day="5")
    waiting = found(7, *green(4), drift, acts=[*GRANTED, *AGAIN])
    assert (waiting.state, causes(waiting)) == (State.APPROVED, [Cause.SCHEMA_CHANGE])
    assert found(8, *green(4), drift, seen(RAW, 8, passed=True, name="schema"), acts=[*GRANTED, *AGAIN]).active


def both(at: float, *more: Evidence, acts: list[Entry] = GRANTED) -> Certificate:
    down = replace(DOWN, upstream=(*DOWN.upstream, *SUBJECT.upstream))
    own = [seen(down.mart.key, 1, passed=True, name="shape"), Evidence(MART, Kind.RUN, hour(1), True)]
    return certificates([down, SUBJECT], {"shop.sales": acts, "shop.margin": GRANTED}, [*own, *green(1), *more], hour(at))["shop.margin"]


def test_revocation_upstream_takes_it_away_and_a_new_approval_there_gives_it_back() -> None:
    assert both(1).active
    revoked = Entry(Act.REVOKED, "eve@shop.test", hour(2), why="wrong")
    lost = both(2, acts=[*GRANTED, revoked])
    assert (lost.state, lost.since, causes(lost)) == (State.APPROVED, hour(2), [Cause.UPSTREAM])
    assert both(8, *green(8), acts=[*GRANTED, revoked, *AGAIN]).active


def test_table_upstream_without_a_contract_keeps_it_closed() -> None:
    blind = certificate(replace(SUBJECT, unknown=("int_orders",)), GRANTED, green(1), hour(2))
    assert [gate.text for gate in blind.closed] == ["made of what has no contract: int_orders"]


def test_mart_without_a_dataset_in_domo_has_no_gates_there() -> None:
    bare = certificate(replace(SUBJECT, dataset=None, owner=None, row_access=None), GRANTED, green(1), hour(2))
    assert {g.gate for g in bare.gates if g.verdict is Verdict.NOT_APPLICABLE} >= {Gate.ROWS, Gate.OWNER, Gate.ACCESS}
    assert bare.active


def test_row_policies_are_compared_whatever_their_order() -> None:
    north, south = RowPolicy("North", "region", ("n", "x"), ("Sales",)), RowPolicy("South", "region", ("s",), (), ("Ana@shop.test",))
    turned = RowPolicy("North", "region", ("x", "n"), ("Sales",))
    lower = RowPolicy("South", "region", ("s",), (), ("ana@shop.test",))
    assert access_digest([north, south]) == access_digest([lower, turned])
    assert access_digest([north]) != access_digest([replace(north, values=("n",))])
    assert access_digest([]) == EMPTY


def reads(at: float, *columns: str) -> Evidence:
    return Evidence(MART, Kind.READS, hour(at), True, figures={RAW: list(columns)})


def drift_in(columns: str) -> Evidence:
    return replace(DRIFT, figures={"columns": columns, "findings": 1})


@pytest.mark.parametrize(("known", "columns", "active"), [
    ([reads(1, "amount", "day")], "priority", True),
    ([reads(3, "amount", "day")], "priority", True),
    ([reads(1, "amount", "day")], "priority, day", False),
    ([reads(1, "amount", "day")], "", False),
    ([], "priority", False),
    ([reads(1, "priority"), reads(3, "amount")], "priority", False),
    ([reads(1, "amount"), reads(3, "priority")], "priority", True),
    ([replace(reads(1), figures={"raw/shop/other": ["amount"]})], "priority", False),
])
def test_source_that_differs_in_what_the_mart_is_not_made_of_takes_nothing(known: list[Evidence], columns: str, active: bool) -> None:
    assert found(4, drift_in(columns), *known).active is active
