"""Slack's Web API over HTTP, for the real client library: in this process, or in one of its own."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import parse_qsl, urlsplit

from tests.standins.answers import Answer
from tests.standins.calls import CONTROL_PATH, Call
from tests.standins.child import announce, child
from tests.standins.faults import Effect, Fault
from tests.standins.listener import CONTROL, Conversation, Listener
from tests.standins.slack.blocks import SlackError
from tests.standins.slack.transcript import transcript
from tests.standins.slack.workspace import Rate, Workspace

SERVICE = "slack"
"""In faults and in the log; the operation is the method, as in `chat.postMessage`, and the key the channel's id."""
RETRY_AFTER = 1
API_VARIABLE, TOKEN_VARIABLE = "LAKEHOUSE_SLACK_API", "LAKEHOUSE_SLACK_TOKEN"
CHANNELS = {"C0DEFAULT": "data-incidents", "C0FINANCE": "finance-data", "C0DIGEST": "data-digest"}
"""Channels of a stand-in that is told of no others."""


class SlackStandIn(Listener):
    """A workspace behind Slack's Web API."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(SlackConversation)
        self.workspace = workspace

    @property
    def api(self) -> str:
        """Base URL for slack_sdk."""
        return f"{self.address}/api/"

    @property
    def token(self) -> str:
        """The bot's."""
        return self.workspace.token

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead here."""
        return {API_VARIABLE: self.api, TOKEN_VARIABLE: self.token}

    def transcript(self, channel: str) -> str:
        """A channel as a person reads it."""
        with self.workspace.lock:
            return transcript(self.workspace.channels[channel], self.workspace.names)

    def refuse(self, method: str = "*", *, times: int | None = 1, status: int = 503, code: str = "service_unavailable") -> int:
        """Answer the next calls with an HTTP error, or with `ok: false` where the status is 200; nothing is done."""
        return self.faults.add(Fault(Effect.REFUSE, SERVICE, method, times=times, status=status, code=code))

    def throttle(self, method: str = "*", *, times: int = 1, seconds: int = RETRY_AFTER) -> int:
        """Answer the next calls with 429 and Retry-After."""
        return self.faults.add(Fault(Effect.REFUSE, SERVICE, method, times=times, status=429, code="ratelimited", delay=seconds))

    def reset(self, method: str = "*", *, times: int | None = 1) -> int:
        """Reset the connection, the call undone."""
        return self.faults.add(Fault(Effect.RESET, SERVICE, method, times=times))

    def drop_answer(self, method: str = "*", *, times: int | None = 1) -> int:
        """Do what is asked, and close the connection without a word."""
        return self.faults.add(Fault(Effect.DROP, SERVICE, method, times=times))

    def count(self, method: str = "*", channel: str = "*", *, status: int | None = None) -> int:
        """Calls so far that fit."""
        return self.log.count(SERVICE, method, channel, status)


class SlackConversation(Conversation):
    """One client of Slack."""

    server: SlackStandIn

    def recognise(self) -> Call:
        """The method and its channel, which stands in the body: that is taken here, once."""
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        del self.headers["Content-Length"]
        if address.path.startswith(CONTROL_PATH):
            self.given: dict[str, Any] = json.loads(body or b"{}")
            return Call(CONTROL, address.path.removeprefix(CONTROL_PATH), self.command, address.path)
        # The real one reads JSON for methods that write a message, and forms for all of them.
        is_json = "application/json" in self.headers.get("Content-Type", "")
        self.given = json.loads(body or b"{}") if is_json else dict(parse_qsl(address.query) + parse_qsl(body.decode()))
        return Call(SERVICE, address.path.removeprefix("/api/"), self.command, str(self.given.get("channel", "")))

    def refusal(self, call: Call, fault: Fault) -> Answer:
        """An error that was planned."""
        headers = {"Retry-After": str(int(fault.delay) or RETRY_AFTER)} if fault.status == 429 else {}
        return _json({"ok": False, "error": fault.code}, fault.status, headers)

    def unkept(self, call: Call, body: IO[bytes]) -> Answer:
        """As if it were done."""
        return _json({"ok": True, "channel": call.key, "ts": "0.000000"})

    def answer(self, call: Call, body: IO[bytes]) -> Answer:
        """What Slack says."""
        if call.service == CONTROL:
            return _json({"result": self._verbs()[call.operation]()})
        workspace = self.server.workspace
        if call.operation == "chat.postMessage" and workspace.rate is not None and (wait := workspace.rate.wait(call.key)):
            return _json({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(wait)})
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        try:
            return _json({"ok": True, **workspace.call(call.operation, bearer, self.given)})
        except SlackError as error:
            return _json({"ok": False, "error": error.error, **error.details})

    def _verbs(self) -> Mapping[str, Callable[[], object]]:
        """What a test asks of a stand-in in another process."""
        workspace, given = self.server.workspace, self.given
        return {
            "transcript": lambda: self.server.transcript(given["channel"]),
            "parents": lambda: [message.ts for message in workspace.parents(given["channel"])],
            "react": lambda: workspace.react(**given),
            "unreact": lambda: workspace.unreact(**given),
            "add_channel": lambda: workspace.add_channel(given["channel"], given["name"]).id,
            "count": lambda: self.server.log.count(SERVICE, given["method"], "*", None),
            "plan": lambda: self.server.faults.add(Fault(**{"service": SERVICE, **given, "effect": Effect(given["effect"])})),
            "clear": self.server.faults.clear,
        }


def _json(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    said = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Answer(status, tuple(said.items()), json.dumps(content).encode())


@contextmanager
def slack_stand_in(channels: Mapping[str, str] = CHANNELS, *, rate: Rate | None = None) -> Iterator[SlackStandIn]:
    """A workspace with the channels (names by id), served on a thread until left."""
    workspace = Workspace(rate=rate)
    for channel, name in channels.items():
        workspace.add_channel(channel, name)
    with SlackStandIn(workspace).listening() as running:
        yield running


@contextmanager
def slack_process() -> Iterator[dict[str, str]]:
    """The same in a process of its own; gives the variables that lead there."""
    with child("tests.standins.slack.server") as port:
        yield {API_VARIABLE: f"http://127.0.0.1:{port}/api/", TOKEN_VARIABLE: Workspace().token}


def ask_slack(api: str, verb: str, **given: Any) -> Any:
    """Ask a stand-in in another process: `transcript`, `parents`, `react`, `unreact`, `add_channel`, `count`, `plan`, `clear`."""
    address = f"{api.removesuffix('/api/')}{CONTROL_PATH}{verb}"
    with urllib.request.urlopen(urllib.request.Request(address, json.dumps(given).encode(), method="POST"), timeout=60) as answer:
        return json.load(answer)["result"]


def serve() -> None:
    """Serve until the parent is gone."""
    with slack_stand_in() as running:
        announce(running.server_port)


if __name__ == "__main__":
    serve()
    sys.exit(0)
