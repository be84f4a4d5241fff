"""A service over HTTP as tests have it: calls are recognised, meet the faults that were planned for them, and are logged."""

from __future__ import annotations

import socket
import struct
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any, Protocol, Self

from tests.standins.answers import Answer
from tests.standins.calls import Call
from tests.standins.faults import Answered, Effect, Fault, FaultPlan, RequestLog

IN_MEMORY = 8 << 20
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "te", "upgrade", "proxy-connection"})
CONTROL = "standins"
"""The service by which tests script the stand-ins."""
INSTEAD = frozenset({Effect.REFUSE, Effect.RESET, Effect.LOSE})


class Listener(ThreadingHTTPServer):
    """Listens on the loopback interface."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, conversation: type[Conversation]) -> None:
        super().__init__(("127.0.0.1", 0), conversation)
        self.faults, self.log = FaultPlan(), RequestLog()

    @property
    def address(self) -> str:
        """Of all it serves."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of the listener's business."""

    def kill(self) -> None:
        """End what works for this service, of which most have nothing."""

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Serve on a thread until left."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class Conversation(BaseHTTPRequestHandler, ABC):
    """One client's connection, kept open over many requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener
    call: Call

    @abstractmethod
    def recognise(self) -> Call:
        """What the request asks for."""

    @abstractmethod
    def refusal(self, call: Call, fault: Fault) -> Answer:
        """The error that a fault has planned, in the service's words."""

    @abstractmethod
    def unkept(self, call: Call, body: IO[bytes]) -> Answer:
        """The answer of one who did what it was asked, of one who did not."""

    @abstractmethod
    def answer(self, call: Call, body: IO[bytes]) -> Answer:
        """Do what is asked."""

    def give(self, call: Call, body: IO[bytes]) -> None:
        """Do what is asked, and say so."""
        self._give(self.answer(call, body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing; the request log has it."""

    def do_GET(self) -> None:
        """Answer one request, with the fault that is planned for it."""
        call = self.call = self.recognise()
        with self._body() as body:
            fault = self.server.faults.meeting(call)
            if fault is None:
                self.give(call, body)
            elif fault.effect in INSTEAD:
                self._instead(call, fault, body)
            else:
                self._done(call, fault, body)

    do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = do_GET  # noqa: N815 - so http.server calls them

    def _log(self, status: int) -> None:
        """Before the answer leaves: who has it may count on its being in the log."""
        if self.call.service != CONTROL:
            self.server.log.entries.append(Answered(self.call, status))

    def _instead(self, call: Call, fault: Fault, body: IO[bytes]) -> None:
        if fault.effect is Effect.REFUSE:
            self._give(self.refusal(call, fault))
        elif fault.effect is Effect.LOSE:
            self._give(self.unkept(call, body))
        else:
            self._hang_up(reset=True)

    def _done(self, call: Call, fault: Fault, body: IO[bytes]) -> None:
        answer = self.answer(call, body)
        if fault.effect is Effect.DROP:
            return self._hang_up(reset=False)
        if fault.effect is Effect.KILL:
            self.server.kill()
        time.sleep(fault.delay)
        return self._give(answer)

    @contextmanager
    def _body(self) -> Iterator[IO[bytes]]:
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as body:
            if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    _copy(self.rfile, body, size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    continue
            else:
                _copy(self.rfile, body, int(self.headers.get("Content-Length") or 0))
            self.length = body.tell()
            body.seek(0)
            yield body

    def _give(self, answer: Answer) -> None:
        told = dict(answer.headers).get("Content-Length") if self.command == "HEAD" else None
        self._begin(answer.status, answer.headers, told or str(len(answer.body)))
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _begin(self, status: int, headers: Iterable[tuple[str, str]], length: str | None) -> None:
        self._log(status)
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        if length is not None and status not in (204, 304):
            self.send_header("Content-Length", length)
        self.end_headers()

    def _hang_up(self, *, reset: bool) -> None:
        self._log(0)
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _copy(source: _Readable, target: IO[bytes], length: int) -> None:
    while length > 0:
        piece = source.read(min(length, 1 << 18))
        if not piece:
            raise ConnectionError("the client went away while it sent a body")
        target.write(piece)
        length -= len(piece)
