"""The interface of a Domo instance: metadata, tags, partitions, certificates, dataflows, lineage, cards."""

from __future__ import annotations

import json
from typing import Any

from tests.standins.answers import Answer
from tests.standins.domo.answering import Refusal, Request, Routes, done, instant, said
from tests.standins.domo.rows import Unfit, unpacked
from tests.standins.domo.state import Account, Dataflow, Dataset, Upload

DEVELOPER_TOKEN = "standin-developer-token"
HEADER = "X-DOMO-Developer-Token"
MOST_LISTED = 500
DATASOURCE, DATAFLOW = "DATA_SOURCE", "DATAFLOW"
route = Routes()


def authorise(request: Request) -> None:
    """Look for the developer token. Raises Refusal."""
    if request.header(HEADER) != DEVELOPER_TOKEN:
        raise Refusal(401, "Unauthorized")


@route("GET", "/api/data/v3/datasources/{dataset_id}")
def _metadata(account: Account, request: Request, dataset_id: str) -> Answer:
    dataset = account.dataset(dataset_id)
    owner = {"id": str(dataset.owner), "name": account.users[dataset.owner]["name"], "type": "USER", "group": False}
    content = {
        "id": dataset.id, "name": dataset.name, "description": dataset.description, "owner": owner, "type": "api", "status": "SUCCESS",
        "created": int(dataset.created * 1000), "lastUpdated": int(dataset.updated * 1000), "rowCount": dataset.visible.num_rows,
        "columnCount": len(dataset.columns), "tags": json.dumps(dataset.tags), "permissions": "READ_WRITE_DELETE_SHARE_ADMIN",
    }  # fmt: skip
    return said(content)


@route("POST", "/api/data/ui/v3/datasources/{dataset_id}/tags")
def _set_tags(account: Account, request: Request, dataset_id: str) -> Answer:
    dataset, given = account.dataset(dataset_id), request.json()
    if not isinstance(given, list):
        raise Refusal(400, "Tags are a list.")
    dataset.tags = list(given)
    return said(dataset.tags)


def _upload(account: Account, dataset_id: str, upload_id: str) -> tuple[Dataset, Upload]:
    dataset = account.dataset(dataset_id)
    found = dataset.uploads.get(int(upload_id)) if upload_id.isdigit() else None
    if found is None or found.committed:
        raise Refusal(404, f"There is no open upload {upload_id}.")
    return dataset, found


@route("POST", "/api/data/v3/datasources/{dataset_id}/uploads")
def _begin_upload(account: Account, request: Request, dataset_id: str) -> Answer:
    dataset = account.dataset(dataset_id)
    if not dataset.from_api:
        raise Refusal(403, "Only DataSets created with the API can be updated via APIs.")
    upload = Upload(next(account.numbers), request.query.get("restateDataTag"), dataset.columns)
    dataset.uploads[upload.id] = upload
    return said({"uploadId": upload.id, "dataSourceId": dataset.id, "requestedAsOf": instant(account.now)})


@route("PUT", "/api/data/v3/datasources/{dataset_id}/uploads/{upload_id}/parts/{part}")
def _upload_part(account: Account, request: Request, dataset_id: str, upload_id: str, part: str) -> Answer:
    _, upload = _upload(account, dataset_id, upload_id)
    if not part.isdigit():
        raise Refusal(400, "A part's id is a number.")
    try:
        upload.parts[int(part)] = unpacked(request.body, request.header("Content-Encoding"))
    except Unfit as error:
        raise Refusal(400, str(error)) from None
    upload.lost.discard(int(part))
    return said({"uploadId": upload.id, "partId": int(part)})


@route("PUT", "/api/data/v3/datasources/{dataset_id}/uploads/{upload_id}/commit")
def _commit_upload(account: Account, request: Request, dataset_id: str, upload_id: str) -> Answer:
    """Rows replace those of their partition; with `index` readers see them, and all else that waited, at once."""
    dataset, upload = _upload(account, dataset_id, upload_id)
    given = request.json()
    if given.get("restateDataTag") != upload.tag or given.get("action") not in ("APPEND", "REPLACE"):
        raise Refusal(400, "The action is APPEND or REPLACE, and the tag that of the upload.")
    try:
        rows = upload.rows()
    except Unfit as error:
        raise Refusal(400, f"The upload cannot be committed: {error}.") from None
    if given["action"] == "REPLACE":
        for version in dataset.versions:
            version.deleted = True
    dataset.restate(upload.tag, rows, account.now)
    upload.committed = True
    upload.parts.clear()
    if given.get("index"):
        _index(account, dataset)
    return said({"uploadId": upload.id, "status": "SUCCESS"})


def _index(account: Account, dataset: Dataset) -> None:
    try:
        dataset.index(account.now)
    except Unfit as error:
        raise Refusal(400, str(error)) from None


@route("POST", "/api/data/v3/datasources/{dataset_id}/indexes")
def _begin_index(account: Account, request: Request, dataset_id: str) -> Answer:
    """Shows readers all that was committed or marked as deleted without an index, in one step."""
    dataset, number = account.dataset(dataset_id), next(account.numbers)
    dataset.indexes[number] = account.polls
    return said({"indexId": number, "dataSourceId": dataset_id, "status": _index_state(account, dataset, number)})


@route("GET", "/api/data/v3/datasources/{dataset_id}/indexes/{index_id}/statuses")
def _index_statuses(account: Account, request: Request, dataset_id: str, index_id: str) -> Answer:
    dataset = account.dataset(dataset_id)
    if not index_id.isdigit() or int(index_id) not in dataset.indexes:
        raise Refusal(404, f"There is no index {index_id}.")
    return said([{"indexId": int(index_id), "dataSourceId": dataset_id, "status": _index_state(account, dataset, int(index_id))}])


def _index_state(account: Account, dataset: Dataset, number: int) -> str:
    left = dataset.indexes[number]
    dataset.indexes[number] = left - 1
    if left == 0:
        _index(account, dataset)
    return "RUNNING" if left > 0 else "SUCCESS"


def _partitions(dataset: Dataset) -> list[dict[str, Any]]:
    listed = sorted(dataset.partitions().items())
    return [{"partitionId": tag, "rowCount": rows, "dataSourceId": dataset.id} for tag, rows in listed]


@route("POST", "/api/query/v1/datasources/{dataset_id}/partition/list")
def _search_partitions(account: Account, request: Request, dataset_id: str) -> Answer:
    given = request.json()
    offset, limit = int(given.get("offset", 0)), min(int(given.get("limit", 100)), MOST_LISTED)
    return said(_partitions(account.dataset(dataset_id))[offset : offset + limit])


@route("DELETE", "/api/query/v1/datasources/{dataset_id}/tag/{tag}/data")
def _delete_tag_data(account: Account, request: Request, dataset_id: str, tag: str) -> Answer:
    """Marks the rows as deleted; readers see them until the dataset is indexed."""
    account.dataset(dataset_id).mark_deleted(tag)
    return said({})


@route("DELETE", "/api/query/v1/datasources/{dataset_id}/partition/{tag}")
def _delete_partition(account: Account, request: Request, dataset_id: str, tag: str) -> Answer:
    """Forgets the tag; rows that were not deleted first stay, in no partition."""
    dataset = account.dataset(dataset_id)
    if not any(version.tag == tag for version in dataset.versions):
        raise Refusal(404, f"There is no partition {tag}.")
    for version in dataset.versions:
        if version.tag == tag:
            version.tag = None
    return said({})


@route("GET", "/api/tags/v3/DATA_SOURCE/{dataset_id}/system/CERTIFIED/state")
def _certificate(account: Account, request: Request, dataset_id: str) -> Answer:
    badge = account.dataset(dataset_id).badge
    return said({"tag": "CERTIFIED", "state": badge, "metadata": None, "updated": None if badge is None else instant(account.now)})


@route("PUT", "/api/tags/v3/DATA_SOURCE/{dataset_id}/system/CERTIFIED/state/{state}")
def _certify(account: Account, request: Request, dataset_id: str, state: str) -> Answer:
    if state != "ACTIVE":
        raise Refusal(400, f"{state} is no state.")
    account.dataset(dataset_id).badge = state
    return _certificate(account, request, dataset_id)


@route("DELETE", "/api/tags/v3/DATA_SOURCE/{dataset_id}/system/CERTIFIED/state")
def _uncertify(account: Account, request: Request, dataset_id: str) -> Answer:
    account.dataset(dataset_id).badge = None
    return done()


@route("POST", "/api/data/v1/streams/{stream_id}/executions")
def _run_connector(account: Account, request: Request, stream_id: str) -> Answer:
    if not stream_id.isdigit() or int(stream_id) not in account.connectors:
        raise Refusal(404, f"There is no connector {stream_id}.")
    number = next(account.numbers)
    account.connectors[int(stream_id)].append(number)
    return said({"streamId": int(stream_id), "executionId": number, "currentState": "ACTIVE", "runType": request.json().get("runType")})


def _dataflow(account: Account, dataflow_id: str) -> Dataflow:
    if dataflow_id not in account.dataflows:
        raise Refusal(404, f"There is no dataflow {dataflow_id}.")
    return account.dataflows[dataflow_id]


def _run(dataflow: Dataflow, number: int) -> dict[str, Any]:
    left, end = dataflow.executions[number]
    return {"id": number, "dataFlowId": dataflow.id, "state": "RUNNING" if left > 0 else end, "failed": left <= 0 and end != "SUCCESS"}


@route("POST", "/api/dataprocessing/v1/dataflows/{dataflow_id}/executions")
def _run_dataflow(account: Account, request: Request, dataflow_id: str) -> Answer:
    dataflow, number = _dataflow(account, dataflow_id), next(account.numbers)
    fails = account.doomed_dataflows > 0
    account.doomed_dataflows -= fails
    dataflow.executions[number] = [account.polls, "FAILED_DATA_FLOW" if fails else "SUCCESS"]
    return said({**_run(dataflow, number), "state": "CREATED", "failed": False})


@route("GET", "/api/dataprocessing/v1/dataflows/{dataflow_id}/executions")
def _list_runs(account: Account, request: Request, dataflow_id: str) -> Answer:
    dataflow = _dataflow(account, dataflow_id)
    limit, offset = request.number("limit", 100, MOST_LISTED), request.number("offset", 0, 1_000_000)
    newest = sorted(dataflow.executions, reverse=True)
    return said([_run(dataflow, number) for number in newest[offset : offset + limit]])


@route("GET", "/api/dataprocessing/v1/dataflows/{dataflow_id}/executions/{number}")
def _get_run(account: Account, request: Request, dataflow_id: str, number: str) -> Answer:
    dataflow = _dataflow(account, dataflow_id)
    if not number.isdigit() or int(number) not in dataflow.executions:
        raise Refusal(404, f"There is no execution {number}.")
    dataflow.executions[int(number)][0] -= 1
    return said(_run(dataflow, int(number)))


@route("GET", "/api/data/v1/lineage/DATA_SOURCE/{dataset_id}")
def _lineage(account: Account, request: Request, dataset_id: str) -> Answer:
    """Everything reached, by kind and id together; a direction is left out by its flag."""
    account.dataset(dataset_id)
    found: dict[str, dict[str, Any]] = {}
    depth = request.number("maxDepth", 50, 50)
    for flag, side in (("traverseUp", "parents"), ("traverseDown", "children")):
        if request.query.get(flag, "true") != "false":
            _walk(account, (DATASOURCE, dataset_id), side, depth, found)
    wanted = request.query.get("requestEntities", f"{DATASOURCE},{DATAFLOW}").split(",")
    return said({key: entity for key, entity in found.items() if entity["type"] in wanted})


def _walk(account: Account, start: tuple[str, str], side: str, depth: int, found: dict[str, dict[str, Any]]) -> None:
    kind, name = start
    entity = found.setdefault(kind + name, {"type": kind, "id": name, "parents": [], "children": []})
    entity[side] = [{"type": other, "id": near} for other, near in _neighbours(account, start, side)]
    if depth > 0:
        for neighbour in _neighbours(account, start, side):
            _walk(account, neighbour, side, depth - 1, found)


def _neighbours(account: Account, entity: tuple[str, str], side: str) -> list[tuple[str, str]]:
    kind, name = entity
    down = side == "children"
    if kind == DATAFLOW:
        flow = account.dataflows[name]
        return [(DATASOURCE, dataset) for dataset in (flow.outputs if down else flow.inputs)]
    return [(DATAFLOW, flow.id) for flow in account.dataflows.values() if name in (flow.inputs if down else flow.outputs)]


@route("GET", "/api/content/v1/datasources/{dataset_id}/cards")
def _cards(account: Account, request: Request, dataset_id: str) -> Answer:
    account.dataset(dataset_id)
    return said(account.cards.get(dataset_id, []))
