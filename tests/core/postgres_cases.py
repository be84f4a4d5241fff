"""Small contracts and reads for the tests of the PostgreSQL source."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, Column, Contract, Drift, SourceTable
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.sources.base import Reading, Request, Window
from lakehouse_platform.sources.postgres import PostgresSource

Row = dict[str, Any]
NEW_YORK = "America/New_York"
DAY = Window(dt.datetime(2026, 11, 2, 5, tzinfo=dt.UTC), dt.datetime(2026, 11, 3, 5, tzinfo=dt.UTC))
SNAPSHOT = CaptureSpec(Capture.SNAPSHOT)
ROW_VERSION = CaptureSpec(Capture.ROW_VERSION)


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]


def contract_of(columns: dict[str, str], capture: CaptureSpec = SNAPSHOT, *, table: str = "thing", schema: str = "public") -> Contract:
    """A contract of columns (physical name to type), the first of which is the key; its own names are c0, c1…"""
    declared = tuple(Column(f"c{i}", physical, parse_type(kind)) for i, (physical, kind) in enumerate(columns.items()))
    return Contract(
        domain="risk", table="thing", version="1.0.0", description="", owner="team:risk", columns=declared, key=("c0",),
        source=SourceTable("erp", schema, table), model=None, capture=capture, keeps_history=True, drift=Drift.EVOLVE, rules=(),
        freshness=None, retention=None, steps={}, publication=None, tags={}, path=Path("thing.yaml"), fingerprint="", shape="",
        rules_version="",
    )


def extracting(contract: Contract, query: Path) -> Contract:
    return replace(contract, path=query.parent / "thing.yaml", steps={"extract": query})


def source_of(uri: str, *, zone: str = NEW_YORK, batch_bytes: int = 4 << 20) -> PostgresSource:
    return PostgresSource(lambda: uri, zone, batch_bytes)


def read(
    uri: str, contract: Contract, low: int | None = None, *, window: Window = DAY, only_window: bool = False, above: int | None = None
) -> tuple[list[Row], Reading]:
    """All rows of a read, and the reading without them."""
    with source_of(uri).read(Request(contract, window, low, only_window=only_window, above=above)) as reading:
        return reading.rows.read_all().to_pylist(), reading


def run(uri: str, *statements: str) -> None:
    with psycopg.connect(uri, autocommit=True, client_encoding="utf8") as connection:
        for statement in statements:
            connection.execute(statement.encode())


def ids(rows: list[Row], op: str = "upsert") -> list[Any]:
    """Sorted keys (column `id`) of the rows of one operation."""
    return sorted(row["id"] for row in rows if row["_op"] == op)
