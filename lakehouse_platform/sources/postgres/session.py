"""One transaction of one connection: what it is set to, and errors that carry neither secrets nor values."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import TypeVar

import adbc_driver_manager as adbc
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_manager.dbapi import Connection
from adbc_driver_postgresql import StatementOptions
from adbc_driver_postgresql.dbapi import connect
from sqlalchemy.dialects import postgresql

from lakehouse_platform.errors import LakehouseError, SourceError, SourceUnavailable

T = TypeVar("T")

DIALECT = postgresql.base.PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
"""Not the default style, which doubles every percent sign."""

_BEGINNING = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL client_encoding = 'UTF8'",
    "SET LOCAL standard_conforming_strings = on",
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL IntervalStyle = 'iso_8601'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL lock_timeout = '60s'",
)
"""None of these takes the transaction's snapshot, so the table's lock still comes before it."""

_NOT_LOCKABLE = "42809"
_REFUSALS = {
    "password authentication failed": "refuses the user or the password; check the secret behind its uri",
    "no pg_hba.conf entry": "does not let this user in from this machine; ask its administrator for an entry in pg_hba.conf",
    "does not exist": "has no such database or user; check the end of its uri",
    "invalid": "cannot be reached, because its uri is not valid; write postgresql://user:password@host:port/database",
}
_GONE = "is not there; it was dropped or renamed, or the contract misspells it. Correct `source.table` in the contract"
_MEANINGS = {
    "42P01": _GONE,
    "3F000": _GONE,
    "42501": "may not be read by this user; ask for GRANT SELECT on it, and USAGE on its schema",
    "42703": "lacks a column that was asked for; compare the contract's columns with the table",
}
_PASSING = ("08", "40", "53", "57", "58", "55P03")
"""SQLSTATEs, by their beginning, that another try may not meet: connection, rollback, resources, intervention, system, lock."""


def render(statement: sa.SelectBase) -> str:
    """SQL with its values as literals: a parameter would keep the driver from streaming by COPY."""
    return str(statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))


class Session:
    """A transaction that sees the database as it was at one moment."""

    def __init__(self, connection: Connection, place: str, batch_bytes: int) -> None:
        self._connection = connection
        self._place = place
        self._batch_bytes = batch_bytes

    def begin(self, table: sa.TableClause | None) -> None:
        """Begin, with `table` locked against changes of its definition before the snapshot is taken.

        TRUNCATE and rewrites are not bound by snapshots: without the lock, one that commits in between empties the read.
        """
        try:
            self._prepare(table)
        except _NotLockable:
            self._guard(self._connection.rollback)
            self._prepare(None)

    def records(self, statement: sa.SelectBase) -> list[dict[str, str]]:
        """All rows of a small answer of texts."""
        return self._guard(lambda: self._fetch(render(statement)))

    def names(self, statement: sa.SelectBase) -> list[str]:
        """Names of the columns of an answer."""
        return self._guard(lambda: self._names(render(statement)))

    def stream(self, statement: sa.SelectBase) -> Generator[pa.RecordBatch]:
        """Batches of a large answer, never all of them at once; abandoned half-way, the server stops too."""
        with closing(self._connection.cursor()) as cursor:
            cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(self._batch_bytes)})
            self._guard(lambda: cursor.execute(render(statement)))
            reader = self._guard(cursor.fetch_record_batch)
            try:
                yield from iter(lambda: self._guard(lambda: next(reader, None)), None)
            except BaseException:
                with suppress(adbc.Error):
                    cursor.adbc_cancel()
                raise
            finally:
                with suppress(adbc.Error):
                    reader.close()

    def _prepare(self, table: sa.TableClause | None) -> None:
        for setting in _BEGINNING:
            self._guard(partial(self._run, setting))
        if table is not None:
            name = DIALECT.identifier_preparer.format_table(table)
            self._guard(lambda: self._run(f"LOCK TABLE {name} IN ACCESS SHARE MODE"))

    def _run(self, sql: str) -> None:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql)

    def _fetch(self, sql: str) -> list[dict[str, str]]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql)
            answer: list[dict[str, str]] = cursor.fetch_arrow_table().to_pylist()
            return answer

    def _names(self, sql: str) -> list[str]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql)
            return [str(column[0]) for column in cursor.description or ()]

    def _guard(self, action: Callable[[], T]) -> T:
        return _guard(action, lambda error: _refused(error, self._place))


class _NotLockable(LakehouseError):
    """A materialized view or a foreign table, which LOCK TABLE does not take."""


@contextmanager
def open_session(uri: Callable[[], str], *, connection: str, place: str, batch_bytes: int) -> Iterator[Session]:
    """A session on a connection of its own, closed at the end whatever happens."""
    address = uri()
    link: Connection = _guard(lambda: connect(address, autocommit=False), lambda error: _unreachable(error, connection))
    try:
        yield Session(link, place, batch_bytes)
    finally:
        with suppress(adbc.Error):
            link.close()


def _guard(action: Callable[[], T], translate: Callable[[Exception], LakehouseError]) -> T:
    """`action`, its driver errors replaced. The replacement is raised outside `except`, for the original may hold a password or a row."""
    try:
        return action()
    except (adbc.Error, pa.ArrowException, OSError) as error:
        failure = translate(error)
    raise failure


def _unreachable(error: Exception, connection: str) -> LakehouseError:
    who = f'The database of connection "{connection}"'
    meaning = next((meaning for sign, meaning in _REFUSALS.items() if sign in str(error)), None)
    if meaning:
        return SourceError(f"{who} {meaning}.")
    return SourceUnavailable(f"{who} does not answer. Check that it runs and that this machine reaches it.")


def _refused(error: Exception, place: str) -> LakehouseError:
    state = getattr(error, "sqlstate", None) or ""
    if state == _NOT_LOCKABLE:
        return _NotLockable(place)
    if state.startswith(_PASSING) if state else not _failed_on_a_row(str(error)):
        cause = f"SQLSTATE {state}" if state else "connection lost"
        return SourceUnavailable(f"{place} was not read to its end: the database broke off ({cause}). Run it again.")
    number = f" (SQLSTATE {state})" if state else ""
    meaning = _MEANINGS.get(state, f"cannot be read: the database failed on the query or on one of its rows{number}. Its own log says why")
    return SourceError(f"{place} {meaning}.")


def _failed_on_a_row(message: str) -> bool:
    """Whether the server failed half-way and will again: in the midst of a stream the driver passes on no SQLSTATE, only text."""
    return "ERROR:" in message and "canceling" not in message
