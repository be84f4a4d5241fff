"""One Delta table at pinned versions: its rows, and how two versions differ; DuckDB reads in bounded memory and spills to disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from lakehouse_platform.errors import VersionUnreadable
from lakehouse_platform.lake.access import access_to
from lakehouse_platform.lake.extension import sql_name, sql_text
from lakehouse_platform.lake.query import NO_DOWNLOADS
from lakehouse_platform.settings import ObjectStore

BATCH_ROWS = 32_768
MEMORY = "160MB"
"""What DuckDB may hold before it spills."""
THREADS = 2
"""Each holds a row group of each file that it reads."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the rows of two versions differ by key."""

    new: int
    changed: int
    gone: int
    before: str
    """Fingerprint of the older rows."""
    after: str
    """Fingerprint of the newer rows."""


class TableVersions:
    """A table's versions, as one session reads them: one answer after the other."""

    def __init__(self, uri: str, store: ObjectStore | None = None, *, memory: str = MEMORY) -> None:
        """`uri` is the table's; `store` says how a lake on S3 is reached."""
        self._uri = uri if "://" in uri else str(Path(uri).resolve())
        self._access = access_to(store)
        self._memory = memory
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._held.close()

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """Made by the first question: often there is none."""
        spill = self._held.enter_context(TemporaryDirectory(prefix="lakehouse-"))
        limits: dict[str, str | bool | int | float | list[str]] = {
            "threads": THREADS, "memory_limit": self._memory, "temp_directory": spill}
        found = self._held.enter_context(duckdb.connect(":memory:", config=limits | NO_DOWNLOADS))
        self._access.prepare(found)
        found.execute("set TimeZone = 'UTC'")
        return found

    def division(self, version: int, columns: Sequence[str], by: str, value: str) -> pa.RecordBatchReader:
        """The rows of a version whose column `by` has a value, told as text, batch by batch.

        Read them before the next question is asked. Raises VersionUnreadable.
        """
        typed = self._row(f"select any_value(typeof({sql_name(by)})) from (select {sql_name(by)} from {self._scan(version)} limit 1)")
        where = f"where {sql_name(by)} = cast(? as {typed[0] or 'varchar'})"
        return self._stream(f"select {_names(columns)} from {self._scan(version)} {where}", [value])

    def changed(self, before: int, after: int, columns: Sequence[str], key: Sequence[str]) -> pa.RecordBatchReader:
        """The rows of `after` that `before` has not, or otherwise, batch by batch. Raises VersionUnreadable."""
        return self._stream(
            f"select {_names(columns, 'a')} from {self._scan(after)} a left join ({self._hashed(before, columns, key)}) b "
            f"on {_same(key)} where b._hash is distinct from hash({_names(columns, 'a')})")

    def compare(self, before: int, after: int, columns: Sequence[str], key: Sequence[str]) -> Comparison:
        """How the rows of two versions differ by `key`, which is unique in both. Raises VersionUnreadable."""
        found = self._row(
            "select count(*) filter (b._hash is null), count(*) filter (a._hash <> b._hash), count(*) filter (a._hash is null), "
            f"{_fingerprint('b')}, {_fingerprint('a')} from ({self._hashed(after, columns, key)}) a "
            f"full join ({self._hashed(before, columns, key)}) b on {_same(key)}")
        return Comparison(int(str(found[0])), int(str(found[1])), int(str(found[2])), str(found[3]), str(found[4]))

    def fingerprint(self, version: int, columns: Sequence[str]) -> str:
        """Fingerprint of a version's rows as a multiset. Raises VersionUnreadable."""
        return str(self._row(f"select {_fingerprint('a')} from ({self._hashed(version, columns, ())}) a")[0])

    def divisions(self, version: int, columns: Sequence[str], by: str) -> Mapping[str, str]:
        """Fingerprint of the rows by each value (as text) of a column; those without a value are in "". Raises VersionUnreadable."""
        hashed = self._hashed(version, columns, (by,))
        of_rows = f"select {sql_name(by)}::varchar, {_fingerprint('a')} from ({hashed}) a group by 1 order by 1"
        with self._reading():
            return {"" if value is None else str(value): str(found) for value, found in self._connection.execute(of_rows).fetchall()}

    def _hashed(self, version: int, columns: Sequence[str], key: Sequence[str]) -> str:
        return f"select {''.join(f'{sql_name(name)}, ' for name in key)}hash({_names(columns)}) as _hash from {self._scan(version)}"

    def _scan(self, version: int) -> str:
        return f"delta_scan('{sql_text(self._uri)}', version => {version})"

    def _row(self, sql: str) -> tuple[object, ...]:
        self._access.renew(self._connection)
        with self._reading():
            return tuple(self._connection.execute(sql).fetchone() or ())

    def _stream(self, sql: str, values: Sequence[str] = ()) -> pa.RecordBatchReader:
        self._access.renew(self._connection)
        with self._reading():
            reader = self._connection.execute(sql, list(values)).to_arrow_reader(BATCH_ROWS)
        return pa.RecordBatchReader.from_batches(reader.schema, self._batches(reader))

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        with self._reading():
            yield from reader

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise VersionUnreadable(f"{self._uri}: a version of the table cannot be read: {str(error).splitlines()[0]}") from error


def _names(columns: Sequence[str], table: str = "") -> str:
    return ", ".join(f"{table}.{sql_name(name)}" if table else sql_name(name) for name in columns)


def _same(key: Sequence[str]) -> str:
    return " and ".join(f"a.{sql_name(name)} is not distinct from b.{sql_name(name)}" for name in key)


def _fingerprint(table: str) -> str:
    held = f"{table}._hash"
    return f"concat_ws('-', count({held}), coalesce(sum({held}::hugeint), 0), coalesce(bit_xor({held}), 0))"
