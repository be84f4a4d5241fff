"""What a business day is made of: steps, each one transaction in one database."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import psycopg

NEW_YORK = ZoneInfo("America/New_York")
PLANNED = 40
"""Base keys up to this one are left to the planned happenings; chance picks among those above."""
EVERY_DAY = (1, 2, 3, 4, 5)
BASE = (0,)
"""Day 0: what was there before; it counts as a part of day 1."""

Row = Sequence[object]
Write = Callable[["Transaction"], None]


@dataclass(slots=True)
class Transaction:
    """An open transaction of the business, at a simulated time of New York."""

    connection: psycopg.Connection
    day: int
    date: dt.date
    scale: int
    dice: random.Random
    now: dt.datetime = field(init=False)
    """Simulated wall-clock time in New York, naive."""

    def clock(self, time: str, *, days: int = 0) -> dt.datetime:
        """Set the simulated time to `HH:MM` of this day, or of `days` later, and return it."""
        self.now = moment(self.date + dt.timedelta(days), time)
        instant = self.now.replace(tzinfo=NEW_YORK)
        self.connection.execute("select set_config('legacy.now', %s, true)", [instant.isoformat()])
        return self.now

    def execute(self, statement: str, **values: object) -> None:
        """Run one statement; `%(now)s` and `%(today)s` are there beside the values."""
        self.connection.execute(statement, {"now": self.now, "today": self.date, **values})

    def insert(self, table: str, rows: Iterable[Row]) -> None:
        """Insert whole rows, given in the order of the table's columns named in `table`, as in `t (a, b)`."""
        with self.connection.cursor().copy(f"copy {table} from stdin") as copy:
            for row in rows:
                copy.write_row(row)

    def pick(self, keys: int, of: int) -> list[int]:
        """So many of the base keys 1 … `of`, by chance, none of them planned for something else."""
        return sorted(self.dice.sample(range(PLANNED + 1, of + 1), keys))

    def instant(self, time: dt.datetime) -> dt.datetime:
        """A New York wall-clock time as an instant."""
        return time.replace(tzinfo=NEW_YORK)


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction that the business commits on certain days."""

    name: str
    database: str
    days: tuple[int, ...]
    at: str
    """New York time of day, `HH:MM`; a day's steps are played in its order."""
    write: Write


STEPS: list[Step] = []


def step(database: str, at: str, days: tuple[int, ...] = EVERY_DAY) -> Callable[[Write], Write]:
    """Register a function as a step of the business; its name is the step's."""

    def register(write: Write) -> Write:
        STEPS.append(Step(write.__name__, database, days, at, write))
        return write

    return register


def steps_of(day: int) -> list[Step]:
    """The steps of a day, in the order of their times."""
    return sorted((s for s in STEPS if day in s.days), key=lambda s: s.at)


def moment(date: dt.date, time: str) -> dt.datetime:
    """A day and `HH:MM` as one naive time."""
    return dt.datetime.combine(date, dt.time.fromisoformat(time))
