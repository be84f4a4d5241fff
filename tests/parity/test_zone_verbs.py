"""What the zones do to rows is written once: every verb gives the same table on Polars and on DuckDB."""

from __future__ import annotations

import datetime as dt
import inspect
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest

from lakehouse_platform.contracts.contract import Column, Contract, Metric, OnFailure, Rule
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.quality import rules
from lakehouse_platform.zones import hds, law, standardise
from lakehouse_platform.zones.rows import ORDER
from tests.properties.feeds import contract

KEY = ["region", "number"]
INSTANT = pa.timestamp("us", "UTC")
VALUES = [("1.5", "a"), (None, "a"), ("2.25", None), ("99999999999999999999999999999.999999999", " É😀  x ")]


def instant(number: int) -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=number)


def arrow_schema(fields: list[tuple[str, pa.DataType]]) -> pa.Schema:
    return pa.schema(fields)


def change_rows(seed: int, *, size: int = 60) -> pa.Table:
    """Random change rows with ties, NULLs, deletes, images and keys that come back."""
    dice = random.Random(seed)
    rows = []
    for number in range(size):
        snapshot = dice.random() < 0.3
        op = dice.choice(["upsert", "upsert", "delete"]) if not snapshot else dice.choice(["upsert", "upsert", "present"])
        index = dice.randrange(4)
        value = VALUES[index] if op == "upsert" else (None, None)
        seq = dice.choice([3, 6]) if snapshot else dice.randint(1, 8)
        rows.append({
            "region": dice.choice(["north", "south"]), "number": dice.randint(1, 3),
            "amount": None if value[0] is None else Decimal(value[0]), "note": value[1], "_op": op, "_seq": seq, "_snapshot": snapshot,
            "_seen_at": instant(dice.choice([1, 2])), "_effective_at": instant(dice.randint(1, 8)),
            "_hash": "" if op == "delete" else f"h{index}", "_batch_id": "2026-03-02#1", "_row": number,
        })
    schema = arrow_schema([
        ("region", pa.string()), ("number", pa.int64()), ("amount", pa.decimal128(38, 9)), ("note", pa.string()), ("_op", pa.string()),
        ("_seq", pa.int64()), ("_snapshot", pa.bool_()), ("_seen_at", INSTANT), ("_effective_at", INSTANT), ("_hash", pa.string()),
        ("_batch_id", pa.string()), ("_row", pa.int64()),
    ])
    return pa.Table.from_pylist(rows, schema=schema)


def snapshots(seed: int) -> pa.Table:
    """Deliveries of two positions, one of them delivered again."""
    dice = random.Random(seed)
    rows = [(3, 1), (6, 1), (dice.choice([3, 6]), 2)]
    return pa.table({
        "_seq": pa.array([p for p, _ in rows], pa.int64()), "_seen_at": pa.array([instant(s) for _, s in rows], INSTANT),
        "_effective_at": pa.array([instant(s) for _, s in rows], INSTANT),
    })


def heads(seed: int) -> pa.Table:
    """Open versions that lie before all change rows."""
    rows = [{"region": r, "number": n, "amount": Decimal("1.5"), "note": "a", "valid_from": instant(-5), "valid_to": None,
             "is_current": True, "_seq": 0, "_hash": "h0", "_effective_at": instant(-6), "_clamp": instant(-5 + seed % 2),
             "_seen_at": instant(0), "_batch_id": "2026-03-01#1"} for r in ("north", "south") for n in (1, 2)]
    return pa.Table.from_pylist(rows, schema=arrow_schema([
        ("region", pa.string()), ("number", pa.int64()), ("amount", pa.decimal128(38, 9)), ("note", pa.string()), ("valid_from", INSTANT),
        ("valid_to", INSTANT), ("is_current", pa.bool_()), ("_seq", pa.int64()), ("_hash", pa.string()), ("_effective_at", INSTANT),
        ("_clamp", INSTANT), ("_seen_at", INSTANT), ("_batch_id", pa.string()),
    ]))


class PolarsBackend:
    """Frames of Polars."""

    def frame(self, table: pa.Table) -> nw.LazyFrame[Any]:
        return nw.from_native(pl.DataFrame(table).lazy())

    def satisfies(self, frame: nw.LazyFrame[Any], expression: str, *, into: str) -> nw.LazyFrame[Any]:
        native: pl.LazyFrame = frame.to_native()
        return nw.from_native(native.with_columns(pl.sql_expr(expression).fill_null(value=True).alias(into)))


class DuckBackend:
    """Relations of DuckDB: proof that no engine leaks into the zones."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("set TimeZone = 'UTC'")

    def frame(self, table: pa.Table) -> nw.LazyFrame[Any]:
        return nw.from_native(self._connection.from_arrow(table))

    def satisfies(self, frame: nw.LazyFrame[Any], expression: str, *, into: str) -> nw.LazyFrame[Any]:
        native: duckdb.DuckDBPyRelation = frame.to_native()
        return nw.from_native(native.project(f"*, coalesce({expression}, true) as {into}"))


Verb = Callable[[Any, int], nw.LazyFrame[Any]]
RULES = [
    Rule("note_known", Metric.NULL_VALUES, OnFailure.WARN, columns=("note",)),
    Rule("note_missing", Metric.MISSING_VALUES, OnFailure.WARN, columns=("note",), missing_values=("a",)),
    Rule("region_valid", Metric.INVALID_VALUES, OnFailure.WARN, columns=("region",), valid_values=("north",), pattern="n.*"),
    Rule("amount_bounds", Metric.INVALID_VALUES, OnFailure.WARN, columns=("amount",), minimum="1.6", maximum="10"),
    Rule("row_unique", Metric.DUPLICATE_VALUES, OnFailure.WARN, columns=("region", "number", "note")),
    Rule("amount_low", Metric.EXPRESSION, OnFailure.WARN, expression="amount < 3"),
    Rule("any_rows", Metric.ROW_COUNT, OnFailure.WARN, minimum="1"),
]


def texts() -> Contract:
    """A contract that asks for every standard transform."""
    transforms = ("trim", "collapse_spaces", "upper", "lower", "null_if_empty")
    columns = tuple(Column(n, n, parse_type("text"), transforms=transforms if n == "note" else ()) for n in ("region", "note"))
    return contract(columns=columns, key=("region",), path=Path("texts.yaml"))


def _extended(backend: Any, seed: int) -> nw.LazyFrame[Any]:
    rows = backend.frame(change_rows(seed)).filter(nw.col("_op") != "present").drop("_row")
    return hds.extended(rows, backend.frame(heads(seed)), KEY)


def _winners(backend: Any, seed: int) -> nw.LazyFrame[Any]:
    return law.winning_deliveries(backend.frame(snapshots(seed)))


CASES: dict[str, Verb] = {
    "winning_deliveries": _winners,
    "without_superseded": lambda b, s: law.without_superseded(b.frame(change_rows(s)), _winners(b, s)),
    "with_absences": lambda b, s: law.with_absences(b.frame(change_rows(s)), _winners(b, s), KEY),
    "changed": lambda b, s: law.changed(b.frame(change_rows(s)).unique([*KEY, *ORDER], keep="any").drop("_row", "note", "amount"), KEY),
    "versions": lambda b, s: law.versions(b.frame(change_rows(s)).filter(nw.col("_op") != "present").drop("_row", "note", "amount"), KEY),
    "facts": lambda b, s: law.facts(b.frame(change_rows(s)), b.frame(snapshots(s)), KEY),
    "history": lambda b, s: law.history(b.frame(change_rows(s)).drop("_row", "note", "amount"), b.frame(snapshots(s)), KEY),
    "current": lambda b, s: law.current(b.frame(change_rows(s)).drop("_row", "note", "amount"), b.frame(snapshots(s)), KEY),
    "extended": _extended,
    "evaluated": lambda b, s: rules.evaluated(b, contract(), b.frame(change_rows(s)), RULES),
    "transformed": lambda b, s: standardise.transformed(texts(), b.frame(change_rows(s))),
}


def table_of(frame: nw.LazyFrame[Any]) -> list[tuple[Any, ...]]:
    """Rows in an order of their own, instants in UTC."""
    arrow = frame.collect(backend="pyarrow").to_native()
    arrow = arrow.select(sorted(arrow.column_names))
    rows = [tuple(_plain(v) for v in row.values()) for row in arrow.to_pylist()]
    return sorted(rows, key=repr)


def _plain(value: object) -> object:
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value


@pytest.mark.parametrize("verb", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("seed", range(5))
def test_a_verb_gives_the_same_table_on_both_backends(verb: Verb, seed: int) -> None:
    polars, duck = table_of(verb(PolarsBackend(), seed)), table_of(verb(DuckBackend(), seed))
    assert polars == duck
    assert polars


def test_every_verb_has_a_case() -> None:
    public = {name for name, f in vars(law).items() if inspect.isfunction(f) and f.__module__ == law.__name__ and not name.startswith("_")}
    assert public <= set(CASES)


def test_a_planted_divergence_is_seen() -> None:
    assert table_of(CASES["history"](PolarsBackend(), 1)) != table_of(CASES["history"](DuckBackend(), 2))
