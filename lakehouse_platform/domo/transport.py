"""What pydomo's clients speak through: its token and its headers, on a line that tries again, waits no longer than it is told, and
raises the platform's errors. Importing it imports pydomo, and that pandas.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

import requests
from pydomo.Transport import DomoAPITransport
from requests.auth import HTTPBasicAuth

from lakehouse_platform.domo.base import Authorised, DomoRefused, DomoUnauthorised, Line, Said

EARLY = 60.0
"""Seconds before its end that a token is renewed, or a tenth of its life where that is less."""
LOGGER = logging.getLogger("pydomo")


class Transport(DomoAPITransport):  # type: ignore[misc] # pydomo ships no type information
    """One API client's way to Domo, for several threads. Making it fetches a token."""

    def __init__(self, line: Line, client_id: str, client_secret: str) -> None:
        self._line = line
        self._renewing = threading.Lock()
        scheme, _, host = line.address.partition("://")
        super().__init__(client_id, client_secret, host, scheme == "https", LOGGER, request_timeout=None, scope=None)

    def request(
        self, url: str, method: str, headers: Mapping[str, str], params: Mapping[str, str] | None = None, body: bytes | str | None = None
    ) -> requests.Response:
        """The answer to a call, and no error: what raises is said by `Line.call`. A token that Domo knows no more is renewed once."""
        said = Said(params, data=body, headers={name: value for name, value in headers.items() if name != "Authorization"})
        token = self._valid_token()
        try:
            return self._ask(method, url, said, token)
        except DomoUnauthorised:
            return self._ask(method, url, said, self._renewed(token))

    def dump_response(self, response: requests.Response) -> str:
        """For pydomo's log: its own way writes the request's headers there, and with them the token."""
        return f"{response.status_code} {response.reason}"

    def _ask(self, method: str, url: str, said: Said, token: str) -> requests.Response:
        # A commit that is made twice is refused the second time, so who commits has to look what became of the first.
        repeatable = method != "POST" and not url.endswith("/commit")
        return self._line.call(method, url, said, auth=Authorised({"Authorization": f"bearer {token}"}), repeatable=repeatable)

    def _valid_token(self) -> str:
        token = str(self.access_token)
        return token if self._line.patience.clock().timestamp() < self.token_expiration else self._renewed(token)

    def _renewed(self, token: str) -> str:
        with self._renewing:
            if self.access_token == token:
                self._renew_access_token()
            return str(self.access_token)

    def _renew_access_token(self) -> None:
        """pydomo's own reads no end from a token that is no JWT, and fetches another one for each call; Domo says its life beside it."""
        basic = HTTPBasicAuth(self.clientId.encode(), self.clientSecret.encode())
        asked = self._line.patience.clock().timestamp()
        found = self._line.call("POST", "/oauth/token", Said(data={"grant_type": "client_credentials"}), auth=basic).json()
        if not isinstance(found, Mapping) or not found.get("access_token"):
            raise DomoRefused("Domo: POST /oauth/token: the answer holds no token")
        life = float(found.get("expires_in") or 0)
        # By its life rather than its end: Domo's clock is not ours.
        ends = asked + life if life else float(self._extract_expiration(found["access_token"]))
        self.access_token, self.token_expiration = found["access_token"], ends - min(EARLY, max(0.0, ends - asked) / 10)
