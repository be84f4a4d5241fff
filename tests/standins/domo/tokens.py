"""How clients of Domo's public API get in."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import parse_qs

from tests.standins.answers import Answer
from tests.standins.domo.answering import Refusal, Request, Routes, said
from tests.standins.domo.state import Account

CLIENT, SECRET = "standin-client", "standin-secret"
TOKEN_SECONDS = 3599
route = Routes()


def authorise(account: Account, request: Request) -> None:
    """Look for a token that is valid. Raises Refusal."""
    if request.path == "/oauth/token":
        return
    kind, _, token = request.header("Authorization").partition(" ")
    if kind.lower() != "bearer" or token not in account.tokens:
        raise Refusal(401, "Invalid or expired token.", (("WWW-Authenticate", 'Bearer realm="domo", error="invalid_token"'),))


def _token(account: Account, request: Request) -> Answer:
    expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    given = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()} | dict(request.query)
    if request.header("Authorization") != f"Basic {expected}":
        raise Refusal(401, "Bad credentials", (("WWW-Authenticate", 'Basic realm="domo"'),))
    if given.get("grant_type") != "client_credentials":
        raise Refusal(400, "Unsupported grant type.")
    # The time is real: clients hold a token's `exp` against their own clock.
    claims = {"exp": int(time.time()) + TOKEN_SECONDS, "jti": str(next(account.numbers)), "client_id": CLIENT}
    token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims, ""))
    account.tokens.add(token)
    about = {"customer": "standin", "jti": claims["jti"], "role": "Admin", "userId": account.owner}
    scope = given.get("scope") or "audit dashboard data user"
    return said({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS, "scope": scope, **about})


route("GET", "/oauth/token")(_token)
route("POST", "/oauth/token")(_token)
