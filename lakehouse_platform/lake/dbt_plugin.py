"""Plugin of dbt-duckdb that a dbt project's profile names, so that its connections have `delta_scan`."""

from __future__ import annotations

from weakref import WeakSet

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.plugins import BasePlugin

from lakehouse_platform.lake.extension import load_delta

_open: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()


class Plugin(BasePlugin):
    """Loads the Delta extension when dbt opens its database, and remembers what it opened."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Called once, before any query."""
        load_delta(conn)
        _open.add(conn)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Called for every cursor; each of them keeps the file open."""
        _open.add(cursor)


def release() -> None:
    """Close what dbt's adapter has open in this process: dagster-dbt asks it for columns and never lets go of the file."""
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call] # dbt-duckdb leaves it bare
    for connection in list(_open):
        connection.close()
    _open.clear()
