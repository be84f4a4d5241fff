"""Lifecycle rules of a lake's bucket, as a real S3 interface keeps them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lakehouse_platform.aws.base import Account
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.lake.lifecycle import apply_lifecycle, plan_lifecycle
from lakehouse_platform.settings import LakeSettings, ObjectStore
from tests.standins.account import StandIns, stand_ins

CLASSES = {"raw": "GLACIER_IR", "ods": "STANDARD", "hds": "STANDARD_IA"}


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIns]:
    with stand_ins() as running:
        yield running


@pytest.fixture
def bucket(aws: StandIns, request: pytest.FixtureRequest) -> str:
    name = str(request.node.name).replace("_", "-")[:63].strip("-")
    aws.account.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return name


def lake(bucket: str, classes: dict[str, str] | None = None, folder: str = "/prod") -> LakeSettings:
    return LakeSettings(f"s3://{bucket}{folder}", ObjectStore("eu-west-1", storage_class=CLASSES if classes is None else classes))


def rules(account: Account, bucket: str) -> dict[str, dict[str, object]]:
    return {str(r["ID"]): dict(r) for r in account.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}


def test_each_zone_with_a_class_is_moved_as_soon_as_s3_allows(aws: StandIns, bucket: str) -> None:
    assert apply_lifecycle(aws.account.s3, lake(bucket))
    found = {name: (rule["Filter"], rule["Transitions"]) for name, rule in rules(aws.account, bucket).items() if "Transitions" in rule}
    assert found == {
        "lakehouse:prod/:raw": ({"Prefix": "prod/raw/"}, [{"Days": 0, "StorageClass": "GLACIER_IR"}]),
        "lakehouse:prod/:hds": ({"Prefix": "prod/hds/"}, [{"Days": 30, "StorageClass": "STANDARD_IA"}]),
    }


def test_parts_of_broken_uploads_go_in_the_end(aws: StandIns, bucket: str) -> None:
    apply_lifecycle(aws.account.s3, lake(bucket, {}))
    assert [(r["Filter"], r["AbortIncompleteMultipartUpload"]) for r in rules(aws.account, bucket).values()] == [
        ({"Prefix": "prod/"}, {"DaysAfterInitiation": 2})]


def test_rules_that_are_so_already_are_not_written_again(aws: StandIns, bucket: str) -> None:
    apply_lifecycle(aws.account.s3, lake(bucket))
    puts = aws.count("s3", "PUT bucket", bucket)
    assert not apply_lifecycle(aws.account.s3, lake(bucket))
    assert aws.count("s3", "PUT bucket", bucket) == puts


def test_rules_of_others_stay(aws: StandIns, bucket: str) -> None:
    aws.account.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
        {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}}]})
    apply_lifecycle(aws.account.s3, lake(bucket, {}, folder="/prod/eu"))
    apply_lifecycle(aws.account.s3, lake(bucket, {}))
    assert sorted(rules(aws.account, bucket)) == ["lakehouse:prod/:uploads", "lakehouse:prod/eu/:uploads", "logs"]


def test_class_that_is_taken_back_takes_its_rule_with_it(aws: StandIns, bucket: str) -> None:
    apply_lifecycle(aws.account.s3, lake(bucket))
    assert apply_lifecycle(aws.account.s3, lake(bucket, {"raw": "INTELLIGENT_TIERING"}))
    assert sorted(rules(aws.account, bucket)) == ["lakehouse:prod/:raw", "lakehouse:prod/:uploads"]


def test_lake_that_is_a_whole_bucket_has_prefixes_without_a_slash_before_them(bucket: str) -> None:
    whole = plan_lifecycle(lake(bucket, {"raw": "GLACIER_IR"}, folder=""))
    assert [rule.get("Filter", {}) for rule in whole] == [{"Prefix": ""}, {"Prefix": "raw/"}]


def test_lake_in_a_folder_has_no_rules() -> None:
    assert plan_lifecycle(LakeSettings("/data/lake")) == ()


def test_bucket_that_is_not_there_is_named(aws: StandIns) -> None:
    with pytest.raises(TerminalError, match="s3://no-such-bucket: NoSuchBucket"):
        apply_lifecycle(aws.account.s3, lake("no-such-bucket"))
