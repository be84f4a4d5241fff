"""Where incidents are remembered: in the instance's own storage, which daemon, interface and command line share."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.runs.schema import KeyValueStoreTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from sqlalchemy.exc import IntegrityError

from lakehouse_platform.errors import SettingsError
from lakehouse_platform.incidents.base import StateMoved

KEY = "lakehouse/incidents"
"""Under which the instance keeps the state."""


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
