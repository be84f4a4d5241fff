"""Slack's Web API over HTTP, for the real client library: in this process, or in one of its own."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.standins.calls import Call
from tests.standins.child import announce, child
from tests.standins.faults import Answered, Effect, Fault, FaultPlan, RequestLog
from tests.standins.slack.blocks import SlackError
from tests.standins.slack.transcript import transcript
from tests.standins.slack.workspace import Rate, Workspace

SERVICE = "slack"
"""In faults and in the log; the operation is the method, as in `chat.postMessage`, and the key the channel's id."""
RETRY_AFTER = 1
API_VARIABLE, TOKEN_VARIABLE = "LAKEHOUSE_SLACK_API", "LAKEHOUSE_SLACK_TOKEN"
CHANNELS = {"C0DEFAULT": "data-incidents", "C0FINANCE": "finance-data", "C0DIGEST": "data-digest"}
"""Channels of a stand-in that is told of no others."""


class SlackStandIn(ThreadingHTTPServer):
    """Listens on the loopback interface."""

    daemon_threads = True

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.workspace, self.faults, self.log = workspace, FaultPlan(), RequestLog()

    @property
    def address(self) -> str:
        """Base URL for slack_sdk."""
        return f"http://127.0.0.1:{self.server_port}/api/"

    @property
    def token(self) -> str:
        """The bot's."""
        return self.workspace.token

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

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of the server's business."""


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SlackStandIn

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing; the request log has it."""

    def do_POST(self) -> None:
        """Answer one request, with the fault that is planned for it."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        if address.path.startswith("/_standins/"):
            return self._controlled(address.path.removeprefix("/_standins/"), body)
        given = self._arguments(address.query, body)
        call = Call(SERVICE, address.path.removeprefix("/api/"), self.command, str(given.get("channel") or ""))
        fault = self.server.faults.meeting(call)
        if fault is not None and fault.effect is Effect.REFUSE:
            return self._refuse(call, fault)
        if fault is not None and fault.effect is Effect.RESET:
            return self._hang_up(call, reset=True)
        if fault is not None and fault.effect is Effect.LOSE:
            return self._give(call, 200, {"ok": True, "channel": call.key, "ts": "0.0"})
        answer = self._answer(call, given)
        if fault is not None and fault.effect is Effect.DROP:
            return self._hang_up(call, reset=False)
        time.sleep(fault.delay if fault is not None else 0)
        return self._give(call, *answer)

    do_GET = do_POST  # noqa: N815 - so http.server calls it

    def _arguments(self, query: str, body: bytes) -> Mapping[str, Any]:
        if "application/json" in self.headers.get("Content-Type", ""):
            return dict(json.loads(body or b"{}"))
        # Slack reads arguments of a JSON body only for methods that take one; these are sent as a form.
        return dict(parse_qsl(query)) | dict(parse_qsl(body.decode()))

    def _answer(self, call: Call, given: Mapping[str, Any]) -> tuple[int, Mapping[str, Any], Mapping[str, str]]:
        workspace = self.server.workspace
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if call.operation == "chat.postMessage" and workspace.rate is not None and (wait := workspace.rate.wait(call.key)):
            return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(wait)}
        try:
            return 200, {"ok": True, **workspace.call(call.operation, bearer, given)}, {}
        except SlackError as error:
            said = {"response_metadata": {"messages": error.messages}} if error.messages else {}
            return 200, {"ok": False, "error": error.error, **said}, {}

    def _refuse(self, call: Call, fault: Fault) -> None:
        headers = {"Retry-After": str(int(fault.delay) or RETRY_AFTER)} if fault.status == 429 else {}
        self._give(call, fault.status, {"ok": False, "error": fault.code}, headers)

    def _controlled(self, verb: str, body: bytes) -> None:
        asked = json.loads(body or b"{}")
        does: Mapping[str, Callable[[], object]] = {
            "transcript": lambda: self.server.transcript(asked["channel"]),
            "react": lambda: self.server.workspace.react(**asked),
            "parents": lambda: [m.ts for m in self.server.workspace.parents(asked["channel"])],
            "plan": lambda: self.server.faults.add(Fault(**asked | {"effect": Effect(asked["effect"])})),
        }
        self._write(200, {"result": does[verb]()}, {})

    def _give(self, call: Call, status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self.server.log.entries.append(Answered(call, status))
        self._write(status, content, headers or {})

    def _write(self, status: int, content: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        body = json.dumps(content).encode()
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self, call: Call, *, reset: bool) -> None:
        self.server.log.entries.append(Answered(call, 0))
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True


@contextmanager
def slack_stand_in(channels: Mapping[str, str] = CHANNELS, *, rate: Rate | None = None) -> Iterator[SlackStandIn]:
    """A workspace with the channels (names by id), served on a thread until left."""
    workspace = Workspace(rate=rate)
    for channel, name in channels.items():
        workspace.add_channel(channel, name)
    server = SlackStandIn(workspace)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def slack_process() -> Iterator[dict[str, str]]:
    """The same in a process of its own; gives the variables that lead there."""
    with child("tests.standins.slack.server") as port:
        yield {API_VARIABLE: f"http://127.0.0.1:{port}/api/", TOKEN_VARIABLE: Workspace().token}


def serve() -> None:
    """Serve until the parent is gone."""
    with slack_stand_in() as running:
        announce(running.server_port)


if __name__ == "__main__":
    serve()
    sys.exit(0)
