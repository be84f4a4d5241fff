"""Domo's public API: datasets, streams, policies, people."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs

from tests.standins.answers import Answer
from tests.standins.domo.answering import JSON, Refusal, Request, Routes, done, said
from tests.standins.domo.rows import TYPES, Column, Unfit, parse, query, unpacked, written
from tests.standins.domo.state import APPEND, REPLACE, UPSERT, Account, Dataset, Execution, Stream

CLIENT, SECRET = "standin-client", "standin-secret"
TOKEN_SECONDS = 3599
MOST_DATASETS, MOST_STREAMS, MOST_PEOPLE = 50, 500, 500
MOST_VALUES = 254
"""A policy's list of values is shorter than 255."""
OPERATORS = frozenset({
    "EQUALS", "LIKE", "GREATER_THAN", "LESS_THAN", "GREATER_THAN_EQUAL", "LESS_THAN_EQUAL", "BETWEEN", "BEGINS_WITH", "ENDS_WITH",
    "CONTAINS",
})  # fmt: skip
ALL_ROWS = "All Rows"
"""The policy of Domo's own that every dataset with policies has."""
T = TypeVar("T")
route = Routes()


def instant(seconds: float) -> str:
    """As Domo writes it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def authorise(account: Account, request: Request) -> None:
    """Look for a token that is valid. Raises Refusal."""
    if request.path == "/oauth/token":
        return
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or token not in account.tokens:
        raise Refusal(401, "Invalid or expired token.", (("WWW-Authenticate", 'Bearer realm="domo", error="invalid_token"'),))


def _token(account: Account, request: Request) -> Answer:
    expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    given = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()} | dict(request.query)
    if request.headers.get("Authorization", "") != f"Basic {expected}":
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


def _columns(schema: object) -> tuple[Column, ...]:
    try:
        found = tuple(Column(column["name"], column["type"]) for column in schema["columns"])  # type: ignore[index]
    except (TypeError, KeyError):
        raise Refusal(400, "The schema is not valid.") from None
    if len({column.name for column in found}) < len(found) or not {column.type for column in found} <= set(TYPES):
        raise Refusal(400, f"The schema is not valid: names must differ, and types are {', '.join(TYPES)}.")
    return found


def _schema(columns: Iterable[Column]) -> dict[str, Any]:
    return {"columns": [{"type": column.type, "name": column.name} for column in columns]}


def _dataset(account: Account, dataset: Dataset, *, whole: bool = True) -> dict[str, Any]:
    owner = {"id": dataset.owner, "name": account.users[dataset.owner]["name"]}
    content: dict[str, Any] = {
        "id": dataset.id, "name": dataset.name, "description": dataset.description, "rows": dataset.visible.num_rows,
        "columns": len(dataset.columns), "owner": owner, "createdAt": instant(dataset.created), "updatedAt": instant(dataset.updated),
        "dataCurrentAt": instant(dataset.updated), "pdpEnabled": dataset.pdp,
    }  # fmt: skip
    return content | ({"schema": _schema(dataset.columns)} if whole else {})


@route("POST", "/v1/datasets")
def _create_dataset(account: Account, request: Request) -> Answer:
    return said(_dataset(account, _made(account, request.json())), 201)


def _made(account: Account, given: Mapping[str, Any]) -> Dataset:
    if not given.get("name"):
        raise Refusal(400, "name is required.")
    return account.add_dataset(given["name"], _columns(given.get("schema")), given.get("description") or "")


@route("GET", "/v1/datasets")
def _list_datasets(account: Account, request: Request) -> Answer:
    wanted = request.query.get("nameLike", "").lower()
    fitting = sorted((d for d in account.datasets.values() if wanted in d.name.lower()), key=lambda d: (d.name, d.id))
    return said([_dataset(account, dataset, whole=False) for dataset in _page(request, fitting, MOST_DATASETS)])


def _page(request: Request, found: list[T], most: int) -> list[T]:
    offset, limit = request.number("offset", 0, 1_000_000), request.number("limit", most, most)
    return found[offset : offset + limit]


@route("GET", "/v1/datasets/{dataset_id}")
def _get_dataset(account: Account, request: Request, dataset_id: str) -> Answer:
    return said(_dataset(account, account.dataset(dataset_id)))


@route("PUT", "/v1/datasets/{dataset_id}")
def _update_dataset(account: Account, request: Request, dataset_id: str) -> Answer:
    dataset, given = account.dataset(dataset_id), request.json()
    columns = _columns(given["schema"]) if "schema" in given else dataset.columns
    if columns != dataset.columns and not dataset.from_api:
        raise Refusal(403, "Only DataSets created with the API can be updated via APIs.")
    owner = given.get("owner", {}).get("id", dataset.owner)
    if owner not in account.users:
        raise Refusal(400, f"There is no user {owner}.")
    dataset.name, dataset.description = given.get("name", dataset.name), given.get("description", dataset.description)
    dataset.columns, dataset.owner, dataset.pdp = columns, owner, given.get("pdpEnabled", dataset.pdp)
    if dataset.pdp and not dataset.policies:
        _add_policy(account, dataset, {"name": ALL_ROWS, "type": "system", "users": [dataset.owner]})
    return said(_dataset(account, dataset))


@route("DELETE", "/v1/datasets/{dataset_id}")
def _delete_dataset(account: Account, request: Request, dataset_id: str) -> Answer:
    gone = account.dataset(dataset_id)
    del account.datasets[dataset_id]
    account.streams = {number: stream for number, stream in account.streams.items() if stream.dataset is not gone}
    return done()


@route("PUT", "/v1/datasets/{dataset_id}/data")
def _import(account: Account, request: Request, dataset_id: str) -> Answer:
    dataset = account.dataset(dataset_id)
    if not dataset.from_api:
        raise Refusal(403, "Only DataSets created with the API can be updated via APIs.")
    # Whatever this endpoint does not know it takes for REPLACE, without a word; UPSERT is among that.
    method = APPEND if request.query.get("updateMethod") == APPEND else REPLACE
    try:
        content = unpacked(request.body, request.headers.get("Content-Encoding"))
        dataset.put(method, parse(content, dataset.columns), dataset.columns, (), account.now)
    except Unfit as error:
        raise Refusal(400, f"The data does not fit: {error}.") from None
    return done()


@route("GET", "/v1/datasets/{dataset_id}/data")
def _export(account: Account, request: Request, dataset_id: str) -> Answer:
    header = request.query.get("includeHeader", "").lower() == "true"
    return Answer(200, (("Content-Type", "text/csv"),), written(account.dataset(dataset_id).visible, header=header))


@route("POST", "/v1/datasets/query/execute/{dataset_id}")
def _query(account: Account, request: Request, dataset_id: str) -> Answer:
    try:
        found = query(account.dataset(dataset_id).visible, str(request.json().get("sql")))
    except Unfit as error:
        raise Refusal(400, str(error)) from None
    rows = [list(row.values()) for row in found.to_pylist()]
    return said({
        "datasource": dataset_id, "columns": found.column_names, "rows": rows, "numRows": len(rows), "numColumns": found.num_columns,
        "fromcache": False,
    })  # fmt: skip


def _policy(account: Account, dataset: Dataset, given: Mapping[str, Any]) -> dict[str, Any]:
    filters = [{"not": False, **found} for found in given.get("filters", [])]
    for found in filters:
        if found.get("column") not in {column.name for column in dataset.columns}:
            raise Refusal(400, f"There is no column {found.get('column')}.")
        if found.get("operator") not in OPERATORS or not 0 < len(found.get("values", [])) <= MOST_VALUES:
            raise Refusal(400, f"A filter has an operator of {', '.join(sorted(OPERATORS))}, and 1 to {MOST_VALUES} values.")
    if not given.get("name"):
        raise Refusal(400, "name is required.")
    people = {name: list(given.get(name, [])) for name in ("users", "groups")}
    if strangers := (set(people["users"]) - set(account.users)) | (set(people["groups"]) - set(account.groups)):
        raise Refusal(400, f"There is no user or group {strangers.pop()}.")
    return {"type": given.get("type", "user"), "name": given["name"], "filters": filters, **people, "virtualUsers": []}


def _add_policy(account: Account, dataset: Dataset, given: Mapping[str, Any]) -> dict[str, Any]:
    number = next(account.numbers)
    dataset.policies[number] = {"id": number, **_policy(account, dataset, given)}
    return dataset.policies[number]


def _policy_number(dataset: Dataset, policy_id: str) -> int:
    if not policy_id.isdigit() or int(policy_id) not in dataset.policies:
        raise Refusal(404, f"There is no policy {policy_id}.")
    return int(policy_id)


@route("POST", "/v1/datasets/{dataset_id}/policies")
def _create_policy(account: Account, request: Request, dataset_id: str) -> Answer:
    return said(_add_policy(account, account.dataset(dataset_id), request.json()), 201)


@route("GET", "/v1/datasets/{dataset_id}/policies")
def _list_policies(account: Account, request: Request, dataset_id: str) -> Answer:
    return said(list(account.dataset(dataset_id).policies.values()))


@route("GET", "/v1/datasets/{dataset_id}/policies/{policy_id}")
def _get_policy(account: Account, request: Request, dataset_id: str, policy_id: str) -> Answer:
    dataset = account.dataset(dataset_id)
    return said(dataset.policies[_policy_number(dataset, policy_id)])


@route("PUT", "/v1/datasets/{dataset_id}/policies/{policy_id}")
def _update_policy(account: Account, request: Request, dataset_id: str, policy_id: str) -> Answer:
    dataset = account.dataset(dataset_id)
    number = _policy_number(dataset, policy_id)
    dataset.policies[number] = {"id": number, **_policy(account, dataset, dataset.policies[number] | request.json())}
    return said(dataset.policies[number])


@route("DELETE", "/v1/datasets/{dataset_id}/policies/{policy_id}")
def _delete_policy(account: Account, request: Request, dataset_id: str, policy_id: str) -> Answer:
    dataset = account.dataset(dataset_id)
    number = _policy_number(dataset, policy_id)
    if dataset.policies[number]["type"] == "system":
        raise Refusal(400, "A system policy cannot be deleted.")
    del dataset.policies[number]
    return done()


def _stream(account: Account, stream: Stream) -> dict[str, Any]:
    return {
        "id": stream.id, "dataSet": _dataset(account, stream.dataset), "updateMethod": stream.method, "keyColumnNames": list(stream.keys),
        "createdAt": instant(stream.created), "modifiedAt": instant(stream.created),
    }  # fmt: skip


def _method(given: Mapping[str, Any], otherwise: str, keys: Iterable[str]) -> str:
    method = given.get("updateMethod") or otherwise
    if method not in (REPLACE, APPEND, UPSERT):
        raise Refusal(400, f"{method} is not a valid update method.")
    if method == UPSERT and not keys:
        raise Refusal(400, "UPSERT needs keyColumnNames.")
    return str(method)


@route("POST", "/v1/streams")
def _create_stream(account: Account, request: Request) -> Answer:
    """By `keyColumnNames` rows are merged, whether the method is called UPSERT or, as the specification has it, APPEND."""
    given = request.json()
    keys = tuple(given.get("keyColumnNames") or ())
    method = _method(given, REPLACE, keys)
    columns = {column.name for column in _columns(given.get("dataSet", {}).get("schema"))}
    if strangers := set(keys) - columns:
        raise Refusal(400, f"There is no column {strangers.pop()}.")
    stream = Stream(next(account.numbers), _made(account, given["dataSet"]), method, keys, account.now)
    account.streams[stream.id] = stream
    return said(_stream(account, stream), 201)


@route("GET", "/v1/streams")
def _list_streams(account: Account, request: Request) -> Answer:
    return said([_stream(account, stream) for stream in _page(request, list(account.streams.values()), MOST_STREAMS)])


@route("GET", "/v1/streams/search")
def _search_streams(account: Account, request: Request) -> Answer:
    name, _, value = request.query.get("q", "").partition(":")
    of: dict[str, Callable[[Stream], str]] = {
        "dataSource.id": lambda stream: stream.dataset.id,
        "dataSource.owner.id": lambda stream: str(stream.dataset.owner),
    }
    if name not in of:
        raise Refusal(400, "q must be dataSource.id:… or dataSource.owner.id:….")
    return said([_stream(account, stream) for stream in account.streams.values() if of[name](stream) == value])


@route("GET", "/v1/streams/{stream_id}")
def _get_stream(account: Account, request: Request, stream_id: str) -> Answer:
    return said(_stream(account, account.stream(stream_id)))


@route("PATCH", "/v1/streams/{stream_id}")
def _update_stream(account: Account, request: Request, stream_id: str) -> Answer:
    stream, given = account.stream(stream_id), request.json()
    keys = tuple(given.get("keyColumnNames") or stream.keys)
    stream.method, stream.keys = _method(given, stream.method, keys), keys
    return said(_stream(account, stream))


@route("DELETE", "/v1/streams/{stream_id}")
def _delete_stream(account: Account, request: Request, stream_id: str) -> Answer:
    del account.streams[account.stream(stream_id).id]
    return done()


def _execution(account: Account, execution: Execution) -> Answer:
    began = instant(execution.created)
    content = {
        "id": execution.id, "startedAt": began, "currentState": execution.state, "createdAt": began, "modifiedAt": instant(account.now),
        "updateMethod": execution.method,
    }  # fmt: skip
    return Answer(200, JSON, json.dumps(content).encode())


@route("POST", "/v1/streams/{stream_id}/executions")
def _create_execution(account: Account, request: Request, stream_id: str) -> Answer:
    stream = account.stream(stream_id)
    method = _method(request.json(), stream.method, stream.keys)
    execution = Execution(next(account.numbers), method, stream.dataset.columns, account.now)
    stream.executions[execution.id] = execution
    return Answer(201, JSON, _execution(account, execution).body)


@route("GET", "/v1/streams/{stream_id}/executions")
def _list_executions(account: Account, request: Request, stream_id: str) -> Answer:
    stream = account.stream(stream_id)
    found = _page(request, list(stream.executions.values()), MOST_STREAMS)
    for execution in found:
        account.poll(stream, execution)
    return said([json.loads(_execution(account, execution).body) for execution in found])


@route("PUT", "/v1/streams/{stream_id}/executions/abort")
def _abort_current(account: Account, request: Request, stream_id: str) -> Answer:
    stream = account.stream(stream_id)
    for execution in stream.executions.values():
        if execution.open:
            account.abort(stream, execution)
    return done()


@route("GET", "/v1/streams/{stream_id}/executions/{execution_id}")
def _get_execution(account: Account, request: Request, stream_id: str, execution_id: str) -> Answer:
    stream, execution = account.execution(stream_id, execution_id)
    account.poll(stream, execution)
    return _execution(account, execution)


@route("PUT", "/v1/streams/{stream_id}/executions/{execution_id}/part/{part}")
def _upload_part(account: Account, request: Request, stream_id: str, execution_id: str, part: str) -> Answer:
    _, execution = account.execution(stream_id, execution_id)
    if not execution.open:
        raise Refusal(400, f"Execution {execution.id} is not open.")
    if not part.isdigit():
        raise Refusal(400, "A part's id is a number.")
    try:
        execution.parts[int(part)] = unpacked(request.body, request.headers.get("Content-Encoding"))
    except Unfit as error:
        raise Refusal(400, str(error)) from None
    execution.lost.discard(int(part))
    return _execution(account, execution)


@route("PUT", "/v1/streams/{stream_id}/executions/{execution_id}/commit")
def _commit(account: Account, request: Request, stream_id: str, execution_id: str) -> Answer:
    stream, execution = account.execution(stream_id, execution_id)
    account.commit(stream, execution)
    return _execution(account, execution)


@route("PUT", "/v1/streams/{stream_id}/executions/{execution_id}/abort")
def _abort(account: Account, request: Request, stream_id: str, execution_id: str) -> Answer:
    stream, execution = account.execution(stream_id, execution_id)
    account.abort(stream, execution)
    return _execution(account, execution)


def _person(people: Mapping[int, dict[str, Any]], number: str) -> int:
    if not number.isdigit() or int(number) not in people:
        raise Refusal(404, f"There is no user or group {number}.")
    return int(number)


@route("POST", "/v1/users")
def _create_user(account: Account, request: Request) -> Answer:
    number = next(account.numbers) + 1000
    account.users[number] = {**request.json(), "id": number}
    return said(account.users[number], 201)


@route("GET", "/v1/users")
def _list_users(account: Account, request: Request) -> Answer:
    return said(_page(request, list(account.users.values()), MOST_PEOPLE))


@route("GET", "/v1/users/{number}")
def _get_user(account: Account, request: Request, number: str) -> Answer:
    return said(account.users[_person(account.users, number)])


@route("PUT", "/v1/users/{number}")
def _update_user(account: Account, request: Request, number: str) -> Answer:
    account.users[_person(account.users, number)] |= request.json()
    return said(account.users[int(number)])


@route("DELETE", "/v1/users/{number}")
def _delete_user(account: Account, request: Request, number: str) -> Answer:
    del account.users[_person(account.users, number)]
    return done()


def _group(account: Account, number: int) -> dict[str, Any]:
    return account.groups[number] | {"memberCount": len(account.members[number])}


@route("POST", "/v1/groups")
def _create_group(account: Account, request: Request) -> Answer:
    number = next(account.numbers) + 1000
    account.groups[number], account.members[number] = {"active": True, "default": False, **request.json(), "id": number}, []
    return said(_group(account, number), 201)


@route("GET", "/v1/groups")
def _list_groups(account: Account, request: Request) -> Answer:
    return said([_group(account, number) for number in _page(request, list(account.groups), MOST_PEOPLE)])


@route("GET", "/v1/groups/{number}")
def _get_group(account: Account, request: Request, number: str) -> Answer:
    return said(_group(account, _person(account.groups, number)))


@route("PUT", "/v1/groups/{number}")
def _update_group(account: Account, request: Request, number: str) -> Answer:
    account.groups[_person(account.groups, number)] |= request.json()
    return said(_group(account, int(number)))


@route("DELETE", "/v1/groups/{number}")
def _delete_group(account: Account, request: Request, number: str) -> Answer:
    del account.groups[_person(account.groups, number)]
    return done()


@route("GET", "/v1/groups/{number}/users")
def _list_members(account: Account, request: Request, number: str) -> Answer:
    return said(_page(request, account.members[_person(account.groups, number)], MOST_PEOPLE))


@route("PUT", "/v1/groups/{number}/users/{user}")
def _add_member(account: Account, request: Request, number: str, user: str) -> Answer:
    members = account.members[_person(account.groups, number)]
    if _person(account.users, user) not in members:
        members.append(int(user))
    return done()


@route("DELETE", "/v1/groups/{number}/users/{user}")
def _remove_member(account: Account, request: Request, number: str, user: str) -> Answer:
    members = account.members[_person(account.groups, number)]
    if _person(account.users, user) in members:
        members.remove(int(user))
    return done()
