"""Manifests: which Parquet files a COPY reads, each by name. The folder itself is never read: it holds files of other versions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse_platform.warehouse.base import FileGroup, Load


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest and where it lies."""

    url: str
    group: FileGroup

    @property
    def text(self) -> str:
        """What is in it: the same for the same files, so that writing it again changes nothing."""
        entries = [{"url": f.url, "mandatory": True, "meta": {"content_length": f.bytes}} for f in self.group.files]
        return json.dumps({"entries": entries}, indent=1) + "\n"


def plan_manifests(root: str, load: Load) -> tuple[tuple[Manifest, ...], tuple[Manifest, ...]]:
    """Manifests of the files that come and of those that go, named after table, version and the version before."""
    place, held = load.table.place, f"{load.before.ordinal:08d}-{max(load.before.version, 0)}"
    folder = f"{root}/{place.schema}/{place.name}/{load.snapshot.lake_id}/{load.snapshot.version:020d}-{load.plan.mode}-after-{held}"
    return _named(f"{folder}/added", load.added), _named(f"{folder}/removed", load.removed)


def _named(prefix: str, groups: Sequence[FileGroup]) -> tuple[Manifest, ...]:
    return tuple(Manifest(f"{prefix}-{number:03d}.manifest", group) for number, group in enumerate(groups))
