"""Artifacts are uploaded once, whole, and whoever asks at the same time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from lakehouse_platform.aws.base import Account
from lakehouse_platform.compute.artifacts import Artifact, Artifacts, Place, put, upload
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.settings import Aws, Reference
from tests.core.between import Between, between

BUCKET = "artifacts"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture(scope="module")
def way() -> Iterator[Between]:
    """The way to an S3 of moto's."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    with between(*moto.get_host_and_port()) as found:
        yield found
    moto.stop()


@pytest.fixture
def account(way: Between, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account whose bucket is empty."""
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "LAKEHOUSE_AWS_ENDPOINT": way.address}.items():
        monkeypatch.setenv(name, value)
    found = Account(Aws("us-east-1", Reference("env", "LAKEHOUSE_AWS_ENDPOINT", Path(), "test")))
    found.s3.create_bucket(Bucket=BUCKET)
    for page in found.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for held in page.get("Contents", []):
            found.s3.delete_object(Bucket=BUCKET, Key=held["Key"])
    way.seen.clear()
    return found


def place(account: Account, kms_key: str | None = None) -> Place:
    return Place(account, f"s3://{BUCKET}/jobs", kms_key)


def artifact(folder: Path, name: str, content: bytes) -> Artifact:
    file = folder / name
    file.write_bytes(content)
    return Artifact(name, hashlib.sha256(content).hexdigest(), lambda: file)


def artifacts(folder: Path, contracts: bytes = b"contracts") -> Artifacts:
    parts = {"python.tar.gz": b"python", "library.whl": b"library", "job.py": b"entry", "project.zip": contracts}
    python, wheel, entry, project = (artifact(folder, name, content) for name, content in parts.items())
    return Artifacts(python, wheel, entry, project, (artifact(folder, "log-store.jar", b"classes"),))


def sent(way: Between) -> list[str]:
    """Names of the objects that were sent."""
    return [path.rpartition("/")[2] for method, path in way.seen if method == "PUT"]


def content(account: Account, address: str) -> bytes:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return account.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_a_bundle_says_where_everything_is(account: Account, tmp_path: Path) -> None:
    bundle = upload(place(account), artifacts(tmp_path))
    held = [content(account, address) for address in (bundle.python, bundle.wheel, bundle.entry, bundle.project, *bundle.jars)]
    assert held == [b"python", b"library", b"entry", b"contracts", b"classes"]
    assert bundle.fingerprint == artifacts(tmp_path).fingerprint


def test_each_artifact_is_sent_once(account: Account, way: Between, tmp_path: Path) -> None:
    first = upload(place(account), artifacts(tmp_path))
    assert sorted(sent(way)) == ["job.py", "library.whl", "log-store.jar", "project.zip", "python.tar.gz"]
    way.seen.clear()
    assert upload(place(account), artifacts(tmp_path)) == first
    assert sent(way) == []


def test_a_process_asks_for_each_artifact_once(account: Account, way: Between, tmp_path: Path) -> None:
    kept = place(account)
    upload(kept, artifacts(tmp_path))
    way.seen.clear()
    upload(kept, artifacts(tmp_path))
    assert way.seen == []


def test_a_changed_contract_sends_the_project_alone(account: Account, way: Between, tmp_path: Path) -> None:
    before = upload(place(account), artifacts(tmp_path))
    way.seen.clear()
    after = upload(place(account), artifacts(tmp_path, b"changed"))
    assert sent(way) == ["project.zip"]
    assert content(account, before.project) == b"contracts"
    assert before.fingerprint != after.fingerprint


def test_what_is_there_is_not_even_made(account: Account, tmp_path: Path) -> None:
    held = artifact(tmp_path, "python.tar.gz", b"python")
    put(place(account), held)

    def made() -> Path:
        raise AssertionError("it was made again")

    assert put(place(account), Artifact(held.name, held.fingerprint, made)) == place(account).address(held)


def test_two_that_upload_at_once_agree(account: Account, way: Between, tmp_path: Path) -> None:
    held = artifact(tmp_path, "library.whl", b"library")
    key = f"/{BUCKET}/{place(account).key(held)}"
    way.before["PUT", key] = lambda: put(place(account), held)
    with ThreadPoolExecutor() as pool:
        addresses = list(pool.map(lambda _: put(place(account), held), range(4)))
    assert set(addresses) == {place(account).address(held)}
    assert content(account, addresses[0]) == b"library"


def test_what_somebody_else_has_just_written_is_not_written_over(account: Account, way: Between, tmp_path: Path) -> None:
    held = artifact(tmp_path, "library.whl", b"library")
    key = place(account).key(held)
    way.before["PUT", key] = lambda: account.s3.put_object(Bucket=BUCKET, Key=key, Body=b"theirs", ChecksumAlgorithm="SHA256")
    with pytest.raises(TerminalError, match="holds something else than its name says"):
        put(place(account), held)
    assert content(account, place(account).address(held)) == b"theirs"


def test_an_upload_that_meets_another_one_is_tried_again(account: Account, way: Between, tmp_path: Path) -> None:
    held = artifact(tmp_path, "library.whl", b"library")
    busy = b"<Error><Code>ConditionalRequestConflict</Code><Message>Another put is under way.</Message></Error>"
    way.answers["PUT", "library.whl"] = (409, busy)
    assert content(account, put(place(account), held)) == b"library"


def test_an_answer_that_got_lost_does_no_harm(account: Account, way: Between, tmp_path: Path) -> None:
    held = artifact(tmp_path, "library.whl", b"library")
    way.lost.add(("PUT", "library.whl"))
    assert content(account, put(place(account), held)) == b"library"


def test_the_key_of_the_lake_encrypts(account: Account, tmp_path: Path) -> None:
    held = artifact(tmp_path, "library.whl", b"library")
    put(place(account, KEY), held)
    found = account.s3.head_object(Bucket=BUCKET, Key=place(account).key(held))
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", KEY)


def test_an_object_that_is_not_what_its_name_says_is_refused(account: Account, tmp_path: Path) -> None:
    held = artifact(tmp_path, "library.whl", b"library")
    account.s3.put_object(Bucket=BUCKET, Key=place(account).key(held), Body=b"other", ChecksumAlgorithm="SHA256")
    with pytest.raises(TerminalError, match="holds something else than its name says"):
        put(place(account), held)


def test_a_bucket_that_is_not_there_is_named(account: Account, tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match=r"s3://nowhere/jobs/.*NoSuchBucket"):
        put(Place(account, "s3://nowhere/jobs"), artifact(tmp_path, "library.whl", b"library"))
