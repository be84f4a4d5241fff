"""Saved queries: what a newcomer asks of a table first, made from its contract and kept in its domain's workgroup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_platform.aws.base import asking
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.lake.athena.names import Relation, quoted
from lakehouse_platform.naming import Zone, catalog_database

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

MADE = "Made from the contract"
"""How descriptions begin of queries that are the platform's own; others in the workgroup are left alone."""
SHOWN = 100
BATCH = 50
"""Queries that Athena tells of at once."""


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query under a name. Question marks in it are parameters: whoever runs it is asked for them."""

    name: str
    description: str
    database: str
    sql: str


@dataclass(frozen=True, slots=True)
class HeldQuery:
    """A saved query that a workgroup has."""

    id: str
    query: SavedQuery


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """What has to be done for a workgroup to have the right queries."""

    create: tuple[SavedQuery, ...] = ()
    update: tuple[HeldQuery, ...] = ()
    """Its id, and the query as it should be."""
    delete: tuple[HeldQuery, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.create or self.update or self.delete)


def saved_queries(contract: Contract, prefix: str) -> tuple[SavedQuery, ...]:
    """The queries of a contract's tables; `prefix` is the catalog's."""
    if contract.model is not None:
        return tuple(_mart_queries(contract, prefix))
    return (*_ods_queries(contract, prefix), *(_hds_queries(contract, prefix) if contract.keeps_history else ()))


def _ods_queries(contract: Contract, prefix: str) -> Iterator[SavedQuery]:
    place, columns = _place(Zone.ODS, contract, prefix), _columns(contract)
    yield _query(contract, Zone.ODS, prefix, "newest rows", "Rows that changed last at the source, newest first.",
                 f'select\n    {columns},\n    "_effective_at"\nfrom {place}\norder by "_effective_at" desc\nlimit {SHOWN}')


def _hds_queries(contract: Contract, prefix: str) -> Iterator[SavedQuery]:
    place, columns = _place(Zone.HDS, contract, prefix), _columns(contract)
    yield _query(
        contract, Zone.HDS, prefix, "as of", "The table as it was at an instant, such as '2026-11-02T17:00:00Z'.",
        f'select\n    {columns}\nfrom {place}\n'
        f'cross join (select from_iso8601_timestamp(?) as "instant") as "asked"\n'
        f'where "valid_from" <= "instant" and ("valid_to" is null or "instant" < "valid_to")')
    yield _query(
        contract, Zone.HDS, prefix, "versions of one key", f"All versions of one row, oldest first; asks for {', '.join(contract.key)}.",
        f'select\n    "valid_from",\n    "valid_to",\n    {columns}\nfrom {place}\n'
        f'where {" and ".join(f"{quoted(name)} = ?" for name in contract.key)}\norder by "valid_from"')


def _mart_queries(contract: Contract, prefix: str) -> Iterator[SavedQuery]:
    place, columns = _place(Zone.CURATED, contract, prefix), _columns(contract)
    order = f"\norder by {', '.join(map(quoted, contract.key))}" if contract.key else ""
    yield _query(contract, Zone.CURATED, prefix, "sample", f"The first {SHOWN} rows.",
                 f"select\n    {columns}\nfrom {place}{order}\nlimit {SHOWN}")


def _query(contract: Contract, zone: str, prefix: str, title: str, says: str, sql: str) -> SavedQuery:
    made = f"{MADE} {contract.name} {contract.version}"
    text = f"-- {says}\n-- {made}; owner {contract.owner}.\n{sql}\n"
    return SavedQuery(f"{zone}.{contract.table}: {title}", f"{made}. {says}", catalog_database(prefix, contract.domain), text)


def _place(zone: str, contract: Contract, prefix: str) -> str:
    return Relation(zone, contract.domain, contract.table).catalogued(prefix)


def _columns(contract: Contract) -> str:
    """Columns to show: not those that are classified, unless the key needs them; whoever may read them can name them."""
    shown = [c.name for c in contract.columns if not c.classified or c.name in contract.key]
    return ",\n    ".join(map(quoted, shown)) or "*"


def plan_saved(wanted: Iterable[SavedQuery], held: Iterable[HeldQuery]) -> SavedPlan:
    """What has to be done. Of two with one name the first is kept; queries of other people are not touched."""
    by_name = {query.name: query for query in wanted}
    create, update, delete = dict(by_name), [], []
    for found in held:
        if not found.query.description.startswith(MADE):
            continue
        query = create.pop(found.query.name, None)
        if query is None or query.database != found.query.database:
            delete.append(found)
            create.update({query.name: query} if query is not None else {})
        elif query != found.query:
            update.append(HeldQuery(found.id, query))
    return SavedPlan(tuple(create.values()), tuple(update), tuple(delete))


def apply_saved(client: AthenaClient, workgroup: str, wanted: Iterable[SavedQuery]) -> SavedPlan:
    """Give a workgroup the queries that it should have, and return what was done; nothing is written where nothing changed."""
    with asking(f"saved queries of workgroup {workgroup}"):
        plan = plan_saved(wanted, held_queries(client, workgroup))
        for held in plan.delete:
            client.delete_named_query(NamedQueryId=held.id)
        for held in plan.update:
            query = held.query
            client.update_named_query(NamedQueryId=held.id, Name=query.name, Description=query.description, QueryString=query.sql)
        for query in plan.create:
            client.create_named_query(
                Name=query.name, Description=query.description, Database=query.database, QueryString=query.sql, WorkGroup=workgroup)
    return plan


def held_queries(client: AthenaClient, workgroup: str) -> tuple[HeldQuery, ...]:
    """Every saved query of a workgroup, whoever made it."""
    ids: list[str] = []
    for page in client.get_paginator("list_named_queries").paginate(WorkGroup=workgroup):
        ids += page.get("NamedQueryIds", [])
    return tuple(held for first in range(0, len(ids), BATCH) for held in _told(client, ids[first:first + BATCH]))


def _told(client: AthenaClient, ids: Sequence[str]) -> Iterator[HeldQuery]:
    for found in client.batch_get_named_query(NamedQueryIds=ids).get("NamedQueries", []):
        yield HeldQuery(
            found.get("NamedQueryId", ""), SavedQuery(found["Name"], found.get("Description", ""), found["Database"], found["QueryString"]))
