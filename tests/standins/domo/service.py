"""Both interfaces of Domo at one address, with the faults that are planned for them."""

from __future__ import annotations

import pickle
from typing import IO, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.standins.answers import Answer
from tests.standins.calls import CONTROL_PATH, Call
from tests.standins.domo import datasets, instance, people, policies, streams, tokens
from tests.standins.domo.answering import Refusal, Request, Routes, refused, said
from tests.standins.domo.state import Account, State
from tests.standins.faults import Fault
from tests.standins.listener import CONTROL, Conversation, Listener

PUBLIC, INSTANCE = "domo", "domo-instance"
"""The interfaces, in faults and in the log; the operation is the HTTP method, and the key the path."""
OF_INSTANCE = "/api/"
PUBLIC_ROUTES = Routes(tokens.route, datasets.route, policies.route, streams.route, people.route)


class DomoListener(Listener):
    """Serves an account."""

    def __init__(self, account: Account) -> None:
        super().__init__(DomoConversation)
        self.account = account
        self.scripted: object = None
        """Whose verbs another process may call."""

    def handle(self, request: Request) -> Answer:
        """The answer of the interface that a path belongs to."""
        try:
            with self.account.lock:
                if request.path.startswith(OF_INSTANCE):
                    instance.authorise(request)
                    return instance.route.answer(self.account, request)
                tokens.authorise(self.account, request)
                return PUBLIC_ROUTES.answer(self.account, request)
        except Refusal as refusal:
            return refused(refusal)

    def lose(self, path: str) -> Answer:
        """Remember a part that was answered as if it were kept."""
        *_, above, _, part = path.split("/")
        with self.account.lock:
            holders: list[Any] = [stream.executions for stream in self.account.streams.values()]
            holders += [dataset.uploads for dataset in self.account.datasets.values()]
            for holder in holders:
                if int(above) in holder:
                    holder[int(above)].lost.add(int(part))
        return said({"id": int(above), "currentState": State.ACTIVE})


class DomoConversation(Conversation):
    """One client of Domo."""

    server: DomoListener

    def recognise(self) -> Call:
        """The interface by the path, the operation by the method."""
        path = unquote(urlsplit(self.path).path)
        if path.startswith(CONTROL_PATH):
            return Call(CONTROL, path.removeprefix(CONTROL_PATH), self.command, path)
        return Call(INSTANCE if path.startswith(OF_INSTANCE) else PUBLIC, self.command, self.command, path)

    def refusal(self, call: Call, fault: Fault) -> Answer:
        """The error in Domo's form."""
        challenge = (("WWW-Authenticate", 'Bearer realm="domo"'),) if fault.status == 401 else ()
        wait = (("Retry-After", str(int(fault.delay))),) if fault.delay else ()
        return refused(Refusal(fault.status, "Refused on purpose; try again later.", challenge + wait))

    def unkept(self, call: Call, body: IO[bytes]) -> Answer:
        """The answer to a part."""
        return self.server.lose(call.key)

    def answer(self, call: Call, body: IO[bytes]) -> Answer:
        """From the account, or from what scripts it."""
        if call.service == CONTROL:
            return self._controlled(call.operation, body.read())
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        return self.server.handle(Request(self.command, address.path, query, dict(self.headers), body.read()))

    def _controlled(self, verb: str, body: bytes) -> Answer:
        # Both ends are this test run's own processes on the loopback interface, so that pickled arguments are trusted.
        given, named = pickle.loads(body)
        found = getattr(self.server.scripted, verb)
        return Answer(200, (), pickle.dumps(found(*given, **named) if callable(found) else found))
