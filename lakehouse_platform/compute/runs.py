"""What is kept of a step's jobs on S3: which were submitted, how they talk home, and what came of them.

The folder's name follows from the work alone, so a step that is tried again finds the job that an earlier try has started.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lakehouse_platform.aws.base import Account, asking, bucket_and_key, code_of
from lakehouse_platform.errors import LakehouseError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ABSENT = {"404", "NoSuchKey"}


@dataclass(frozen=True)
class JobFolder:
    """One piece of work, whatever number of jobs it takes.

    Its methods raise TransientError where S3 does not answer, TerminalError where it refuses.
    """

    account: Account
    uri: str
    """`s3://bucket/prefix`, without a trailing slash."""

    @property
    def bucket(self) -> str:
        """Where it lies."""
        return bucket_and_key(self.uri)[0]

    @property
    def prefix(self) -> str:
        """Its key, without a trailing slash."""
        return bucket_and_key(self.uri)[1]

    def submitted(self) -> dict[int, str]:
        """Ids of the jobs that were submitted for the work, by generation."""
        keys = self._keys(f"{self.prefix}/job-")
        return {_number(key): str(json.loads(self._get(key) or b"{}").get("job_id", "")) for key in keys}

    def record(self, generation: int, job_id: str) -> None:
        """Say that a job was submitted."""
        body = json.dumps({"job_id": job_id}).encode()
        self._put(f"{self.prefix}/job-{generation}.json", body)

    def result_uri(self, generation: int) -> str:
        """Where the job writes what came of it."""
        return f"{self.uri}/result-{generation}.json"

    def result(self, generation: int) -> bytes | None:
        """What came of the job, in its own words; None where it has not said so."""
        return self._get(f"{self.prefix}/result-{generation}.json")

    def tell(self, generation: int, text: str) -> str:
        """Leave what the job is told by its orchestrator. Returns the key."""
        key = f"{self.prefix}/context-{generation}.json"
        self._put(key, text.encode())
        return key

    def messages_prefix(self, generation: int) -> str:
        """Key under which the job's messages are: `1.json`, `2.json`, …, one written after the other."""
        return f"{self.prefix}/messages-{generation}"

    def message(self, generation: int, number: int) -> str | None:
        """A file of messages; None while it is not there, or S3 does not answer."""
        try:
            found = self._get(f"{self.messages_prefix(generation)}/{number}.json")
        except LakehouseError:
            return None
        return found.decode() if found is not None else None

    def newest_message(self, generation: int) -> int:
        """Number of the newest file of messages, 0 while there is none."""
        try:
            return max((_number(key) for key in self._keys(f"{self.messages_prefix(generation)}/")), default=0)
        except LakehouseError:
            return 0

    def forget(self, generation: int) -> None:
        """Remove the conversation with a job that has ended; its record and result stay."""
        keys = [*self._keys(f"{self.messages_prefix(generation)}/"), f"{self.prefix}/context-{generation}.json"]
        with asking(f"to clean {self.uri}"):
            for key in keys:
                self._s3.delete_object(Bucket=self.bucket, Key=key)

    @property
    def _s3(self) -> S3Client:
        return self.account.s3

    def _get(self, key: str) -> bytes | None:
        with asking(f"to read s3://{self.bucket}/{key}"):
            try:
                return self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in ABSENT:
                    return None
                raise

    def _put(self, key: str, body: bytes) -> None:
        with asking(f"to write s3://{self.bucket}/{key}"):
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def _keys(self, prefix: str) -> list[str]:
        with asking(f"to list s3://{self.bucket}/{prefix}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return [found["Key"] for page in pages for found in page.get("Contents", [])]


def _number(key: str) -> int:
    """`3` of `…/messages-0/3.json` and of `…/job-3.json`."""
    return int(key.rpartition("/")[2].removesuffix(".json").rpartition("-")[2])
