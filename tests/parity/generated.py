"""Generated data: frames of change rows as the law takes them, and what a source with columns of every kind would deliver."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, Column, Contract, Metric, OnFailure, Rule, SnapshotGuard
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.engines.arrow import arrow_schema
from lakehouse_platform.sources.base import Reading, Request, SourceColumn
from lakehouse_platform.zones import rows as zone_columns
from tests.properties.feeds import contract, instant

KEY = ["region", "number"]
REGIONS = ["north", "south", "Żółw  é😀"]
DAYS = ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"]
TYPES = {
    "region": "varchar(80)", "number": "bigint", "amount": "numeric(38,9)", "note": "text", "rate": "double precision", "share": "real",
    "due": "date", "met_at": "timestamptz", "picture": "bytea", "is_open": "boolean", "size": "integer", "grade": "smallint",
}
NAN = float("nan")
FIRST, LAST = dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
VALUES: list[tuple[Any, ...]] = [
    (Decimal("1.5"), "a", 0.1, 0.5, dt.date(2026, 1, 2), instant(1), b"\x00\xff", True, 7, 1),
    (None, "a\n", None, None, None, None, None, None, None, None),
    (Decimal("0.000000001"), None, NAN, NAN, dt.date(1, 1, 1), FIRST, b"", False, 2**31 - 1, -2**15),
    (Decimal("99999999999999999999999999999.999999999"), " É😀\u00a0 x ", -0.0, float("-inf"), dt.date(9999, 12, 31), LAST, b"a",
     None, 0, 0),
    (Decimal("-2.25"), "\t", 1e300, 1e-40, dt.date(1582, 10, 10), instant(-(10**15)), None, True, -5, 2**15 - 1),
]
"""What `amount` and the columns after it may hold together."""
TEXTS = {"amount", "due", "met_at", "size"}
"""Columns that the source gives as text, so that Raw casts them."""
MISFITS = {"amount": "1.0000000001", "due": "2026-02-30", "met_at": "soon", "size": "12345678901"}

RULES = (
    Rule("note_known", Metric.NULL_VALUES, OnFailure.WARN, columns=("note",)),
    Rule("note_missing", Metric.MISSING_VALUES, OnFailure.WARN, columns=("note",), missing_values=("a", "n/a")),
    Rule("region_valid", Metric.INVALID_VALUES, OnFailure.WARN, columns=("region",), valid_values=("north", "south"), pattern="n.*"),
    Rule("amount_bounds", Metric.INVALID_VALUES, OnFailure.QUARANTINE, columns=("amount",), minimum="-2", description="too low"),
    Rule("rate_bounds", Metric.INVALID_VALUES, OnFailure.WARN, columns=("rate",), minimum="0", maximum="10"),
    Rule("due_bounds", Metric.INVALID_VALUES, OnFailure.WARN, columns=("due",), minimum="1900-01-01"),
    Rule("due_listed", Metric.INVALID_VALUES, OnFailure.WARN, columns=("due",), valid_values=("0001-01-01", "1582-10-10")),
    Rule("met_bounds", Metric.INVALID_VALUES, OnFailure.WARN, columns=("met_at",), maximum="2026-12-31T00:00:00+02:00"),
    Rule("amount_listed", Metric.INVALID_VALUES, OnFailure.WARN, columns=("amount",), valid_values=("1.5", "0.000000001")),
    Rule("rate_listed", Metric.INVALID_VALUES, OnFailure.WARN, columns=("rate",), valid_values=("0.1", "1e300", "0")),
    Rule("met_missing", Metric.MISSING_VALUES, OnFailure.WARN, columns=("met_at",), missing_values=("0001-01-01T00:00:00Z", "never")),
    Rule("note_letters", Metric.INVALID_VALUES, OnFailure.WARN, columns=("note",), pattern="a*"),
    Rule("row_unique", Metric.DUPLICATE_VALUES, OnFailure.WARN, columns=("region", "number", "note")),
    Rule("size_small", Metric.EXPRESSION, OnFailure.QUARANTINE, expression="size < 1000"),
    Rule("few_rows", Metric.ROW_COUNT, OnFailure.WARN, minimum="1", maximum="5"),
)


def trade(**changes: object) -> Contract:
    """A table with a column of every kind, some of them transformed, and rules of every metric."""
    transforms = {"note": ("trim", "collapse_spaces", "null_if_empty"), "region": ("upper",)} if changes.pop("transformed", False) else {}
    columns = tuple(
        Column(n, n, parse_type(t), required=n in KEY, transforms=transforms.get(n, ())) for n, t in TYPES.items())
    return contract(**{"columns": columns, "key": tuple(KEY), "rules": RULES, "path": Path("trade.yaml"), **changes})


def keyed_by_all() -> Contract:
    """A table whose key is made of columns of most kinds, one of them classified."""
    columns = tuple(replace(c, classification="restricted" if c.name == "note" else None) for c in trade().columns)
    return trade(columns=columns, rules_version="keys",
                 key=("region", "number", "amount", "note", "rate", "share", "due", "met_at", "is_open"))


def keyless() -> Contract:
    """A table without a key: its newest image."""
    image = CaptureSpec(Capture.SNAPSHOT, guard=SnapshotGuard(min_rows=0, max_shrink=1.0))
    return trade(key=(), keeps_history=False, capture=image)


def widened() -> Contract:
    """The table, when it declares a column whose values were parked until now."""
    return trade(columns=(*trade().columns, Column("colour", "Colour of it", parse_type("integer"))), shape="wider", rules_version="r2")


def change_rows(seed: int, *, size: int = 240) -> pa.Table:
    """Random change rows with ties, NULLs, deletes, images and keys that come back."""
    dice = random.Random(seed)
    return _table([_change_row(dice, number) for number in range(size)], zone_columns.ods_columns(trade()) | {"_row": zone_columns.WHOLE})


def _change_row(dice: random.Random, number: int) -> dict[str, Any]:
    snapshot = dice.random() < 0.3
    op = dice.choice(["upsert", "upsert", "delete"]) if not snapshot else dice.choice(["upsert", "upsert", "present"])
    index = dice.randrange(len(VALUES))
    return {
        "region": dice.choice(REGIONS), "number": dice.randint(1, 8), **(_values(index) if op == "upsert" else {}), "_op": op,
        "_seq": dice.choice([3, 6]) if snapshot else dice.randint(1, 8), "_snapshot": snapshot,
        "_seen_at": instant(dice.choice([1, 2])), "_effective_at": instant(dice.randint(1, 8)),
        "_hash": "" if op == "delete" else f"h{index}", "_batch_id": f"{DAYS[0]}#{dice.choice([1, 2])}", "_row": number,
    }


def _values(index: int) -> dict[str, Any]:
    return dict(zip(list(TYPES)[2:], VALUES[index], strict=True))


def _table(rows: Sequence[dict[str, Any]], columns: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(columns))


def snapshots(seed: int) -> pa.Table:
    """Deliveries of two positions, one of them delivered again."""
    dice = random.Random(seed)
    rows = [(3, 1), (6, 1), (dice.choice([3, 6]), 2)]
    kinds = {"_seq": zone_columns.WHOLE, "_seen_at": zone_columns.INSTANT, "_effective_at": zone_columns.INSTANT}
    return _table([{"_seq": p, "_seen_at": instant(s), "_effective_at": instant(s)} for p, s in rows], kinds)


def heads(seed: int) -> pa.Table:
    """Open versions that lie before all change rows."""
    rows = [{"region": region, "number": number, **_values(0), "valid_from": instant(-5), "is_current": True, "_seq": 0, "_hash": "h0",
             "_effective_at": instant(-6), "_clamp": instant(-5 + seed % 2), "_seen_at": instant(0), "_batch_id": "2026-03-01#1"}
            for region in REGIONS for number in (1, 2, 3)]
    return _table(rows, zone_columns.hds_columns(trade()))


@dataclass(frozen=True)
class Told:
    """One batch as the source streams it."""

    rows: tuple[dict[str, Any], ...]
    seen: int
    position: int | None = None

    @property
    def arrow(self) -> pa.Table:
        kinds = arrow_schema(zone_columns.declared(trade()))
        fields = [pa.field(f.name, pa.string()) if f.name in TEXTS else f for f in kinds]
        own = [("_op", pa.string()), ("_seq", pa.int64()), ("_snapshot", pa.bool_()), ("_effective_at", pa.timestamp("us", "UTC")),
               ("_parked", pa.string())]
        return pa.Table.from_pylist(list(self.rows), schema=pa.schema([*fields, *(pa.field(n, t) for n, t in own)]))


def told(seed: int, number: int, *, seqs: tuple[int, int], seen: int, size: int = 14) -> Told:
    """Changes of a feed: NULLs, deletes, values that do not fit, a column that is not declared."""
    dice = random.Random(f"{seed} {number}")
    ops = ["upsert"] * len(MISFITS) + [dice.choice(["upsert", "upsert", "upsert", "delete"]) for _ in range(size - len(MISFITS))]
    rows = [_said(dice, op, dice.randint(*seqs)) for op in ops]
    unfit = [{**row, name: text} for row, (name, text) in zip(rows, MISFITS.items(), strict=False)]
    return Told((*unfit, *rows[len(MISFITS):]), seen)


def image(seed: int, number: int, *, position: int, seen: int) -> Told:
    """A full image of some keys; of one it says only that it is there."""
    dice = random.Random(f"{seed} {number}")
    there = dice.sample([(region, n) for region in REGIONS for n in range(1, 5)], 6)
    whole: dict[str, Any] = {"_snapshot": True, "_effective_at": instant(seen)}
    rows = [{**_said(dice, "upsert", position), "region": r, "number": n, **whole} for r, n in there]
    present = {"region": there[0][0], "number": there[0][1], "_op": "present", "_seq": position, **whole}
    return Told((present, *rows[1:]), seen, position)


def _said(dice: random.Random, op: str, seq: int) -> dict[str, Any]:
    values = _values(dice.randrange(len(VALUES))) if op == "upsert" else {}
    spelt = {n: _spelt(v) if n in TEXTS and v is not None else v for n, v in values.items()}
    parked = json.dumps({"Colour of it": dice.choice(["7", "red", " 12 "])}) if values and dice.random() < 0.5 else None
    return {"region": dice.choice(REGIONS), "number": dice.randint(1, 4), **spelt, "_op": op, "_seq": seq, "_snapshot": False,
            "_effective_at": instant(seq + dice.choice([0, 0, 0, -3])), "_parked": parked}


def _spelt(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


ROADS = {
    "changes, some late": lambda seed: told(seed, 3, seqs=(5, 40), seen=45),
    "a full image": lambda seed: image(seed, 3, position=41, seen=45),
    "an image that comes late": lambda seed: image(seed, 3, position=9, seen=45),
}
"""What the third day brings."""


def deliveries(road: str, seed: int) -> list[Told]:
    """Five days of a source."""
    return [
        told(seed, 1, seqs=(1, 12), seen=15), image(seed, 2, position=20, seen=25), ROADS[road](seed),
        told(seed, 4, seqs=(50, 60), seen=65), told(seed, 5, seqs=(61, 70), seen=75)]


def images(seed: int) -> list[Told]:
    """Five days of a source that gives images only."""
    found = [image(seed, number, position=10 * number, seen=10 * number) for number in range(1, 6)]
    return [replace(told, rows=tuple(row for row in told.rows if row["_op"] != "present")) for told in found]


class Source:
    """A source that says what it is told to."""

    time_zone = "UTC"

    def __init__(self, told: Told) -> None:
        self._told = told

    def describe(self, contract: Contract) -> Sequence[SourceColumn]:
        return [SourceColumn(c.physical_name, TYPES.get(c.name, "integer"), nullable=True) for c in contract.columns]

    @contextmanager
    def read(self, request: Request) -> Iterator[Reading]:
        table = self._told.arrow
        for column in request.contract.columns:
            if column.physical_name not in table.column_names:
                table = table.append_column(column.physical_name, pa.nulls(table.num_rows, pa.string()))
        yield Reading(pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=8)), request.low, 10**6,
                      self._told.position, instant(self._told.seen), 10**6, self.describe(request.contract))
