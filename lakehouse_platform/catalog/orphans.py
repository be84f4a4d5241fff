"""Tables of ours in the catalog that nothing stands behind any more: no contract, or no Delta table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_platform import naming
from lakehouse_platform.aws.base import asking
from lakehouse_platform.catalog.glue import find_table, tables_in
from lakehouse_platform.catalog.tables import CONTRACT, PREFIX, ZONE, place_of, zones_of
from lakehouse_platform.contracts.contract import Contract

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableTypeDef


@dataclass(frozen=True, slots=True)
class Orphan:
    """A table of the catalog that nothing stands behind."""

    database: str
    table: str
    contract: str
    """The one that it was registered for."""
    location: str
    reason: str


def find_orphans(glue: GlueClient, prefix: str, contracts: Iterable[Contract], has_table: Callable[[str], bool]) -> tuple[Orphan, ...]:
    """Orphans in all databases of `prefix`; `has_table` says whether there is a Delta table at an address.

    Only tables that this prefix registered count: `lake` does not judge those of `lake_dev`. Raises TransientError, TerminalError.
    """
    wanted = {
        (naming.catalog_database(prefix, c.domain), naming.catalog_table(zone, c.table)) for c in contracts for zone in zones_of(c)}
    return tuple(
        Orphan(database, table["Name"], table["Parameters"][CONTRACT], place_of(table), reason)
        for database in _databases(glue, prefix) for table in tables_in(glue, database)
        if _ours(table, prefix) and (reason := _reason(table, (database, table["Name"]) in wanted, has_table))
    )  # fmt: skip


def remove_orphans(glue: GlueClient, orphans: Iterable[Orphan]) -> tuple[Orphan, ...]:
    """Take orphans out of the catalog; those that were removed. The lake is not touched, and neither is what was replaced meanwhile."""
    return tuple(orphan for orphan in orphans if _remove(glue, orphan))


def _remove(glue: GlueClient, orphan: Orphan) -> bool:
    held = find_table(glue, orphan.database, orphan.table)
    if held is None or held.get("Parameters", {}).get(CONTRACT) != orphan.contract or place_of(held) != orphan.location:
        return False
    with asking(f"catalog table {orphan.database}.{orphan.table}"):
        try:
            glue.delete_table(DatabaseName=orphan.database, Name=orphan.table)
        except glue.exceptions.EntityNotFoundException:
            return False
    return True


def _databases(glue: GlueClient, prefix: str) -> Iterator[str]:
    with asking("catalog databases"):
        pages = list(glue.get_paginator("get_databases").paginate())
    beginning = naming.catalog_database(prefix, "")
    yield from sorted(d["Name"] for page in pages for d in page["DatabaseList"] if d["Name"].startswith(beginning))


def _ours(table: TableTypeDef, prefix: str) -> bool:
    said = table.get("Parameters", {})
    return CONTRACT in said and said.get(PREFIX) == prefix


def _reason(table: TableTypeDef, wanted: bool, has_table: Callable[[str], bool]) -> str:  # noqa: FBT001 (one caller, just above)
    said, location = table.get("Parameters", {}), place_of(table)
    if not wanted:
        return f"no contract {said[CONTRACT]} has a table in {said.get(ZONE, 'that zone')} any more"
    return "" if has_table(location) else f"there is no Delta table at {location}"
