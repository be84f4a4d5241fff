"""Archives whose bytes follow from their content alone: sorted, of one date, nobody's."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file; the first that a ZIP can say."""
SECONDS = 315532800
"""The same since 1970."""
LEVEL = 6


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive."""

    name: str
    """With `/`, from the archive's root."""
    content: bytes | Path
    executable: bool = False

    def read(self) -> bytes:
        """What is in it."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    @property
    def mode(self) -> int:
        """Permissions."""
        return 0o755 if self.executable else 0o644


def zip_of(members: Iterable[Member]) -> bytes:
    """A ZIP. It is not compressed, since compressors differ from machine to machine."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for member in _sorted(members):
            entry = zipfile.ZipInfo(member.name, DATE)
            entry.create_system, entry.external_attr = 3, (0o100000 | member.mode) << 16
            archive.writestr(entry, member.read())
    return packed.getvalue()


def write_tar_gz(file: Path, members: Iterable[Member]) -> None:
    """Write a `.tar.gz`. The same content gives the same bytes on machines with the same zlib."""
    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in _sorted(members):
            content = member.read()
            entry = tarfile.TarInfo(member.name)
            entry.size, entry.mtime, entry.mode = len(content), SECONDS, member.mode
            archive.addfile(entry, io.BytesIO(content))


def _sorted(members: Iterable[Member]) -> list[Member]:
    return sorted(members, key=lambda member: member.name)


def sha256_of(content: bytes | Path) -> str:
    """Digest of bytes, or of a file's, in hexadecimal."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
