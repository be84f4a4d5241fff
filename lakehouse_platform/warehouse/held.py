"""What Redshift says of a table that it has."""

from __future__ import annotations

from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.warehouse import ddl
from lakehouse_platform.warehouse.base import LEDGER, LEDGER_SCHEMA, Loaded, Place
from lakehouse_platform.warehouse.ddl import literal
from lakehouse_platform.warehouse.evolution import Held
from lakehouse_platform.warehouse.session import Ask

STYLES = {0: Distribution.EVEN, 1: Distribution.KEY, 8: Distribution.ALL, **dict.fromkeys((10, 11, 12), Distribution.AUTO)}
"""Distribution by the numbers of PG_CLASS_INFO."""


def held_table(ask: Ask, place: Place) -> Held | None:
    """Columns and layout of a table, None where there is none."""
    where = f"schemaname = {literal(place.schema)} AND tablename = {literal(place.name)}"
    ask(f"SET search_path TO {ddl.quoted(place.schema)}")  # PG_TABLE_DEF only shows what is on it.
    found = ask(f'SELECT "column", type, encoding, distkey, sortkey FROM pg_table_def WHERE {where}')
    if not found:
        return None
    sorted_by = sorted((abs(int(str(key))), str(name)) for name, _, _, _, key in found if key)
    return Held(
        columns={str(name): str(kind) for name, kind, *_ in found}, distribution=held_distribution(ask, place),
        dist_key=next((str(name) for name, _, _, is_key, _ in found if is_key), None), sort_key=tuple(name for _, name in sorted_by),
        encodings={str(name): str(encoding) for name, _, encoding, *_ in found})


def held_distribution(ask: Ask, place: Place) -> Distribution | None:
    """How a table's rows are spread, None where there is no table. SVV_TABLE_INFO, which says it too, is for superusers."""
    found = ask(
        "SELECT releffectivediststyle FROM pg_class_info c JOIN pg_namespace n ON c.relnamespace = n.oid "
        f"WHERE n.nspname = {literal(place.schema)} AND c.relname = {literal(place.name)}")
    return STYLES.get(int(str(found[0][0]))) if found else None


def held_readers(ask: Ask, place: Place) -> tuple[str, ...]:
    """Roles that may read a table."""
    found = ask(
        f"SELECT identity_name FROM svv_relation_privileges WHERE namespace_name = {literal(place.schema)} "
        f"AND relation_name = {literal(place.name)} AND privilege_type = 'SELECT' AND identity_type = 'role'")
    return tuple(str(row[0]) for row in found)


def newest_entry(ask: Ask, place: Place) -> Loaded | None:
    """The newest entry of a table in the ledger, None where it has none or there is no ledger."""
    known = f"SELECT 1 FROM svv_tables WHERE table_schema = {literal(LEDGER_SCHEMA)} AND table_name = {literal(LEDGER)}"
    if not ask(known):
        return None
    entries = f"SELECT {ddl.names(ddl.ENTRY)} FROM {ddl.LEDGER_AT} WHERE {ddl.entries_of(place)} AND superseded_by IS NULL"
    found = ask(f"{entries} ORDER BY ordinal DESC LIMIT 1")
    return entry_of(found[0]) if found else None


def entry_of(row: tuple[object, ...]) -> Loaded:
    """An entry of the ledger."""
    ordinal, version, lake_id, contract, shape, rows, mode, run = row
    return Loaded(int(str(ordinal)), int(str(version)), str(lake_id), str(contract), str(shape), int(str(rows)), str(mode), str(run))
