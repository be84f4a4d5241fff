"""slack_sdk's client as it is used here: bounded waits, and no message that is posted twice because its answer was lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler, RateLimitErrorRetryHandler, ServerErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.client import WebClient
from slack_sdk.web.slack_response import SlackResponse

from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.slack.base import (
    SlackAccessRefused,
    SlackBusy,
    SlackChannelRefused,
    SlackMessageGone,
    SlackMessageRefused,
    SlackUnavailable,
)  # fmt: skip

API = "https://slack.com/api/"
ANSWER_SECONDS = 10
"""A sensor that asks has 60 for everything."""
LONGEST_PAUSE = 3
"""Seconds that a call waits for a busy Slack by itself; whoever called waits for longer ones."""
TRIES = 2
"""Further ones of a call that was answered; of one that was not, one."""
POST = "chat.postMessage"
"""The one method here that does something twice when it is called twice."""

Client = WebClient
"""What calls Slack."""

BUSY = frozenset({"message_limit_exceeded", "rate_limited", "ratelimited"})
UNAVAILABLE = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"})
ACCESS = frozenset({
    "access_denied", "account_inactive", "ekm_access_denied", "enterprise_is_restricted", "invalid_auth", "missing_scope", "no_permission",
    "not_allowed_token_type", "not_authed", "org_login_required", "team_access_not_granted", "token_expired", "token_revoked",
    "two_factor_setup_required",
})  # fmt: skip
CHANNEL = frozenset({
    "channel_is_limited_access", "channel_not_found", "is_archived", "is_inactive", "method_not_supported_for_channel_type",
    "not_in_channel", "restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
})  # fmt: skip
GONE = frozenset({
    "cannot_reply_to_message", "cant_update_message", "edit_window_closed", "invalid_thread_ts", "message_not_found", "thread_not_found",
})  # fmt: skip
NEXT: Mapping[type[LakehouseError], str] = {
    SlackAccessRefused: "The bot's token needs the scopes chat:write, channels:history (groups:history for private channels) and "
                        "reactions:read, and to belong to an app that is installed.",
    SlackChannelRefused: "Name a channel by its id (C…) and invite the bot to it: /invite @app.",
}


def build_client(token: str, api: str | None = None) -> WebClient:
    """A client; nothing is sent yet. `api` is the address of a stand-in."""
    retries = [_Patient(TRIES), _Lost(1), _Broken(TRIES)]
    client = WebClient(token, base_url=api or API, timeout=ANSWER_SECONDS, retry_handlers=retries)
    # It took a proxy from the environment without asking what is exempt from it; urllib, which it is built on, asks.
    client.proxy = None
    return client


class _Patient(RateLimitErrorRetryHandler):
    """Waits where Slack asks for a short while: a call that it refused with 429 was not done."""

    def _can_retry(
        self, *, state: RetryState, request: HttpRequest, response: HttpResponse | None = None, error: Exception | None = None
    ) -> bool:
        wait = _retry_after(response.headers) if response is not None else None
        short = wait is not None and wait <= LONGEST_PAUSE
        return short and super()._can_retry(state=state, request=request, response=response, error=error)


class _Lost(ConnectionErrorRetryHandler):
    """Asks again, after a connection that broke, what may be asked twice."""

    def _can_retry(
        self, *, state: RetryState, request: HttpRequest, response: HttpResponse | None = None, error: Exception | None = None
    ) -> bool:
        return _repeatable(request) and super()._can_retry(state=state, request=request, response=response, error=error)


class _Broken(ServerErrorRetryHandler):
    """Asks again, after an error of Slack's own, what may be asked twice."""

    def _can_retry(
        self, *, state: RetryState, request: HttpRequest, response: HttpResponse | None = None, error: Exception | None = None
    ) -> bool:
        return _repeatable(request) and super()._can_retry(state=state, request=request, response=response, error=error)


def _repeatable(request: HttpRequest) -> bool:
    return not request.url.endswith(POST)


@contextmanager
def answers(what: str) -> Iterator[None]:
    """Calls of the client inside raise this package's errors; `what` says what was asked, in words."""
    try:
        yield
    except SlackApiError as error:
        raise understood(what, error.response) from error
    except (OSError, HTTPException, SlackClientError) as error:
        raise SlackUnavailable(f"{what}: Slack does not answer ({type(error).__name__}); it may be done or not") from error


def understood(what: str, response: SlackResponse) -> LakehouseError:
    """The error that an answer is; it repeats what Slack says of the call, never what was sent."""
    code = str(response.get("error", "") or "")
    if response.status_code == 429 or code in BUSY:
        wait = _retry_after(response.headers)
        return SlackBusy(f"{what}: Slack takes no more for now; it asks for {wait or 'some'} seconds", retry_after=wait)
    if response.status_code != 200 or code in UNAVAILABLE or not code.replace("_", "").isalnum():
        return SlackUnavailable(f"{what}: Slack answers with {response.status_code} {code[:60]}; it may be done or not")
    kinds = ((SlackAccessRefused, ACCESS), (SlackChannelRefused, CHANNEL), (SlackMessageGone, GONE))
    kind: type[LakehouseError] = next((kind for kind, codes in kinds if code in codes), SlackMessageRefused)
    said = "; ".join(filter(None, [f"needed: {response.get('needed')}" if response.get("needed") else "", *_messages(response)]))
    return kind(f"{what}: Slack refuses: {code}{f' ({said})' if said else ''}. {NEXT.get(kind, '')}".rstrip())


def _messages(response: SlackResponse) -> list[str]:
    found: object = (response.get("response_metadata") or {}).get("messages")
    return [str(message) for message in found[:3]] if isinstance(found, list) else []


def _retry_after(headers: Mapping[str, object]) -> float | None:
    """Seconds, from headers whose values are texts or lists of them."""
    for name, value in headers.items():
        if name.lower() == "retry-after":
            first = value[0] if isinstance(value, list) else value
            return float(str(first)) if str(first).isdigit() else None
    return None
