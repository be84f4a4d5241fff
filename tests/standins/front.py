"""The one address of all services: job actions are answered here, everything else goes to moto as it came."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any, Protocol

from tests.standins.answers import Answer, ServiceError, error_answer
from tests.standins.calls import Call, recognise
from tests.standins.faults import Answered, Effect, Fault, FaultPlan, RequestLog

IN_MEMORY = 8 << 20
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "te", "upgrade", "proxy-connection"})
UPSTREAM_SECONDS = 120
CONTROL = "standins"
"""The service by which tests script the stand-ins."""
ANSWERED_HERE = frozenset({"emr-serverless", "glue", CONTROL})
INSTEAD = frozenset({Effect.REFUSE, Effect.RESET, Effect.LOSE})

Desk = Callable[[Call, str, bytes], Answer | None]
"""Answers the calls that it knows, given the target and the body; None for others. Raises ServiceError."""


class Front(ThreadingHTTPServer):
    """Listens on the loopback interface."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, moto: int) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.moto, self.faults, self.log = moto, FaultPlan(), RequestLog()
        self.desks: list[Desk] = []
        self.kill_drivers: Callable[[], object] = lambda: None

    @property
    def address(self) -> str:
        """Of all services."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of the front's business."""

    @contextmanager
    def listening(self) -> Iterator[Front]:
        """Serve on a thread until left."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class Conversation(BaseHTTPRequestHandler):
    """One client's connection, kept open over many requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Front
    call: Call

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing; the request log has it."""

    def do_GET(self) -> None:
        """Answer one request, with the fault that is planned for it."""
        call = self.call = recognise(self.command, self.path, self.headers)
        with self._body() as body:
            fault = self.server.faults.meeting(call)
            if fault and fault.effect in INSTEAD:
                self._instead(call, fault, body)
            else:
                self._done(call, fault, body)

    def _log(self, status: int) -> None:
        """Before the answer leaves: who has it may count on its being in the log."""
        if self.call.service != CONTROL:
            self.server.log.entries.append(Answered(self.call, status))

    do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = do_GET  # noqa: N815 - so http.server calls them

    def _instead(self, call: Call, fault: Fault, body: IO[bytes]) -> None:
        if fault.effect is Effect.REFUSE:
            self._give(error_answer(call.service, fault.status, fault.code, "Refused on purpose; try again later."))
        elif fault.effect is Effect.LOSE:
            self._give(Answer(200, (("ETag", f'"{hashlib.md5(body.read()).hexdigest()}"'),), b""))
        else:
            self._hang_up(reset=True)

    def _done(self, call: Call, fault: Fault | None, body: IO[bytes]) -> None:
        answer = self._own_answer(call, body)
        if fault is None:
            return self._give(answer) if answer else self._relay(body)
        answer = answer or self._buffered(body)
        if fault.effect is Effect.DROP:
            return self._hang_up(reset=False)
        if fault.effect is Effect.KILL:
            self.server.kill_drivers()
        time.sleep(fault.delay)
        return self._give(answer)

    def _own_answer(self, call: Call, body: IO[bytes]) -> Answer | None:
        if call.service not in ANSWERED_HERE:
            return None
        content = body.read()
        body.seek(0)
        try:
            return next(filter(None, (desk(call, self.path, content) for desk in self.server.desks)), None)
        except ServiceError as error:
            return error_answer(call.service, error.status, error.code, error.message)

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

    @contextmanager
    def _upstream(self, body: IO[bytes]) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.moto, timeout=UPSTREAM_SECONDS)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP | {"content-length"}:
                    connection.putheader(name, value)
            if self.length or "Content-Length" in self.headers:
                connection.putheader("Content-Length", str(self.length))
            connection.endheaders()
            if self.length:
                connection.send(body)
            yield connection.getresponse()
        finally:
            connection.close()

    def _relay(self, body: IO[bytes]) -> None:
        with self._upstream(body) as response:
            length = response.getheader("Content-Length")
            if length is None and self.command != "HEAD":
                self._give(Answer(response.status, tuple(response.getheaders()), response.read()))
                return
            self._begin(response.status, response.getheaders(), length)
            if self.command != "HEAD":
                shutil.copyfileobj(response, self.wfile, 1 << 18)

    def _buffered(self, body: IO[bytes]) -> Answer:
        with self._upstream(body) as response:
            return Answer(response.status, tuple(response.getheaders()), response.read())

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
