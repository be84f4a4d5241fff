"""The one address of all services: job actions are answered here, everything else goes to moto as it came."""

from __future__ import annotations

import hashlib
import http.client
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from tests.standins.answers import Answer, ServiceError, error_answer
from tests.standins.calls import Call, recognise
from tests.standins.faults import Fault
from tests.standins.listener import CONTROL, HOP_BY_HOP, Conversation, Listener

UPSTREAM_SECONDS = 120
ANSWERED_HERE = frozenset({"emr-serverless", "glue", CONTROL})

Desk = Callable[[Call, str, bytes], Answer | None]
"""Answers the calls that it knows, given the target and the body; None for others. Raises ServiceError."""


class Front(Listener):
    """The address, and what stands behind it."""

    def __init__(self, moto: int) -> None:
        super().__init__(AwsConversation)
        self.moto = moto
        self.desks: list[Desk] = []
        self.elsewhere: dict[str, int] = {}
        """Ports of the services that are neither moto's nor a desk's."""
        self.kill_drivers: Callable[[], object] = lambda: None

    def kill(self) -> None:
        """End all drivers."""
        self.kill_drivers()


class AwsConversation(Conversation):
    """One client of AWS."""

    server: Front

    def recognise(self) -> Call:
        """As the signature, the target and the path say."""
        return recognise(self.command, self.path, self.headers)

    def refusal(self, call: Call, fault: Fault) -> Answer:
        """The error in the words of the service's protocol."""
        return error_answer(call.service, fault.status, fault.code, "Refused on purpose; try again later.")

    def unkept(self, call: Call, body: IO[bytes]) -> Answer:
        """S3's answer to a PUT."""
        return Answer(200, (("ETag", f'"{hashlib.md5(body.read()).hexdigest()}"'),), b"")

    def answer(self, call: Call, body: IO[bytes]) -> Answer:
        """From a desk here, or moto's."""
        return self._own_answer(call, body) or self._buffered(body)

    def give(self, call: Call, body: IO[bytes]) -> None:
        """From a desk here, or as moto says it."""
        answer = self._own_answer(call, body)
        if answer:
            self._give(answer)
        else:
            self._relay(body)

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
    def _upstream(self, body: IO[bytes]) -> Iterator[http.client.HTTPResponse]:
        port = self.server.elsewhere.get(self.call.service, self.server.moto)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=UPSTREAM_SECONDS)
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
