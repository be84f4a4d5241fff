"""Domo's public API: who sees which rows of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.standins.answers import Answer
from tests.standins.domo.answering import Refusal, Request, Routes, done, said
from tests.standins.domo.state import Account, Dataset

MOST_CHARACTERS = 255
"""A filter's values together have fewer."""
OPERATORS = frozenset({
    "EQUALS", "LIKE", "GREATER_THAN", "LESS_THAN", "GREATER_THAN_EQUAL", "LESS_THAN_EQUAL", "BETWEEN", "BEGINS_WITH", "ENDS_WITH",
    "CONTAINS",
})  # fmt: skip
ALL_ROWS = "All Rows"
"""The policy of Domo's own that every dataset with policies has."""
route = Routes()


def add_own_policy(account: Account, dataset: Dataset) -> None:
    """The policy that Domo gives every dataset with policies: its owner sees all."""
    _add_policy(account, dataset, {"name": ALL_ROWS, "type": "system", "users": [dataset.owner]})


def _policy(account: Account, dataset: Dataset, given: Mapping[str, Any]) -> dict[str, Any]:
    filters = [{"not": False, **found} for found in given.get("filters", [])]
    for found in filters:
        if found.get("column") not in {column.name for column in dataset.columns}:
            raise Refusal(400, f"There is no column {found.get('column')}.")
        if found.get("operator") not in OPERATORS or not 0 < sum(map(len, found.get("values", []))) < MOST_CHARACTERS:
            operators = ", ".join(sorted(OPERATORS))
            raise Refusal(400, f"A filter has an operator of {operators}, and values of fewer than {MOST_CHARACTERS} characters.")
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
