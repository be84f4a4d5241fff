"""Plugin of dbt-duckdb that a dbt project's profile names, so that its connections have `delta_scan`."""

from __future__ import annotations

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from lakehouse_platform.lake.extension import load_delta


class Plugin(BasePlugin):
    """Loads the Delta extension when dbt opens its database."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Called once, before any query."""
        load_delta(conn)
