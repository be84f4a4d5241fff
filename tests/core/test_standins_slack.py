"""Slack's stand-in, as the real client sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import RemoteDisconnected
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.web.client import WebClient

from tests.standins.slack.server import API_VARIABLE, TOKEN_VARIABLE, SlackStandIn, ask_slack, slack_process, slack_stand_in
from tests.standins.slack.workspace import Rate

HERE = "C0DEFAULT"


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with slack_stand_in() as running:
        yield running


@pytest.fixture
def client(slack: SlackStandIn) -> WebClient:
    return client_of(slack)


def client_of(slack: SlackStandIn, token: str | None = None) -> WebClient:
    return WebClient(token or slack.token, base_url=slack.api, retry_handlers=[])


def error_of(call: Callable[[], object]) -> str:
    with pytest.raises(SlackApiError) as caught:
        call()
    return str(caught.value.response["error"])


def header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_a_message_its_thread_its_update_and_a_reaction_read_as_a_person_sees_them(slack: SlackStandIn, client: WebClient) -> None:
    slack.workspace.clock = lambda: 1_800_000_000.0
    slack.workspace.names["U0PERSON"] = "ana"
    blocks = [header("Broken"), section("<@U0PERSON> see <http://x/y|the run>")]
    ts = str(client.chat_postMessage(channel=HERE, text="broken", blocks=blocks)["ts"])
    assert "  ━━ Broken ━━\n  @ana see the run\n" in slack.transcript(HERE)
    client.chat_postMessage(channel=HERE, text="still &lt;broken&gt;", thread_ts=ts)
    client.chat_update(channel=HERE, ts=ts, text="mended", blocks=[header("Mended")])
    slack.workspace.react(HERE, ts, "eyes")
    assert slack.transcript(HERE) == (
        "#data-incidents\n\nLakehouse  08:00  (updated)\n  ━━ Mended ━━\n  :eyes: 1 (ana)\n    Lakehouse  08:00\n      still <broken>\n")


@pytest.mark.parametrize(("blocks", "error"), [
    ([header("x" * 151)], "invalid_blocks"),
    ([section("x" * 3001)], "invalid_blocks"),
    ([{"text": "no type"}], "invalid_blocks"),
    ([{"type": "divider"}] * 51, "invalid_blocks"),
    ([section("x" * 2900)] * 5, "msg_blocks_too_long"),
    ("text", "invalid_blocks_format"),
])
def test_a_message_beyond_slacks_limits_is_refused_and_not_posted(slack: SlackStandIn, client: WebClient, blocks: Any, error: str) -> None:
    assert error_of(lambda: client.chat_postMessage(channel=HERE, text="t", blocks=blocks)) == error
    assert slack.workspace.parents(HERE) == []


def test_a_message_at_slacks_limits_is_taken(client: WebClient) -> None:
    client.chat_postMessage(channel=HERE, text="t" * 40_000, blocks=[header("x" * 150), section("x" * 3000), *[{"type": "divider"}] * 48])


def test_what_slack_says_no_to(slack: SlackStandIn, client: WebClient) -> None:
    slack.workspace.add_channel("C0CLOSED", "closed", member=False)
    assert error_of(lambda: client.chat_postMessage(channel="C0NOWHERE", text="t")) == "channel_not_found"
    assert error_of(lambda: client.chat_postMessage(channel="C0CLOSED", text="t")) == "not_in_channel"
    assert error_of(lambda: client_of(slack, "xoxb-wrong").chat_postMessage(channel=HERE, text="t")) == "invalid_auth"
    assert error_of(lambda: client.chat_postMessage(channel=HERE, text="t" * 40_001)) == "msg_too_long"
    assert error_of(lambda: client.chat_postMessage(channel=HERE, text="t", thread_ts="1.000000")) == "invalid_thread_ts"
    assert error_of(lambda: client.chat_update(channel=HERE, ts="1.000000", text="t")) == "message_not_found"
    assert error_of(lambda: client.reactions_get(channel=HERE, timestamp="1.000000")) == "message_not_found"
    assert error_of(lambda: client.chat_postMessage(channel=HERE, text="t", metadata={"event_type": "x"})) == "invalid_metadata_format"
    assert error_of(lambda: client.chat_update(channel=HERE, ts=slack.workspace.say(HERE, "mine"), text="t")) == "cant_update_message"
    slack.workspace.scopes = frozenset({"chat:write"})
    assert error_of(lambda: client.conversations_history(channel=HERE)) == "missing_scope"


def test_history_comes_in_pages_without_replies_and_gives_metadata_only_when_asked(client: WebClient) -> None:
    said = [{"event_type": "e", "event_payload": {"n": n}} for n in range(5)]
    posted = [str(client.chat_postMessage(channel=HERE, text=str(n), metadata=said[n])["ts"]) for n in range(5)]
    client.chat_postMessage(channel=HERE, text="reply", thread_ts=posted[0])
    pages = [page["messages"] for page in client.conversations_history(channel=HERE, limit=2, include_all_metadata=True)]
    assert [[m["metadata"]["event_payload"]["n"] for m in page] for page in pages] == [[4, 3], [2, 1], [0]]
    newer = client.conversations_history(channel=HERE, oldest=posted[2])["messages"]
    assert [m["text"] for m in newer] == ["4", "3"]
    assert all("metadata" not in m for m in newer)
    assert [m["text"] for m in client.conversations_replies(channel=HERE, ts=posted[0])["messages"]] == ["0", "reply"]


def test_an_update_with_text_alone_takes_the_blocks_away_and_keeps_the_metadata(client: WebClient) -> None:
    said = {"event_type": "e", "event_payload": {"key": "k"}}
    ts = str(client.chat_postMessage(channel=HERE, text="t", blocks=[header("h")], metadata=said)["ts"])
    client.chat_update(channel=HERE, ts=ts, text="changed")
    message = client.conversations_history(channel=HERE, include_all_metadata=True)["messages"][0]
    assert (message["text"], message.get("blocks"), message["metadata"]) == ("changed", None, said)


def test_a_bot_reacts_once_and_everybody_is_counted(slack: SlackStandIn, client: WebClient) -> None:
    ts = str(client.chat_postMessage(channel=HERE, text="t")["ts"])
    client.reactions_add(channel=HERE, timestamp=ts, name="eyes")
    slack.workspace.react(HERE, ts, "eyes")
    assert error_of(lambda: client.reactions_add(channel=HERE, timestamp=ts, name="eyes")) == "already_reacted"
    assert client.reactions_get(channel=HERE, timestamp=ts)["message"]["reactions"] == [
        {"name": "eyes", "users": ["U0LAKEHOUSE", "U0PERSON"], "count": 2}]
    slack.workspace.unreact(HERE, ts, "eyes")
    assert client.reactions_get(channel=HERE, timestamp=ts)["message"]["reactions"][0]["count"] == 1


def test_a_channel_takes_so_many_messages_a_second_and_says_how_long_to_wait() -> None:
    with slack_stand_in(rate=Rate(per_second=1, burst=1)) as slack:
        client = client_of(slack)
        client.chat_postMessage(channel=HERE, text="first")
        client.chat_postMessage(channel="C0FINANCE", text="another channel")
        with pytest.raises(SlackApiError) as caught:
            client.chat_postMessage(channel=HERE, text="second")
        assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "1")
        client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
        client.chat_postMessage(channel=HERE, text="second")
    assert [m.text for m in slack.workspace.parents(HERE)] == ["first", "second"]


def test_a_reset_does_nothing_and_a_dropped_answer_did_it(slack: SlackStandIn, client: WebClient) -> None:
    slack.reset("chat.postMessage")
    slack.drop_answer("chat.postMessage")
    with pytest.raises(ConnectionResetError):
        client.chat_postMessage(channel=HERE, text="reset")
    with pytest.raises(RemoteDisconnected):
        client.chat_postMessage(channel=HERE, text="dropped")
    assert [m.text for m in slack.workspace.parents(HERE)] == ["dropped"]
    slack.refuse(status=500, code="internal_error")
    assert error_of(lambda: client.chat_postMessage(channel=HERE, text="t")) == "internal_error"
    assert slack.count("chat.postMessage", HERE, status=0) == 2
    assert slack.count("chat.postMessage", HERE, status=500) == 1


def test_it_runs_in_a_process_of_its_own() -> None:
    with slack_process() as variables:
        client = WebClient(variables[TOKEN_VARIABLE], base_url=variables[API_VARIABLE])
        assert client.auth_test()["bot_id"]
        ts = client.chat_postMessage(channel=HERE, text="broken")["ts"]
        ask_slack(variables[API_VARIABLE], "react", channel=HERE, ts=ts, emoji="eyes", user="U0ANA")
        assert ask_slack(variables[API_VARIABLE], "transcript", channel=HERE).endswith("  broken\n  :eyes: 1 (U0ANA)\n")
