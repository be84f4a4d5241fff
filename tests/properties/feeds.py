"""Change sets as a source would deliver them, at instants and positions that a test chooses."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, Column, Contract, Drift, SnapshotGuard, SourceTable
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.sources.base import Reading, Request, SourceColumn
from tests.properties.oracle import PRESENT, Row, Values

EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
COLUMNS = {"region": "varchar(80)", "number": "bigint", "amount": "numeric(38,9)", "note": "text"}
KEY = ("region", "number")


def contract(**changes: object) -> Contract:
    """A table with a composite key, a wide decimal and a text that may be NULL, its partitions open to any order."""
    columns = tuple(Column(n, n, parse_type(t), required=n in KEY) for n, t in COLUMNS.items())
    values: dict[str, object] = {
        "domain": "finance", "table": "ledger", "version": "1.0.0", "description": "", "owner": "team:finance", "columns": columns,
        "key": KEY, "source": SourceTable("erp", "public", "ledger"), "model": None,
        "capture": CaptureSpec(Capture.WINDOW, column="at", guard=SnapshotGuard(min_rows=0, max_shrink=1.0)),
        "keeps_history": True, "drift": Drift.EVOLVE, "rules": (),
        "freshness": None, "retention": None, "steps": {}, "publication": None, "tags": {}, "path": Path("ledger.yaml"),
        "fingerprint": "f", "shape": "s", "rules_version": "r",
    }
    return Contract(**{**values, **changes})  # type: ignore[arg-type]


def instant(number: int) -> dt.datetime:
    """The test's small numbers as instants."""
    return EPOCH + dt.timedelta(microseconds=number)


@dataclass(frozen=True)
class Delivery:
    """One batch: a piece of a change feed, or a full image at a position."""

    rows: tuple[Row, ...]
    position: int | None = None
    seen: int = 0

    @property
    def arrow(self) -> pa.Table:
        """The rows as a source streams them."""
        values = [((None, None) if row.value is None or row.value == PRESENT else row.value) for row in self.rows]
        return pa.table({
            "region": pa.array([r.key[0] for r in self.rows], pa.string()),
            "number": pa.array([r.key[1] for r in self.rows], pa.int64()),
            "amount": pa.array([None if v[0] is None else Decimal(v[0]) for v in values], pa.decimal128(38, 9)),
            "note": pa.array([v[1] for v in values], pa.string()),
            "_op": pa.array([{None: "delete", PRESENT: "present"}.get(r.value, "upsert") for r in self.rows], pa.string()),
            "_seq": pa.array([r.seq for r in self.rows], pa.int64()),
            "_snapshot": pa.array([r.snapshot for r in self.rows], pa.bool_()),
            "_effective_at": pa.array([instant(r.effective) for r in self.rows], pa.timestamp("us", "UTC")),
            "_parked": pa.nulls(len(self.rows), pa.string()),
        })


def fingerprint(key: Values, value: Values) -> str:
    """What the platform's `_hash` must be: sha256 over the names, lengths and texts of what is not NULL."""
    amount = None if value[0] is None else f"{Decimal(value[0]):.9f}"
    named = {"region": key[0], "number": str(key[1]), "amount": amount, "note": value[1]}
    text = "".join(f"{n}={len(t.encode())}:{t};" for n, t in sorted(named.items()) if t is not None)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class FeedSource:
    """A source that says what the test tells it to."""

    time_zone = "UTC"

    def __init__(self) -> None:
        self.next: Delivery = Delivery(())

    def describe(self, contract: Contract) -> Sequence[SourceColumn]:
        return [SourceColumn(name, declared, nullable=True) for name, declared in COLUMNS.items()]

    @contextmanager
    def read(self, request: Request) -> Iterator[Reading]:
        delivery = self.next
        table = delivery.arrow
        for column in request.contract.columns:
            if column.name not in table.column_names:
                table = table.append_column(column.name, pa.nulls(table.num_rows, pa.string()))
        # The days lie after all instants, so that an image's absences are effective when it was seen.
        seen = instant(delivery.seen)
        yield Reading(pa.RecordBatchReader.from_batches(table.schema, table.to_batches()), request.low, 10**6, delivery.position,
                      seen, 10**6, self.describe(request.contract))
