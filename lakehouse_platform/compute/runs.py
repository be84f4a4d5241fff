"""What is kept of a step's jobs on S3: which were submitted, how they talk home, and what came of them.

The folder's name follows from the work alone, so a step that is tried again finds the job that an earlier try has started.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lakehouse_platform.aws.base import Account

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ABSENT = {"404", "NoSuchKey"}


@dataclass(frozen=True)
class JobFolder:
    """One piece of work, whatever number of jobs it takes."""

    account: Account
    uri: str
    """`s3://bucket/prefix`, without a trailing slash."""

    @property
    def bucket(self) -> str:
        """Where it lies."""
        return self.uri.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """Its key, without a trailing slash."""
        return self.uri.removeprefix("s3://").partition("/")[2]

    def submitted(self) -> dict[int, str]:
        """Ids of the jobs that were submitted for the work, by generation."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.prefix}/job-")
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {int(key.rpartition("-")[2].removesuffix(".json")): str(self._read(key)["job_id"]) for key in keys}

    def record(self, generation: int, job_id: str) -> None:
        """Say that a job was submitted."""
        self._write(f"job-{generation}.json", {"job_id": job_id})

    def result_uri(self, generation: int) -> str:
        """Where the job writes what came of it."""
        return f"{self.uri}/result-{generation}.json"

    def result(self, generation: int) -> Mapping[str, object] | None:
        """What came of the job, None where it has not said so."""
        try:
            return self._read(f"{self.prefix}/result-{generation}.json")
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return None
            raise

    def tell(self, generation: int, text: str) -> str:
        """Leave what the job is told by its orchestrator. Returns the key."""
        key = f"{self.prefix}/context-{generation}.json"
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
        return key

    def messages_prefix(self, generation: int) -> str:
        """Key under which the job's messages are: `1.json`, `2.json`, …, one written after the other."""
        return f"{self.prefix}/messages-{generation}"

    def message(self, generation: int, number: int) -> str | None:
        """A file of messages; None while it is not there, or S3 does not answer."""
        try:
            found = self._s3.get_object(Bucket=self.bucket, Key=f"{self.messages_prefix(generation)}/{number}.json")
            return found["Body"].read().decode()
        except (BotoCoreError, ClientError):
            return None

    def newest_message(self, generation: int) -> int:
        """Number of the newest file of messages, 0 while there is none."""
        prefix = f"{self.messages_prefix(generation)}/"
        try:
            pages = list(self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix))
        except (BotoCoreError, ClientError):
            return 0
        keys = (found["Key"] for page in pages for found in page.get("Contents", []))
        return max((int(key.removeprefix(prefix).removesuffix(".json")) for key in keys), default=0)

    def forget(self, generation: int) -> None:
        """Remove the conversation with a job that has ended; its record and result stay."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.messages_prefix(generation)}/")
        for page in pages:
            for found in page.get("Contents", []):
                self._s3.delete_object(Bucket=self.bucket, Key=found["Key"])
        self._s3.delete_object(Bucket=self.bucket, Key=f"{self.prefix}/context-{generation}.json")

    @property
    def _s3(self) -> S3Client:
        return self.account.s3

    def _read(self, key: str) -> Mapping[str, object]:
        found: Mapping[str, object] = json.loads(self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        return found

    def _write(self, name: str, value: Mapping[str, object]) -> None:
        self._s3.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}", Body=json.dumps(value).encode())
