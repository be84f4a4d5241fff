"""The laws of incidents: one message a cause and one end, whatever the order of events, crashes, lost answers and outages."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse_platform.incidents.base import Observation, Stage, State
from lakehouse_platform.incidents.fold import fold
from lakehouse_platform.incidents.graph import Asset, Assets, Family
from tests.core.incident_cases import DAY, Desk, Died, checked, done, failed, late

WRONG = st.sampled_from(["refuse", "lose", "die", "die after", "busy"])
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Story:
    """Independent causes, what follows from each, and how the engine gets to know."""

    graph: Assets
    causes: dict[str, tuple[str, ...]]
    """Root to the assets downstream that fail, are held or late with it."""
    begin: tuple[tuple[Observation, ...], ...]
    """What was observed, tick by tick, in any order."""
    end: tuple[tuple[Observation, ...], ...]


@st.composite
def graphs(draw: st.DrawFn) -> Assets:
    """Up to 9 assets; each is made of some of those before it."""
    count = draw(st.integers(2, 9))
    return Assets({
        f"ods/d/t{n}": Asset(tuple(f"ods/d/t{m}" for m in sorted(draw(_before(n)))), domain="d") for n in range(count)})


def _before(n: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(0, n - 1), max_size=2) if n else st.just(set())


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Causes of which none is downstream of another, with effects among what is downstream; each observed in any order."""
    graph = draw(graphs())
    family = Family(graph)
    wanted = draw(st.lists(st.sampled_from(sorted(graph.known)), min_size=1, max_size=3, unique=True))
    roots = [a for a in wanted if not family.ancestors(a) & set(wanted)]
    causes = {root: tuple(sorted(draw(st.sets(st.sampled_from(sorted(family.descendants([root]))))) if family.descendants([root]) else ()))
              for root in roots}
    return Story(graph, causes, draw(_observed(causes, _broken)), draw(_observed(causes, _mended, start=1000)))


Observe = Callable[[int, str, bool], list[Observation]]


@st.composite
def _observed(draw: st.DrawFn, causes: dict[str, tuple[str, ...]], observe: Observe, start: int = 1) -> tuple[tuple[Observation, ...], ...]:
    named = [(asset, asset in causes) for asset in sorted({*causes, *(a for found in causes.values() for a in found)})]
    facts = [o for n, (asset, is_root) in enumerate(draw(st.permutations(named))) for o in observe(start + 3 * n, asset, is_root)]
    cuts = sorted(draw(st.lists(st.integers(0, len(facts)), max_size=3)))
    arriving = draw(st.permutations(facts))
    return tuple(tuple(arriving[a:b]) for a, b in zip([0, *cuts], [*cuts, len(arriving)], strict=True))


def _broken(order: int, asset: str, is_root: bool) -> list[Observation]:
    """A root halts, which is a check and a failed run; what follows fails or is late."""
    if is_root:
        return [checked(order, asset, "rule", run=f"r{asset}"), failed(order + 1, asset, run=f"r{asset}")]
    return [late(order, asset)] if order % 2 else [failed(order, asset, error="Held")]


def _mended(order: int, asset: str, is_root: bool) -> list[Observation]:
    if is_root:
        return [done(order, asset), checked(order + 1, asset, "rule", passed=True)]
    return [late(order, asset, passed=True), done(order + 1, asset)]


def live(desk: Desk, ticks: tuple[tuple[Observation, ...], ...]) -> None:
    """Ticks of ten seconds; one that dies is done again with the same events."""
    for observed in ticks:
        pause = dt.timedelta(seconds=10)
        while not survived(desk, observed, pause):
            pause = dt.timedelta()


def survived(desk: Desk, observed: tuple[Observation, ...], pause: dt.timedelta) -> bool:
    """Whether the process lived through a tick."""
    try:
        desk.tick(*observed, after=pause)
    except Died:
        return False
    return True


def calm(desk: Desk) -> None:
    """Slack is up and nobody dies, for long enough that everything due is told."""
    desk.slack.fault = desk.shelf.fault = lambda _: None
    for _ in range(6):
        desk.tick(after=dt.timedelta(minutes=2))


def keys(desk: Desk, *, replies: bool) -> Counter[str]:
    """How often each key stands in Slack."""
    return Counter(key for _, key, one in desk.slack.posted.values() if (one.thread is not None) is replies)


@QUICK
@given(stories(), st.lists(st.one_of(st.none(), WRONG), max_size=40))
def test_each_cause_is_told_once_and_ends_once_whatever_goes_wrong(story: Story, wrongs: list[str | None]) -> None:
    desk, ahead = Desk(story.graph), iter(wrongs)
    desk.slack.fault = desk.shelf.fault = lambda _: next(ahead, None)
    live(desk, story.begin)
    calm(desk)

    open_ones = [i for i in desk.incidents if i.stage is Stage.OPEN]
    assert all(i.told is not None for i in open_ones), "something open is untold"
    assert {p.key for i in open_ones for p in i.problems} == {p for i in open_ones if i.told for p in i.told.members}
    assert len(open_ones) <= len(story.causes)
    assert set(story.causes) <= {p.asset for i in open_ones for p in i.problems}
    assert len(desk.slack.parents()) == len(open_ones)

    live(desk, story.end)
    calm(desk)
    assert not desk.state.problems
    parents, replies = keys(desk, replies=False), keys(desk, replies=True)
    assert set(parents.values()) == {1}
    assert sorted(k for k in replies if "/over/" in k) == sorted(f"{i}/over/1" for i in parents)
    assert set(replies.values()) <= {1}


@QUICK
@given(stories(), st.lists(st.one_of(st.none(), WRONG), max_size=20))
def test_what_begins_and_ends_while_slack_is_down_is_told_once_as_over(story: Story, wrongs: list[str | None]) -> None:
    desk, ahead = Desk(story.graph), iter(wrongs)
    desk.slack.fault = lambda _: "refuse"
    for ticks in (story.begin, story.end):
        live(desk, ticks)
        for _ in range(3):
            desk.tick(after=dt.timedelta(minutes=2))
    desk.slack.fault = desk.shelf.fault = lambda _: next(ahead, None)
    live(desk, ((),) * 3)
    calm(desk)
    assert {i.id for i in desk.incidents} == set(keys(desk, replies=False)), "something was never told"
    assert set(keys(desk, replies=False).values()) == {1}
    assert all(parent.startswith("✅") for parent in desk.slack.parents())
    assert desk.slack.replies() == []


@QUICK
@given(stories())
def test_the_same_events_again_say_nothing_new(story: Story) -> None:
    desk = Desk(story.graph)
    live(desk, story.begin)
    calm(desk)
    told = list(desk.slack.posted.values())
    live(desk, story.begin)
    calm(desk)
    assert list(desk.slack.posted.values()) == told
    live(desk, story.end)
    calm(desk)
    over = list(desk.slack.posted.values())
    live(desk, story.begin + story.end + story.begin)
    calm(desk)
    assert list(desk.slack.posted.values()) == over


@st.composite
def families(draw: st.DrawFn) -> Assets:
    """Twelve assets that are made of one, directly or not."""
    above = {n: draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=2)) for n in range(1, 13)}
    return Assets({"ods/d/t0": Asset(domain="d")} | {
        f"ods/d/t{n}": Asset(tuple(f"ods/d/t{m}" for m in sorted(found)), domain="d") for n, found in above.items()})


@st.composite
def disasters(draw: st.DrawFn) -> Story:
    """One root, and everything below it."""
    graph = draw(families())
    causes = {"ods/d/t0": tuple(sorted(set(graph.known) - {"ods/d/t0"}))}
    return Story(graph, causes, draw(_observed(causes, _broken)), draw(_observed(causes, _mended, start=1000)))


@QUICK
@given(disasters(), st.lists(st.one_of(st.none(), WRONG), max_size=40))
def test_one_root_and_twelve_that_follow_give_one_message_and_one_end(story: Story, wrongs: list[str | None]) -> None:
    desk, ahead = Desk(story.graph), iter(wrongs)
    desk.slack.fault = desk.shelf.fault = lambda _: next(ahead, None)
    live(desk, story.begin)
    calm(desk)
    incident = desk.only()
    assert incident.title == "ods/d/t0"
    assert len(incident.open_problems) == 13
    live(desk, story.end)
    calm(desk)
    assert len(desk.slack.parents()) == 1
    assert [reply[0] for reply in desk.slack.replies()].count("✅") == 1
    assert desk.slack.parents()[0].startswith("✅")


FACTS = st.builds(
    lambda order, make, asset, day: make(order, f"ods/d/t{asset}", day),
    st.integers(1, 40),
    st.sampled_from([
        failed, done, lambda o, a, d: checked(o, a, "rule", d), lambda o, a, d: checked(o, a, "rule", d, passed=True),
        lambda o, a, _: late(o, a), lambda o, a, _: late(o, a, passed=True)]),
    st.integers(0, 1), st.sampled_from([DAY, "2026-11-20"]))


@settings(max_examples=200)
@given(st.data(), st.lists(FACTS, max_size=12, unique_by=lambda o: o.id))
def test_neither_order_nor_repetition_of_events_matters(data: st.DataObject, facts: list[Observation]) -> None:
    once = fold(State(), facts)
    shuffled = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts), max_size=5) if facts else st.just([]))))
    cut = data.draw(st.integers(0, len(shuffled)))
    twice = fold(fold(State(), shuffled[:cut]), shuffled[cut:])
    assert {k for k, p in twice.problems.items() if p.closed is None} == {k for k, p in once.problems.items() if p.closed is None}
    assert fold(once, facts) == once
