"""What a table looks like, and where its transactions stand, in the session's snapshot."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from lakehouse_platform.sources.base import SourceColumn
from lakehouse_platform.sources.postgres.session import Session

VERSIONED = frozenset("rpm")
"""Kinds of relations whose rows have a transaction number: tables, partitioned tables, materialized views."""

_ARGUMENTS = re.compile(r"\(([\d, -]+)\)")


@dataclass(frozen=True, slots=True)
class Marks:
    """Where the database's transactions stood."""

    high: int
    """Every transaction below it has ended, and all it did is seen."""
    running: int
    """First transaction number that was not begun."""
    seen_at: dt.datetime
    """The clock before the snapshot, so that whatever was committed until then is seen."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Something with columns that can be selected from."""

    columns: Mapping[str, SourceColumn]
    kind: str
    """`pg_class.relkind`; empty for a query."""


def read_marks(session: Session) -> Marks:
    """The snapshot's bounds and the clock."""
    snapshot = sa.func.pg_current_snapshot()
    high, running = (sa.cast(bound, sa.Text) for bound in (sa.func.pg_snapshot_xmin(snapshot), sa.func.pg_snapshot_xmax(snapshot)))
    clock = sa.cast(sa.func.to_jsonb(sa.func.now()).op("#>>")(sa.cast(sa.literal("{}", sa.Text), ARRAY(sa.Text))), sa.Text)
    row = session.records(sa.select(high.label("high"), running.label("running"), clock.label("clock")))[0]
    return Marks(int(row["high"]), int(row["running"]), dt.datetime.fromisoformat(row["clock"]))


def read_relation(session: Session, schema: str, table: str) -> Relation | None:
    """Columns in order, a domain as its base type; None where there is none."""
    rows = session.records(_lookup(schema, table))
    columns = {r["name"]: SourceColumn(r["name"], r["type"], nullable=r["nullable"] == "true") for r in rows}
    return Relation(columns, rows[0]["kind"]) if rows else None


def read_query(session: Session, query: sa.FromClause) -> Relation:
    """Columns of a query, with the types as far as a query tells them: without length and precision."""
    names = session.names(sa.select(sa.literal_column("*")).select_from(query).limit(0))
    nothing = sa.select(*(sa.column(n) for n in names)).select_from(query).limit(0).subquery("nothing")
    one = sa.select(sa.literal(1).label("one")).subquery("one")
    types = [sa.cast(sa.func.pg_typeof(column), sa.Text).label(f"c{i}") for i, column in enumerate(nothing.c)]
    row = session.records(sa.select(*types).select_from(one.outerjoin(nothing, sa.true())))[0]
    return Relation({n: SourceColumn(n, row[f"c{i}"], nullable=True) for i, n in enumerate(names)}, kind="")


def type_name(spelling: str) -> tuple[str, tuple[int, ...]]:
    """Name and arguments of a type as PostgreSQL spells it.

    >>> type_name("timestamp(3) with time zone")
    ('timestamp with time zone', (3,))
    """
    found = _ARGUMENTS.search(spelling)
    arguments = tuple(int(n) for n in found[1].split(",")) if found else ()
    return _ARGUMENTS.sub("", spelling), arguments


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(c) for c in columns), schema="pg_catalog")


def _lookup(schema: str, table: str) -> sa.SelectBase:
    attribute = _table("pg_attribute", "attrelid", "attname", "attnum", "atttypid", "atttypmod", "attnotnull", "attisdropped")
    relation = _table("pg_class", "oid", "relname", "relnamespace", "relkind")
    namespace = _table("pg_namespace", "oid", "nspname")
    kind = _table("pg_type", "oid", "typtype", "typbasetype", "typtypmod")
    domain = kind.c.typtype == "d"
    base = sa.case((domain, kind.c.typbasetype), else_=attribute.c.atttypid)
    modifier = sa.case((domain, kind.c.typtypmod), else_=attribute.c.atttypmod)
    return (
        sa.select(
            sa.cast(attribute.c.attname, sa.Text).label("name"),
            sa.func.format_type(base, modifier).label("type"),
            sa.cast(sa.not_(attribute.c.attnotnull), sa.Text).label("nullable"),
            sa.cast(relation.c.relkind, sa.Text).label("kind"),
        )
        .select_from(attribute)
        .join(relation, relation.c.oid == attribute.c.attrelid)
        .join(namespace, namespace.c.oid == relation.c.relnamespace)
        .join(kind, kind.c.oid == attribute.c.atttypid)
        .where(namespace.c.nspname == schema, relation.c.relname == table)
        .where(attribute.c.attnum > 0, sa.not_(attribute.c.attisdropped))
        .order_by(attribute.c.attnum)
    )
