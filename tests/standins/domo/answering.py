"""Requests, routes and refusals of Domo's two interfaces."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import unquote

from tests.standins.answers import Answer

F = TypeVar("F", bound=Callable[..., Answer])
JSON = (("Content-Type", "application/json;charset=utf-8"),)


class Refusal(Exception):
    """What Domo refuses."""

    def __init__(self, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


@dataclass(frozen=True, slots=True)
class Request:
    """One request, past its fault and its credentials."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header, empty where there is none."""
        return next((value for given, value in self.headers.items() if given.lower() == name.lower()), "")

    def json(self) -> Any:
        """The body. Raises Refusal."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError:
            raise Refusal(400, "The request body is not valid JSON.") from None

    def number(self, name: str, otherwise: int, most: int) -> int:
        """A count in the query. Raises Refusal."""
        given = self.query.get(name) or str(otherwise)
        if not given.isdigit() or int(given) > most:
            raise Refusal(400, f"{name} must be a number up to {most}.")
        return int(given)


class Routes:
    """Paths with names in braces, and who answers them."""

    def __init__(self, *others: Routes) -> None:
        """With the routes of all others."""
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [found for other in others for found in other._routes]

    def __call__(self, method: str, path: str) -> Callable[[F], F]:
        """Have a function answer: it is given whose account it is, the request, and what stands in the braces."""
        pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path) + "/?")

        def add(function: F) -> F:
            self._routes.append((method, pattern, function))
            return function

        return add

    def answer(self, whose: object, request: Request) -> Answer:
        """From who answers the path. Raises Refusal."""
        known = False
        for method, pattern, function in self._routes:
            if found := pattern.fullmatch(request.path):
                known = True
                if method == request.method:
                    return function(whose, request, **{name: unquote(value) for name, value in found.groupdict().items()})
        raise Refusal(405, "Method not allowed.") if known else Refusal(404, f"There is no {request.path}.")


def said(content: object, status: int = 200) -> Answer:
    """Content as JSON."""
    return Answer(status, JSON, json.dumps(content, default=_plain).encode())


def instant(seconds: float) -> str:
    """As Domo writes it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def done() -> Answer:
    """204."""
    return Answer(204, (), b"")


def refused(refusal: Refusal) -> Answer:
    """A refusal in Domo's form."""
    reason = HTTPStatus(refusal.status).phrase
    content = {"status": refusal.status, "statusReason": reason, "message": refusal.message, "toe": "STANDIN000-00000-00000"}
    return Answer(refusal.status, JSON + refusal.headers, json.dumps(content).encode())


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)
