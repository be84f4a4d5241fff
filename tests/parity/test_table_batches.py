"""A table as a stream of batches is its rows, on every engine."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.engines.base import Commit, Engine, TableSpec

TYPES = {"id": "bigint", "amount": "numeric(19,4)", "seen_at": "timestamptz", "note": "text"}
ROWS: list[dict[str, object]] = [
    {"id": 1, "amount": Decimal("1.5000"), "seen_at": dt.datetime(2026, 11, 20, 5, tzinfo=dt.UTC), "note": "a"},
    {"id": 2, "amount": None, "seen_at": None, "note": None},
]


def test_batches_hold_the_columns_that_are_asked_for_in_their_order(engine: Engine, tmp_path: Path) -> None:
    columns = {name: parse_type(kind).lake for name, kind in TYPES.items()}
    table = engine.create(TableSpec(str(tmp_path / "sale"), columns))
    table.append(pa.Table.from_pylist(ROWS, schema=engine.schema(columns)).to_reader(), Commit("sale.append"))
    found = engine.open(table.uri).batches(["note", "id", "seen_at", "amount"])
    assert found.schema.names == ["note", "id", "seen_at", "amount"]
    assert sorted(found.read_all().to_pylist(), key=lambda row: int(row["id"])) == ROWS
