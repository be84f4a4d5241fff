"""The business that works in the legacy: five days, the same for a seed, a size and a start."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from types import TracebackType

import psycopg

from lakehouse_platform.errors import TerminalError, UnknownName, did_you_mean
from resources.legacy.business import broken, customer, finance, late, operations, risk
from resources.legacy.business.step import NEW_YORK, Step, Transaction, steps_of
from resources.legacy.server import DATABASES, Legacy

__all__ = ["DAYS", "SIZES", "Business", "broken", "customer", "finance", "operations", "risk"]

DAYS = 5
SIZES = {"small": 1, "large": 10}
"""How many times the small estate's rows each size has."""

_SCHEMA = Path(__file__).parent.parent / "schema"
_LOCK = "select pg_advisory_xact_lock(20270101)"


class Business:
    """Five business days in a legacy. All it remembers is in the databases, except the late transaction that it holds open."""

    def __init__(self, legacy: Legacy, *, seed: int = 7, size: str = "small", start: dt.date | None = None) -> None:
        """`start` is day 1, by default so that day 5 was yesterday; an estate that is there already keeps its own."""
        if size not in SIZES:
            raise UnknownName(f'there is no size "{size}". {did_you_mean(size, SIZES, noun="sizes")}')
        self.legacy, self.seed, self.size = legacy, seed, size
        self._wished = start or dt.datetime.now(NEW_YORK).date() - dt.timedelta(DAYS)
        self._start: dt.date | None = None
        self._late: psycopg.Connection | None = None

    def __enter__(self) -> Business:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the late transaction if it is still open; what it wrote is lost, and day 3 writes it again."""
        if self._late is not None:
            self._late.close()
            self._late = None

    @property
    def days(self) -> list[dt.date]:
        """The five days."""
        return [self.start + dt.timedelta(n) for n in range(DAYS)]

    @property
    def start(self) -> dt.date:
        """Day 1; creates the estate if there is none, for the date is kept there."""
        if self._start is None:
            self.create()
        return self._start or self._wished

    def create(self) -> None:
        """Make schemas, tables, triggers and what there was before day 1, where they are missing."""
        starts = {self._create(database) for database in DATABASES}
        if len(starts) > 1:
            raise TerminalError(f"the databases in {self.legacy.folder} disagree on the first day. Delete the folder to begin anew.")
        self._start = starts.pop()
        self._play(0)

    def play(self, day: int) -> None:
        """Play one day, 1 to 5; what was played already is left alone."""
        if not 1 <= day <= DAYS:
            raise UnknownName(f"there is no day {day}. Valid days: 1 to {DAYS}.")
        self.create()
        if day == late.BEGINS and self._late is None and not self._played(late.COMMITS, late.NAME) and not self._all_played(day):
            self._late = self._begin_late()
        if day == late.COMMITS:
            self._commit_late()
        self._play(day)

    def _create(self, database: str) -> dt.date:
        with self.legacy.connect(database) as connection:
            connection.execute(_LOCK)
            if connection.execute("select to_regclass('legacy_meta.estate')").fetchone() == (None,):
                for script in ("meta", database):
                    connection.execute((_SCHEMA / f"{script}.sql").read_bytes())
                connection.execute("insert into legacy_meta.estate values (%s, %s, %s)", [self.seed, self.size, self._wished])
            seed, size, start = connection.execute("select seed, size, start from legacy_meta.estate").fetchone() or (None, None, None)
        if (seed, size) != (self.seed, self.size) or not isinstance(start, dt.date):
            raise TerminalError(
                f"the legacy in {self.legacy.folder} has seed {seed} and size {size}, not {self.seed} and {self.size}. "
                "Ask for those, or delete the folder to begin anew.")
        return start

    def _play(self, day: int) -> None:
        steps = steps_of(day)
        for database in DATABASES:
            with self.legacy.connect(database) as connection:
                for step in steps:
                    if step.database == database:
                        self._commit(connection, step, day)

    def _commit(self, connection: psycopg.Connection, step: Step, day: int) -> None:
        with connection.transaction():
            connection.execute(_LOCK)
            if _was_played(connection, max(day, 1), step.name):
                return
            step.write(self._transaction(connection, day, step.name, step.at))
            _note_played(connection, max(day, 1), step.name)

    def _transaction(self, connection: psycopg.Connection, day: int, name: str, at: str) -> Transaction:
        date = self.start + dt.timedelta(day - 1)
        tx = Transaction(connection, day, date, SIZES[self.size], random.Random(f"{self.seed}/{day}/{name}"))
        tx.clock(at)
        return tx

    def _begin_late(self) -> psycopg.Connection:
        connection = self.legacy.connect(late.DATABASE)
        late.write(self._transaction(connection, late.BEGINS, late.NAME, late.BEGINS_AT))
        return connection

    def _commit_late(self) -> None:
        if not self._played(late.COMMITS, late.NAME):
            connection = self._late or self._begin_late()
            _note_played(connection, late.COMMITS, late.NAME)
            connection.commit()
            connection.close()
        self._late = None

    def _played(self, day: int, name: str) -> bool:
        with self.legacy.connect(late.DATABASE) as connection:
            return _was_played(connection, day, name)

    def _all_played(self, day: int) -> bool:
        return all(self._played(day, step.name) for step in steps_of(day) if step.database == late.DATABASE)


def _was_played(connection: psycopg.Connection, day: int, name: str) -> bool:
    found = connection.execute("select from legacy_meta.played where day = %s and step = %s", [day, name])
    return found.fetchone() is not None


def _note_played(connection: psycopg.Connection, day: int, name: str) -> None:
    connection.execute("insert into legacy_meta.played (day, step) values (%s, %s)", [day, name])
