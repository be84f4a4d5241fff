"""The stand-in for Domo, asked by Domo's own client library and over plain HTTP: what it answers, and what its readers see."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
import requests
from pydomo import Domo

from tests.standins.domo.stand_in import DomoStandIn, domo_process, domo_stand_in
from tests.standins.domo.state import COMMIT_SECONDS

NAME = "Party"
COLUMNS = {"id": "LONG", "friend": "STRING"}
ADA, BOB, EVE = {"id": 1, "friend": "Ada"}, {"id": 2, "friend": "Bob"}, {"id": 3, "friend": "Eve"}


@pytest.fixture(scope="module")
def served() -> Iterator[DomoStandIn]:
    with domo_stand_in() as running:
        yield running


@pytest.fixture
def domo(served: DomoStandIn) -> DomoStandIn:
    """The same service, with an account that nobody used."""
    served.renew()
    return served


@pytest.fixture
def client(domo: DomoStandIn) -> Any:
    return connected(domo)


def connected(domo: DomoStandIn) -> Any:
    there = domo.environment
    return Domo(
        there["LAKEHOUSE_DOMO_CLIENT"], there["LAKEHOUSE_DOMO_SECRET"], api_host=there["LAKEHOUSE_DOMO_API"], use_https=False,
        request_timeout=60)


def schema(columns: dict[str, str]) -> dict[str, Any]:
    return {"columns": [{"type": kind, "name": name} for name, kind in columns.items()]}


def add_stream(client: Any, method: str = "REPLACE", keys: tuple[str, ...] = (), columns: dict[str, str] = COLUMNS) -> Any:
    asked = {"dataSet": {"name": NAME, "schema": schema(columns)}, "updateMethod": method}
    return client.streams.create(asked | ({"keyColumnNames": list(keys)} if keys else {}))


def send(client: Any, stream: Any, *parts: str, method: str | None = None) -> int:
    """An execution with the parts, committed; its id."""
    execution = client.streams.create_execution(stream["id"], method)["id"]
    for number, part in enumerate(parts, start=1):
        client.streams.upload_part(stream["id"], execution, number, part)
    client.streams.commit_execution(stream["id"], execution)
    return int(execution)


def state(client: Any, stream: Any, execution: int) -> str:
    return str(client.streams.get_execution(stream["id"], execution)["currentState"])


def published(client: Any, domo: DomoStandIn, stream: Any, *parts: str, method: str | None = None) -> str:
    """The state that an execution with the parts ends in."""
    domo.move_clock(COMMIT_SECONDS)
    execution = send(client, stream, *parts, method=method)
    domo.settle()
    return state(client, stream, execution)


def ask(domo: DomoStandIn, method: str, path: str, **said: Any) -> requests.Response:
    """A call of the instance's interface, with its token."""
    there = domo.environment
    headers = {"X-DOMO-Developer-Token": there["LAKEHOUSE_DOMO_TOKEN"]} | said.pop("headers", {})
    return requests.request(method, there["LAKEHOUSE_DOMO_INSTANCE"] + path, headers=headers, timeout=5, **said)


def statuses(domo: DomoStandIn) -> dict[str, int]:
    """Status of the last call, by method."""
    return {entry.call.method: entry.status for entry in domo.calls()}


# Tokens


def test_token_says_when_it_expires_so_that_one_serves_many_calls(domo: DomoStandIn, client: Any) -> None:
    for _ in range(3):
        list(client.datasets.list())
    assert domo.count("POST", "/oauth/token") == 1
    claims = json.loads(base64.urlsafe_b64decode(client.transport.access_token.split(".")[1] + "=="))
    assert 3590 <= claims["exp"] - dt.datetime.now(dt.UTC).timestamp() <= 3600


def test_token_is_had_by_get_as_by_post_and_only_with_the_secret(domo: DomoStandIn) -> None:
    url, there = f"http://{domo.environment['LAKEHOUSE_DOMO_API']}/oauth/token", domo.environment
    right = (there["LAKEHOUSE_DOMO_CLIENT"], there["LAKEHOUSE_DOMO_SECRET"])
    asked = {"grant_type": "client_credentials", "scope": "data user"}
    assert requests.get(url, asked, auth=right, timeout=5).json()["scope"] == "data user"
    assert requests.post(url, asked, auth=right, timeout=5).json()["token_type"] == "bearer"
    assert requests.post(url, asked, auth=("standin-client", "wrong"), timeout=5).status_code == 401
    assert requests.post(url, {"grant_type": "password"}, auth=right, timeout=5).status_code == 400


def test_expired_token_is_refused_until_another_is_fetched(domo: DomoStandIn, client: Any) -> None:
    domo.expire_tokens()
    refused = client.transport.get("/v1/datasets", {})
    assert (refused.status_code, "WWW-Authenticate" in refused.headers) == (401, True)
    client.transport._renew_access_token()
    assert list(client.datasets.list()) == []


# Datasets


def test_dataset_is_made_changed_and_deleted(domo: DomoStandIn, client: Any) -> None:
    made = client.datasets.create({"name": NAME, "description": "Guests", "schema": schema(COLUMNS)})
    assert (made["rows"], made["columns"], made["pdpEnabled"], statuses(domo)["POST"]) == (0, 2, False, 201)
    ada = domo.add_user("Ada", "ada@example.com")
    client.datasets.update(made["id"], {"name": "Feast", "owner": {"id": ada}, "schema": schema({"id": "LONG"})})
    assert domo.about("Feast") == {
        "id": made["id"], "description": "Guests", "owner": "ada@example.com", "tags": (), "schema": {"id": "LONG"}, "pdp": False,
    }  # fmt: skip
    client.datasets.delete(made["id"])
    assert (domo.datasets, statuses(domo)["DELETE"]) == ([], 204)
    with pytest.raises(Exception, match="was not found"):
        client.datasets.get(made["id"])


@pytest.mark.parametrize(
    "asked",
    [
        {"schema": {"columns": [{"type": "BOOLEAN", "name": "id"}]}},
        {"schema": {"columns": [{"type": "LONG", "name": "id"}, {"type": "LONG", "name": "id"}]}},
        {"owner": {"id": 4711}},
    ],
)
def test_dataset_takes_no_unknown_type_double_name_or_unknown_owner(client: Any, asked: dict[str, Any]) -> None:
    made = client.datasets.create({"name": NAME, "schema": schema(COLUMNS)})
    assert client.transport.put(f"/v1/datasets/{made['id']}", asked).status_code == 400


def test_datasets_are_listed_by_pages_of_at_most_fifty_and_by_a_part_of_the_name(domo: DomoStandIn, client: Any) -> None:
    for number in range(51):
        client.datasets.create({"name": f"set {number:02}", "schema": schema(COLUMNS)})
    assert [found["name"] for found in client.datasets.list()] == domo.datasets
    assert [found["name"] for found in client.datasets.list(name_like="T 4")] == [f"set {number}" for number in range(40, 50)]
    assert client.transport.get("/v1/datasets", {"limit": 51}).status_code == 400


def test_import_takes_an_update_method_that_it_does_not_know_for_replace(domo: DomoStandIn, client: Any) -> None:
    made = client.datasets.create({"name": NAME, "schema": schema(COLUMNS)})
    client.datasets.data_import(made["id"], "1,Ada\n")
    client.datasets.data_import(made["id"], "2,Bob\n", "APPEND")
    assert domo.reader(NAME) == [ADA, BOB]
    client.datasets.data_import(made["id"], "3,Eve\n", "UPSERT")
    assert domo.reader(NAME) == [EVE]
    with pytest.raises(Exception, match="does not fit"):
        client.datasets.data_import(made["id"], "one,Ada\n")
    assert domo.reader(NAME) == [EVE]


def test_api_fills_only_datasets_that_it_made(domo: DomoStandIn, client: Any) -> None:
    theirs = domo.add_dataset(NAME, COLUMNS)
    assert client.transport.put_csv(f"/v1/datasets/{theirs}/data?updateMethod=REPLACE", "1,Ada\n").status_code == 403
    assert client.streams.search(f"dataSource.id:{theirs}") == []
    assert ask(domo, "POST", f"/api/data/v3/datasources/{theirs}/uploads", json={}).status_code == 403


def test_rows_are_exported_and_queried_as_readers_see_them(domo: DomoStandIn, client: Any) -> None:
    made = client.datasets.create({"name": NAME, "schema": schema(COLUMNS)})
    client.datasets.data_import(made["id"], '1,"Ada, of Lovelace"\n2,Bob\n')
    assert client.datasets.data_export(made["id"], True) == 'id,friend\n1,"Ada, of Lovelace"\n2,Bob\n'
    assert client.datasets.data_export(made["id"], False) == '1,"Ada, of Lovelace"\n2,Bob\n'
    assert client.ds_query(made["id"], "SELECT count(*) AS n FROM table").to_dict("records") == [{"n": 2}]
    assert client.datasets.query(made["id"], "select * from `table` where `id` > 1")["rows"] == [[2, "Bob"]]
    with pytest.raises(Exception, match="not understood"):
        client.datasets.query(made["id"], "SELECT nothing FROM table")


# Streams


def test_commit_goes_on_after_its_answer(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    execution = client.streams.create_execution(stream["id"])
    assert statuses(domo)["POST"] == 201
    client.streams.upload_part(stream["id"], execution["id"], 1, "1,Ada\n")
    assert client.streams.commit_execution(stream["id"], execution["id"])["currentState"] == "ACTIVE"
    assert (state(client, stream, execution["id"]), domo.reader(NAME)) == ("ACTIVE", [])
    assert (state(client, stream, execution["id"]), domo.reader(NAME)) == ("SUCCESS", [ADA])
    assert client.datasets.get(stream["dataSet"]["id"])["rows"] == 1


def test_stream_is_found_listed_changed_and_deleted_without_its_dataset(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    assert client.streams.search(f"dataSource.id:{stream['dataSet']['id']}") == [client.streams.get(stream["id"])]
    assert client.streams.list(10, 0) == client.streams.search("dataSource.owner.id:27")
    assert client.streams.update(stream["id"], {"updateMethod": "APPEND"})["updateMethod"] == "APPEND"
    client.streams.delete(stream["id"])
    assert (statuses(domo)["DELETE"], domo.datasets, client.streams.list(10, 0)) == (204, [NAME], [])


def test_second_commit_within_fifteen_minutes_is_refused(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    assert published(client, domo, stream, "1,Ada\n") == "SUCCESS"
    domo.move_clock(COMMIT_SECONDS - 1)
    with pytest.raises(Exception, match="less than 15 minutes"):
        send(client, stream, "2,Bob\n")
    assert (statuses(domo)["PUT"], domo.reader(NAME)) == (429, [ADA])
    ((_, waiting),) = domo.open_executions()
    domo.move_clock(1)
    client.streams.commit_execution(stream["id"], waiting)
    domo.settle()
    assert domo.reader(NAME) == [BOB]
    domo.limit_commits(0)
    send(client, stream, "3,Eve\n")
    domo.settle()
    assert domo.reader(NAME) == [EVE]


def test_replace_append_and_upsert_do_what_they_say(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client, "UPSERT", keys=("id",))
    assert published(client, domo, stream, "1,Ada\n2,Bo\n") == "SUCCESS"
    assert published(client, domo, stream, "2,Bob\n3,Eva\n", "3,Eve\n") == "SUCCESS"
    assert sorted(domo.reader(NAME), key=lambda row: row["id"]) == [ADA, BOB, EVE]
    assert published(client, domo, stream, "1,Ada\n", method="REPLACE") == "SUCCESS"
    assert domo.reader(NAME) == [ADA]
    assert [(commit.method, commit.rows) for commit in domo.commits(NAME)] == [("UPSERT", 2), ("UPSERT", 3), ("REPLACE", 1)]


@pytest.mark.parametrize(("keys", "expected"), [((), [ADA, BOB, BOB]), (("id",), [ADA, BOB])])
def test_append_with_key_columns_merges_as_upsert_does(client: Any, domo: DomoStandIn, keys: tuple[str, ...], expected: Any) -> None:
    stream = add_stream(client, "APPEND", keys)
    published(client, domo, stream, "1,Ada\n2,Bob\n")
    published(client, domo, stream, "2,Bob\n")
    assert sorted(domo.reader(NAME), key=lambda row: row["id"]) == expected


def test_stream_takes_no_method_that_it_does_not_know_and_no_upsert_without_keys(client: Any) -> None:
    for method in ("MERGE", "UPSERT"):
        with pytest.raises(Exception, match="Error creating Stream"):
            add_stream(client, method)
    stream = add_stream(client)
    with pytest.raises(Exception, match="Error creating Execution"):
        client.streams.create_execution(stream["id"], "UPSERT")


@pytest.mark.parametrize(
    "kind_and_text",
    [
        ("LONG", "1.0"), ("LONG", "one"), ("LONG", "9223372036854775808"), ("DECIMAL", "1E-9"), ("DECIMAL", "NaN"), ("DOUBLE", "1,5"),
        ("DATE", "2024-02-30"), ("DATE", "2024-01-01T00:00:00"), ("DATETIME", "2024-01-01T24:01:00"), ("DATETIME", "2024-01-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_value_of_another_type_fails_the_execution(domo: DomoStandIn, client: Any, kind_and_text: tuple[str, str]) -> None:
    kind, text = kind_and_text
    stream = add_stream(client, columns={"value": kind, "name": "STRING"})
    assert published(client, domo, stream, f'"{text}",a\n') == "FAILED"
    assert domo.reader(NAME) == []


def test_readers_see_values_of_the_schemas_types(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client, columns={
        "a": "LONG", "b": "DECIMAL", "c": "DOUBLE", "d": "DATE", "e": "DATETIME", "f": "STRING",
    })  # fmt: skip
    part = '-7,0.000000001,1e-3,2024-02-29,2024-02-29T23:59:59.5,"a ""b""\nc"\n,,,,,""\n'
    assert published(client, domo, stream, part) == "SUCCESS"
    assert [tuple(row.values()) for row in domo.reader(NAME)] == [
        (-7, Decimal("0.000000001"), 0.001, dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 23, 59, 59, 500_000), 'a "b"\nc'),  # noqa: DTZ001 - Domo has no zones
        (None, None, None, None, None, ""),
    ]


def test_decimals_as_wide_as_the_lakes_are_kept_to_the_last_digit(domo: DomoStandIn, client: Any) -> None:
    wide, less = Decimal("99999999999999999999999999999.999999999"), Decimal("-99999999999999999999999999999.999999999")
    stream = add_stream(client, "UPSERT", ("id",), {"id": "DECIMAL", "rate": "DECIMAL"})
    published(client, domo, stream, f"{wide},1\n1.50,2\n")
    assert published(client, domo, stream, f"{wide},{less}\n") == "SUCCESS"
    assert sorted((row["id"], row["rate"]) for row in domo.reader(NAME)) == [(Decimal("1.5"), 2), (wide, less)]
    assert client.datasets.query(stream["dataSet"]["id"], "SELECT min(id) AS id FROM table")["rows"] == [[1.5]]


@pytest.mark.parametrize("part", ["1\n", "1,Ada,\n", "id,friend\n1,Ada\n"])
def test_part_with_other_columns_or_a_header_fails_the_execution(domo: DomoStandIn, client: Any, part: str) -> None:
    assert published(client, domo, add_stream(client), part) == "FAILED"


def test_missing_part_fails_the_execution_and_readers_keep_their_rows(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    published(client, domo, stream, "1,Ada\n")
    lost = domo.lose_part(skip=1)
    assert published(client, domo, stream, "2,Bob\n", "3,Eve\n") == "FAILED"
    assert (domo.met(lost), domo.reader(NAME)) == (1, [ADA])
    execution = client.streams.create_execution(stream["id"])["id"]
    for number in (1, 3):
        client.streams.upload_part(stream["id"], execution, number, "2,Bob\n")
    domo.move_clock(COMMIT_SECONDS)
    client.streams.commit_execution(stream["id"], execution)
    domo.settle()
    assert (state(client, stream, execution), domo.reader(NAME)) == ("FAILED", [ADA])


def test_execution_without_a_part_fails_and_with_an_empty_part_empties(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    published(client, domo, stream, "1,Ada\n")
    assert (published(client, domo, stream), domo.reader(NAME)) == ("FAILED", [ADA])
    assert (published(client, domo, stream, ""), domo.reader(NAME)) == ("SUCCESS", [])


def test_part_sent_again_replaces_itself_and_may_be_compressed(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    execution = client.streams.create_execution(stream["id"])["id"]
    path = f"/v1/streams/{stream['id']}/executions/{execution}/part/1"
    client.streams.upload_part(stream["id"], execution, 1, "2,Bob\n")
    assert client.transport.put_gzip(path, gzip.compress(b"1,Ada\n")).status_code == 200
    assert client.transport.put_gzip(path, b"1,Ada\n").status_code == 400
    client.streams.commit_execution(stream["id"], execution)
    domo.settle()
    assert domo.reader(NAME) == [ADA]


def test_commit_fails_while_another_execution_of_the_stream_is_open(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    forgotten = client.streams.create_execution(stream["id"])["id"]
    assert published(client, domo, stream, "1,Ada\n") == "FAILED"
    assert (domo.open_executions(), domo.reader(NAME)) == ([(NAME, forgotten)], [])
    client.streams.abort_current_execution(stream["id"])
    assert (domo.open_executions(), statuses(domo)["PUT"]) == ([], 204)
    assert published(client, domo, stream, "1,Ada\n") == "SUCCESS"
    assert domo.executions(NAME) == ["ABORTED", "FAILED", "SUCCESS"]


def test_aborted_execution_takes_no_part_and_no_commit(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    execution = client.streams.create_execution(stream["id"])["id"]
    assert client.streams.abort_execution(stream["id"], execution)["currentState"] == "ABORTED"
    with pytest.raises(Exception, match="not open"):
        client.streams.upload_part(stream["id"], execution, 1, "1,Ada\n")
    with pytest.raises(Exception, match="not open"):
        client.streams.commit_execution(stream["id"], execution)


def test_commit_that_has_begun_is_not_aborted(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    execution = send(client, stream, "1,Ada\n")
    with pytest.raises(Exception, match="it is SUCCESS"):
        client.streams.abort_execution(stream["id"], execution)
    assert domo.reader(NAME) == [ADA]


def test_commit_fails_as_scripted(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    domo.fail_commits()
    assert published(client, domo, stream, "1,Ada\n") == "FAILED"
    assert published(client, domo, stream, "1,Ada\n") == "SUCCESS"


def test_execution_keeps_the_schema_that_it_began_with(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    execution = client.streams.create_execution(stream["id"])["id"]
    client.datasets.update(stream["dataSet"]["id"], {"schema": schema({"id": "LONG"})})
    client.streams.upload_part(stream["id"], execution, 1, "1,Ada\n")
    client.streams.commit_execution(stream["id"], execution)
    domo.settle()
    assert domo.reader(NAME) == [ADA]
    assert published(client, domo, stream, "2\n") == "SUCCESS"
    assert domo.reader(NAME) == [{"id": 2}]


def test_column_that_is_new_is_null_in_rows_that_stay(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client, "UPSERT", ("id",))
    published(client, domo, stream, "1,Ada\n")
    client.datasets.update(stream["dataSet"]["id"], {"schema": schema({**COLUMNS, "seat": "LONG"})})
    assert domo.reader(NAME) == [ADA]
    published(client, domo, stream, "2,Bob,5\n")
    assert domo.reader(NAME) == [{**ADA, "seat": None}, {**BOB, "seat": 5}]


def test_readers_never_see_half_a_commit(domo: DomoStandIn, client: Any) -> None:
    stream = add_stream(client)
    published(client, domo, stream, "1,Ada\n", "2,Bob\n")
    published(client, domo, stream, "3,Eve\n")
    assert domo.seen(NAME) == [[], [ADA, BOB], [EVE]]


def test_pydomos_own_upload_of_a_frame_arrives(domo: DomoStandIn, client: Any) -> None:
    frame = pd.DataFrame({"id": [1, 2], "friend": ["Ada", None], "since": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    dataset = client.ds_create(frame, NAME, "Guests", "UPSERT", ["id"])
    domo.settle()
    assert [row["friend"] for row in domo.reader(NAME)] == ["Ada", None]
    domo.move_clock(COMMIT_SECONDS)
    client.ds_update(dataset, frame.assign(friend=["Eve", "Bob"]))
    domo.settle()
    assert [row["friend"] for row in domo.reader(NAME)] == ["Eve", "Bob"]


# People and policies


def test_users_and_groups_are_kept(domo: DomoStandIn, client: Any) -> None:
    client.users_add("Ada", "ada@example.com", "Participant")
    (ada,) = (user["id"] for user in client.users_list(df_output=False) if user["email"] == "ada@example.com")
    group = client.groups_create("Nordics", [ada])
    assert client.groups_list_users(group["id"]) == [ada]
    assert (client.groups_get(group["id"])["memberCount"], statuses(domo)["PUT"]) == (1, 204)
    assert client.users_update(ada, {"name": "Ada L."}) == {**client.users_get(ada), "name": "Ada L."}
    client.groups_delete(group["id"])
    client.users_delete(ada)
    assert [user["id"] for user in client.users_list(df_output=False)] == [27]


def test_policies_hold_once_they_are_enabled(domo: DomoStandIn, client: Any) -> None:
    domo.add_user("Ada", "ada@example.com")
    group, stream = domo.add_group("Nordics", "ada@example.com"), add_stream(client)
    published(client, domo, stream, "1,Ada\n2,Bob\n")
    dataset = stream["dataSet"]["id"]
    only = {"column": "friend", "operator": "EQUALS", "values": ["Ada"]}
    made = client.pdp_create(dataset, {"name": "Ada", "filters": [only], "groups": [group]})
    assert (statuses(domo)["POST"], domo.reader(NAME, "ada@example.com")) == (201, [ADA, BOB])
    client.datasets.update(dataset, {"pdpEnabled": True})
    assert (domo.reader(NAME, "ada@example.com"), domo.reader(NAME)) == ([ADA], [ADA, BOB])
    assert client.pdp_update(dataset, made["id"], {"filters": [only | {"not": True}]})["name"] == "Ada"
    assert domo.reader(NAME, "ada@example.com") == [BOB]
    assert domo.policies(NAME) == [client.datasets.get_pdp(dataset, made["id"])]
    client.pdp_delete(dataset, made["id"])
    assert (domo.policies(NAME), domo.reader(NAME, "ada@example.com"), statuses(domo)["DELETE"]) == ([], [], 204)


def test_enabled_policies_begin_with_one_of_domos_own_that_stays(domo: DomoStandIn, client: Any) -> None:
    dataset = add_stream(client)["dataSet"]["id"]
    client.datasets.update(dataset, {"pdpEnabled": True})
    (own,) = client.datasets.list_pdps(dataset)
    assert (own["type"], own["users"]) == ("system", [27])
    with pytest.raises(Exception, match="cannot be deleted"):
        client.pdp_delete(dataset, own["id"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"filters": [{"column": "friend", "operator": "EQUALS", "values": ["a" * 127, "b" * 128]}]},
        {"filters": [{"column": "seat", "operator": "EQUALS", "values": ["1"]}]},
        {"filters": [{"column": "friend", "operator": "SAME", "values": ["1"]}]},
        {"users": [4711]},
        {"name": ""},
    ],
)
def test_policy_that_cannot_hold_is_refused(client: Any, wrong: dict[str, Any]) -> None:
    dataset = add_stream(client)["dataSet"]["id"]
    with pytest.raises(Exception, match='"status": 400'):
        client.pdp_create(dataset, {"name": "Ada", "filters": []} | wrong)


# The instance


def partitioned(domo: DomoStandIn, client: Any, *partitions: tuple[str, str]) -> str:
    """Path of a dataset that has the partitions, indexed."""
    path = f"/api/data/v3/datasources/{add_stream(client)['dataSet']['id']}"
    for tag, part in partitions:
        assert restate(domo, path, tag, part).status_code == 200
    return path


def restate(domo: DomoStandIn, path: str, tag: str, *parts: str, index: bool = True, action: str = "APPEND") -> requests.Response:
    opened = ask(domo, "POST", f"{path}/uploads", params={"restateDataTag": tag}, json={"action": None, "appendId": None})
    upload = f"{path}/uploads/{opened.json()['uploadId']}"
    for number, part in enumerate(parts, start=1):
        assert ask(domo, "PUT", f"{upload}/parts/{number}", data=part, headers={"Content-Type": "text/csv"}).status_code == 200
    return ask(domo, "PUT", f"{upload}/commit", json={"action": action, "restateDataTag": tag, "index": index})


def test_instance_asks_for_its_own_token(domo: DomoStandIn, client: Any) -> None:
    path = f"/api/data/v3/datasources/{add_stream(client)['dataSet']['id']}?part=core,permission"
    assert ask(domo, "GET", path, headers={"X-DOMO-Developer-Token": "wrong"}).status_code == 401
    assert ask(domo, "GET", path).json()["name"] == NAME


def test_tags_are_replaced_and_shown_as_text(domo: DomoStandIn, client: Any) -> None:
    dataset = add_stream(client)["dataSet"]["id"]
    for tags in (["finance", "eu"], ["finance"]):
        assert ask(domo, "POST", f"/api/data/ui/v3/datasources/{dataset}/tags", json=tags).status_code == 200
    assert domo.tags(NAME) == ("finance",)
    assert ask(domo, "GET", f"/api/data/v3/datasources/{dataset}").json()["tags"] == '["finance"]'


def test_partition_is_replaced_and_the_others_stay(domo: DomoStandIn, client: Any) -> None:
    path = partitioned(domo, client, ("2024", "1,Ada\n"), ("2025", "2,Bo\n"))
    assert restate(domo, path, "2025", "2,Bob\n", "3,Eve\n").status_code == 200
    assert (domo.reader(NAME), domo.partitions(NAME)) == ([ADA, BOB, EVE], {"2024": 1, "2025": 2})
    listed = ask(domo, "POST", path.replace("data/v3", "query/v1") + "/partition/list", json={"limit": 1, "offset": 1}).json()
    assert [(found["partitionId"], found["rowCount"]) for found in listed] == [("2025", 2)]


def test_what_is_not_indexed_is_not_seen_and_an_index_shows_it_in_one_step(domo: DomoStandIn, client: Any) -> None:
    path = partitioned(domo, client, ("2024", "1,Ada\n"), ("2025", "2,Bo\n"))
    query = path.replace("data/v3", "query/v1")
    restate(domo, path, "2025", "2,Bob\n", index=False)
    assert ask(domo, "DELETE", f"{query}/tag/2024/data").status_code == 200
    assert ask(domo, "DELETE", f"{query}/partition/2024").status_code == 200
    before = domo.reader(NAME)
    index = ask(domo, "POST", f"{path}/indexes", json={"dataIds": []}).json()["indexId"]
    statuses = [ask(domo, "GET", f"{path}/indexes/{index}/statuses").json()[0]["status"] for _ in range(2)]
    assert (statuses, domo.reader(NAME), domo.partitions(NAME)) == (["RUNNING", "SUCCESS"], [BOB], {"2025": 1})
    assert before == [ADA, {"id": 2, "friend": "Bo"}]
    assert before in domo.seen(NAME)
    assert [BOB, ADA] not in domo.seen(NAME)


def test_upload_that_does_not_fit_or_lacks_a_part_is_refused(domo: DomoStandIn, client: Any) -> None:
    path = partitioned(domo, client, ("2024", "1,Ada\n"))
    assert restate(domo, path, "2024", "one,Ada\n").status_code == 400
    domo.lose_part()
    assert restate(domo, path, "2024", "2,Bob\n", "3,Eve\n").status_code == 400
    assert domo.reader(NAME) == [ADA]


def test_dataset_has_at_most_four_hundred_partitions(domo: DomoStandIn, client: Any) -> None:
    path = partitioned(domo, client)
    for number in range(400):
        domo.account.named(NAME).restate(str(number), domo.account.named(NAME).visible, 0)
    assert restate(domo, path, "one more", "1,Ada\n").status_code == 400
    assert restate(domo, path, "399", "1,Ada\n").status_code == 200


def test_certificate_is_a_badge_that_comes_and_goes(domo: DomoStandIn, client: Any) -> None:
    path = f"/api/tags/v3/DATA_SOURCE/{add_stream(client)['dataSet']['id']}/system/CERTIFIED/state"
    assert ask(domo, "GET", path).json() == {"tag": "CERTIFIED", "state": None, "metadata": None, "updated": None}
    assert (ask(domo, "PUT", f"{path}/ACTIVE").status_code, domo.badge(NAME)) == (200, True)
    assert ask(domo, "GET", path).json()["state"] == "ACTIVE"
    assert (ask(domo, "DELETE", path).status_code, domo.badge(NAME)) == (204, False)


def test_dataflow_runs_on_after_its_answer_and_ends_as_scripted(domo: DomoStandIn) -> None:
    domo.add_dataflow("7", "Totals")
    path, ends = "/api/dataprocessing/v1/dataflows/7/executions", []
    domo.fail_dataflows()
    for _ in range(2):
        started = ask(domo, "POST", path, json={}).json()
        states = [ask(domo, "GET", f"{path}/{started['id']}").json()["state"] for _ in range(2)]
        ends.append((started["state"], *states))
    assert ends == [("CREATED", "RUNNING", "FAILED_DATA_FLOW"), ("CREATED", "RUNNING", "SUCCESS")]
    assert (domo.dataflow_runs("7"), [run["state"] for run in ask(domo, "GET", path).json()]) == (2, ["SUCCESS", "FAILED_DATA_FLOW"])
    assert ask(domo, "POST", "/api/dataprocessing/v1/dataflows/8/executions").status_code == 404


def test_lineage_leads_through_dataflows_to_datasets(domo: DomoStandIn, client: Any) -> None:
    source = add_stream(client)["dataSet"]["id"]
    made = domo.add_dataset("Totals", {"n": "LONG"})
    domo.add_dataflow("7", "Totals", (NAME,), ("Totals",))
    asked = {"traverseUp": "false", "maxDepth": "4", "requestEntities": "DATA_SOURCE,DATAFLOW"}
    found = ask(domo, "GET", f"/api/data/v1/lineage/DATA_SOURCE/{source}", params=asked).json()
    assert {key: entity["children"] for key, entity in found.items()} == {
        f"DATA_SOURCE{source}": [{"type": "DATAFLOW", "id": "7"}],
        "DATAFLOW7": [{"type": "DATA_SOURCE", "id": made}],
        f"DATA_SOURCE{made}": [],
    }
    up = ask(domo, "GET", f"/api/data/v1/lineage/DATA_SOURCE/{made}", params={"traverseDown": "false", "requestEntities": "DATA_SOURCE"})
    assert set(up.json()) == {f"DATA_SOURCE{source}", f"DATA_SOURCE{made}"}


def test_cards_and_connectors_are_known_by_their_dataset_and_stream(domo: DomoStandIn, client: Any) -> None:
    dataset, connector = add_stream(client)["dataSet"]["id"], domo.add_connector()
    card = domo.add_card("Who comes", NAME)
    listed = ask(domo, "GET", f"/api/content/v1/datasources/{dataset}/cards", params={"drill": "true"}).json()
    assert [(found["id"], found["title"]) for found in listed] == [(card, "Who comes")]
    assert ask(domo, "POST", f"/api/data/v1/streams/{connector}/executions", json={"runType": "MANUAL"}).status_code == 200
    assert domo.connector_runs(connector) == 1


# What goes wrong


@pytest.mark.parametrize(("status", "header"), [(429, "Retry-After"), (500, None), (401, "WWW-Authenticate")])
def test_call_is_refused_undone_at_the_place_that_was_said(client: Any, domo: DomoStandIn, status: int, header: str | None) -> None:
    domo.refuse("GET", "/v1/datasets*", status=status, skip=1, wait=3)
    answers = [client.transport.get("/v1/datasets", {}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, status, 200]
    assert header is None or header in answers[1].headers


def test_reset_call_is_not_done_and_dropped_answer_is(domo: DomoStandIn, client: Any) -> None:
    domo.reset("POST", "/v1/datasets")
    domo.drop_answer("POST", "/v1/datasets", skip=0)
    made = []
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            client.datasets.create({"name": NAME, "schema": schema(COLUMNS)})
        made.append(len(domo.datasets))
    assert made == [0, 1]
    assert domo.count("POST", "/v1/datasets", status=0) == 2


def test_delayed_answer_comes_too_late_for_the_impatient(domo: DomoStandIn, client: Any) -> None:
    client.transport.request_timeout = 0.05
    domo.delay_answer("POST", "/v1/datasets", seconds=0.2)
    with pytest.raises(requests.Timeout):
        client.datasets.create({"name": NAME, "schema": schema(COLUMNS)})
    assert domo.datasets == [NAME]


def test_stand_in_in_a_process_of_its_own_is_scripted_and_looked_at_as_well() -> None:
    with domo_process(commit_seconds=0, polls=0) as domo:
        client = connected(domo)
        send(client, add_stream(client), "1,Ada\n")
        number = domo.refuse("GET", status=500)
        with pytest.raises(Exception, match='"status": 500'):
            client.streams.get(1)
        assert (domo.reader(NAME), domo.commits(NAME)[0].rows, domo.met(number), domo.datasets) == ([ADA], 1, 1, [NAME])
        assert domo.calls()[-1].status == 500
