"""Connections to Redshift: transactions, and small questions."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import redshift_connector
from redshift_connector import error as driver
from redshift_connector.core import Connection
from redshift_connector.cursor import Cursor

from lakehouse_platform.errors import CommitConflict, LakehouseError, TerminalError, TransientError
from lakehouse_platform.settings import Redshift
from lakehouse_platform.warehouse.base import LoadDiverged, LoadRefused
from lakehouse_platform.warehouse.transfer import Guard, Statement

Rows = list[tuple[object, ...]]
Ask = Callable[[str], Rows]

PASSING_STATES = re.compile(r"^(08|53|57P0|40)")
"""SQL states of errors that may be over next time: lost connections, no room, shutdown, transactions that met each other."""
PASSING_TEXT = re.compile(
    r"\b1023\b|serializable isolation|conflict with concurrent|could not serialize|maintenance|restart|deadlock"
    r"|(closed|terminat\w+|reset|lost) (the |a )?connection|connection \w* ?(closed|terminated|reset|lost|refused)|server closed", re.I)
"""Redshift says XX000 of most things; what it means stands in the text."""
BY_ZERO = re.compile(r"di(vision|vide) by zero", re.I)
QUOTED = re.compile(r"'[^']*'|\"[^\"]*[^\w\"][^\"]*\"")
"""What may be a value of a row: text in quotes that is no plain name."""


class WarehouseUnavailable(TransientError):
    """Redshift does not answer, or was cut off."""


class StatementFailed(TerminalError):
    """Redshift refuses a statement, and would again."""


def refusal(what: str, said: str, state: str = "", guard: Guard | None = None) -> LakehouseError:
    """The platform's error for what Redshift says of a statement. Values of rows are left out."""
    if guard is not None and BY_ZERO.search(said):
        kind = CommitConflict if guard.overtaken else LoadDiverged if guard.diverged else LoadRefused
        return kind(guard.said)
    text = f"{what}: {QUOTED.sub('***', ' '.join(said.split()))}"
    if PASSING_STATES.match(state) or PASSING_TEXT.search(said):
        return WarehouseUnavailable(text)
    return StatementFailed(f"{text.removesuffix('.')}.{_advice(said)}")


def _advice(said: str) -> str:
    advice = {
        r"permission denied|must be owner": " Give the platform's user the right, or have it own the table.",
        r"depend": " A view that is bound to the table is in the way: make it WITH NO SCHEMA BINDING.",
        r"length|too long": " A text is longer than its column: give the contract's physicalType the length that the source has.",
        r"role .* does not exist": " Make the role, or take it out of the contract's roles.",
    }
    return next((text for pattern, text in advice.items() if re.search(pattern, said, re.I)), "")


class Session:
    """Connects for each piece of work: what is left of one cannot meet the next."""

    def __init__(self, settings: Redshift) -> None:
        self._settings = settings

    @property
    def user(self) -> str:
        """Who connects."""
        return self._settings.user.resolve()

    def query(self, sql: str) -> Rows:
        """Rows of one question."""
        with self.asking() as ask:
            return ask(sql)

    @contextmanager
    def asking(self) -> Iterator[Ask]:
        """Several questions on one connection. Nothing is committed."""
        with self._connected("a question to the warehouse") as connection:
            cursor = connection.cursor()

            def ask(sql: str) -> Rows:
                cursor.execute(sql)
                return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

            yield ask

    def run(self, what: str, statements: Sequence[Statement]) -> None:
        """Run the statements in one transaction. Raises the guard's error where one fails, with nothing changed."""
        with self._connected(what) as connection:
            cursor = connection.cursor()
            for statement in statements:
                _execute(cursor, statement, what)
            connection.commit()

    def alone(self, what: str, sql: str) -> None:
        """Run a statement that Redshift takes outside transactions only."""
        with self._connected(what) as connection:
            connection.autocommit = True
            _execute(connection.cursor(), Statement(sql), what)

    @contextmanager
    def _connected(self, what: str) -> Iterator[Connection]:
        with _translated(what):
            connection = self._connect()
            try:
                yield connection
            finally:
                _hang_up(connection)

    def _connect(self) -> Connection:
        found = self._settings
        port = found.port if isinstance(found.port, int) else int(found.port.resolve())
        return redshift_connector.connect(
            host=found.host.resolve(), port=port, database=found.database, user=self.user, password=found.password.resolve(),
            ssl=found.tls, timeout=None, tcp_keepalive=True, application_name="lakehouse")


def _execute(cursor: Cursor, statement: Statement, what: str) -> None:
    try:
        cursor.execute(statement.sql)
    except driver.ProgrammingError as error:
        state, said = _said(error)
        raise refusal(what, said, state, statement.guard) from error


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """The driver's errors as the platform's: anything but a server's answer means that the connection is lost."""
    try:
        yield
    except LakehouseError:
        raise
    except driver.ProgrammingError as error:
        state, said = _said(error)
        raise refusal(what, said, state) from error
    except (driver.Error, OSError, struct.error) as error:
        raise WarehouseUnavailable(f"{what}: the connection to Redshift is lost: {type(error).__name__}") from error


def _said(error: driver.Error) -> tuple[str, str]:
    told = error.args[0] if error.args else ""
    return (str(told.get("C", "")), f"{told.get('M', '')} {told.get('D', '')}") if isinstance(told, dict) else ("", str(told))


def _hang_up(connection: Connection) -> None:
    """What was not committed is rolled back by the server."""
    try:
        connection.close()
    except (driver.Error, OSError):
        return
