"""Any approvals and any evidence: a certificate is active only while an approval stands and every gate is open."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_platform.certify.approvals import Act, Entry
from lakehouse_platform.certify.evidence import Evidence, Kind
from lakehouse_platform.certify.state import State, certificate, certificates
from tests.properties.certified import DATASET, DOWN, EMPTY, GRANTED, LAST, MART, ORDERS, OTHER, OURS, SUBJECT, green, hour

hours = st.integers(0, LAST)
ends = st.integers(-2, LAST).map(lambda n: {"complete_through": hour(n).isoformat()})
observed = st.one_of(
    st.builds(lambda n, name, run, ok: Evidence(MART, Kind.CHECK, hour(n), ok, name, f"r{run}"),
              hours, st.sampled_from(["shape", "total"]), st.integers(1, 3), st.booleans()),
    st.builds(lambda n, day, ok: Evidence(ORDERS, Kind.CHECK, hour(n), ok, "units", "r", day), hours, st.sampled_from("12"), st.booleans()),
    st.builds(lambda n, ok: Evidence("raw/shop/orders", Kind.CHECK, hour(n), ok, "schema"), hours, st.booleans()),
    st.builds(lambda n, ok: Evidence(DATASET, Kind.CHECK, hour(n), ok, "rows_match"), hours, st.booleans()),
    st.builds(lambda n, key: Evidence(key, Kind.RUN, hour(n), True), hours, st.sampled_from([ORDERS, "raw/shop/orders"])),
    st.builds(lambda n, found: Evidence(MART, Kind.COMPLETE, hour(n), True, figures=found), hours, ends),
    st.builds(lambda n, found: Evidence(MART, Kind.CONTRACT, hour(n), True, figures={"fingerprint": found}), hours,
              st.sampled_from([OURS, OURS, OURS, OTHER])),
    st.builds(lambda n, found: Evidence(DATASET, Kind.OWNER, hour(n), True, figures={"found": found}), hours,
              st.sampled_from(["ana@shop.test", "ana@shop.test", "bo@shop.test"])),
    st.builds(lambda n, found: Evidence(DATASET, Kind.ACCESS, hour(n), True, figures={"found": found}), hours,
              st.sampled_from([EMPTY, EMPTY, "other"])),
)


people = st.sampled_from(["ana@shop.test", "ANA@shop.test", "bo@shop.test"])
entry = st.one_of(
    st.builds(lambda n, by, of: Entry(Act.REQUESTED, by, hour(n), of, why="x"), hours, people, st.sampled_from([OURS, OURS, OTHER])),
    st.builds(lambda n, by, of, more: Entry(Act.APPROVED, by, hour(n), of, hour(n + more)), hours, people,
              st.sampled_from([OURS, OURS, OTHER]), st.integers(0, 2 * LAST)),
    st.builds(lambda n, by: Entry(Act.REVOKED, by, hour(n), why="x"), hours, people),
)
any_acts = st.lists(entry, max_size=5).map(lambda acts: sorted(acts, key=lambda act: act.at))
acts = st.one_of(any_acts, st.just(GRANTED), any_acts.map(lambda more: [*GRANTED, *more]))
noise = st.lists(observed, max_size=4)
evidence = st.tuples(noise, st.lists(hours, min_size=1, max_size=4)).map(
    lambda made: [*made[0], *(seen for at in made[1] for seen in green(at))])
at_once = st.lists(observed, max_size=8).map(lambda made: [replace(seen, at=hour(1)) for seen in (*made, *green(1))])
quick = settings(max_examples=200, deadline=None)


@quick
@given(acts, evidence, hours)
def test_active_is_approved_by_somebody_else_for_this_contract_with_every_gate_open(
    acts: list[Entry], seen: list[Evidence], now: int
) -> None:
    found = certificate(SUBJECT, acts, seen, hour(now))
    assert found.active is (found.standing.approval is not None and found.causes == ())
    if found.active:
        approval = found.standing.approval
        assert approval is not None
        assert approval.until is not None
        assert approval.at <= hour(now) < approval.until
        assert approval.contract == SUBJECT.fingerprint
        assert all(gate.open for gate in found.gates)
        asked = [act for act in acts if act.act is Act.REQUESTED and act.at <= approval.at and act.by.casefold() != approval.by]
        assert asked
        assert found.since is not None
        assert approval.at <= found.since <= hour(now)


@quick
@given(evidence, hours, st.data())
def test_without_one_of_the_kinds_of_evidence_it_is_never_active(seen: list[Evidence], now: int, data: st.DataObject) -> None:
    of = [(s.subject, s.kind, s.name) for s in green(0) if s.kind is not Kind.CONTRACT]
    missing = data.draw(st.sampled_from(sorted(set(of))))
    left = [s for s in seen if (s.subject, s.kind, s.name) != missing]
    assert not certificate(SUBJECT, GRANTED, left, hour(now)).active


@quick
@given(st.one_of(evidence, at_once), hours, st.data())
def test_order_in_which_evidence_lies_does_not_matter(seen: list[Evidence], now: int, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(seen))
    assert certificate(SUBJECT, GRANTED, seen, hour(now)) == certificate(SUBJECT, GRANTED, shuffled, hour(now))


@quick
@given(acts, evidence, evidence, hours)
def test_no_evidence_brings_back_what_has_ended(acts: list[Entry], seen: list[Evidence], more: list[Evidence], now: int) -> None:
    before = certificate(SUBJECT, acts, seen, hour(now))
    after = certificate(SUBJECT, acts, [*seen, *more], hour(now))
    assert before.state in (State.ACTIVE, State.APPROVED) or after.state not in (State.ACTIVE, State.APPROVED)


@quick
@given(evidence, hours, hours)
def test_what_has_ended_stays_so_as_time_goes_on(seen: list[Evidence], now: int, more: int) -> None:
    then, later = (certificate(SUBJECT, GRANTED, seen, at).state for at in (hour(now), hour(now + more)))
    assert then not in (State.REVOKED, State.EXPIRED) or later in (State.REVOKED, State.EXPIRED)


@quick
@given(acts, evidence, hours, observed)
def test_what_is_seen_later_does_not_count_yet(acts: list[Entry], seen: list[Evidence], now: int, later: Evidence) -> None:
    tomorrow = replace(later, at=hour(now) + dt.timedelta(microseconds=1))
    assert certificate(SUBJECT, acts, [*seen, tomorrow], hour(now)) == certificate(SUBJECT, acts, seen, hour(now))


@quick
@given(acts, evidence, hours)
def test_mart_downstream_is_active_only_with_the_one_upstream(acts: list[Entry], seen: list[Evidence], now: int) -> None:
    own = [Evidence(DOWN.mart.key, Kind.CHECK, hour(0), True, "shape", "r"), Evidence(MART, Kind.RUN, hour(0), True),
           Evidence(MART, Kind.CHECK, hour(0), True, "schema", "r")]
    down = replace(DOWN, upstream=(*DOWN.upstream, *SUBJECT.upstream))
    found = certificates([down, SUBJECT], {"shop.sales": acts, "shop.margin": GRANTED}, [*own, *seen], hour(now))
    assert not found["shop.margin"].active or found["shop.sales"].active


@pytest.mark.parametrize("hours_later", [0, 3.99])
def test_all_that_is_asked_for_makes_it_active(hours_later: float) -> None:
    found = certificate(SUBJECT, GRANTED, green(1), hour(1 + hours_later))
    assert (found.state, found.since, found.until) == (State.ACTIVE, hour(1), hour(LAST - 1))
    down = replace(DOWN, upstream=(*DOWN.upstream, *SUBJECT.upstream))
    own = [Evidence(DOWN.mart.key, Kind.CHECK, hour(1), True, "shape", "r"), Evidence(MART, Kind.RUN, hour(1), True)]
    both = certificates([down, SUBJECT], {"shop.sales": GRANTED, "shop.margin": GRANTED}, [*own, *green(1)], hour(1 + hours_later))
    assert [both[name].active for name in ("shop.sales", "shop.margin")] == [True, True]
