"""How DuckDB gets at the lake's tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import duckdb

from lakehouse_platform.lake.extension import load_delta
from lakehouse_platform.settings import ObjectStore

LOG = "_delta_log"
"""Folder of a Delta table's log."""
ENTRY = re.compile(r"(?:^|/)(\d{20})\.json$")
"""Name of a version in it."""


class Access(Protocol):
    """The way to one lake."""

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give a connection `delta_scan` over the lake; before its configuration is locked."""
    def renew(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give it credentials that are still good; before each query."""
    def newest(self, uri: str) -> int | None:
        """Newest version of the Delta table at `uri`, None where there is no table."""


def access_to(store: ObjectStore | None) -> Access:
    """The way to a lake whose objects `store` reaches, or to one in a folder."""
    if store is None:
        return FolderAccess()
    from lakehouse_platform.lake.objects import ObjectAccess

    return ObjectAccess(store)


class FolderAccess:
    """A lake in a folder."""

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Load what reads Delta tables."""
        load_delta(connection)

    def renew(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Files ask for no credentials."""

    def newest(self, uri: str) -> int | None:
        """The newest entry of the table's log."""
        found = (ENTRY.search(file.name) for file in (Path(uri) / LOG).glob("*.json"))
        return max((int(entry[1]) for entry in found if entry), default=None)
