"""Where incidents are remembered: in the instance's own storage, which daemon, interface and command line share."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.runs.schema import KeyValueStoreTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from sqlalchemy.exc import IntegrityError

from lakehouse_platform.errors import SettingsError
from lakehouse_platform.incidents.base import Incident, State, StateMoved, UnknownIncident
from lakehouse_platform.incidents.memory import Memory

KEY = "lakehouse/incidents"
"""Under which the instance keeps the state."""
OUTSIDE = "lakehouse/incidents/outside"
"""Under which it keeps the state of what looks at the daemon from outside."""
TURN, OUTSIDE_TURN = f"{KEY}/turn", f"{OUTSIDE}/turn"
"""Under which it keeps whose turn it is to tell."""
CHANGE_SECONDS = 60
"""That a person's change waits while messages are being sent."""
TURN_SECONDS = 300
"""After which a turn is over whose holder was killed."""


@dataclass(frozen=True, slots=True)
class InstanceStore:
    """Implements `incidents.base.Store`; a save is one statement, so that of two writers one learns that it came second."""

    instance: dg.DagsterInstance
    key: str = KEY

    def load(self) -> str | None:
        """The text that was saved last."""
        return self.instance.daemon_cursor_storage.get_cursor_values({self.key}).get(self.key)

    def save(self, text: str, *, was: str | None) -> None:
        """Replace `was` by `text`. Raises StateMoved, and SettingsError where the instance keeps its runs elsewhere than in SQL."""
        storage = self.instance.run_storage
        if not isinstance(storage, SqlRunStorage):
            raise SettingsError(f"incidents need an instance that keeps its runs in SQLite or PostgreSQL, and not {type(storage).__name__}")
        with storage.connect() as connection:
            if was is None:
                try:
                    connection.execute(KeyValueStoreTable.insert().values(key=self.key, value=text))
                except IntegrityError as error:
                    raise StateMoved(_MOVED) from error
                return
            held = (KeyValueStoreTable.c.key == self.key) & (KeyValueStoreTable.c.value == was)
            if connection.execute(KeyValueStoreTable.update().where(held).values(value=text)).rowcount != 1:
                raise StateMoved(_MOVED)


_MOVED = "the incidents were changed by somebody else in the meantime; what they saved stands, and is gone on from"


@contextmanager
def turn(instance: dg.DagsterInstance, *, patience: float = 0, key: str = TURN) -> Iterator[None]:
    """Let nobody else tell of incidents meanwhile, nor change them: a message that is on its way must not be looked for, and missed.

    Waits `patience` seconds for its turn. Raises StateMoved where it does not come.
    """
    given_up, mine = time.monotonic() + patience, json.dumps({"by": uuid.uuid4().hex, "until": time.time() + patience + TURN_SECONDS})
    store = InstanceStore(instance, key)
    while not _taken(store, mine):
        if time.monotonic() >= given_up:
            raise StateMoved("incidents are being told by somebody else right now; the next look at them begins from there")
        time.sleep(0.2)
    try:
        yield
    finally:
        with suppress(StateMoved):  # it took too long, and somebody else has gone on
            store.save(_FREE, was=mine)


def _taken(store: InstanceStore, mine: str) -> bool:
    held = store.load()
    if held is not None and held != _FREE and json.loads(held)["until"] > time.time():
        return False
    with suppress(StateMoved):
        store.save(mine, was=held)
        return True
    return False


def known_incidents(instance: dg.DagsterInstance) -> tuple[Incident, ...]:
    """All that are remembered, the oldest first. Raises StateUnreadable."""
    found = [incident for key in (KEY, OUTSIDE) for incident in Memory.load(InstanceStore(instance, key)).state.incidents.values()]
    return tuple(sorted(found, key=lambda incident: (incident.opened, incident.id)))


def change_incident(instance: dg.DagsterInstance, change: Callable[[State], State]) -> None:
    """Change the state that knows the incident which `change` is about. Raises UnknownIncident, and StateMoved where it stays taken."""
    unknown: list[UnknownIncident] = []
    for key, held in ((KEY, TURN), (OUTSIDE, OUTSIDE_TURN)):
        with turn(instance, patience=CHANGE_SECONDS, key=held):
            memory = Memory.load(InstanceStore(instance, key))
            try:
                memory.save(change(memory.state))
            except UnknownIncident as error:
                unknown.append(error)
            else:
                return
    raise unknown[0]


_FREE = "free"
