"""Files of a lake on S3."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lakehouse_platform import faults
from lakehouse_platform.aws.base import asking, bucket_and_key, code_of
from lakehouse_platform.sources.landing.base import FileGone, LandedFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

PIECE = 1 << 20
"""Bytes that are held of an object while it is copied to this machine."""
_GONE = frozenset({"404", "412", "NoSuchKey", "NotFound", "PreconditionFailed"})


@dataclass(frozen=True)
class ObjectFiles:
    """The lake's objects. Whatever is read, copied or deleted is so only while it has the entity tag that was listed."""

    client: S3Client
    root: str
    """`s3://bucket/folder`."""
    kms_key: str | None = None
    """Key of what is written; the bucket's default without."""

    def folders(self, path: str) -> tuple[str, ...]:
        """Names of the folders right in a folder."""
        prefix = self._key(path) + "/"
        found = (p["Prefix"] for page in self._pages(prefix, "/") for p in page.get("CommonPrefixes", []))
        return tuple(name.removeprefix(prefix).rstrip("/") for name in found)

    def files(self, path: str, *, deep: bool) -> Iterator[LandedFile]:
        """The objects in a folder, those of the folders in it too if `deep`."""
        beginning = self._key("")
        for page in self._pages(self._key(path) + "/", "" if deep else "/"):
            for held in page.get("Contents", []):
                if not held["Key"].endswith("/"):
                    below, landed_at = held["Key"].removeprefix(beginning), held["LastModified"].astimezone(dt.UTC)
                    yield LandedFile(below, landed_at, held["Size"], held["ETag"])

    def fetch(self, file: LandedFile, to: Path) -> None:
        """Copy its content. Raises FileGone where it is not there as it was listed."""
        with _unchanged(file), to.open("wb") as copy:
            body = self.client.get_object(Bucket=self._bucket, Key=self._key(file.path), IfMatch=file.version)["Body"]
            for piece in body.iter_chunks(PIECE):
                copy.write(piece)

    def move(self, file: LandedFile, path: str) -> None:
        """Copy it, and delete what was copied. Raises FileGone where it is not there as it was listed.

        An object that came in its place meanwhile has another tag, so it is not deleted; one with the same tag is the same.
        """
        source, bucket = self._key(file.path), self._bucket
        extra = {"CopySourceIfMatch": file.version, **self._encryption}
        with _unchanged(file):
            faults.reach("landing.copy.before")
            self.client.copy({"Bucket": bucket, "Key": source}, bucket, self._key(path), ExtraArgs=extra)
            faults.reach("landing.copy.after")
            faults.reach("landing.delete.before")
            self.client.delete_object(Bucket=bucket, Key=source, IfMatch=file.version)
            faults.reach("landing.delete.after")

    def put(self, path: str, content: bytes) -> None:
        """Write a small object, or write it again."""
        with asking(f"{self.root}/{path}"):
            if self.kms_key is None:
                self.client.put_object(Bucket=self._bucket, Key=self._key(path), Body=content)
            else:
                self.client.put_object(
                    Bucket=self._bucket, Key=self._key(path), Body=content, ServerSideEncryption="aws:kms", SSEKMSKeyId=self.kms_key)

    @property
    def _encryption(self) -> dict[str, str]:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key is not None else {}

    @property
    def _bucket(self) -> str:
        return bucket_and_key(self.root)[0]

    def _key(self, path: str) -> str:
        folder = bucket_and_key(self.root)[1]
        return f"{folder}/{path}" if folder else path

    def _pages(self, prefix: str, delimiter: str) -> Iterator[ListObjectsV2OutputTypeDef]:
        with asking(f"s3://{self._bucket}/{prefix}"):
            yield from self.client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, Delimiter=delimiter)


@contextmanager
def _unchanged(file: LandedFile) -> Iterator[None]:
    with asking(file.path):
        try:
            yield
        except ClientError as error:
            if code_of(error) in _GONE:
                raise FileGone(f"{file.path}: it was moved, or replaced, since it was listed.") from error
            raise
