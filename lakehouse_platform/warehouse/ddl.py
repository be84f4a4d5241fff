"""Redshift's statements about a table's definition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.warehouse.base import LEDGER, LEDGER_SCHEMA, Layout, Place, WarehouseColumn, WarehouseTable
from lakehouse_platform.warehouse.types import redshift_type


def quoted(name: str) -> str:
    """A name as a quoted identifier. Redshift folds it to small letters all the same."""
    return '"' + name.replace('"', '""') + '"'


def at(place: Place) -> str:
    """A table's name with its schema."""
    return f"{quoted(place.schema)}.{quoted(place.name)}"


def names(columns: Iterable[str]) -> str:
    """Quoted names between commas."""
    return ", ".join(map(quoted, columns))


def literal(value: object) -> str:
    """A value as it stands in a statement that takes no parameters: COPY's, and those of a batch.

    Raises TerminalError for what cannot be written so that every server reads it alike; a backslash escapes in Redshift.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).upper()
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str) and "\\" not in value and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    raise TerminalError(f"a value of type {type(value).__name__} cannot stand in a statement: take plain texts, numbers or dates")


def create_schema(schema: str) -> str:
    """Make a schema where there is none."""
    return f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"


def create_table(place: Place, table: WarehouseTable) -> str:
    """Make the table, laid out as it should be."""
    columns = ", ".join(_column(column, table.layout) for column in table.columns)
    return f"CREATE TABLE {at(place)} ({columns}){layout_clause(table.layout)}"


def layout_clause(layout: Layout) -> str:
    """What follows the columns: distribution and sort key."""
    key = f" DISTKEY ({quoted(layout.dist_key)})" if layout.distribution is Distribution.KEY and layout.dist_key else ""
    sort = f" COMPOUND SORTKEY ({names(layout.sort_key)})" if layout.sort_key else ""
    return f" DISTSTYLE {layout.distribution.upper()}{key}{sort}"


def _column(column: WarehouseColumn, layout: Layout) -> str:
    encoding = layout.encodings.get(column.name)
    return f"{quoted(column.name)} {redshift_type(column).held}" + (f" ENCODE {encoding.upper()}" if encoding else "")


def add_column(table: WarehouseTable, column: WarehouseColumn) -> str:
    """Redshift adds one column a statement."""
    return f"ALTER TABLE {at(table.place)} ADD COLUMN {_column(column, table.layout)}"


def widen_column(table: WarehouseTable, column: WarehouseColumn) -> str:
    """The one change of type that Redshift knows, and not within a transaction."""
    return f"ALTER TABLE {at(table.place)} ALTER COLUMN {quoted(column.name)} TYPE {redshift_type(column).held}"


def encode_column(table: WarehouseTable, column: str) -> str:
    """Compress a column otherwise; not within a transaction."""
    return f"ALTER TABLE {at(table.place)} ALTER COLUMN {quoted(column)} ENCODE {table.layout.encodings[column].upper()}"


def rebuild(table: WarehouseTable, kept: Iterable[str], grants: Iterable[str]) -> tuple[str, ...]:
    """Put a new table with the old one's rows in its place: in one transaction, so that nobody ever misses it.

    Late-binding views find the new one by its name. Columns in `kept` are carried over by a cast; what was
    granted on the old table goes with it, and `grants` say who reads the new one.
    """
    place, carried = table.place, list(kept)
    new, old = Place(place.schema, f"{place.name}__new"), Place(place.schema, f"{place.name}__old")
    types = {column.name: redshift_type(column).held for column in table.columns}
    casts = ", ".join(f"CAST({quoted(name)} AS {types[name]})" for name in carried)
    copied = f"INSERT INTO {at(new)} ({names(carried)}) SELECT {casts} FROM {at(place)}"
    return (
        create_table(new, table), *((copied,) if carried else ()),
        f"ALTER TABLE {at(place)} RENAME TO {quoted(old.name)}", f"ALTER TABLE {at(new)} RENAME TO {quoted(place.name)}",
        *grants, f"DROP TABLE {at(old)}",
    )  # fmt: skip


LEDGER_AT = at(Place(LEDGER_SCHEMA, LEDGER))
ENTRY = ("ordinal", "version", "lake_id", "contract", "shape", "rows", "mode", "run")
"""Columns of the ledger that say what was loaded, in the order of `Loaded`."""


def create_ledger() -> tuple[str, ...]:
    """The ledger: an entry a load, each superseded by the next one of its table."""
    columns = (
        "table_schema VARCHAR(127), table_name VARCHAR(127), ordinal BIGINT, version BIGINT, lake_id VARCHAR(64), contract VARCHAR(64), "
        "shape VARCHAR(64), rows BIGINT, mode VARCHAR(16), run VARCHAR(64), loaded_at TIMESTAMP, superseded_by BIGINT")
    return create_schema(LEDGER_SCHEMA), f"CREATE TABLE IF NOT EXISTS {LEDGER_AT} ({columns}) DISTSTYLE ALL"


def open_ledger(place: Place) -> tuple[str, ...]:
    """The entry that a table's first load supersedes: nothing is in the table. One that was dropped and made again begins anew."""
    said, own = f"{literal(place.schema)}, {literal(place.name)}", f"FROM {LEDGER_AT} WHERE {entries_of(place)}"
    opened = (
        f"INSERT INTO {LEDGER_AT} (table_schema, table_name, {names(ENTRY)}, loaded_at) "
        f"SELECT {said}, COALESCE(MAX(ordinal) + 1, 0), -1, '', '', '', 0, 'nothing', '', GETDATE() {own}")
    superseding = (
        f"UPDATE {LEDGER_AT} SET superseded_by = n.newest FROM (SELECT MAX(ordinal) AS newest {own}) n "
        f"WHERE {entries_of(place)} AND superseded_by IS NULL AND ordinal < n.newest")
    return opened, superseding


def entries_of(place: Place) -> str:
    """Which entries are a table's."""
    return f"table_schema = {literal(place.schema)} AND table_name = {literal(place.name)}"
