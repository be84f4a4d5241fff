"""Domo's public API: users and groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.standins.answers import Answer
from tests.standins.domo.answering import Refusal, Request, Routes, done, said
from tests.standins.domo.datasets import page
from tests.standins.domo.state import Account

MOST_PEOPLE = 500
route = Routes()


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
    return said(page(request, list(account.users.values()), MOST_PEOPLE))


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
    return said([_group(account, number) for number in page(request, list(account.groups), MOST_PEOPLE)])


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
    return said(page(request, account.members[_person(account.groups, number)], MOST_PEOPLE))


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
