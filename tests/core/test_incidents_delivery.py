"""Nothing is told twice and nothing is lost, whatever Slack, the store and the process do."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Callable

import pytest

from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.incidents.base import (
    AccessRefused,
    ChannelBusy,
    ChannelRefused,
    ChannelUnavailable,
    MessageRefused,
    Observation,
    Stage,
    State,
    StateMoved,
    StateUnreadable,
)
from lakehouse_platform.incidents.deliver import LOOKS, Delivery, deliver
from lakehouse_platform.incidents.memory import Memory, from_text, to_text
from lakehouse_platform.incidents.plan import Act, plan
from lakehouse_platform.incidents.slack import SlackChannel
from lakehouse_platform.incidents.stages import acknowledge, mute
from lakehouse_platform.incidents.tick import tick
from lakehouse_platform.slack.client import build_client
from lakehouse_platform.slack.messages import SlackMessages
from tests.core.incident_cases import (
    GRAPH,
    HOUR,
    MINUTE,
    NOON,
    POLICY,
    Desk,
    Died,
    Fault,
    Shelf,
    Workspace,
    checked,
    done,
    failed,
    late,
    never,
    told,
    wrong_at,
)
from tests.standins.slack.server import slack_stand_in

ODS, HDS, DATASET, ORDER = "ods/finance/invoice", "hds/finance/invoice", "domo/finance/revenue", "raw/sales/order"
START = [checked(1, ODS, "rule"), late(2, HDS)]
END = [done(300, ODS), late(301, HDS, passed=True)]


def day(slack: Fault = never, shelf: Fault = never) -> Desk:
    """An incident begins, gets news, and ends; what dies is started again with what it had not finished."""
    desk = Desk(slack=Workspace(slack), shelf=Shelf(shelf))
    for observed, after in ((START, 10), ((), 90), ((), 30), ([failed(150, DATASET)], 20), ((), 30), ((), 30),
                            ([done(299, DATASET), *END], 60), ((), 30), ((), 30)):
        pause = dt.timedelta(seconds=after)
        while True:
            try:
                desk.tick(*observed, after=pause)
                break
            except Died:
                pause = dt.timedelta(0)
    return desk


def said(desk: Desk) -> list[tuple[str, str]]:
    """Keys and first lines in Slack."""
    return [(key, one.message.text) for _, key, one in desk.slack.posted.values()]


CALLS, SAVES = len(day().slack.calls), 30


@pytest.mark.parametrize("what", ["die", "die after", "refuse", "lose", "busy"])
def test_a_call_that_goes_wrong_changes_nothing_of_what_is_said(what: str) -> None:
    calm = day()
    for place in range(CALLS):
        desk = day(slack=wrong_at(place, what=what))
        assert said(desk) == said(calm), f"call {place}, {calm.slack.calls[place]}"
        assert desk.state.intents == {}


@pytest.mark.parametrize("what", ["die", "die after"])
def test_a_process_that_dies_at_a_save_says_nothing_twice(what: str) -> None:
    calm = day()
    for place in range(SAVES):
        desk = day(shelf=wrong_at(place, what=what))
        assert said(desk) == said(calm), f"save {place}"


def test_that_a_day_is_told_as_one_message_its_news_and_its_end() -> None:
    desk = day()
    assert desk.slack.parents() == ["✅ finance.invoice (ODS) is in order again"]
    assert desk.slack.replies() == ["Also (1):", "✅ It is over after 5 min: finance.invoice (ODS) and 2 other assets are in order again."]


def test_an_outage_loses_nothing() -> None:
    desk = Desk(slack=Workspace(lambda _: "refuse"))
    desk.settle(*START)
    for _ in range(5):
        delivery = desk.tick()
        assert [action.channel for action in delivery.due] == ["C0FIN"]
    desk.slack.fault = never
    desk.tick()
    desk.tick()
    assert len(desk.slack.parents()) == 1


def outage(*changes: Callable[[Desk], None]) -> Desk:
    """Slack is down while something begins and ends, and something is done between; then it is up again."""
    desk = Desk(slack=Workspace(lambda _: "refuse"))
    desk.settle(*START)
    for change in changes:
        change(desk)
    desk.tick(*END, after=4 * MINUTE)
    desk.slack.fault = never
    desk.tick()
    desk.tick(after=2 * HOUR)
    return desk


def test_what_began_and_ended_during_an_outage_is_told_once_as_over() -> None:
    desk = outage()
    assert desk.slack.parents("C0FIN") == ["✅ finance.invoice (ODS) is in order again"]
    assert desk.slack.replies() == []
    assert desk.slack.calls[-1] == "post"
    assert "<!subteam" not in str([one.message.blocks for _, _, one in desk.slack.posted.values()]), "who is called need not come"


def test_what_began_and_ended_during_an_outage_and_was_muted_is_not_told() -> None:
    assert outage(lambda desk: setattr(desk.shelf, "text", to_text(mute(desk.state, desk.only().id, None, desk.now)))).slack.posted == {}


def test_what_comes_back_after_it_was_told_as_over_is_told_in_its_thread() -> None:
    desk = told(START, Desk(slack=Workspace(lambda _: "refuse")))
    desk.tick(*END, after=4 * MINUTE)
    desk.slack.fault = never
    desk.tick()
    desk.tick(checked(400, ODS, "rule"))
    desk.tick(done(500, ODS))
    assert [reply[0] for reply in desk.slack.replies()] == ["🔁", "✅"]
    assert desk.slack.parents() == ["✅ finance.invoice (ODS) is in order again"]


def test_who_deletes_the_message_of_what_is_over_is_not_told_of_it_again() -> None:
    desk = told(START)
    desk.slack.fault = lambda name: "refuse" if name == "reply" else None
    desk.tick(*END, after=4 * MINUTE)
    desk.slack.posted.clear()
    desk.slack.fault = never
    for _ in range(3):
        desk.tick(after=MINUTE)
    assert desk.slack.posted == {}


def test_an_end_whose_answer_was_lost_and_that_did_not_last_is_followed_by_another() -> None:
    desk = told(START)
    desk.slack.fault = lambda name: "lose" if name == "reply" else None
    desk.tick(*END, after=4 * MINUTE)
    desk.slack.fault = lambda _: "refuse"
    desk.tick(checked(400, ODS, "rule"))
    desk.slack.fault = never
    desk.tick()
    desk.tick(done(500, ODS))
    assert [reply[0] for reply in desk.slack.replies()] == ["✅", "🔁", "✅"]


def test_an_end_during_an_outage_is_told_afterwards() -> None:
    desk = told(START)
    desk.slack.fault = lambda _: "refuse"
    desk.tick(*END, after=4 * HOUR)
    desk.slack.fault = never
    desk.tick(after=HOUR)
    assert [reply[0] for reply in desk.slack.replies()] == ["✅"]


def test_an_end_and_a_return_during_an_outage_are_no_news() -> None:
    desk = told(START)
    desk.slack.fault = lambda _: "refuse"
    desk.tick(*END)
    desk.tick(checked(400, ODS, "rule"))
    desk.slack.fault = never
    desk.tick()
    assert (desk.only().stage, desk.slack.replies()) == (Stage.OPEN, [])


def test_a_message_whose_answer_was_lost_before_it_all_ended_is_found_and_ended() -> None:
    desk = Desk(slack=Workspace(wrong_at(0, what="lose")))
    desk.settle(*START)
    assert desk.only().told is None
    desk.tick(*END)
    assert desk.slack.parents() == ["✅ finance.invoice (ODS) is in order again"]
    assert len(desk.slack.replies()) == 1


def test_a_lost_answer_that_is_found_after_a_mute_and_the_end_does_not_undo_the_mute() -> None:
    desk = told(START)
    desk.slack.fault = lambda name: "lose" if name == "reply" else None
    desk.tick(failed(150, DATASET))
    desk.shelf.text = to_text(mute(desk.state, desk.only().id, None, desk.now))
    desk.slack.fault = lambda _: "refuse"
    desk.tick(done(299, DATASET), *END, after=4 * MINUTE)
    desk.slack.fault = never
    desk.tick()
    desk.tick()
    assert desk.slack.replies() == ["Also (1):"]
    assert desk.slack.parents() == ["✅ finance.invoice (ODS) is in order again"]


def test_an_intended_message_is_looked_for_before_it_is_sent() -> None:
    desk = Desk(slack=Workspace(wrong_at(0, what="lose")))
    desk.settle(*START)
    memory = Memory.load(desk.shelf)
    delivery = deliver(memory, plan(memory.state, desk.now, POLICY), desk.slack, desk.now)
    assert [action.act for action in delivery.done] == [Act.POST]
    assert desk.slack.calls == ["post", "find"]
    assert len(desk.slack.parents()) == 1
    assert desk.only().told is not None


def test_a_busy_channel_is_left_alone_as_long_as_it_asks_for() -> None:
    desk = Desk(slack=Workspace(wrong_at(0, what="busy")))
    desk.settle(*START)
    desk.tick(after=dt.timedelta(seconds=19))
    assert desk.slack.calls == ["post"]
    desk.tick(after=dt.timedelta(seconds=2))
    assert desk.slack.calls == ["post", "post"]
    assert desk.state.waits == {}


def two_incidents(error: LakehouseError, of: str, other: str = ORDER) -> tuple[Desk, list[str]]:
    """Two incidents while a channel or a message is refused; the failures of the tick that would have told them."""
    desk = Desk(slack=Workspace(refused={of: error}))
    desk.tick(failed(1, ODS), failed(2, other))
    return desk, desk.tick(after=POLICY.settle).failures


@pytest.mark.parametrize("error", [ChannelRefused("not_in_channel"), ChannelBusy("later", retry_after=9)], ids=["refused", "busy"])
def test_a_channel_that_cannot_be_told_keeps_no_other_from_it(error: LakehouseError) -> None:
    desk, failures = two_incidents(error, "C0FIN")
    assert desk.slack.parents() == ["🔴 sales.order (Raw) failed"]
    assert failures == [f"C0FIN: {error}"]
    assert desk.state.intents == {}
    desk.slack.refused.clear()
    desk.tick(after=MINUTE)
    assert len(desk.slack.parents()) == 2


def test_a_message_that_slack_refuses_keeps_no_other_of_its_channel_from_being_told() -> None:
    desk, failures = two_incidents(MessageRefused("invalid_blocks"), "finance.invoice", other="raw/finance/payment")
    assert desk.slack.parents("C0FIN") == ["🔴 finance.payment (Raw) failed"]
    assert failures == ["C0FIN: invalid_blocks"]
    assert [i.told is None for i in desk.incidents] == [True, False]


def test_an_edit_that_slack_refuses_is_made_before_the_thread_goes_on() -> None:
    desk = told(START)
    desk.slack.refused = {"is halted": MessageRefused("msg_too_long")}
    assert [action.act for action in desk.tick(failed(150, DATASET)).due] == [Act.UPDATE, Act.REPLY]
    desk.slack.refused = {}
    desk.tick()
    assert desk.slack.replies() == ["Also (1):"]
    assert desk.slack.show().count("dataset finance.revenue: failed") == 2


@pytest.mark.parametrize("error", [AccessRefused("invalid_auth"), ChannelUnavailable("no answer")], ids=["refused", "unavailable"])
def test_where_nobody_can_be_told_one_try_is_enough(error: LakehouseError) -> None:
    desk, failures = two_incidents(error, "C0FIN")
    assert desk.slack.parents() == []
    assert failures == [f"C0FIN: {error}"]


def many(count: int) -> Desk:
    """As many incidents as that, all told."""
    return told([failed(n, f"ods/shop/t{n:03}") for n in range(1, count + 1)])


def test_of_many_incidents_each_ones_reactions_are_read_in_turn_and_only_so_many_a_tick() -> None:
    desk, count = many(2 * LOOKS + 3), 2 * LOOKS + 3
    for ts in list(desk.slack.posted):
        desk.slack.react(ts, "eyes")
    found = []
    for _ in range(3):
        desk.slack.calls.clear()
        desk.tick()
        assert desk.slack.calls.count("reactions") == LOOKS
        found.append(sum(i.stage is Stage.ACKNOWLEDGED for i in desk.incidents))
    assert found == [LOOKS, 2 * LOOKS, count]


@pytest.mark.parametrize("error", [
    AccessRefused("missing_scope"), ChannelBusy("later", retry_after=60), ChannelRefused("not_in_channel"), ChannelUnavailable("no answer"),
], ids=["scope", "busy", "channel", "unavailable"])  # fmt: skip
@pytest.mark.parametrize("question", ["reactions", "find"])
def test_a_question_that_is_not_answered_keeps_nobody_from_being_told(question: str, error: LakehouseError) -> None:
    desk = Desk(slack=Workspace(wrong_at(1, what="lose")))
    desk.tick(failed(1, ODS), failed(2, ORDER))
    desk.tick(after=POLICY.settle)
    assert [i.told is None for i in desk.incidents] == [False, True]
    desk.slack.unanswered = {question: error}
    desk.tick(failed(200, "raw/finance/payment"), after=3 * MINUTE)
    delivery = desk.tick(after=POLICY.settle)
    assert "🔴 finance.payment (Raw) failed" in desk.slack.parents()
    assert len(desk.slack.parents()) == 3, "one of them twice"
    assert str(error) in "".join(delivery.failures)


def test_a_tick_that_takes_too_long_ends_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    monkeypatch.setattr(time, "monotonic", lambda: 4.0 * len(desk.slack.calls))
    desk.tick(*(failed(n, f"ods/shop/t{n:03}") for n in range(1, 25)))
    desk.now += POLICY.settle
    ticks = [desk.tick() for _ in range(6)]
    assert [len(tick.done) for tick in ticks] == [7, 4, 4, 4, 4, 1], "reading reactions takes its part of the time, and no more"
    assert len(desk.slack.parents()) == 24


def test_who_deletes_the_message_hears_nothing_more() -> None:
    desk = told(START)
    desk.slack.posted.clear()
    desk.tick(failed(200, DATASET), after=2 * HOUR)
    assert desk.only().stage is Stage.MUTED
    desk.tick(done(300, DATASET), *END, after=2 * HOUR)
    assert desk.slack.posted == {}


def test_a_change_by_somebody_else_is_not_overwritten() -> None:
    desk = told(START)
    memory = Memory.load(desk.shelf)
    desk.shelf.save(to_text(acknowledge(desk.state, desk.only().id, "ada", desk.now)), was=desk.shelf.text)
    with pytest.raises(StateMoved):
        memory.save(State())
    assert desk.only().stage is Stage.ACKNOWLEDGED


def test_a_state_is_read_as_it_was_saved() -> None:
    desk = told([*START, checked(3, ORDER, "x", halting=False, figures={"failed": 2})])
    assert to_text(from_text(desk.shelf.text)) == desk.shelf.text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "state": {"newest": "x"}}', '{"version": 2, "state": {}}'])
def test_what_is_no_state_is_said_to_be_none(text: str) -> None:
    with pytest.raises(StateUnreadable):
        from_text(text)


def test_a_tick_without_news_saves_nothing_and_only_looks_for_reactions() -> None:
    desk = told(START)
    desk.slack.calls.clear()
    saves = itertools.count()
    desk.shelf.fault = lambda _: str(next(saves)) and None
    desk.tick()
    assert next(saves) == 0
    assert desk.slack.calls == ["reactions"]


def test_slacks_limit_on_reading_reactions_holds_no_message_up() -> None:
    channels = {"C0ALL": "all", "C0FIN": "finance"}
    with slack_stand_in(channels) as slack:
        there, shelf = SlackChannel(SlackMessages(lambda: build_client(slack.token, slack.api))), Shelf()
        slack.workspace.clock = NOON.timestamp

        def look(minute: int, *observed: Observation) -> Delivery:
            return tick(shelf, there, GRAPH, POLICY, observed, NOON + minute * MINUTE)

        look(0, *(failed(n, f"ods/shop/t{n:03}") for n in range(1, 21)))
        look(2)
        slack.throttle("reactions.get", times=10**6, seconds=40)
        look(3, failed(100, ODS))
        assert not look(5).due
        assert len(slack.workspace.parents("C0FIN")) == 1
        assert slack.count("reactions.get") == 2, "one that is refused ends the asking, each minute"
        slack.faults.clear()
        look(6)
        assert slack.count("reactions.get") == 2 + LOOKS
