"""One business, played and extracted day by day, for all tests here; who writes gets copies."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from lakehouse_platform import contracts
from lakehouse_platform.contracts.contract import Contract, SourceTable
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.sources.postgres import PostgresSource
from lakehouse_platform.zones import gate, hds, ods, raw
from lakehouse_platform.zones.lake import Lake
from resources.legacy import Business, Legacy

CONTRACTS = Path(__file__).parents[2] / "assets" / "contracts"
START = dt.date(2025, 3, 6)
"""New York's clocks go forward on day 4."""
DAYS = tuple((START + dt.timedelta(n)).isoformat() for n in range(5))


@dataclass(frozen=True)
class Estate:
    """A legacy and the lake that is fed by it."""

    legacy: Legacy
    lake: Lake
    tables: tuple[Contract, ...]
    log: io.StringIO
    """Everything that was logged while the days went by."""
    uris: Callable[[str], str]

    def contract(self, name: str) -> Contract:
        return next(c for c in self.tables if c.name == name)

    def source(self, contract: Contract) -> PostgresSource:
        assert isinstance(contract.source, SourceTable)
        connection = contract.source.connection
        return PostgresSource(lambda: self.uris(connection), "America/New_York")

    def extract(self, contract: Contract, day: str, run: str) -> raw.Extraction:
        return raw.extract(self.lake, contract, self.source(contract), day, run=run)

    def merge(self, contract: Contract, day: str) -> None:
        assert not gate.judge(self.lake, contract, day).halted
        ods.merge(self.lake, contract, day)
        if contract.keeps_history:
            hds.merge(self.lake, contract, day)


@pytest.fixture(scope="session")
def estate(server_folder: Callable[[str], Path]) -> Iterator[Estate]:
    """Five days; nobody may write to it."""
    folder = server_folder("estate")
    legacy, log = Legacy(folder / "pg"), io.StringIO()
    tables = tuple(c for c in contracts.load(CONTRACTS) if c.source is not None)
    made = Estate(legacy, Lake(str(folder / "lake"), PolarsEngine()), tables, log, legacy.uri)
    handler, root = logging.StreamHandler(log), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        _play(made)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    yield made
    legacy.stop()


def _play(estate: Estate) -> None:
    with Business(estate.legacy, start=START) as business:
        for number, day in enumerate(DAYS, 1):
            business.play(number)
            for contract in estate.tables:
                estate.extract(contract, day, f"run of {day}")
                estate.merge(contract, day)


@pytest.fixture
def copied_lake(estate: Estate, tmp_path: Path) -> Estate:
    """The estate with a lake of the test's own."""
    shutil.copytree(estate.lake.root, tmp_path / "lake")
    return dataclasses.replace(estate, lake=Lake(str(tmp_path / "lake"), PolarsEngine()))


@pytest.fixture
def own_erp(copied_lake: Estate) -> Iterator[tuple[Estate, psycopg.Connection]]:
    """The estate with a lake and an ERP of the test's own, and a connection to the latter."""
    with _copied(copied_lake, "erp", beside="crm") as copied:
        yield copied


@pytest.fixture
def own_crm(copied_lake: Estate) -> Iterator[tuple[Estate, psycopg.Connection]]:
    """The estate with a lake and a CRM of the test's own, and a connection to the latter."""
    with _copied(copied_lake, "crm", beside="erp") as copied:
        yield copied


@contextmanager
def _copied(copied_lake: Estate, database: str, *, beside: str) -> Iterator[tuple[Estate, psycopg.Connection]]:
    name = f"{database}_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(copied_lake.legacy.uri(beside), autocommit=True) as admin:
        admin.execute(f"create database {name} template {database}".encode())
        uri = copied_lake.legacy.uri(database).replace(f"/{database}?", f"/{name}?")
        assert name in uri
        with psycopg.connect(uri, autocommit=True, options="-c timezone=UTC") as connection:
            connection.execute("select set_config('legacy.now', now()::text, false)")
            yield dataclasses.replace(copied_lake, uris=lambda _: uri), connection
        admin.execute(f"drop database {name} with (force)".encode())
