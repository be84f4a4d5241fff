"""Files of a lake in a folder of this machine."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lakehouse_platform import faults
from lakehouse_platform.sources.landing.base import FileGone, LandedFile

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The lake's folder. Who drops a file writes it under a name that begins with `.` or `_`, and renames it when it is whole."""

    root: Path

    def folders(self, path: str) -> tuple[str, ...]:
        """Names of the folders right in a folder."""
        place = self.root / path
        return tuple(sorted(entry.name for entry in place.iterdir() if entry.is_dir())) if place.is_dir() else ()

    def files(self, path: str, *, deep: bool) -> Iterator[LandedFile]:
        """The files in a folder, those of the folders in it too if `deep`; none where there is no such folder."""
        place = self.root / path
        found = (place.rglob("*") if deep else place.iterdir()) if place.is_dir() else ()
        for entry in found:
            landed = self._landed(entry)
            if landed is not None:
                yield landed

    def fetch(self, file: LandedFile, to: Path) -> None:
        """Copy its content. Raises FileGone where it is not there as it was listed."""
        self._require(file)
        shutil.copyfile(self.root / file.path, to)
        self._require(file)

    def move(self, file: LandedFile, path: str) -> None:
        """Rename it. Raises FileGone where it is not there as it was listed."""
        self._require(file)
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        faults.reach("landing.move.before")
        (self.root / file.path).replace(place)
        faults.reach("landing.move.after")

    def put(self, path: str, content: bytes) -> None:
        """Write a small file, or write it again."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def _landed(self, entry: Path) -> LandedFile | None:
        try:
            held = entry.stat()
        except FileNotFoundError:
            return None
        if not entry.is_file():
            return None
        landed_at = EPOCH + dt.timedelta(microseconds=held.st_mtime_ns // 1000)
        version = f"{held.st_ino}-{held.st_mtime_ns}"
        return LandedFile(entry.relative_to(self.root).as_posix(), landed_at, held.st_size, version)

    def _require(self, file: LandedFile) -> None:
        if self._landed(self.root / file.path) != file:
            raise FileGone(f"{file.path}: it was moved, or replaced, since it was listed.")
