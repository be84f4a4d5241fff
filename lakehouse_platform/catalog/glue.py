"""Registers tables in the Glue catalog: creates what is missing, updates what differs, leaves alone what agrees or is not ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lakehouse_platform import naming
from lakehouse_platform.aws.base import Account, asking
from lakehouse_platform.catalog.tables import CONTRACT, CatalogTable, changes, plan_table, read_table, schema_changed, table_input
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Table
from lakehouse_platform.errors import CommitConflict, TerminalError
from lakehouse_platform.settings import CatalogBlock

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableTypeDef, UpdateTableRequestTypeDef

DOMAIN = "lakehouse.domain"
"""A database's parameter."""
TRIES = 5
"""How often a table is looked at anew when others change it at the same time."""


class Applied(StrEnum):
    """What became of something that the catalog should hold."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of one table."""

    database: str
    table: str
    applied: Applied
    changes: tuple[str, ...] = ()
    """What was updated, for people."""

    def __str__(self) -> str:
        return f"{self.database}.{self.table} {self.applied}" + (f": {'; '.join(self.changes)}" if self.changes else "")


def register(account: Account, settings: CatalogBlock, contract: Contract, zone: str, uri: str, table: Table) -> Registration:
    """Register a zone's table as its contract and its log have it now. Where the catalog has it so already, this is one GetTable.

    Raises TerminalError where a table of somebody else has the name, CommitConflict where others keep changing it, TransientError.
    """
    return apply_table(account.glue, plan_table(settings.prefix, contract, zone, uri, table.shape), contract)


def apply_table(glue: GlueClient, wanted: CatalogTable, contract: Contract) -> Registration:
    """Make the catalog hold `wanted`; the errors are those of `register`."""
    for _ in range(TRIES):
        with asking(f"catalog table {wanted.database}.{wanted.name}"):
            done = _attempt(glue, wanted, contract)
        if done is not None:
            return done
    raise CommitConflict(f"catalog table {wanted.database}.{wanted.name}: others changed it {TRIES} times in a row; try again")


def _attempt(glue: GlueClient, wanted: CatalogTable, contract: Contract) -> Registration | None:
    """None where another was faster."""
    held = find_table(glue, wanted.database, wanted.name)
    if held is None:
        return _create(glue, wanted, contract)
    _refuse_foreign(held, wanted)
    before = read_table(held)
    differing = changes(before, wanted)
    if not differing:
        return Registration(wanted.database, wanted.name, Applied.UNCHANGED)
    return _update(glue, wanted, held, differing, archive=schema_changed(before, wanted))


def _create(glue: GlueClient, wanted: CatalogTable, contract: Contract) -> Registration | None:
    made = table_input(wanted)
    try:
        glue.create_table(DatabaseName=wanted.database, TableInput=made)
    except glue.exceptions.AlreadyExistsException:
        return None
    except glue.exceptions.EntityNotFoundException:
        _create_database(glue, wanted.database, contract)
        return None
    return Registration(wanted.database, wanted.name, Applied.CREATED)


def _update(
    glue: GlueClient, wanted: CatalogTable, held: TableTypeDef, differing: tuple[str, ...], *, archive: bool
) -> Registration | None:
    """Only a change of the schema leaves the version before it behind: a table's versions are then its schemas."""
    request: UpdateTableRequestTypeDef = {
        "DatabaseName": wanted.database, "TableInput": table_input(wanted, held), "SkipArchive": not archive}
    if "VersionId" in held:
        request["VersionId"] = held["VersionId"]
    try:
        glue.update_table(**request)
    except (glue.exceptions.ConcurrentModificationException, glue.exceptions.EntityNotFoundException):
        return None
    return Registration(wanted.database, wanted.name, Applied.UPDATED, differing)


def _refuse_foreign(held: TableTypeDef, wanted: CatalogTable) -> None:
    said, name = held.get("Parameters", {}).get(CONTRACT), f"{wanted.database}.{wanted.name}"
    if said is None:
        raise TerminalError(
            f"catalog table {name} is not the platform's: it has no parameter {CONTRACT}. "
            "It was left as it is. Drop or rename it, or choose another catalog.prefix.")
    if said != wanted.parameters[CONTRACT]:
        raise TerminalError(
            f"catalog table {name} belongs to contract {said}, not to {wanted.parameters[CONTRACT]}. It was left as it is. "
            "Two environments share these names: choose another catalog.prefix for one of them.")


def _create_database(glue: GlueClient, name: str, contract: Contract) -> None:
    ensure_database(
        glue, name, description=f"Tables of the domain {contract.domain}: raw, ods, hds and curated.",
        parameters={DOMAIN: contract.domain}, tags={"domain": contract.domain, "owner": contract.owner})


def ensure_database(
    glue: GlueClient, name: str, *, description: str, parameters: Mapping[str, str], tags: Mapping[str, str]
) -> Applied:
    """Create a database where there is none; one that somebody else has made is taken as it is."""
    with asking(f"catalog database {name}"):
        try:
            glue.create_database(
                DatabaseInput={"Name": name, "Description": description, "Parameters": dict(parameters)}, Tags=dict(tags))
        except glue.exceptions.AlreadyExistsException:
            return Applied.UNCHANGED
    return Applied.CREATED


def find_table(glue: GlueClient, database: str, name: str) -> TableTypeDef | None:
    """A table of the catalog; None where there is none, or no such database."""
    with asking(f"catalog table {database}.{name}"):
        try:
            return glue.get_table(DatabaseName=database, Name=name)["Table"]
        except glue.exceptions.EntityNotFoundException:
            return None


def tables_in(glue: GlueClient, database: str) -> list[TableTypeDef]:
    """All tables of a database, by name; none where there is no such database."""
    with asking(f"catalog database {database}"):
        try:
            pages = list(glue.get_paginator("get_tables").paginate(DatabaseName=database))
        except glue.exceptions.EntityNotFoundException:
            return []
    return sorted((table for page in pages for table in page["TableList"]), key=lambda table: table["Name"])


def tables_of(glue: GlueClient, prefix: str, domain: str) -> dict[str, TableTypeDef]:
    """The platform's tables of a domain, by name."""
    tables = tables_in(glue, naming.catalog_database(prefix, domain))
    return {table["Name"]: table for table in tables if CONTRACT in table.get("Parameters", {})}
