"""A DuckDB file as the warehouse: the default of one machine, with the ledger and the promises of Redshift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import cast

import duckdb

from lakehouse_platform import faults
from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.contracts.types import Kind
from lakehouse_platform.errors import CommitConflict, TerminalError, TransientError
from lakehouse_platform.warehouse import ddl
from lakehouse_platform.warehouse.base import (
    FileGroup,
    FileReader,
    Load,
    LoadDiverged,
    Loaded,
    LoadRefused,
    Mode,
    Place,
    WarehouseColumn,
    WarehouseTable,
)
from lakehouse_platform.warehouse.ddl import at, names, quoted
from lakehouse_platform.warehouse.held import entry_of

PLAIN = {
    Kind.BOOLEAN: "BOOLEAN", Kind.INT16: "SMALLINT", Kind.INT32: "INTEGER", Kind.INT64: "BIGINT", Kind.FLOAT32: "FLOAT",
    Kind.FLOAT64: "DOUBLE", Kind.STRING: "VARCHAR", Kind.BINARY: "BLOB", Kind.DATE: "DATE", Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip


class WarehouseLocked(TransientError):
    """Another process has the file open."""


class DuckDbTables:
    """A warehouse in a file. Whoever writes has it alone, so a table is never seen half changed."""

    kind = "duckdb"

    def __init__(self, file: Path) -> None:
        self._file = file

    def distribution(self, place: Place) -> Distribution | None:  # noqa: ARG002 (nothing is spread)
        """None: one file, one node."""
        return None

    def prepare(self, table: WarehouseTable) -> tuple[str, ...]:
        """Make the table, or change it to what it should be; what was done."""
        wanted = {column.name: duckdb_type(column) for column in table.columns}
        with self._open(write=True) as connection:
            held, known = _held(connection, table.place), _entry(connection, table.place) is not None
            if held == wanted and known:
                return ()
            faults.reach("warehouse.define.before")
            connection.execute("BEGIN")
            opened = ddl.open_ledger(table.place) if held is None or not known else ()
            for sql in (*ddl.create_ledger(), ddl.create_schema(table.place.schema), *opened):
                connection.execute(sql.replace(" DISTSTYLE ALL", "").replace("GETDATE()", "now()"))
            said = _define(connection, table, held, wanted)
            connection.execute("COMMIT")
            faults.reach("warehouse.define.after")
        return said

    def loaded(self, place: Place) -> Loaded | None:
        """The newest load of a table, None where it was never prepared."""
        if not self._file.is_file():
            return None
        with self._open() as connection:
            return _entry(connection, place)

    def load(self, load: Load, reader: FileReader) -> None:
        """Stage the rows of the files, and delete, insert and record in one transaction."""
        with self._open(write=True) as connection:
            if _entry(connection, load.table.place) != load.before:
                raise CommitConflict(f"{load.table.place}: another load came first")
            connection.execute("BEGIN")
            _transfer(connection, load, reader)
            faults.reach("warehouse.load.before")
            connection.execute("COMMIT")
            faults.reach("warehouse.load.after")

    def grant(self, table: WarehouseTable) -> tuple[str, ...]:  # noqa: ARG002 (who has the file may read it)
        """Nothing: a file has no roles."""
        return ()

    def count(self, place: Place) -> int:
        """Number of rows."""
        return cast("int", self._ask(f"SELECT COUNT(*) FROM {at(place)}")[0][0])

    def sums(self, place: Place, columns: Sequence[str]) -> dict[str, Decimal]:
        """Exact sums of whole-number and decimal columns."""
        if not columns:
            return {}
        row = self._ask(f"SELECT {', '.join(f'COALESCE(SUM({quoted(c)}), 0)' for c in columns)} FROM {at(place)}")[0]
        return {name: Decimal(str(value)) for name, value in zip(columns, row, strict=True)}

    def rows(self, place: Place, columns: Sequence[str]) -> list[tuple[object, ...]]:
        """Rows with the given columns, in no order."""
        return self._ask(f"SELECT {names(columns)} FROM {at(place)}")

    def _ask(self, sql: str) -> list[tuple[object, ...]]:
        with self._open() as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def _open(self, *, write: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        if write:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(str(self._file), read_only=not write)
        except (duckdb.IOException, duckdb.ConnectionException) as error:
            raise WarehouseLocked(f"{self._file} is open elsewhere, or not there: {error}") from error
        with connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


def duckdb_type(column: WarehouseColumn) -> str:
    """DuckDB's type of a column. Raises TerminalError, naming the column, for one that it has no type for."""
    kind = column.lake.kind
    if kind is Kind.DECIMAL and column.lake.precision is not None and column.lake.precision <= 38:
        return f"DECIMAL({column.lake.precision},{column.lake.scale or 0})"
    if kind in PLAIN:
        return PLAIN[kind]
    raise TerminalError(f"column {column.name}: DuckDB has no type for {column.lake}")


def _held(connection: duckdb.DuckDBPyConnection, place: Place) -> dict[str, str] | None:
    found = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? ORDER BY column_index",
        [place.schema, place.name]).fetchall()
    return dict(found) or None


def _define(
    connection: duckdb.DuckDBPyConnection, table: WarehouseTable, held: dict[str, str] | None, wanted: dict[str, str]
) -> tuple[str, ...]:
    place = table.place
    if held == wanted:
        return ()
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
    if held is None:
        connection.execute(f"CREATE TABLE {at(place)} ({columns})")
        return (f"{place} made",)
    added = [name for name in wanted if name not in held]
    if all(wanted.get(name) == kind for name, kind in held.items()):
        for name in added:
            connection.execute(f"ALTER TABLE {at(place)} ADD COLUMN {quoted(name)} {wanted[name]}")
        return tuple(f"column {name} added" for name in added)
    return _rebuilt(connection, place, columns, held, wanted)


def _rebuilt(
    connection: duckdb.DuckDBPyConnection, place: Place, columns: str, held: dict[str, str], wanted: dict[str, str]
) -> tuple[str, ...]:
    new, kept = Place(place.schema, f"{place.name}__new"), [name for name in wanted if name in held]
    casts = ", ".join(f"CAST({quoted(name)} AS {wanted[name]})" for name in kept)
    connection.execute(f"CREATE TABLE {at(new)} ({columns})")
    if kept:
        connection.execute(f"INSERT INTO {at(new)} ({names(kept)}) SELECT {casts} FROM {at(place)}")
    connection.execute(f"DROP TABLE {at(place)}")
    connection.execute(f"ALTER TABLE {at(new)} RENAME TO {quoted(place.name)}")
    other = [name for name, kind in held.items() if wanted.get(name) != kind]
    return (f"{place} rebuilt: {', '.join(other)} changed or gone",)


def _entry(connection: duckdb.DuckDBPyConnection, place: Place) -> Loaded | None:
    known = "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'lakehouse' AND table_name = 'loads'"
    if not connection.execute(known).fetchall():
        return None
    entries = f"SELECT {names(ddl.ENTRY)} FROM {ddl.LEDGER_AT} WHERE {ddl.entries_of(place)} AND superseded_by IS NULL"
    found = connection.execute(f"{entries} ORDER BY ordinal DESC LIMIT 1").fetchall()
    return entry_of(found[0]) if found else None


def _transfer(connection: duckdb.DuckDBPyConnection, load: Load, reader: FileReader) -> None:
    place, key = load.table.place, load.table.key
    wanted = {column.name: duckdb_type(column) for column in load.table.columns}
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
    for stage, groups in (("stage_added", load.added), ("stage_removed", load.removed)):
        connection.execute(f"CREATE TEMP TABLE {stage} ({columns})")
        for group in groups:
            _stage(connection, stage, group, wanted, reader)
    if key and connection.execute(f"SELECT 1 FROM stage_added GROUP BY {names(key)} HAVING COUNT(*) > 1 LIMIT 1").fetchall():
        raise LoadRefused(
            f"{place}: version {load.snapshot.version} has rows with the same key ({', '.join(key)}). "
            "Look at the lake's table: nothing was loaded.")
    if load.plan.mode is Mode.FULL:
        connection.execute(f"DELETE FROM {at(place)}")
    elif key:
        same = " AND ".join(f"{at(place)}.{quoted(k)} = s.{quoted(k)}" for k in key)
        for stage in ("stage_removed", "stage_added"):
            connection.execute(f"DELETE FROM {at(place)} USING {stage} s WHERE {same}")
    connection.execute(f"INSERT INTO {at(place)} ({names(wanted)}) SELECT {names(wanted)} FROM stage_added")
    _record(connection, load)


def _stage(connection: duckdb.DuckDBPyConnection, stage: str, group: FileGroup, wanted: dict[str, str], reader: FileReader) -> None:
    present, partition = {name for name, _ in group.columns}, dict(group.partition)
    values = [quoted(n) if n in present else f"CAST(? AS {kind})" for n, kind in wanted.items()]
    given = [partition.get(name) for name in wanted if name not in present]
    connection.register("files", reader.batches(group))
    connection.execute(f"INSERT INTO {stage} SELECT {', '.join(values)} FROM files", given)
    connection.unregister("files")


def _record(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    table, place, snapshot, ordinal = load.table, load.table.place, load.snapshot, load.before.ordinal + 1
    counted = connection.execute(f"SELECT COUNT(*) FROM {at(place)}").fetchall()[0][0]
    if counted != load.rows:
        kind = LoadDiverged if load.plan.mode is Mode.INCREMENTAL else LoadRefused
        raise kind(f"{place} would have {counted:,} rows, not the {load.rows:,} of version {snapshot.version}; nothing was loaded.")
    connection.execute(
        f"UPDATE {ddl.LEDGER_AT} SET superseded_by = ? WHERE {ddl.entries_of(place)} AND ordinal = ?", [ordinal, load.before.ordinal])
    said = [place.schema, place.name, ordinal, snapshot.version, snapshot.lake_id, table.contract, table.shape, load.rows,
            load.plan.mode.value, load.run]  # fmt: skip
    connection.execute(
        f"INSERT INTO {ddl.LEDGER_AT} (table_schema, table_name, {names(ddl.ENTRY)}, loaded_at) "
        f"VALUES ({', '.join('?' * len(said))}, now())", said)
