"""The Data API: statements that run by themselves, and are asked about afterwards."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg

from tests.standins.answers import JSON_RPC, Answer, ServiceError, json_answer
from tests.standins.calls import Call
from tests.standins.redshift.tokens import Edits, words_of

SERVICE = "redshift-data"
PLACE = ("ClusterIdentifier", "WorkgroupName", "Database", "DbUser", "SecretArn")
MOST_BYTES = 100_000
"""Of one statement."""
MOST_STATEMENTS = 40
"""Of one batch."""
PAGE = 1000
"""Rows of one answer."""
ENDED = frozenset({"FINISHED", "FAILED", "ABORTED"})
CANCELLED = "57014"
TYPES = {16: "bool", 20: "int8", 21: "int2", 23: "int4", 700: "float4", 701: "float8", 1700: "numeric", 1082: "date", 1114: "timestamp",
         1184: "timestamptz", 1043: "varchar", 25: "varchar", 1042: "bpchar", 4000: "super", 6551: "varbyte"}  # fmt: skip

Connect = Callable[[str], psycopg.Connection]
"""A client of the warehouse, for a database."""


def invalid(message: str) -> ServiceError:
    """A call that the service does not take."""
    return ServiceError(400, "ValidationException", message)


def _missing(message: str) -> ServiceError:
    return ServiceError(400, "ResourceNotFoundException", message)


@dataclass
class Part:
    """One statement, alone or in a batch."""

    sql: str
    status: str = "SUBMITTED"
    error: str = ""
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    columns: list[tuple[str, int]] | None = None
    count: int = -1
    began: float = 0.0
    ended: float = 0.0

    @property
    def nanoseconds(self) -> int:
        """It took so long."""
        return int((self.ended - self.began) * 1e9) if self.ended and self.began else 0


@dataclass
class Execution:
    """What one call asked for."""

    request: Mapping[str, Any]
    parts: list[Part]
    batch: bool
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    status: str = "SUBMITTED"
    connection: psycopg.Connection | None = None

    @property
    def error(self) -> str:
        """Why it failed."""
        return next((part.error for part in self.parts if part.error), "")

    @property
    def where(self) -> dict[str, Any]:
        """What the call said about the place."""
        return {name: self.request[name] for name in PLACE if name in self.request}


@dataclass
class DataApi:
    """The service. One lock orders its writes."""

    connect: Connect
    places: frozenset[str]
    """Clusters and workgroups that exist."""
    executions: dict[str, Execution] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8, "redshift-data"))

    def answer(self, call: Call, target: str, body: bytes) -> Answer | None:
        """Desk of a front."""
        if call.service != SERVICE:
            return None
        action = self._actions().get(call.operation)
        if action is None:
            raise invalid(f"{call.operation} is not answered here")
        with self.lock:
            return json_answer(action(json.loads(body or b"{}")), JSON_RPC)

    def close(self) -> None:
        """Wait for nothing more."""
        self.workers.shutdown(wait=False, cancel_futures=True)

    def _actions(self) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "ExecuteStatement": lambda body: self._execute(body, [body["Sql"]], batch=False),
            "BatchExecuteStatement": lambda body: self._execute(body, body["Sqls"], batch=True),
            "DescribeStatement": lambda body: _described(*self._found(body["Id"])),
            "GetStatementResult": self._result,
            "CancelStatement": self._cancel,
            "ListStatements": self._list,
        }

    def _execute(self, body: dict[str, Any], statements: Sequence[str], *, batch: bool) -> dict[str, Any]:
        self._check(body, statements)
        token = body.get("ClientToken")
        if token in self.tokens:
            return _accepted(self.executions[self.tokens[token]])
        made = Execution(body, [Part(sql) for sql in statements], batch)
        self.executions[made.id] = made
        if token:
            self.tokens[token] = made.id
        self.workers.submit(self._run, made)
        return _accepted(made)

    def _check(self, body: Mapping[str, Any], statements: Sequence[str]) -> None:
        place = body.get("WorkgroupName") or body.get("ClusterIdentifier")
        if not place:
            raise invalid("Either ClusterIdentifier or WorkgroupName must be specified.")
        if place not in self.places:
            raise invalid("Redshift endpoint doesn't exist in this region.")
        if "ClusterIdentifier" in body and not ("DbUser" in body or "SecretArn" in body):
            raise invalid("Either DbUser or SecretArn is required for a cluster.")
        for sql in statements:
            if len(sql.encode()) > MOST_BYTES:
                raise invalid(f"SQL statement exceeds the maximum size of {MOST_BYTES} bytes.")
        if not 1 <= len(statements) <= MOST_STATEMENTS:
            raise invalid(f"A batch has 1 to {MOST_STATEMENTS} SQL statements.")

    def _found(self, statement: str) -> tuple[Execution, int | None]:
        """The execution, and which part of a batch."""
        identifier, _, part = statement.partition(":")
        if identifier not in self.executions:
            raise _missing("Query does not exist.")
        return self.executions[identifier], int(part) - 1 if part else None

    def _run(self, made: Execution) -> None:
        if made.status == "ABORTED":
            return
        self._become(made, "STARTED")
        try:
            with closing(self.connect(made.request["Database"])) as connection:
                made.connection = connection
                self._run_parts(made, connection)
        except psycopg.Error as error:
            failed = next((part for part in made.parts if part.status == "STARTED"), made.parts[0])
            aborted = error.sqlstate == CANCELLED
            failed.status, failed.ended = ("ABORTED" if aborted else "FAILED"), time.time()
            failed.error = "" if aborted else _told(error)
            for part in made.parts:
                part.status = part.status if part.status in ENDED else "ABORTED"
            self._become(made, failed.status)
        finally:
            made.connection = None

    def _run_parts(self, made: Execution, connection: psycopg.Connection) -> None:
        connection.autocommit = not made.batch
        for part in made.parts:
            part.status, part.began = "STARTED", time.time()
            values = {parameter["name"]: parameter["value"] for parameter in made.request.get("Parameters", [])}
            cursor = connection.execute(_bound(part.sql, values).encode(), values or None)
            if cursor.description:
                part.columns = [(column.name, column.type_code) for column in cursor.description]
                part.rows = cursor.fetchall()
            part.count = len(part.rows) if cursor.description else cursor.rowcount
            part.status, part.ended = "FINISHED", time.time()
        if made.batch:
            connection.commit()
        self._become(made, "FINISHED")

    def _become(self, made: Execution, status: str) -> None:
        with self.lock:
            made.status, made.updated = status, time.time()

    def _cancel(self, body: dict[str, Any]) -> dict[str, Any]:
        made, _ = self._found(body["Id"])
        if made.status in ENDED:
            raise invalid(f"Could not cancel a query that is already in {made.status} state with ID: {made.id}")
        if made.connection is None:
            made.status = "ABORTED"
        else:
            with suppress(psycopg.Error):
                made.connection.cancel_safe(timeout=5)
        return {"Status": True}

    def _result(self, body: dict[str, Any]) -> dict[str, Any]:
        made, number = self._found(body["Id"])
        part = made.parts[number or 0]
        if made.status != "FINISHED" or part.columns is None or (made.batch and number is None):
            raise _missing("Query does not have result. Please check query status with DescribeStatement.")
        first = int(body.get("NextToken", 0))
        page = part.rows[first : first + PAGE]
        more = {"NextToken": str(first + PAGE)} if len(part.rows) > first + PAGE else {}
        columns = [{"name": name, "label": name, "typeName": TYPES.get(kind, "varchar"), "nullable": 1} for name, kind in part.columns]
        records = [[_field(value) for value in row] for row in page]
        return {"ColumnMetadata": columns, "Records": records, "TotalNumRows": len(part.rows)} | more

    def _list(self, body: dict[str, Any]) -> dict[str, Any]:
        asked, name = body.get("Status", "ALL"), body.get("StatementName", "")
        found = [
            made for made in reversed(self.executions.values())
            if asked in ("ALL", made.status) and made.request.get("StatementName", "").startswith(name)
        ]  # fmt: skip
        first, most = int(body.get("NextToken", 0)), body.get("MaxResults", 100)
        more = {"NextToken": str(first + most)} if len(found) > first + most else {}
        return {"Statements": [_listed(made) for made in found[first : first + most]]} | more


def _accepted(made: Execution) -> dict[str, Any]:
    return {"Id": made.id, "CreatedAt": made.created, **made.where}


def _listed(made: Execution) -> dict[str, Any]:
    texts: dict[str, Any] = {"QueryStrings": [part.sql for part in made.parts]} if made.batch else {"QueryString": made.parts[0].sql}
    named = {"StatementName": made.request["StatementName"]} if "StatementName" in made.request else {}
    known = {"Id": made.id, "Status": made.status, "CreatedAt": made.created, "UpdatedAt": made.updated, "IsBatchStatement": made.batch}
    return known | texts | named


def _described(made: Execution, number: int | None) -> dict[str, Any]:
    common = {"CreatedAt": made.created, "UpdatedAt": made.updated, "RedshiftPid": 1073, "RedshiftQueryId": 0, **made.where}
    if number is not None:
        return common | _part(made, number)
    if not made.batch:
        given = {"QueryParameters": made.request["Parameters"]} if "Parameters" in made.request else {}
        return common | _part(made, 0) | given | {"Id": made.id, "Status": made.status}
    duration = sum(part.nanoseconds for part in made.parts)
    told = {"Error": made.error} if made.error else {}
    parts = [_part(made, at) | {"CreatedAt": made.created, "UpdatedAt": made.updated} for at in range(len(made.parts))]
    has_result = any(part.columns is not None for part in made.parts)
    return common | told | {"Id": made.id, "Status": made.status, "Duration": duration, "HasResultSet": has_result, "SubStatements": parts}


def _part(made: Execution, number: int) -> dict[str, Any]:
    part = made.parts[number]
    told = {"Error": part.error} if part.error else {}
    return {
        "Id": f"{made.id}:{number + 1}", "Status": part.status, "Duration": part.nanoseconds, "QueryString": part.sql,
        "HasResultSet": part.status == "FINISHED" and part.columns is not None, "ResultRows": part.count,
        "ResultSize": sum(len(str(value)) for row in part.rows for value in row), **told,
    }  # fmt: skip


def _bound(sql: str, values: Mapping[str, str]) -> str:
    """`:name` in psycopg's words."""
    if not values:
        return sql
    edits, words = Edits(sql.replace("%", "%%")), words_of(sql.replace("%", "%%"))
    for mark, name in pairwise(words):
        if mark == ":" and mark.end == name.start and name.is_name:
            if name.text not in values:
                raise psycopg.ProgrammingError(f"parameter {name.text} has no value")
            edits.replace(mark, name, f"%({name.text})s")
    return edits.result


def _told(error: psycopg.Error) -> str:
    diagnosed = error.diag
    if diagnosed.message_primary is None:  # Of a connection that did not come about, or was cut.
        return str(error).strip().rpartition(" failed: ")[2]
    message = diagnosed.message_primary
    return f"{diagnosed.severity or 'ERROR'}: {message}" + (f"\n  Detail: {diagnosed.message_detail}" if diagnosed.message_detail else "")


def _field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": format(value, "f") if isinstance(value, Decimal) else str(value)}
