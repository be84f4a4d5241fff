"""The DuckDB file that marts are built in, read after its builder has closed it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import duckdb
import pyarrow as pa

from lakehouse_platform.errors import TransientError, UnknownName
from lakehouse_platform.lake.extension import sql_name

BATCH_ROWS = 65_536


class ScratchLocked(TransientError):
    """Another process has the scratch file open: its build has not ended."""


class Scratch:
    """A scratch file, open for reading."""

    def __init__(self, file: Path) -> None:
        self._file = file
        if not file.is_file():
            raise UnknownName(f"{file}: nothing has been built here yet; build the marts first")
        self._connection = _connect(file)
        self._connection.execute("set TimeZone = 'UTC'")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def schema(self, schema: str, table: str) -> pa.Schema:
        """Columns of a table, in order. Raises UnknownName where it was not built."""
        known = "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?"
        if self._number(known, [schema, table]) == 0:
            raise UnknownName(f"{self._file}: there is no {schema}.{table}; build the model {table} first")
        return self._connection.execute(f"from {_place(schema, table)} limit 0").to_arrow_reader().schema

    def rows(self, schema: str, table: str, *, order_by: Sequence[str] = ()) -> pa.RecordBatchReader:
        """The rows, batch by batch; read them before the next question is asked."""
        order = f" order by {_columns(order_by)}" if order_by else ""
        return self._connection.execute(f"from {_place(schema, table)}{order}").to_arrow_reader(BATCH_ROWS)

    def count(self, schema: str, table: str) -> int:
        """Number of rows."""
        return self._number(f"select count(*) from {_place(schema, table)}")

    def repeated(self, schema: str, table: str, columns: Sequence[str]) -> int:
        """Rows whose values in `columns` other rows have too; rows with a NULL among them do not count."""
        known = " and ".join(f"{sql_name(c)} is not null" for c in columns)
        groups = f"select count(*) as n from {_place(schema, table)} where {known} group by {_columns(columns)} having count(*) > 1"
        return self._number(f"select coalesce(sum(n), 0) from ({groups})")

    def content(self, schema: str, table: str) -> str:
        """Fingerprint of the table's rows as a multiset, in whatever order they lie."""
        of_rows = f"select count(*), sum(hash(rows)::hugeint), bit_xor(hash(rows)) from {_place(schema, table)} as rows"
        return hashlib.sha256(repr(self._connection.execute(of_rows).fetchone()).encode()).hexdigest()

    def _number(self, sql: str, values: Sequence[str] = ()) -> int:
        row = self._connection.execute(sql, list(values)).fetchone()
        return cast("int", row[0]) if row else 0


def _connect(file: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(file), read_only=True)
    except duckdb.IOException as error:
        raise ScratchLocked(f"{file} is open in another process; wait until dbt has ended. {error}") from error
    except duckdb.ConnectionException as error:
        raise ScratchLocked(f"{file} is open in this process; close it first. {error}") from error


def _place(schema: str, table: str) -> str:
    return f"{sql_name(schema)}.{sql_name(table)}"


def _columns(names: Sequence[str]) -> str:
    return ", ".join(sql_name(name) for name in names)
