"""What the crawlers found in Raw, held against what is registered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lakehouse_platform import naming
from lakehouse_platform.aws.base import asking
from lakehouse_platform.catalog.glue import tables_in, tables_of
from lakehouse_platform.catalog.tables import CONTRACT, ZONE, place_of, read_table
from lakehouse_platform.naming import Zone

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableTypeDef


class Change(StrEnum):
    """How what was found differs from what is registered."""

    ADDED = "added"
    REMOVED = "removed"
    RETYPED = "retyped"
    UNSEEN = "unseen"
    """The crawler found no such table."""
    UNREGISTERED = "unregistered"
    """The crawler found a table that is not registered."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing of a Raw table that AWS sees otherwise than it is registered: somebody else wrote to the table's log."""

    contract: str
    """`domain.table`; the address of a table that is not registered."""
    change: Change
    column: str | None = None
    """None where the table itself was not found."""
    declared: str | None = None
    """Registered type; None for an added column."""
    found: str | None = None
    """Type that the crawler found; None for a removed column."""
    version: str | None = None
    """First version of the crawler's table that has it so, without a break until now."""
    since: dt.datetime | None = None
    """When that version was written."""

    def __str__(self) -> str:
        when = f" since version {self.version} of the crawler's table" if self.version is not None else ""
        if self.change is Change.ADDED:
            return f"{self.contract}: column {self.column} ({self.found}) is in Raw and not registered{when}"
        if self.change is Change.REMOVED:
            return f"{self.contract}: column {self.column} ({self.declared}) is registered and not in Raw{when}"
        if self.change is Change.RETYPED:
            return f"{self.contract}: column {self.column} is registered as {self.declared} and is {self.found} in Raw{when}"
        if self.change is Change.UNSEEN:
            return f"{self.contract}: the crawler found no Raw table"
        return f"{self.contract}: the crawler found a table there that is not registered"


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """A version of a crawler's table."""

    version: str
    written: dt.datetime | None
    schema: Mapping[str, str]


def audit_raw(glue: GlueClient, prefix: str, domain: str) -> tuple[Mismatch, ...]:
    """Where the crawler's tables of a domain and the registered Raw tables disagree. Raises TransientError, TerminalError.

    Tables are matched by their place: a crawler gives names of its own where two folders are called alike.
    """
    database = naming.audit_database(prefix, domain)
    found = {place_of(table): table["Name"] for table in tables_in(glue, database)}
    ours = [t for t in tables_of(glue, prefix, domain).values() if t["Parameters"].get(ZONE) == Zone.RAW]
    unknown = found.keys() - {place_of(table) for table in ours}
    return (
        *(mismatch for table in ours for mismatch in _audit(glue, database, table, found.get(place_of(table)))),
        *(Mismatch(place, Change.UNREGISTERED) for place in sorted(unknown)))


def _audit(glue: GlueClient, database: str, ours: TableTypeDef, found: str | None) -> tuple[Mismatch, ...]:
    contract = ours["Parameters"][CONTRACT]
    versions = schema_versions(glue, database, found) if found is not None else ()
    return compare(contract, read_table(ours).schema, versions) if versions else (Mismatch(contract, Change.UNSEEN),)


def schema_versions(glue: GlueClient, database: str, table: str) -> tuple[SchemaVersion, ...]:
    """Versions of a table, newest first."""
    with asking(f"versions of catalog table {database}.{table}"):
        pages = list(glue.get_paginator("get_table_versions").paginate(DatabaseName=database, TableName=table))
    versions = [version for page in pages for version in page["TableVersions"]]
    return tuple(
        SchemaVersion(v["VersionId"], v["Table"].get("UpdateTime"), read_table(v["Table"]).schema)
        for v in sorted(versions, key=lambda v: int(v["VersionId"]), reverse=True))


def compare(contract: str, registered: Mapping[str, str], versions: Sequence[SchemaVersion]) -> tuple[Mismatch, ...]:
    """Mismatches of the newest version: added columns, then retyped ones, then removed ones."""
    return tuple(
        Mismatch(contract, change, column, registered.get(column), versions[0].schema.get(column), first.version, first.written)
        for change, column in _differences(registered, versions[0].schema)
        for first in [_first_so(column, versions)])


def _differences(registered: Mapping[str, str], found: Mapping[str, str]) -> Iterator[tuple[Change, str]]:
    yield from ((Change.ADDED, name) for name in found if name not in registered)
    yield from ((Change.RETYPED, name) for name, kind in found.items() if registered.get(name, kind) != kind)
    yield from ((Change.REMOVED, name) for name in registered if name not in found)


def _first_so(column: str, versions: Sequence[SchemaVersion]) -> SchemaVersion:
    """The oldest of the newest versions that agree about the column."""
    first = versions[0]
    for version in versions:
        if version.schema.get(column) != versions[0].schema.get(column):
            break
        first = version
    return first
