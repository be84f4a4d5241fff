"""The business's journal of commits, read for tests: what was true when, and in which order it was committed."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

import psycopg

from resources.legacy.server import DATABASES, Legacy

Key = tuple[object, ...]
Values = dict[str, object]

_ENTRIES = """
    select j.schema_name, j.table_name, j.operation, j.content::text, j.business_time, p.commit_number, p.day
    from legacy_meta.journal as j join legacy_meta.played as p using (xid)
    order by p.commit_number, j.entry
"""
_COLUMNS = """
    select table_schema, table_name, column_name, data_type from information_schema.columns
    where (table_schema, table_name) in (select schema_name, table_name from legacy_meta.tracked)
    order by table_schema, table_name, ordinal_position
"""

_READERS: dict[str, Callable[[str], object]] = {
    "bigint": int, "integer": int, "smallint": int, "numeric": Decimal, "double precision": float, "uuid": uuid.UUID,
    "boolean": lambda text: text == "True",
    "date": dt.date.fromisoformat, "timestamp without time zone": dt.datetime.fromisoformat,
    "timestamp with time zone": lambda text: dt.datetime.fromisoformat(text).astimezone(dt.UTC),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one row."""

    database: str
    schema: str
    table: str
    key: Key
    """Empty for the keyless table."""
    operation: str
    """I, U or D."""
    values: Values
    """The row after the change (before it for D), with today's columns in today's types."""
    business_time: dt.datetime
    """When it became true, UTC: the row's own time, else the transaction's simulated one."""
    commit_number: int
    """Order of commits within its database."""
    day_committed: int


class Journal:
    """Everything that was committed in a legacy, read once."""

    def __init__(self, legacy: Legacy) -> None:
        self.entries: tuple[Entry, ...] = tuple(entry for database in DATABASES for entry in _read(legacy, database))

    def of(self, database: str, table: str) -> list[Entry]:
        """The changes of `schema.table`, in the order of their commits."""
        return [e for e in self.entries if e.database == database and f"{e.schema}.{e.table}" == table]

    def rows_after(self, database: str, table: str, day: int) -> list[Values]:
        """What `schema.table` held at the end of a day."""
        return _replay(e for e in self.of(database, table) if e.day_committed <= day)


def _replay(entries: Iterable[Entry]) -> list[Values]:
    keyed: dict[Key, Values] = {}
    keyless: Counter[tuple[tuple[str, object], ...]] = Counter()
    for entry in entries:
        if not entry.key:
            keyless[tuple(entry.values.items())] += -1 if entry.operation == "D" else 1
        elif entry.operation == "D":
            del keyed[entry.key]
        else:
            keyed[entry.key] = entry.values
    return [*keyed.values(), *(dict(row) for row in keyless.elements())]


def _read(legacy: Legacy, database: str) -> list[Entry]:
    with legacy.connect(database) as connection:
        keys = {(s, t): tuple(key) for s, t, key in connection.execute("select schema_name, table_name, key from legacy_meta.tracked")}
        columns = _columns(connection)
        return [
            Entry(database, schema, table, tuple(values[part] for part in keys[schema, table]), operation, values,
                  time.astimezone(dt.UTC), commit, day)
            for schema, table, operation, content, time, commit, day in connection.execute(_ENTRIES)
            for values in [_typed(columns[schema, table], json.loads(content, parse_float=str, parse_int=str))]
        ]


def _columns(connection: psycopg.Connection) -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(_COLUMNS):
        found.setdefault((schema, table), {})[column] = kind
    return found


def _typed(columns: dict[str, str], content: dict[str, object]) -> Values:
    return {name: _value(kind, content.get(name)) for name, kind in columns.items()}


def _value(kind: str, value: object) -> object:
    return None if value is None else _READERS.get(kind, str)(str(value))
