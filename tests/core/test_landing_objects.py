"""Files that land on S3, against a server that speaks its protocol."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from pathlib import Path

import pytest

from lakehouse_platform import faults
from lakehouse_platform.naming import Zone
from lakehouse_platform.sources.landing import FileGone
from lakehouse_platform.sources.landing.objects import ObjectFiles
from tests.core.landing_cases import Shop, shop
from tests.standins.account import StandIns
from tests.standins.fixtures import aws_jars, aws_stand_ins, module_stand_ins
from tests.standins.image import REGION

__all__ = ["aws_jars", "aws_stand_ins", "module_stand_ins"]

HEADER = "order_id,amount,status,changed_at\n"
FOLDER = "raw/sales/_landing/orders"
SETTINGS = "aws: {{region: {region}, endpoint: {{env: LAKEHOUSE_AWS_ENDPOINT}}}}\n"


class Bucket:
    """A new bucket with a lake in it, and a project bound to it."""

    def __init__(self, aws: StandIns, folder: Path, **said: str) -> None:
        self.aws, self.name = aws, f"landing-{uuid.uuid4().hex[:12]}"
        aws.account.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.shop: Shop = shop(folder, lake=f"lake: {{root: s3://{self.name}/lake}}", more=SETTINGS.format(region=REGION), **said)
        self.files = ObjectFiles(aws.account.s3, f"s3://{self.name}/lake")

    def land(self, name: str, content: str | bytes, folder: str = FOLDER) -> str:
        """An object that lands now; its path."""
        body = content if isinstance(content, bytes) else content.encode()
        self.aws.account.s3.put_object(Bucket=self.name, Key=f"lake/{folder}/{name}", Body=body)
        return f"{folder}/{name}"

    @property
    def day(self) -> str:
        """Business day of what lands now."""
        return (dt.datetime.now(tz=dt.UTC).date() - dt.timedelta(days=1)).isoformat()

    def keys(self, beginning: str) -> list[str]:
        """Keys below the lake's root."""
        held = self.aws.account.s3.list_objects_v2(Bucket=self.name, Prefix=f"lake/{beginning}").get("Contents", [])
        return [entry["Key"].removeprefix("lake/") for entry in held]


@pytest.fixture
def bucket(aws_stand_ins: StandIns, tmp_path: Path) -> Bucket:
    return Bucket(aws_stand_ins, tmp_path)


def test_object_is_taken_in_once_and_kept(bucket: Bucket) -> None:
    bucket.land("a b+é.csv", HEADER + "1,2,a,\n")
    assert len(bucket.shop.take(bucket.day).taken) == 1
    assert bucket.shop.take(bucket.day).taken == ()
    assert [b.rows for b in bucket.shop.batches] == [1]
    assert bucket.keys(FOLDER) == []
    assert [key.rpartition("/")[2][13:] for key in bucket.keys("_internal/landed/sales/orders/")] == ["a b+é.csv"]


def test_malformed_object_lies_in_quarantine_with_its_reason(bucket: Bucket) -> None:
    bucket.land("a.csv", HEADER + "1\n")
    (refused,) = bucket.shop.take(bucket.day).refused
    assert bucket.keys("raw/sales/_landing/") == [refused.path, f"{refused.path}.reason.json"]
    reason = bucket.aws.account.s3.get_object(Bucket=bucket.name, Key=f"lake/{refused.path}.reason.json")["Body"].read()
    assert json.loads(reason)["reason"] == "Row 1 after the header has 1 values, and the header has 4."


def test_folders_and_strays_are_found(bucket: Bucket) -> None:
    bucket.land("a.csv", "x")
    bucket.land("b.csv", "x", "raw/sales/_landing")
    bucket.land("c.csv", "x", "raw/sales/_landing/_quarantine/orders")
    inbox = bucket.shop.project.inbox("sales")
    assert inbox.folders == ("orders",)
    assert [file.path for file in inbox.waiting("")] == ["raw/sales/_landing/b.csv"]


def test_more_objects_than_a_page_are_listed(bucket: Bucket) -> None:
    for number in range(1005):
        bucket.land(f"{number:04}.csv", "x")
    assert len(bucket.shop.project.inbox("sales").waiting("orders")) == 1005


def test_object_that_was_replaced_is_neither_read_nor_moved_as_what_was_listed(bucket: Bucket, tmp_path: Path) -> None:
    path = bucket.land("a.csv", "old")
    (listed,) = bucket.files.files(FOLDER, deep=True)
    bucket.land("a.csv", "new")
    with pytest.raises(FileGone, match="was moved, or replaced"):
        bucket.files.fetch(listed, tmp_path / "copy")
    with pytest.raises(FileGone, match="was moved, or replaced"):
        bucket.files.move(listed, "elsewhere")
    assert bucket.keys("") == [path]


def test_object_replaced_between_copy_and_deletion_stays(bucket: Bucket) -> None:
    bucket.land("a.csv", "old")
    (listed,) = bucket.files.files(FOLDER, deep=True)

    def hook(reached: str) -> None:
        if reached == "landing.delete.before":
            bucket.land("a.csv", "new")

    faults.install(hook)
    try:
        with pytest.raises(FileGone):
            bucket.files.move(listed, "elsewhere")
    finally:
        faults.install(None)
    assert [(file.path, file.size) for file in bucket.files.files(FOLDER, deep=True)] == [(f"{FOLDER}/a.csv", 3)]
    assert bucket.aws.account.s3.get_object(Bucket=bucket.name, Key=f"lake/{FOLDER}/a.csv")["Body"].read() == b"new"


@pytest.mark.parametrize(
    "point", ["raw.append.after", "landing.copy.before", "landing.copy.after", "landing.delete.before", "landing.delete.after"])
def test_killed_anywhere_an_object_is_one_batch(bucket: Bucket, point: str) -> None:
    class Killed(BaseException):
        """The process is gone."""

    def hook(reached: str) -> None:
        if reached == point:
            raise Killed

    bucket.land("a.csv", HEADER + "1,2,a,\n")
    faults.install(hook)
    try:
        with pytest.raises(Killed):
            bucket.shop.take(bucket.day)
    finally:
        faults.install(None)
    bucket.shop.take(bucket.day)
    assert [b.rows for b in bucket.shop.batches] == [1]
    assert bucket.keys(FOLDER) == []


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "PutObject", "DeleteObject"])
def test_lost_answer_loses_and_doubles_no_file(bucket: Bucket, operation: str) -> None:
    bucket.land("a.csv", HEADER + "1,2,a,\n")
    dropped = bucket.aws.faults.drop_answer("s3", operation, key="*" if operation == "ListObjectsV2" else "*a.csv")
    bucket.shop.take(bucket.day)
    assert bucket.aws.faults.met(dropped) == 1
    assert [b.rows for b in bucket.shop.batches] == [1]
    assert bucket.keys(FOLDER) == []


def test_history_of_images_on_s3(aws_stand_ins: StandIns, tmp_path: Path) -> None:
    bucket = Bucket(aws_stand_ins, tmp_path, capture="{mode: snapshot}")
    bucket.land("1.csv", HEADER + "1,10,a,\n2,20,a,\n")
    bucket.shop.take(bucket.day)
    bucket.land("2.csv", HEADER + "1,11,a,\n")
    bucket.shop.take(bucket.day)
    bucket.shop.merge(bucket.day)
    assert [key for key, in bucket.shop.rows(Zone.ODS, "order_id")] == [1]
