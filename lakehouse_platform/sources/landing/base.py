"""A file that has landed, and what a place that files lie in can do."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lakehouse_platform.errors import SourceError, TransientError


class MalformedFile(SourceError):
    """A landed file is not what its contract says. The message names lines and declared columns, and no value."""


class FileGone(TransientError):
    """A landed file is not there any more, or is another one by now."""


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One file as it lay there when it was listed."""

    path: str
    """Below the lake's root."""
    landed_at: dt.datetime
    """When it was last modified, UTC; S3 knows seconds, and of an upload in parts when it began."""
    size: int
    """Bytes."""
    version: str
    """What tells its content from others under the same path: the entity tag, or the file's number."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def identity(self) -> str:
        """The same whenever it is listed, and another one for whatever replaces it; 32 hex digits."""
        said = "\n".join((self.path, self.landed_at.isoformat(), str(self.size), self.version))
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    @property
    def kept_name(self) -> str:
        """What it is called where it is kept: files that had the same name stay apart."""
        return f"{self.identity[:12]}-{self.name}"


class Files(Protocol):
    """A lake's files. Errors are TransientError or TerminalError as the place says."""

    def folders(self, path: str) -> tuple[str, ...]:
        """Names of the folders right in a folder."""
    def files(self, path: str, *, deep: bool) -> Iterator[LandedFile]:
        """The files in a folder, those of the folders in it too if `deep`; none where there is no such folder."""
    def fetch(self, file: LandedFile, to: Path) -> None:
        """Copy its content. Raises FileGone where it is not there as it was listed."""
    def move(self, file: LandedFile, path: str) -> None:
        """Have it lie elsewhere; whatever has replaced it by now stays. Raises FileGone where it is not there as it was listed."""
    def put(self, path: str, content: bytes) -> None:
        """Write a small file, or write it again."""
