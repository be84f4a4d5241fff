"""Domo's public API: streams and their executions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.standins.answers import Answer
from tests.standins.domo.answering import JSON, Refusal, Request, Routes, done, instant, said
from tests.standins.domo.datasets import columns_of, made_dataset, page, shown_dataset
from tests.standins.domo.rows import Unfit, unpacked
from tests.standins.domo.state import APPEND, REPLACE, UPSERT, Account, Execution, Stream

MOST_STREAMS = 500
route = Routes()


def _stream(account: Account, stream: Stream) -> dict[str, Any]:
    return {
        "id": stream.id, "dataSet": shown_dataset(account, stream.dataset), "updateMethod": stream.method,
        "keyColumnNames": list(stream.keys), "createdAt": instant(stream.created), "modifiedAt": instant(stream.created),
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
    columns = {column.name for column in columns_of(given.get("dataSet", {}).get("schema"))}
    if strangers := set(keys) - columns:
        raise Refusal(400, f"There is no column {strangers.pop()}.")
    stream = Stream(next(account.numbers), made_dataset(account, given["dataSet"]), method, keys, account.now)
    account.streams[stream.id] = stream
    return said(_stream(account, stream), 201)


@route("GET", "/v1/streams")
def _list_streams(account: Account, request: Request) -> Answer:
    return said([_stream(account, stream) for stream in page(request, list(account.streams.values()), MOST_STREAMS)])


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
    began, changed = instant(execution.created), instant(max(execution.created, execution.changed))
    content = {
        "id": execution.id, "startedAt": began, "currentState": execution.state, "createdAt": began, "modifiedAt": changed,
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
    found = page(request, list(stream.executions.values()), MOST_STREAMS)
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
        execution.parts[int(part)] = unpacked(request.body, request.header("Content-Encoding"))
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
