"""A lake on the stand-in for S3, in a bucket of its own, and what was asked of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.errors import TransientError
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import ObjectStore
from lakehouse_platform.zones import gate, hds, ods, raw
from lakehouse_platform.zones.lake import Lake
from tests.faults.road import DAYS
from tests.properties.feeds import FeedSource, contract
from tests.standins.account import StandIns

LEDGER = contract()


@dataclass
class Asked:
    """Requests of a step."""

    requests: int = 0
    listings: int = 0
    listings_of_logs: int = 0


@dataclass(frozen=True)
class ObjectLake:
    """A lake in an empty bucket."""

    aws: StandIns
    bucket: str
    store: ObjectStore

    @property
    def lake(self) -> Lake:
        """Opened anew, as another process would."""
        return Lake(f"s3://{self.bucket}/lake", PolarsEngine(self.store))

    @contextmanager
    def asked(self) -> Iterator[Asked]:
        """What S3 is asked meanwhile."""
        found, before = Asked(), self._counted()
        yield found
        found.requests, found.listings, found.listings_of_logs = (n - b for n, b in zip(self._counted(), before, strict=True))

    def _counted(self) -> tuple[int, int, int]:
        def listed(key: str) -> int:
            return self.aws.count("s3", "ListObjectsV2", key)

        return self.aws.count("s3"), listed(f"{self.bucket}*"), listed(f"{self.bucket}/*/_delta_log/*")


def new_lake(aws: StandIns, kms_key: str | None = None) -> ObjectLake:
    """A lake in a new bucket."""
    bucket = f"lake-{uuid.uuid4().hex[:12]}"
    aws.account.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return ObjectLake(aws, bucket, replace(aws.store, kms_key=kms_key))


def extract(lake: Lake, day: str) -> None:
    """The day's delivery into Raw."""
    source = FeedSource()
    source.next = DAYS[day]
    raw.extract(lake, LEDGER, source, day, run=f"run-{day}")


STEPS: dict[str, Callable[[Lake, str], object]] = {
    "raw.extract": extract,
    "gate.judge": lambda lake, day: gate.judge(lake, LEDGER, day),
    "ods.merge": lambda lake, day: ods.merge(lake, LEDGER, day),
    "hds.merge": lambda lake, day: hds.merge(lake, LEDGER, day),
}
"""What is done for a day, in order."""


def travel(lake: Lake, *, tries: int = 1) -> None:
    """Every day through every zone; a step that fails in passing is tried again, as the orchestrator does."""
    for day in DAYS:
        for step in STEPS.values():
            _tried(lambda step=step, day=day: step(lake, day), tries)  # type: ignore[misc]


def _tried(step: Callable[[], object], tries: int) -> None:
    try:
        step()
    except TransientError:
        if tries == 1:
            raise
        _tried(step, tries - 1)


def rows(lake: Lake, zone: Zone) -> list[str]:
    """A table's rows, as text, in order."""
    return sorted(map(str, lake.engine.collect(lake.engine.open(lake.uri(zone, LEDGER)).scan()).to_pylist()))
