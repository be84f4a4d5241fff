"""Messages to Slack through the real client, on a stand-in that does what is scripted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest

from lakehouse_platform.errors import LakehouseError, TerminalError, TransientError
from lakehouse_platform.slack.base import (
    SlackAccessRefused,
    SlackBusy,
    SlackChannelRefused,
    SlackMessageGone,
    SlackMessageRefused,
    SlackUnavailable,
)
from lakehouse_platform.slack.client import build_client
from lakehouse_platform.slack.messages import SlackMessages
from tests.standins.slack.server import SlackStandIn, slack_stand_in

HERE = "C0DEFAULT"
POST = "chat.postMessage"
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "*broken*"}}]


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with slack_stand_in() as running:
        yield running


@pytest.fixture
def messages(slack: SlackStandIn) -> SlackMessages:
    return messages_of(slack)


def messages_of(slack: SlackStandIn, token: str | None = None) -> SlackMessages:
    return SlackMessages(lambda: build_client(token or slack.token, slack.api))


def texts(slack: SlackStandIn) -> list[str]:
    return [message.text for message in slack.workspace.parents(HERE)]


def test_a_message_is_found_by_its_key_however_many_came_after_it(slack: SlackStandIn, messages: SlackMessages) -> None:
    ts = messages.post(HERE, "broken", BLOCKS, "k1")
    for number in range(210):
        slack.workspace.say(HERE, f"chatter {number}")
    assert messages.find(HERE, "k1", since=LONG_AGO) == ts
    assert messages.find(HERE, "k2", since=LONG_AGO) is None


def test_a_message_older_than_asked_for_is_not_found(messages: SlackMessages) -> None:
    messages.post(HERE, "broken", BLOCKS, "k1")
    assert messages.find(HERE, "k1", since=dt.datetime.now(tz=dt.UTC) + dt.timedelta(minutes=10)) is None


def test_a_reply_is_found_in_its_thread_and_not_in_the_channel(slack: SlackStandIn, messages: SlackMessages) -> None:
    ts = messages.post(HERE, "broken", BLOCKS, "k1")
    reply = messages.post(HERE, "still broken", (), "k1/1", thread=ts)
    assert messages.find(HERE, "k1/1", since=LONG_AGO, thread=ts) == reply
    assert messages.find(HERE, "k1/1", since=LONG_AGO) is None
    assert [m.text for m in slack.workspace.thread(HERE, ts)] == ["still broken"]


def test_an_updated_message_is_still_found_by_its_key(slack: SlackStandIn, messages: SlackMessages) -> None:
    ts = messages.post(HERE, "broken", BLOCKS, "k1")
    messages.update(HERE, ts, "mended", BLOCKS)
    assert texts(slack) == ["mended"]
    assert messages.find(HERE, "k1", since=LONG_AGO) == ts


def test_an_answer_that_was_lost_is_not_followed_by_a_second_message(slack: SlackStandIn, messages: SlackMessages) -> None:
    slack.drop_answer(POST)
    with pytest.raises(SlackUnavailable):
        messages.post(HERE, "broken", BLOCKS, "k1")
    assert texts(slack) == ["broken"]
    assert messages.find(HERE, "k1", since=LONG_AGO) == slack.workspace.parents(HERE)[0].ts


def test_what_may_be_asked_twice_is_asked_again(slack: SlackStandIn, messages: SlackMessages) -> None:
    ts = messages.post(HERE, "broken", BLOCKS, "k1")
    slack.reset("chat.update")
    messages.update(HERE, ts, "mended", BLOCKS)
    slack.refuse("conversations.history")
    assert messages.find(HERE, "k1", since=LONG_AGO) == ts
    assert texts(slack) == ["mended"]


def test_a_short_wait_is_waited_and_the_message_is_posted_once(slack: SlackStandIn, messages: SlackMessages) -> None:
    slack.throttle(POST, seconds=1)
    messages.post(HERE, "broken", BLOCKS, "k1")
    assert texts(slack) == ["broken"]
    assert slack.count(POST, status=429) == 1


def test_a_long_wait_is_the_callers_and_says_how_long(slack: SlackStandIn, messages: SlackMessages) -> None:
    slack.throttle(POST, seconds=30)
    with pytest.raises(SlackBusy) as caught:
        messages.post(HERE, "broken", BLOCKS, "k1")
    assert caught.value.retry_after == 30
    assert (slack.count(POST), texts(slack)) == (1, [])


@pytest.mark.parametrize(("code", "status", "kind"), [
    ("invalid_auth", 200, SlackAccessRefused),
    ("channel_not_found", 200, SlackChannelRefused),
    ("message_not_found", 200, SlackMessageGone),
    ("msg_too_long", 200, SlackMessageRefused),
    ("ratelimited", 200, SlackBusy),
    ("internal_error", 200, SlackUnavailable),
    ("service_unavailable", 503, SlackUnavailable),
    ("<html>the proxy is down</html>", 502, SlackUnavailable),
])
def test_an_error_says_what_can_be_done_about_it(
    slack: SlackStandIn, messages: SlackMessages, code: str, status: int, kind: type[LakehouseError]
) -> None:
    slack.refuse(POST, code=code, status=status)
    with pytest.raises(kind) as caught:
        messages.post(HERE, "broken", (), "k1")
    assert isinstance(caught.value, TransientError if kind in (SlackBusy, SlackUnavailable) else TerminalError)


def test_a_scope_that_is_missing_is_named(slack: SlackStandIn, messages: SlackMessages) -> None:
    slack.workspace.scopes = frozenset({"chat:write"})
    with pytest.raises(SlackAccessRefused, match="needed: channels:history"):
        messages.find(HERE, "k1", since=LONG_AGO)


def test_blocks_that_slack_does_not_take_do_not_keep_people_from_being_told(slack: SlackStandIn, messages: SlackMessages) -> None:
    ts = messages.post(HERE, "broken", [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "k1")
    assert texts(slack) == ["broken"]
    assert messages.find(HERE, "k1", since=LONG_AGO) == ts


def test_reactions_come_by_name_whatever_the_hand_looks_like(slack: SlackStandIn, messages: SlackMessages) -> None:
    ts = messages.post(HERE, "broken", BLOCKS, "k1")
    assert messages.reactions(HERE, ts) == {}
    slack.workspace.react(HERE, ts, "eyes", "U1")
    slack.workspace.react(HERE, ts, "thumbsup::skin-tone-4", "U2")
    assert messages.reactions(HERE, ts) == {"eyes": ["U1"], "thumbsup": ["U2"]}


@pytest.mark.parametrize("fault", [
    lambda slack: slack.reset(times=None), lambda slack: slack.refuse(times=None),
    lambda slack: slack.refuse(code="invalid_auth", status=200),
])
def test_no_error_holds_the_token_or_the_message(slack: SlackStandIn, fault: Callable[[SlackStandIn], int]) -> None:
    fault(slack)
    with pytest.raises(LakehouseError) as caught:
        messages_of(slack, "xoxb-secret").post(HERE, "a text", (), "k1")
    chain = [caught.value, caught.value.__cause__]
    assert not [error for error in chain if "xoxb" in f"{error}{error!r}" or "a text" in f"{error}{error!r}"]


def test_nothing_is_asked_before_it_is_needed() -> None:
    SlackMessages(lambda: pytest.fail("connected"))
