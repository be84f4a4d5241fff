"""Athena's wire protocol, with the calls that moto lacks and the ends that moto never has: failed, cancelled, over the cap.

SQL is not run: a test says how a query ends and what it answers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from lakehouse_platform.aws.base import Account
from lakehouse_platform.settings import Aws
from lakehouse_platform.settings.references import Reference

IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>me</UserId><Account>123456789012</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""
Json = dict[str, Any]


class AthenaService:
    """What one account's Athena holds, and the calls that were made."""

    def __init__(self) -> None:
        self.workgroups: dict[str, Json] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.saved: dict[str, Json] = {}
        self.calls: list[tuple[str, Json]] = []
        self.states: list[Json] = [{"State": "SUCCEEDED"}]
        """What is told of a query, one a time it is asked; the last stays."""
        self.scanned = 0
        self.pages: list[Json] = []
        """Result sets."""
        self.page = 2
        """Ids that a listing tells at once."""

    def made(self, *names: str) -> list[Json]:
        """What was asked for in the calls with these names."""
        return [body for name, body in self.calls if name in names]

    def answer(self, name: str, body: Json) -> Json:
        """What the service says to a call."""
        self.calls.append((name, body))
        found: Json = getattr(self, f"_{xform_name(name)}")(body)
        return found

    def _list_work_groups(self, body: Json) -> Json:
        names, first = sorted(self.workgroups), int(body.get("NextToken", 0))
        more = {"NextToken": str(first + self.page)} if first + self.page < len(names) else {}
        return {"WorkGroups": [{"Name": name} for name in names[first:first + self.page]], **more}

    def _get_work_group(self, body: Json) -> Json:
        return {"WorkGroup": self.workgroups[body["WorkGroup"]]}

    def _create_work_group(self, body: Json) -> Json:
        engine = {**body["Configuration"]["EngineVersion"], "EffectiveEngineVersion": "Athena engine version 3"}
        configuration = {**body["Configuration"], "EngineVersion": engine, "RequesterPaysEnabled": False}
        self.workgroups[body["Name"]] = {"Name": body["Name"], "State": "ENABLED", "Description": body["Description"],
                                         "Configuration": configuration}
        self.tags[body["Name"]] = {tag["Key"]: tag["Value"] for tag in body["Tags"]}
        return {}

    def _update_work_group(self, body: Json) -> Json:
        held, updates = self.workgroups[body["WorkGroup"]], dict(body["ConfigurationUpdates"])
        results = updates.pop("ResultConfigurationUpdates")
        held["Description"] = body["Description"]
        held["Configuration"] = {**held["Configuration"], **updates, "ResultConfiguration": results}
        return {}

    def _list_tags_for_resource(self, body: Json) -> Json:
        return {"Tags": [{"Key": k, "Value": v} for k, v in self.tags[self._group(body)].items()]}

    def _tag_resource(self, body: Json) -> Json:
        self.tags[self._group(body)].update({tag["Key"]: tag["Value"] for tag in body["Tags"]})
        return {}

    def _group(self, body: Json) -> str:
        start = "arn:aws:athena:eu-central-1:123456789012:workgroup/"
        assert body["ResourceARN"].startswith(start)
        return str(body["ResourceARN"]).removeprefix(start)

    def _list_named_queries(self, body: Json) -> Json:
        ids = [i for i, query in self.saved.items() if query["WorkGroup"] == body["WorkGroup"]]
        first = int(body.get("NextToken", 0))
        more = {"NextToken": str(first + self.page)} if first + self.page < len(ids) else {}
        return {"NamedQueryIds": ids[first:first + self.page], **more}

    def _batch_get_named_query(self, body: Json) -> Json:
        assert len(body["NamedQueryIds"]) <= 50
        return {"NamedQueries": [{**self.saved[i], "NamedQueryId": i} for i in body["NamedQueryIds"]], "UnprocessedNamedQueryIds": []}

    def _create_named_query(self, body: Json) -> Json:
        name = f"q{len(self.calls)}"
        self.saved[name] = {key: body[key] for key in ("Name", "Description", "Database", "QueryString", "WorkGroup")}
        return {"NamedQueryId": name}

    def _update_named_query(self, body: Json) -> Json:
        self.saved[body["NamedQueryId"]].update({key: body[key] for key in ("Name", "Description", "QueryString")})
        return {}

    def _delete_named_query(self, body: Json) -> Json:
        del self.saved[body["NamedQueryId"]]
        return {}

    def _start_query_execution(self, body: Json) -> Json:
        return {"QueryExecutionId": "11111111-2222-3333-4444-555555555555"}

    def _get_query_execution(self, body: Json) -> Json:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"QueryExecution": {**body, "Status": state, "Statistics": {
            "DataScannedInBytes": self.scanned, "TotalExecutionTimeInMillis": 1500}}}

    def _stop_query_execution(self, body: Json) -> Json:
        return {}

    def _get_query_results(self, body: Json) -> Json:
        number = int(body.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        return {"ResultSet": self.pages[number], **more}


def result_set(columns: Mapping[str, str], rows: Sequence[Sequence[str | None]], *, header: bool = True) -> Json:
    """A page of results: columns by Athena's type, `decimal(19,4)` with its digits; the first page begins with the names."""
    every = [list(columns), *rows] if header else list(rows)
    data = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in every]
    return {"Rows": data, "ResultSetMetadata": {"ColumnInfo": [_column(name, said) for name, said in columns.items()]}}


def _column(name: str, said: str) -> Json:
    word, _, digits = said.rstrip(")").partition("(")
    precision, scale = map(int, digits.split(",")) if digits else (0, 0)
    return {"Name": name, "Type": word, "Precision": precision, "Scale": scale}


@contextmanager
def serving_account(service: AthenaService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account whose Athena is the service."""
    with serving(service) as address:
        yield account_at(address, monkeypatch)


def account_at(address: str, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The account that answers at an address."""
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("STANDIN", address)):
        monkeypatch.setenv(name, value)
    return Account(Aws("eu-central-1", Reference("env", "STANDIN", Path(), "test")))


@contextmanager
def serving(service: AthenaService) -> Iterator[str]:
    """The address at which the service answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            target = self.headers.get("X-Amz-Target")
            said = json.dumps(service.answer(target.split(".")[1], json.loads(body))) if target else IDENTITY
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1" if target else "text/xml")
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *said: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
