"""What jobs need, uploaded once: each artifact lies under a name that follows from its content, and is never written over."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lakehouse_platform.aws.base import Account, asking, bucket_and_key, code_of
from lakehouse_platform.compute.base import Bundle
from lakehouse_platform.errors import TerminalError

ABSENT, THERE, RACED = {"404", "NoSuchKey", "NotFound"}, {"412", "PreconditionFailed"}, {"409", "ConditionalRequestConflict"}
"""S3's codes: nothing lies there, something does, somebody else is writing it at this moment."""
TRIES = 4
"""Of a write that met another one."""
LARGEST = 5 * 1024**3
"""Bytes that S3 takes in one request, which is what makes a write whole and conditional."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that jobs need."""

    name: str
    """Of the file, as a job sees it."""
    fingerprint: str
    """Digest of its content, or of all that its content is made of."""
    file: Callable[[], Path]
    """Gives the file, and makes it where it has not been made."""
    exact: bool = True
    """Whether the fingerprint is the SHA-256 of the file itself."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """All that a job needs."""

    python: Artifact | str
    """An address on S3 where somebody put it there."""
    wheel: Artifact
    entry: Artifact
    project: Artifact
    jars: tuple[Artifact, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Of all of it."""
        python = self.python if isinstance(self.python, str) else self.python.fingerprint
        parts = [python, *(part.fingerprint for part in (self.wheel, self.entry, self.project, *self.jars))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """Where artifacts are kept."""

    account: Account
    uri: str
    """`s3://bucket/prefix`, without a trailing slash."""
    kms_key: str | None = None
    """Key that they are encrypted with (SSE-KMS); the bucket's default without."""
    known: set[str] = field(default_factory=set)
    """Addresses that were seen, so that a process asks for each once."""

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return bucket_and_key(self.uri)[0]

    def address(self, artifact: Artifact) -> str:
        """Where an artifact lies, once it is there."""
        return f"{self.uri}/{artifact.fingerprint[:32]}/{artifact.name}"

    def key(self, artifact: Artifact) -> str:
        """The same within the bucket."""
        return bucket_and_key(self.address(artifact))[1]


def upload(place: Place, artifacts: Artifacts) -> Bundle:
    """See that everything is there. Several processes may do it at once; what is there is neither made nor sent again.

    Raises TransientError where S3 does not answer or is busy, TerminalError where it refuses or holds something else.
    """
    python = artifacts.python if isinstance(artifacts.python, str) else put(place, artifacts.python)
    wheel, entry, project = (put(place, part) for part in (artifacts.wheel, artifacts.entry, artifacts.project))
    return Bundle(python, wheel, entry, project, tuple(put(place, jar) for jar in artifacts.jars), artifacts.fingerprint)


def put(place: Place, artifact: Artifact) -> str:
    """Address of the artifact, uploaded where it is not there."""
    address = place.address(artifact)
    if address not in place.known:
        if size_there(place, artifact) is None:
            _write(place, artifact)
        _verify(place, artifact)
        place.known.add(address)
    return address


def size_there(place: Place, artifact: Artifact) -> int | None:
    """Bytes of the artifact where it lies; None where it does not."""
    with asking(f"looking for {place.address(artifact)}"):
        try:
            return int(place.account.s3.head_object(Bucket=place.bucket, Key=place.key(artifact))["ContentLength"])
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise


def _write(place: Place, artifact: Artifact) -> None:
    file = artifact.file()
    if file.stat().st_size > LARGEST:
        raise TerminalError(f"{file}: has {file.stat().st_size} bytes; S3 takes {LARGEST} at once. Leave something out of it.")
    with asking(f"uploading {file} to {place.address(artifact)}"):
        for tried in range(1, TRIES + 1):
            try:
                _put_absent(place, artifact, file)
            except ClientError as error:
                if code_of(error) in THERE:
                    return
                if code_of(error) not in RACED or tried == TRIES:
                    raise
            else:
                return


def _put_absent(place: Place, artifact: Artifact, file: Path) -> None:
    encryption: dict[str, Any] = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": place.kms_key} if place.kms_key else {}
    digest = base64.b64encode(_sha256(file)).decode()
    with file.open("rb") as body:
        place.account.s3.put_object(
            Bucket=place.bucket, Key=place.key(artifact), Body=body, ChecksumSHA256=digest, IfNoneMatch="*", **encryption)


def _sha256(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def _verify(place: Place, artifact: Artifact) -> None:
    """Raises TerminalError where what lies there is not what belongs there."""
    with asking(f"looking at {place.address(artifact)}"):
        found = place.account.s3.head_object(Bucket=place.bucket, Key=place.key(artifact), ChecksumMode="ENABLED")
    said = found.get("ChecksumSHA256")
    if artifact.exact and said and base64.b64decode(said).hex() != artifact.fingerprint:
        raise TerminalError(f"{place.address(artifact)}: holds something else than its name says. Remove it, and it is uploaded again.")
