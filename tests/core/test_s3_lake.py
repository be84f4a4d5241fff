"""A lake on S3: what objects are written, how often S3 is asked, and what its failures come to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pyarrow as pa
import pytest

from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines.base import Commit, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.engines.storage import delta_options
from lakehouse_platform.errors import CommitConflict, StoreRefused, StoreUnavailable, UnknownName
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import ObjectStore
from lakehouse_platform.zones.lake import Lake
from tests.core.s3_lakes import LEDGER, STEPS, ObjectLake, extract, new_lake, rows, travel
from tests.faults.road import DAYS
from tests.standins.account import StandIns, stand_ins

KEY = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000001"
FIRST, SECOND, *_ = DAYS
BLOB = {"id": LakeType(Kind.INT64), "blob": LakeType(Kind.BINARY)}
UP_TO = {"raw.extract": 15, "gate.judge": 30, "ods.merge": 62, "hds.merge": 55}
"""Requests that a second day of three rows may take; a table that is opened once more takes more."""


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIns]:
    with stand_ins() as running:
        yield running


@pytest.fixture
def on_s3(aws: StandIns) -> Iterator[ObjectLake]:
    yield new_lake(aws)
    aws.faults.clear()


@pytest.fixture(scope="module")
def in_folder(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("folder") / "lake"), PolarsEngine())
    travel(lake)
    return lake


def blobs(count: int) -> pa.Table:
    generator = np.random.default_rng(1)
    return pa.table({"id": pa.array(range(count), pa.int64()), "blob": [generator.bytes(1 << 20) for _ in range(count)]})


def same_everywhere(one: Lake, other: Lake) -> bool:
    return all(rows(one, zone) == rows(other, zone) for zone in (Zone.RAW, Zone.ODS, Zone.HDS))


def test_tables_are_those_of_a_folder(on_s3: ObjectLake, in_folder: Lake) -> None:
    travel(on_s3.lake)
    assert same_everywhere(on_s3.lake, in_folder)


def test_every_object_is_encrypted_with_the_lakes_key(aws: StandIns) -> None:
    lake = new_lake(aws, kms_key=KEY)
    extract(lake.lake, FIRST)
    objects = aws.account.s3.list_objects_v2(Bucket=lake.bucket)["Contents"]
    heads = [aws.account.s3.head_object(Bucket=lake.bucket, Key=found["Key"]) for found in objects]
    assert {(head["ServerSideEncryption"], head["SSEKMSKeyId"]) for head in heads} == {("aws:kms", KEY)}


def test_aws_itself_is_reached_by_https_alone() -> None:
    assert not {"aws_endpoint", "aws_allow_http"} & delta_options(ObjectStore("eu-west-1")).keys()


def test_of_two_commits_from_one_version_the_second_loses(on_s3: ObjectLake) -> None:
    spec = TableSpec(f"{on_s3.lake.root}/t", {"id": LakeType(Kind.INT64)})
    one, other = on_s3.lake.engine.create(spec), on_s3.lake.engine.create(spec)
    new = pa.table({"id": pa.array([1], pa.int64())})
    one.append(new.to_reader(), Commit("test", {"writer": 1}))
    with pytest.raises(CommitConflict, match="planned from version 0"):
        other.append(new.to_reader(), Commit("test", {"writer": 1}))


def test_large_file_is_written_in_parts(on_s3: ObjectLake) -> None:
    table = on_s3.lake.engine.create(TableSpec(f"{on_s3.lake.root}/t", BLOB))
    table.append(blobs(12).to_reader(), Commit("test"))
    assert on_s3.aws.count("s3", "UploadPart", f"{on_s3.bucket}/*") >= 2
    assert on_s3.aws.count("s3", "CompleteMultipartUpload", f"{on_s3.bucket}/*") == 1
    assert on_s3.lake.engine.collect(on_s3.lake.engine.open(table.uri).scan().select("id")).num_rows == 12


def test_upload_that_is_broken_off_leaves_nothing_that_readers_see(on_s3: ObjectLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse_platform.engines.storage.RETRIES", 1)
    table = on_s3.lake.engine.create(TableSpec(f"{on_s3.lake.root}/t", BLOB))
    on_s3.aws.faults.reset("s3", "UploadPart", key=f"{on_s3.bucket}/*", times=100)
    with pytest.raises(StoreUnavailable, match="does not answer as it should"):
        table.append(blobs(12).to_reader(), Commit("test"))
    assert on_s3.lake.engine.open(table.uri).version == 0
    assert {Path(o["Key"]).suffix for o in on_s3.aws.account.s3.list_objects_v2(Bucket=on_s3.bucket)["Contents"]} == {".json"}


def test_no_step_lists_more_than_the_end_of_a_log(on_s3: ObjectLake) -> None:
    travel(on_s3.lake)
    with on_s3.asked() as asked:
        for step in STEPS.values():
            step(on_s3.lake, SECOND)
    assert asked.listings == asked.listings_of_logs > 0


def test_a_commit_lists_the_log_twice(on_s3: ObjectLake) -> None:
    table = on_s3.lake.engine.create(TableSpec(f"{on_s3.lake.root}/t", {"id": LakeType(Kind.INT64)}))
    with on_s3.asked() as asked:
        table.append(pa.table({"id": pa.array([1], pa.int64())}).to_reader(), Commit("test"))
    assert (asked.listings, asked.listings_of_logs) == (2, 2)


def test_requests_of_each_step_stay_few(on_s3: ObjectLake) -> None:
    found = {}
    for day in (FIRST, SECOND):
        for name, step in STEPS.items():
            with on_s3.asked() as asked:
                step(on_s3.lake, day)
            found[name] = asked.requests
    assert {name: number for name, number in found.items() if number > UP_TO[name]} == {}


def test_table_that_is_as_it_should_be_is_opened_once(on_s3: ObjectLake) -> None:
    on_s3.lake.raw(LEDGER)
    with on_s3.asked() as asked:
        on_s3.lake.raw(LEDGER)
    assert (asked.listings, asked.requests) == (1, 4)


@pytest.mark.parametrize("operation", ["PutObject", "GetObject", "ListObjectsV2"])
def test_s3_that_is_busy_for_a_while_changes_nothing(on_s3: ObjectLake, in_folder: Lake, operation: str) -> None:
    faults = on_s3.aws.faults
    planned = [faults.refuse("s3", operation, times=3), faults.refuse("s3", operation, status=500, code="InternalError", times=3)]
    travel(on_s3.lake)
    assert [faults.met(number) for number in planned] == [3, 3]
    assert same_everywhere(on_s3.lake, in_folder)


@pytest.mark.parametrize("operation", ["PutObject", "GetObject", "ListObjectsV2"])
def test_connections_that_break_cost_a_try_of_the_step_at_most(on_s3: ObjectLake, in_folder: Lake, operation: str) -> None:
    broken = on_s3.aws.faults.reset("s3", operation, times=4)
    travel(on_s3.lake, tries=5)
    assert on_s3.aws.faults.met(broken) == 4
    assert same_everywhere(on_s3.lake, in_folder)


@pytest.mark.parametrize("table", ["raw", "_internal/gate", "ods", "hds"])
def test_commit_whose_answer_is_lost_is_neither_lost_nor_made_twice(on_s3: ObjectLake, in_folder: Lake, table: str) -> None:
    lost = on_s3.aws.faults.drop_answer("s3", "PutObject", key=f"{on_s3.bucket}/lake/{table}/*/_delta_log/*1.json")
    travel(on_s3.lake)
    assert on_s3.aws.faults.met(lost) == 1
    assert same_everywhere(on_s3.lake, in_folder)


def test_s3_that_stays_busy_is_an_error_that_may_be_tried_again(on_s3: ObjectLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse_platform.engines.storage.RETRIES", 1)
    on_s3.aws.faults.refuse("s3", "*", key=f"{on_s3.bucket}*", times=100)
    with pytest.raises(StoreUnavailable, match=f"s3://{on_s3.bucket}/lake/raw/.*503"):
        on_s3.lake.raw(LEDGER)


def test_bucket_that_is_not_there_is_a_matter_for_a_person(aws: StandIns) -> None:
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        Lake("s3://no-such-bucket/lake", PolarsEngine(aws.store)).raw(LEDGER)


def test_table_that_is_not_there_is_told_from_a_bucket_that_is_not(on_s3: ObjectLake) -> None:
    assert not on_s3.lake.engine.exists(f"{on_s3.lake.root}/t")
    with pytest.raises(UnknownName, match="there is no table yet"):
        on_s3.lake.engine.open(f"{on_s3.lake.root}/t")


def test_s3_that_is_slow_holds_up_no_other_thread(on_s3: ObjectLake) -> None:
    on_s3.aws.faults.delay_answer("s3", "ListObjectsV2", delay=1.0, key=f"{on_s3.bucket}/*")
    asking = Thread(target=on_s3.lake.engine.exists, args=(f"{on_s3.lake.root}/t",))
    asking.start()
    turns = 0
    while asking.is_alive():
        asking.join(0.05)
        turns += 1
    assert turns > 5
