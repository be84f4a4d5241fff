"""How Domo is asked: timeouts, tries where trying again may help, and what its answers mean."""

from __future__ import annotations

import datetime as dt
import email.utils
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Self

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from lakehouse_platform.errors import LakehouseError, TerminalError, TransientError

BUSY = 429
REPEATED = 300
"""Characters of an answer that an error repeats."""
Pause = Callable[[float], object]
Clock = Callable[[], dt.datetime]


class DomoRefused(TerminalError):
    """Domo says no: what was asked is wrong, or the credentials lack the right."""


class DomoUnknown(DomoRefused):
    """Domo does not have what was asked for."""


class DomoUnauthorised(DomoRefused):
    """Domo does not know the credentials (any more)."""


class DomoUnavailable(TransientError):
    """Domo is busy or broken, however often it was asked."""


class DomoAnswerLost(DomoUnavailable):
    """Domo may have done what it was asked, or not: its answer did not arrive, or was an error of its own."""


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """What a call carries."""

    params: Mapping[str, str] | None = None
    json: object = None
    data: bytes | str | Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None


NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Patience:
    """How often Domo is asked, and how long it is waited for."""

    tries: int = 6
    """Of a call, the first included."""
    first_pause: float = 0.5
    """Seconds before the second try; each pause is about twice the last."""
    longest_pause: float = 60.0
    connect_seconds: float = 10.0
    answer_seconds: float = 120.0
    clock: Clock = field(default=_now)
    """The time, in UTC."""
    pause: Pause = field(default=time.sleep)

    def before_try(self, number: int, told: float | None) -> float:
        """Seconds to wait before the try after `number`; what Domo `told` counts, up to the longest pause."""
        if told is not None:
            return min(told, self.longest_pause)
        doubled: float = self.first_pause * 2 ** (number - 1)
        return min(doubled, self.longest_pause) * random.uniform(0.75, 1.0)  # noqa: S311 - spreads tries


class Authorised(AuthBase):
    """Puts headers on a request as it leaves; with it requests asks no .netrc."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self._headers = dict(headers or {})

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the headers. Raises DomoRefused for one that cannot be sent; the HTTP library's own error would repeat it."""
        for name, value in self._headers.items():
            if not (value.isascii() and value.isprintable()):
                raise DomoRefused(f"Domo: {name} has a line end or another character that no header takes. Look at where it comes from.")
        request.headers.update(self._headers)
        return request


class Line:
    """Calls to one address, by several threads at once."""

    def __init__(self, address: str, patience: Patience, *, connections: int = 8) -> None:
        """`address` is that of the service, without a path; it may lack `https://`, or `http://` on this machine. Nothing is sent yet."""
        self.address = whole_address(address).rstrip("/")
        self.patience = patience
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def call(self, method: str, path: str, said: Said = NOTHING, *, auth: AuthBase, repeatable: bool = True) -> requests.Response:
        """The answer to a call, whole, and no error.

        `repeatable` is whether the call may be made again when its answer is lost. Raises DomoUnknown (404), DomoRefused (4xx),
        DomoAnswerLost, DomoUnavailable.
        """
        what = f"Domo: {method} {path}"
        for number in range(1, self.patience.tries + 1):
            last = number == self.patience.tries
            try:
                response = self._session.request(
                    method, self.address + path, auth=auth, allow_redirects=False,
                    params=said.params, json=said.json, data=said.data, headers=said.headers,
                    timeout=(self.patience.connect_seconds, self.patience.answer_seconds))
            except requests.RequestException as error:
                if last or not _may_repeat(error, repeatable=repeatable):
                    raise _lost(what, error, repeatable=repeatable, tries=number) from None
                self.patience.pause(self.patience.before_try(number, None))
                continue
            if not _is_passing(response) or last or (response.status_code != BUSY and not repeatable):
                return _checked(what, response, repeatable=repeatable)
            self.patience.pause(self.patience.before_try(number, retry_after(response, self.patience.clock())))
        raise DomoUnavailable(f"{what}: it was not asked: {self.patience.tries} tries are allowed")


def whole_address(address: str) -> str:
    """An address with its scheme: what does not say otherwise is encrypted, but on this machine."""
    host = address.partition(":")[0]
    return address if "://" in address else f"{'http' if host in ('127.0.0.1', 'localhost') else 'https'}://{address}"


def _may_repeat(error: requests.RequestException, *, repeatable: bool) -> bool:
    """A connection that never came about has done nothing."""
    passing = isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)
    return passing and (repeatable or isinstance(error, requests.ConnectTimeout))


def _lost(what: str, error: requests.RequestException, *, repeatable: bool, tries: int) -> LakehouseError:
    if isinstance(error, ValueError):
        return DomoRefused(f"{what}: that cannot be asked ({type(error).__name__}). Look at Domo's address in the environment.")
    # The text of a request's error holds its address, and that no secret; the request's headers are in neither.
    reason = f"{what}: no answer arrived ({type(error).__name__}) in {tries} {'try' if tries == 1 else 'tries'}"
    return DomoUnavailable(f"{reason}. Look at the network and at Domo's status page.") if repeatable else DomoAnswerLost(f"{reason}.")


def _is_passing(response: requests.Response) -> bool:
    return response.status_code == BUSY or response.status_code >= 500


def retry_after(response: requests.Response, now: dt.datetime) -> float | None:
    """Seconds that an answer asks to wait; None where it does not."""
    told = response.headers.get("Retry-After", "").strip()
    if told.isdecimal():
        return float(told)
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(told) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _checked(what: str, response: requests.Response, *, repeatable: bool) -> requests.Response:
    status = response.status_code
    if 200 <= status < 300:
        if response.headers.get("Content-Type", "").startswith("text/html") and response.content:
            raise DomoRefused(f"{what}: the answer is a web page. Look whether a proxy or a sign-in page is between here and Domo.")
        return response
    text = f"{what}: {status} {response.reason}: {reason_of(response)}"
    if status == 404:
        raise DomoUnknown(f"{text}. Look whether it was deleted in Domo.")
    if status in (401, 403):
        kind = DomoUnauthorised if status == 401 else DomoRefused
        raise kind(f"{text}. Look whether the client or the developer token is still valid and has the right scopes.")
    if status == BUSY:
        raise DomoUnavailable(f"{text}. Domo takes no more calls for now; try again later.")
    if status >= 500:
        raise (DomoUnavailable if repeatable else DomoAnswerLost)(f"{text}. Look at Domo's status page, and try again later.")
    raise DomoRefused(text)


def reason_of(response: requests.Response) -> str:
    """What an answer says went wrong, in short."""
    try:
        found = response.json()
    except ValueError:
        found = None
    message = found.get("message") or found.get("statusReason") if isinstance(found, Mapping) else None
    return " ".join(str(message or response.text or "nothing more is said").split())[:REPEATED].rstrip(".")
