"""The Data API's address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO

from tests.standins.answers import Answer, ServiceError, error_answer
from tests.standins.calls import Call, recognise
from tests.standins.faults import Fault
from tests.standins.listener import Conversation, Listener
from tests.standins.redshift.data_api import SERVICE, Connect, DataApi


class ApiListener(Listener):
    """Where the Data API listens."""

    def __init__(self, api: DataApi) -> None:
        super().__init__(ApiConversation)
        self.api = api


class ApiConversation(Conversation):
    """One client of the Data API."""

    server: ApiListener

    def recognise(self) -> Call:
        """As the target says."""
        return recognise(self.command, self.path, self.headers)

    def refusal(self, call: Call, fault: Fault) -> Answer:
        """The error in the service's words."""
        return error_answer(SERVICE, fault.status, fault.code, "Refused on purpose; try again later.")

    def unkept(self, call: Call, body: IO[bytes]) -> Answer:
        """No statement is lost once it has an id."""
        return self.answer(call, body)

    def answer(self, call: Call, body: IO[bytes]) -> Answer:
        """Of the service."""
        try:
            found = self.server.api.answer(call, self.path, body.read())
        except ServiceError as error:
            return error_answer(SERVICE, error.status, error.code, error.message)
        return found or error_answer(SERVICE, 400, "UnknownOperationException", f"no service {call.service} here")


@contextmanager
def data_api(connect: Connect, places: frozenset[str]) -> Iterator[ApiListener]:
    """The Data API of a warehouse, at an address of its own."""
    with closing(DataApi(connect, places)) as api, ApiListener(api).listening() as listener:
        yield listener
