"""The stand-in for Redshift: COPY of Parquet by a manifest, as strict as Redshift's."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from redshift_connector.error import ProgrammingError

from tests.core.redshift_sessions import connected, do, warehouse
from tests.standins.child import child
from tests.standins.image import CREDENTIALS, REGION
from tests.standins.redshift import Redshift, redshift

__all__ = ["warehouse"]

BUCKET = "lakehouse"
COPY = "copy finance.t from 's3://lakehouse/manifest' iam_role 'arn:aws:iam::1:role/copy' format as parquet manifest"
NOON = dt.datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=dt.UTC).replace(tzinfo=None)
TABLE = """create table finance.t (
    id int, name varchar(4), amount decimal(18,2), day date, at timestamp, raw varbyte, yes boolean, share float8)"""
FILE = pa.table({
    "id": pa.array([1, None], pa.int32()),
    "name": ['a"b', ""],
    "amount": pa.array([Decimal("1.50"), None], pa.decimal128(18, 2)),
    "day": pa.array([dt.date(2026, 1, 1), None]),
    "at": pa.array([NOON, None], pa.timestamp("us")),
    "raw": pa.array([b"ab", b""]),
    "yes": [True, None],
    "share": [0.5, float("inf")],
})  # fmt: skip


@pytest.fixture(scope="module")
def module_warehouse() -> Iterator[Redshift]:
    with child("tests.standins.moto_server") as port, redshift(s3_address=f"http://127.0.0.1:{port}") as running:
        s3(running).create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield running


@pytest.fixture
def loaded(warehouse: Redshift) -> Redshift:
    do(warehouse, TABLE)
    return warehouse


def s3(running: Redshift) -> Any:
    return boto3.client("s3", endpoint_url=running.shared.world.s3.meta.endpoint_url, region_name=REGION,
                        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"])


def put(running: Redshift, *files: pa.Table, mandatory: bool = True, more: int = 0, lost: bool = False) -> None:
    """The files, and a manifest of them."""
    entries = []
    for number, file in enumerate(files):
        content, key = BytesIO(), f"{number}.parquet"
        pq.write_table(file, content)
        s3(running).put_object(Bucket=BUCKET, Key=key, Body=content.getvalue())
        if lost:
            s3(running).delete_object(Bucket=BUCKET, Key=key)
        length = {"content_length": len(content.getvalue()) + more}
        entries.append({"url": f"s3://{BUCKET}/{key}", "mandatory": mandatory, "meta": length})
    s3(running).put_object(Bucket=BUCKET, Key="manifest", Body=json.dumps({"entries": entries}))


def refused(running: Redshift, statement: str = COPY) -> str:
    """What the client is told."""
    with pytest.raises(ProgrammingError) as error:
        do(running, statement)
    return str(error.value.args[0]["M"]) + str(error.value.args[0].get("D", ""))


def with_column(number: int, name: str, values: Any) -> pa.Table:
    return FILE.set_column(number, name, values)


def test_values_arrive_as_they_are(loaded: Redshift) -> None:
    put(loaded, FILE)
    rows = do(loaded, COPY, "select * from finance.t order by id")
    assert rows == [
        (1, 'a"b', Decimal("1.50"), dt.date(2026, 1, 1), NOON, "ab", True, 0.5), (None, "", None, None, None, "", None, float("inf"))]


def test_copy_is_part_of_the_clients_transaction(loaded: Redshift) -> None:
    put(loaded, FILE, FILE)
    with connected(loaded) as connection:
        cursor = connection.cursor()
        cursor.execute(COPY)
        cursor.execute("select pg_last_copy_count(), (select count(*) from finance.t)")
        assert cursor.fetchall() == ([4, 4],)
        assert b"Load into table 't' completed, 4 record(s) loaded successfully." in connection.notices[-1][b"M"]
        connection.rollback()
    assert do(loaded, "select count(*) from finance.t") == [(0,)]


def test_columns_that_are_named_take_the_files_columns_by_position(loaded: Redshift) -> None:
    put(loaded, FILE.select(["name", "id"]))
    do(loaded, COPY.replace("finance.t from", "finance.t (name, id) from"))
    assert do(loaded, "select id, name, day from finance.t order by id") == [(1, 'a"b', None), (None, "", None)]


@pytest.mark.parametrize(("file", "told"), [
    (with_column(0, "id", pa.array([1, 2])), "incompatible Parquet schema for column 's3://lakehouse/0.parquet.id'. Column type: INTEGER"),
    (with_column(2, "amount", pa.array([1, 2], pa.decimal128(18, 3))), "Column type: NUMERIC(18,2)"),
    (with_column(2, "amount", pa.array([1, 2], pa.decimal128(20, 2))), "Column type: NUMERIC(18,2)"),
    (with_column(4, "at", pa.array([1, 2], pa.timestamp("ns"))), "Column type: TIMESTAMP WITHOUT TIME ZONE"),
    (with_column(1, "name", pa.array(["ééé", ""])), "name is longer than the length defined in the table. Table: 4, Data: 6"),
    (FILE.drop_columns(["share"]), "Unmatched number of columns between table and file. Table columns: 8, Data columns: 7"),
    (FILE.append_column("more", pa.array([1, 2])), "Table columns: 8, Data columns: 9"),
])  # fmt: skip
def test_file_that_does_not_fit_is_refused_and_the_refusal_kept(loaded: Redshift, file: pa.Table, told: str) -> None:
    put(loaded, file)
    assert told in refused(loaded)
    assert told in do(loaded, "select error_message from sys_load_error_detail")[0][0]
    assert do(loaded, "select count(*) from finance.t") == [(0,)]


def test_failed_file_takes_the_others_with_it(loaded: Redshift) -> None:
    put(loaded, FILE, FILE.drop_columns(["id"]))
    refused(loaded)
    assert do(loaded, "select count(*) from finance.t") == [(0,)]


def test_missing_columns_are_filled_on_request(loaded: Redshift) -> None:
    put(loaded, FILE.select(["id", "name"]))
    assert do(loaded, f"{COPY} fillrecord", "select id, share from finance.t order by id") == [(1, None), (None, None)]


@pytest.mark.parametrize(("mandatory", "told"), [(True, "NoSuchKey"), (False, None)])
def test_missing_file_fails_the_load_where_it_is_mandatory(loaded: Redshift, mandatory: bool, told: str | None) -> None:
    put(loaded, FILE, mandatory=mandatory, lost=True)
    if told is None:
        assert do(loaded, COPY, "select count(*) from finance.t") == [(0,)]
    else:
        assert told in refused(loaded)


def test_file_of_another_length_than_the_manifest_says_is_refused(loaded: Redshift) -> None:
    put(loaded, FILE, more=1)
    assert "content_length" in refused(loaded)


def test_manifest_without_lengths_is_refused(loaded: Redshift) -> None:
    entry = {"url": "s3://lakehouse/0.parquet", "mandatory": True}
    s3(loaded).put_object(Bucket=BUCKET, Key="manifest", Body=json.dumps({"entries": [entry]}))
    assert "must specify meta.content_length" in refused(loaded)


@pytest.mark.parametrize("option", ["region 'eu-west-1'", "maxerror 10", "acceptanydate"])
def test_option_that_parquet_does_not_have_is_refused(loaded: Redshift, option: str) -> None:
    assert "not supported for PARQUET" in refused(loaded, f"{COPY} {option}")


@pytest.mark.parametrize("statement", [COPY.replace("iam_role 'arn:aws:iam::1:role/copy'", ""), "copy finance.t from stdin",
                                       COPY.replace("parquet", "csv")])  # fmt: skip
def test_copy_without_a_role_or_of_another_source_is_refused(loaded: Redshift, statement: str) -> None:
    assert refused(loaded, statement)


def test_nested_values_are_serialised_into_super(loaded: Redshift) -> None:
    do(loaded, "drop table finance.t", "create table finance.t (id int, x super)")
    kind = pa.struct([("a", pa.list_(pa.int64())), ("m", pa.map_(pa.string(), pa.string()))])
    nested = pa.array([{"a": [1, None], "m": [("k", "v")]}, None], kind)
    put(loaded, pa.table({"id": pa.array([1, 2], pa.int32()), "x": nested}))
    assert "Invalid type: 4000" in refused(loaded)
    do(loaded, f"{COPY} serializetojson")
    assert do(loaded, "select json_serialize(x) from finance.t order by id") == [('{"a": [1, null], "m": {"k": "v"}}',), (None,)]


def test_instants_with_a_zone_are_not_read_from_parquet(loaded: Redshift) -> None:
    do(loaded, "drop table finance.t", "create table finance.t (at timestamptz)")
    put(loaded, pa.table({"at": pa.array([NOON], pa.timestamp("us", "UTC"))}))
    assert "Invalid type: 1184" in refused(loaded)
