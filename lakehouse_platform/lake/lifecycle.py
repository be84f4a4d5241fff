"""Lifecycle rules of the lake's bucket: a zone's storage class, and an end for parts of uploads that were broken off.

Neither delta-rs nor the S3A of Spark 3.5 can write objects of a class, so S3 moves them. Only classes that are read at once are
allowed: an archived file of a table's newest version would break every reader. S3 moves nothing below 128 KB, so that most of a Delta
log, which is read all the time, stays in STANDARD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from lakehouse_platform.aws.base import asking, bucket_and_key, code_of
from lakehouse_platform.settings import LakeSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef, LifecycleRuleTypeDef, TransitionTypeDef

LEAST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
"""Days that S3 asks an object to stay in STANDARD before it takes the class; none for the others."""
ABORT_DAYS = 2
"""Days after which parts of an unfinished upload go; no step runs that long."""


def plan_lifecycle(lake: LakeSettings) -> tuple[LifecycleRuleTypeDef, ...]:
    """The rules for a lake; none for one in a folder."""
    if lake.store is None:
        return ()
    moved = sorted((zone, of_zone) for zone, of_zone in lake.store.storage_class.items() if of_zone != "STANDARD")
    return (_abort(lake), *(_move(lake, zone, of_zone) for zone, of_zone in moved))


def _abort(lake: LakeSettings) -> LifecycleRuleTypeDef:
    return {
        "ID": f"{_mark(lake)}uploads", "Status": "Enabled", "Filter": {"Prefix": _folder(lake)},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_DAYS},
    }


def _move(lake: LakeSettings, zone: str, storage_class: str) -> LifecycleRuleTypeDef:
    then = cast("TransitionTypeDef", {"Days": LEAST_DAYS.get(storage_class, 0), "StorageClass": storage_class})
    return {
        "ID": f"{_mark(lake)}{zone}", "Status": "Enabled",
        "Filter": {"Prefix": f"{_folder(lake)}{zone}/"}, "Transitions": [then],
    }


def apply_lifecycle(client: S3Client, lake: LakeSettings) -> bool:
    """Make the bucket's rules for this lake the planned ones, and leave all others alone. Returns whether there was something to change.

    Raises TransientError or TerminalError as S3 says.
    """
    wanted, bucket = list(plan_lifecycle(lake)), bucket_and_key(lake.root)[0]
    if not wanted:
        return False
    with asking(f"the lifecycle rules of s3://{bucket}"):
        held = _held(client, bucket)
        mine = [rule for rule in held if rule.get("ID", "").startswith(_mark(lake))]
        if _by_name(mine) == _by_name(wanted):
            return False
        others = cast("list[LifecycleRuleTypeDef]", [rule for rule in held if rule not in mine])
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*others, *wanted]})
    return True


def _held(client: S3Client, bucket: str) -> list[LifecycleRuleOutputTypeDef]:
    try:
        return client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if code_of(error) != "NoSuchLifecycleConfiguration":
            raise
        return []


def _by_name(rules: list[LifecycleRuleOutputTypeDef] | list[LifecycleRuleTypeDef]) -> dict[str, object]:
    return {rule.get("ID", ""): rule for rule in rules}


def _folder(lake: LakeSettings) -> str:
    folder = bucket_and_key(lake.root)[1]
    return f"{folder}/" if folder else ""


def _mark(lake: LakeSettings) -> str:
    """How the names of this lake's rules begin: a colon ends it, so that no lake's mark begins another's."""
    return f"lakehouse:{_folder(lake)}:"
