"""Plugin of dbt-duckdb that a dbt project's profile names, so that its connections read the lake.

Its `config` may name the environment's file. What that refers to is resolved here, in dbt's own process, and credentials are the
machine's: neither is among dbt's variables, which dbt writes into its logs and targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb.func import FunctionNullHandling

from lakehouse_platform.lake.access import Access, access_to
from lakehouse_platform.settings import load_environment


class Plugin(BasePlugin):
    """Gives dbt's database `delta_scan` and `lake_version(uri)`, the newest version of a Delta table."""

    access: Access

    def initialize(self, plugin_config: Mapping[str, object]) -> None:
        """Find out where the lake is. Raises UnknownName or SettingsErrors."""
        named = plugin_config.get("environment")
        file = Path(str(named)) if named else None
        self.access = access_to(load_environment(file.parents[1], file.stem).lake.store if file else None)

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Called once, before any query."""
        self.access.prepare(conn)
        conn.create_function(
            "lake_version", self.access.newest, ["VARCHAR"], "BIGINT", null_handling=FunctionNullHandling.SPECIAL, side_effects=True)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Called for each model: credentials of a role end while a long build goes on."""
        self.access.renew(cursor)
