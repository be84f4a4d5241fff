"""A domain's landing folders: what waits in them, and where it goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse_platform.naming import internal_path, landing_path, quarantine_path
from lakehouse_platform.sources.landing.base import Files, LandedFile

LANDED = "landed"
"""Internal folder of files that are in Raw."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """The landing folders of a domain: `raw/<domain>/_landing/<table>/`.

    A file lies here until it is in Raw or in quarantine. Names that begin with `_` or `.` are ignored: markers, and files that are
    still being written.
    """

    files: Files
    domain: str

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders that files may have landed in, declared or not."""
        return tuple(name for name in self.files.folders(landing_path(self.domain)) if not _ignored(name))

    def waiting(self, folder: str) -> tuple[LandedFile, ...]:
        """Files in a folder in the order in which they landed; for an empty name those beside the folders."""
        path = landing_path(self.domain, folder)
        found = [file for file in self.files.files(path, deep=bool(folder)) if not _ignored(file.path.removeprefix(f"{path}/"))]
        return tuple(sorted(found, key=lambda file: (file.landed_at, file.path)))

    def keep(self, file: LandedFile, folder: str) -> None:
        """Move a file that is in Raw out of the way. Raises FileGone where somebody else did."""
        self.files.move(file, f"{internal_path(LANDED, self.domain, folder)}/{file.kept_name}")

    def refuse(self, file: LandedFile, folder: str, reason: Mapping[str, object]) -> str:
        """Move a file into quarantine, its reason beside it; where it lies then. Raises FileGone where somebody else did."""
        path = f"{quarantine_path(self.domain, folder)}/{file.kept_name}"
        told = {"file": file.path, "landed_at": file.landed_at.isoformat(), "bytes": file.size, "identity": file.identity, **reason}
        self.files.put(f"{path}.reason.json", (json.dumps(told, indent=2) + "\n").encode())
        self.files.move(file, path)
        return path


def _ignored(name: str) -> bool:
    return any(part.startswith(("_", ".")) or not part for part in name.split("/"))
