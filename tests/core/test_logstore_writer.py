"""Objects of the Delta log are put where there is none, and an answer that was lost is not taken for another writer's object."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from lakehouse_platform.aws.base import Account
from lakehouse_platform.engines.spark.logstore import TRIES, ObjectWriter, _Put
from lakehouse_platform.settings import Aws, Reference
from tests.core.between import Between, between

KEY = "t/_delta_log/00000000000000000001.json"
PUT = ("PUT", KEY)
CONFLICT = (409, b"<Error><Code>ConditionalRequestConflict</Code><Message>another one is under way</Message></Error>")
DENIED = (403, b"<Error><Code>AccessDenied</Code><Message>AKIAPLANTED may not</Message></Error>")


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    """S3, over HTTP."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    yield moto.get_host_and_port()
    moto.stop()


@pytest.fixture
def way(server: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    """The way to S3."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with between(*server) as found:
        monkeypatch.setenv("LAKEHOUSE_AWS_ENDPOINT", found.address)
        yield found


@pytest.fixture
def writer(way: Between) -> ObjectWriter:
    account = Account(Aws("us-east-1", Reference("env", "LAKEHOUSE_AWS_ENDPOINT", Path(), "test")))
    return ObjectWriter(account.s3)


@pytest.fixture
def bucket(writer: ObjectWriter) -> str:
    writer.client.create_bucket(Bucket=(name := f"lake-{uuid.uuid4().hex}"))
    return name


def content_of(writer: ObjectWriter, bucket: str) -> bytes:
    return writer.client.get_object(Bucket=bucket, Key=KEY)["Body"].read()


def test_an_object_is_put_where_there_is_none(writer: ObjectWriter, bucket: str) -> None:
    assert writer.put_absent(bucket, KEY, b"ours")
    assert content_of(writer, bucket) == b"ours"


def test_an_object_that_is_there_is_left_alone(writer: ObjectWriter, bucket: str) -> None:
    writer.client.put_object(Bucket=bucket, Key=KEY, Body=b"theirs")
    assert not writer.put_absent(bucket, KEY, b"ours")
    assert content_of(writer, bucket) == b"theirs"


def test_an_object_of_another_writer_is_not_ours_even_if_it_reads_the_same(writer: ObjectWriter, bucket: str) -> None:
    assert writer.put_absent(bucket, KEY, b"the same")
    assert not writer.put_absent(bucket, KEY, b"the same")


def test_a_put_whose_answer_was_lost_is_ours(writer: ObjectWriter, bucket: str, way: Between) -> None:
    way.lost.add(PUT)
    assert writer.put_absent(bucket, KEY, b"ours")
    assert [method for method, path in way.seen if path.endswith(KEY)] == ["PUT", "PUT", "HEAD"]


def test_a_put_that_was_lost_on_its_way_loses_to_who_was_faster(writer: ObjectWriter, bucket: str, way: Between) -> None:
    way.answers[PUT] = (503, b"")
    way.before[PUT] = lambda: ObjectWriter(writer.client).put_absent(bucket, KEY, b"theirs")
    assert not writer.put_absent(bucket, KEY, b"ours")
    assert content_of(writer, bucket) == b"theirs"


def test_a_put_that_s3_does_not_decide_is_tried_again(writer: ObjectWriter, bucket: str, way: Between) -> None:
    way.answers[PUT] = CONFLICT
    assert writer.put_absent(bucket, KEY, b"ours")


def test_of_many_writers_one_puts(writer: ObjectWriter, bucket: str) -> None:
    won: list[bytes] = []

    def put(content: bytes) -> None:
        if writer.put_absent(bucket, KEY, content):
            won.append(content)

    threads = [threading.Thread(target=put, args=(str(number).encode(),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [content_of(writer, bucket)]


def test_objects_are_encrypted_with_the_lake_s_key(writer: ObjectWriter, bucket: str) -> None:
    assert ObjectWriter(writer.client, "arn:aws:kms:us-east-1:123456789012:key/lake").put_absent(bucket, KEY, b"ours")
    head = writer.client.head_object(Bucket=bucket, Key=KEY)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "arn:aws:kms:us-east-1:123456789012:key/lake")


def test_what_s3_refuses_is_said_without_what_it_says(writer: ObjectWriter, bucket: str, way: Between) -> None:
    way.answers[PUT] = DENIED
    assert _Put(writer).apply(f"s3://{bucket}/{KEY}", b"ours") == "S3 answered AccessDenied to PutObject"


def test_a_put_that_is_never_decided_fails(writer: ObjectWriter, bucket: str, way: Between) -> None:
    way.always[PUT] = CONFLICT
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        writer.put_absent(bucket, KEY, b"ours")
    assert way.seen.count(("PUT", f"/{bucket}/{KEY}")) == TRIES


def test_an_address_is_split_as_it_is_spelt(writer: ObjectWriter, bucket: str) -> None:
    assert _Put(writer).apply(f"s3a://{bucket}/a b/50%/ä?#/x", b"ours") == "written"
    assert writer.client.get_object(Bucket=bucket, Key="a b/50%/ä?#/x")["Body"].read() == b"ours"
