"""Domo's public API: datasets and their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from tests.standins.answers import Answer
from tests.standins.domo.answering import Refusal, Request, Routes, done, instant, said
from tests.standins.domo.policies import add_own_policy
from tests.standins.domo.rows import TYPES, Column, Unfit, parse, query, unpacked, written
from tests.standins.domo.state import APPEND, REPLACE, Account, Dataset

MOST_DATASETS = 50
T = TypeVar("T")
route = Routes()


def columns_of(schema: object) -> tuple[Column, ...]:
    """What a schema says. Raises Refusal."""
    try:
        found = tuple(Column(column["name"], column["type"]) for column in schema["columns"])  # type: ignore[index]
    except (TypeError, KeyError):
        raise Refusal(400, "The schema is not valid.") from None
    if len({column.name for column in found}) < len(found) or not {column.type for column in found} <= set(TYPES):
        raise Refusal(400, f"The schema is not valid: names must differ, and types are {', '.join(TYPES)}.")
    return found


def _schema(columns: Iterable[Column]) -> dict[str, Any]:
    return {"columns": [{"type": column.type, "name": column.name} for column in columns]}


def shown_dataset(account: Account, dataset: Dataset, *, whole: bool = True) -> dict[str, Any]:
    """A dataset as Domo tells of it; without its schema in a list."""
    owner = {"id": dataset.owner, "name": account.users[dataset.owner]["name"]}
    content: dict[str, Any] = {
        "id": dataset.id, "name": dataset.name, "description": dataset.description, "rows": dataset.visible.num_rows,
        "columns": len(dataset.columns), "owner": owner, "createdAt": instant(dataset.created), "updatedAt": instant(dataset.updated),
        "dataCurrentAt": instant(dataset.updated), "pdpEnabled": dataset.pdp,
    }  # fmt: skip
    return content | ({"schema": _schema(dataset.columns)} if whole else {})


@route("POST", "/v1/datasets")
def _create_dataset(account: Account, request: Request) -> Answer:
    return said(shown_dataset(account, made_dataset(account, request.json())), 201)


def made_dataset(account: Account, given: Mapping[str, Any]) -> Dataset:
    """A new dataset as it was asked for. Raises Refusal."""
    if not given.get("name"):
        raise Refusal(400, "name is required.")
    return account.add_dataset(given["name"], columns_of(given.get("schema")), given.get("description") or "")


@route("GET", "/v1/datasets")
def _list_datasets(account: Account, request: Request) -> Answer:
    wanted = request.query.get("nameLike", "").lower()
    fitting = sorted((d for d in account.datasets.values() if wanted in d.name.lower()), key=lambda d: (d.name, d.id))
    return said([shown_dataset(account, dataset, whole=False) for dataset in page(request, fitting, MOST_DATASETS)])


def page(request: Request, found: list[T], most: int) -> list[T]:
    """The ones that a request asks for. Raises Refusal."""
    offset, limit = request.number("offset", 0, 1_000_000), request.number("limit", most, most)
    return found[offset : offset + limit]


@route("GET", "/v1/datasets/{dataset_id}")
def _get_dataset(account: Account, request: Request, dataset_id: str) -> Answer:
    return said(shown_dataset(account, account.dataset(dataset_id)))


@route("PUT", "/v1/datasets/{dataset_id}")
def _update_dataset(account: Account, request: Request, dataset_id: str) -> Answer:
    dataset, given = account.dataset(dataset_id), request.json()
    columns = columns_of(given["schema"]) if "schema" in given else dataset.columns
    if columns != dataset.columns and not dataset.from_api:
        raise Refusal(403, "Only DataSets created with the API can be updated via APIs.")
    owner = given.get("owner", {}).get("id", dataset.owner)
    if owner not in account.users:
        raise Refusal(400, f"There is no user {owner}.")
    dataset.name, dataset.description = given.get("name", dataset.name), given.get("description", dataset.description)
    dataset.columns, dataset.owner, dataset.pdp = columns, owner, given.get("pdpEnabled", dataset.pdp)
    if dataset.pdp and not dataset.policies:
        add_own_policy(account, dataset)
    return said(shown_dataset(account, dataset))


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
        content = unpacked(request.body, request.header("Content-Encoding"))
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
