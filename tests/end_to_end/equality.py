"""What a lake must hold, computed in plain Python from the legacy and its journal; of the platform it reads contracts and Delta files.

Values are compared as canonical texts: instants as microseconds since 1970, dates as days, decimals at their declared scale, None for NULL.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
from deltalake import DeltaTable

from lakehouse_platform.contracts.contract import Capture, Column, Contract, SourceTable
from lakehouse_platform.contracts.types import Kind
from lakehouse_platform.zones.lake import Lake
from resources.legacy import Entry, Journal, Legacy
from tests.properties import oracle

NEW_YORK = ZoneInfo("America/New_York")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LAST_INSTANT = (dt.datetime.max.replace(tzinfo=dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)

Text = str | None
Row = tuple[Text, ...]
Key = tuple[Text, ...]
Version = tuple[Key, Row, int, int | None]
Difference = dict[Key, tuple[Row | None, Row | None]]
"""By key: the row in the legacy, the row in the lake; None where one of them lacks it."""

TRANSFORMS: dict[str, Callable[[str], Text]] = {
    "trim": str.strip,
    "upper": str.upper,
    "lower": str.lower,
    "collapse_spaces": lambda text: re.sub(r"\s+", " ", text),
    "null_if_empty": lambda text: text or None,
}
CARRIERS = {"U.P.S.": "UPS", "UNITED PARCEL": "UPS", "FED EX": "FEDEX", "FEDEX GROUND": "FEDEX", "DHL EXPRESS": "DHL"}

Named = Mapping[str, Text]


def _number(text: Text) -> Decimal:
    return Decimal(text or 0)


ACCEPTED: dict[str, Callable[[Named], bool]] = {
    "customer.address": lambda r: r["kind"] in {"home", "billing", "delivery"} and bool(re.fullmatch("[A-Z]{2}", r["country_code"] or "")),
    "customer.customer": lambda r: r["customer_name"] != "" and r["segment"] in {"retail", "business", "public"}
    and r["region"] in {"north", "south", "east", "west"},
    "finance.billing_customer": lambda r: 0 <= _number(r["payment_terms_days"]) <= 365
    and r["currency_code"] in {None, "USD", "EUR", "GBP", "JPY", "CHF", "CAD"},
    "finance.fx_rate": lambda r: _number(r["rate"]) > 0,
    "finance.gl_account": lambda r: r["account_type"] in {None, "asset", "liability", "equity", "income", "expense"},
    "finance.gl_journal": lambda r: r["side"] in {"D", "C"} and r["currency_code"] in {"USD", "EUR", "GBP", "JPY", "CHF", "CAD", "XTS"},
    "finance.invoice": lambda r: _number(r["amount"]) >= 0 and r["currency_code"] in {"USD", "EUR", "GBP", "JPY", "CHF", "CAD"}
    and r["status"] in {"draft", "open", "paid", "void"},
    "operations.inventory_level": lambda r: True,
    "operations.shipment": lambda r: _number(r["units"]) > 0 and r["carrier"] != "",
    "operations.work_order": lambda r: r["status"] in {"planned", "released", "done", "cancelled"} and _number(r["quantity"]) >= 0,
    "risk.credit_limit": lambda r: _number(r["limit_amount"]) >= 0 and r["currency_code"] in {"USD", "EUR", "GBP"},
    "risk.exposure": lambda r: 0 <= _number(r["default_probability"]) <= 1,
    "risk.watchlist": lambda r: r["entity_name"] != "",
}
"""Rows that no quarantining rule holds back; that a required column is there is asked of every table."""


def accepted(contract: Contract, row: Row) -> bool:
    """Whether no rule holds the row back."""
    named = {c.name: text for c, text in zip(contract.columns, row, strict=True)}
    present = all(named[c.name] is not None for c in contract.columns if c.required or c.name in contract.key)
    return present and ACCEPTED[contract.name](named)


# What the lake holds.


def lake_rows(lake: Lake, zone: str, contract: Contract, *more: str) -> list[tuple[Row, tuple[object, ...]]]:
    """Rows of a zone's table: the contract's columns as texts, and `more` columns, instants as microseconds."""
    table = DeltaTable(lake.uri(zone, contract)).to_pyarrow_table()
    texts = [[_lake_text(c, value) for value in _plain(table[c.name])] for c in contract.columns]
    rest = [_plain(table[name]) for name in more]
    rows: list[Row] = list(zip(*texts, strict=True))
    return list(zip(rows, zip(*rest, strict=True) if rest else [()] * len(rows), strict=True))


def _plain(values: pa.ChunkedArray[Any]) -> list[Any]:
    if pa.types.is_timestamp(values.type):
        assert values.type == pa.timestamp("us", "UTC")
        values = values.cast(pa.int64())
    elif pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    return list(values.to_pylist())


def _lake_text(column: Column, value: object) -> Text:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        assert value.as_tuple().exponent == -(column.type.scale or 0)
        return f"{value:f}"
    return str(value).lower() if isinstance(value, bool) else repr(value)


# What the legacy holds.


def source_rows(legacy: Legacy, contract: Contract, uri: str | None = None) -> list[Row]:
    """Rows of the legacy's table as they are now, standardised; `uri` names a copy of the database."""
    source = _source(contract)
    with psycopg.connect(uri or legacy.uri(source.connection), options="-c timezone=UTC") as connection:
        kinds: dict[str, str] = dict(connection.execute(
            "select column_name, data_type from information_schema.columns where table_schema = %s and table_name = %s",
            [source.schema, source.table]).fetchall())
        asked = ", ".join(_exact(kinds[c.physical_name], f'"{c.physical_name}"') for c in contract.columns)
        found = connection.execute(f'select {asked} from "{source.schema}"."{source.table}"'.encode()).fetchall()
    return [standard(contract, row) for row in found]


def _source(contract: Contract) -> SourceTable:
    assert isinstance(contract.source, SourceTable)
    return contract.source


def _exact(kind: str, name: str) -> str:
    if kind.startswith("timestamp"):
        instant = name if kind.endswith("with time zone") else f"{name} at time zone 'America/New_York'"
        return f"(extract(epoch from {instant}) * 1000000)::bigint::text"
    if kind == "character":  # its cast to text would drop the padding
        return f"case when {name} is not null then concat({name}) end"
    return f"({name} - date '1970-01-01')::text" if kind == "date" else f"{name}::text"


def standard(contract: Contract, texts: Iterable[Text]) -> Row:
    """A row of the legacy's texts as the contract reads it."""
    row = []
    for column, held in zip(contract.columns, texts, strict=True):
        text = None if held is None else _typed(column, held)
        for name in column.transforms:
            text = None if text is None else TRANSFORMS[name](text)
        if contract.name == "operations.shipment" and column.name == "carrier" and text is not None:
            text = CARRIERS.get(text.strip().upper(), text.strip().upper())
        row.append(text)
    return tuple(row)


def _typed(column: Column, text: str) -> Text:
    """The value in the contract's type, None where that cannot carry it: such values are parked."""
    kind, scale = column.type.kind, column.type.scale or 0
    if kind in (Kind.INT16, Kind.INT32, Kind.INT64):
        return str(int(text)) if re.fullmatch(r"[+-]?\d+", text) else None
    if kind is Kind.DECIMAL:
        return f"{Decimal(text):.{scale}f}"
    if kind is Kind.FLOAT64:
        return repr(float(text))
    if kind is Kind.TIMESTAMP:
        return text if int(text) <= LAST_INSTANT else None
    return text


def key_of(contract: Contract, row: Row) -> Key:
    """The row's key; the whole row where the table has none."""
    names = [c.name for c in contract.columns]
    return tuple(row[names.index(name)] for name in contract.key) if contract.key else row


def current_differences(lake: Lake, contract: Contract, legacy: Legacy) -> Difference:
    """Where ODS and the legacy's table differ, EXCEPT both ways, rows that occur several times counted."""
    ours, theirs = Counter(row for row, _ in lake_rows(lake, "ods", contract)), Counter(source_rows(legacy, contract))
    assert not contract.key or max(Counter(key_of(contract, row) for row in ours.elements()).values(), default=1) == 1
    missing = {key_of(contract, row): row for row in (theirs - ours)}
    extra = {key_of(contract, row): row for row in (ours - theirs)}
    return {key: (missing.get(key), extra.get(key)) for key in missing.keys() | extra.keys()}


# What the business's journal says.


@dataclass(frozen=True)
class Batch:
    """What an extraction says of itself in Raw."""

    day: dt.date
    low: int
    high: int
    running: int
    seen: int

    @property
    def day_end(self) -> int:
        """Midnight in New York, never after the source was seen."""
        midnight = dt.datetime.combine(self.day + dt.timedelta(1), dt.time(), NEW_YORK)
        return min((midnight - EPOCH) // dt.timedelta(microseconds=1), self.seen)


def batches(lake: Lake, contract: Contract) -> list[Batch]:
    """The extractions of a table, as they followed each other."""
    table = DeltaTable(lake.uri("raw", contract)).to_pyarrow_table(filters=[("_kind", "=", "batch")])
    found = [
        Batch(dt.date.fromisoformat(h["partition"]), h["low"] or 0, h["high"], h["running"],
              (dt.datetime.fromisoformat(h["seen_at"]) - EPOCH) // dt.timedelta(microseconds=1))
        for h in (json.loads(str(text)) for text in table["_header"].to_pylist())
    ]
    return sorted(found, key=lambda b: b.seen)


@dataclass(frozen=True)
class Told:
    """A change in the journal."""

    transaction: int
    day: dt.date
    """On which it was committed."""
    key: Key
    row: Row | None
    """None for a delete."""
    at: int


class Memory:
    """The journal of a legacy, with the numbers of its transactions."""

    def __init__(self, legacy: Legacy) -> None:
        self._journal = Journal(legacy)
        self._transactions: dict[str, dict[int, int]] = {}
        for database in ("erp", "crm"):
            with legacy.connect(database) as connection:
                self._transactions[database] = dict(connection.execute(
                    "select commit_number, xid::text::bigint from legacy_meta.played").fetchall())
                start = connection.execute("select start from legacy_meta.estate").fetchone()
        assert start is not None
        self._start: dt.date = start[0]

    def of(self, contract: Contract) -> list[Told]:
        """The changes of a contract's table, in the order of their commits."""
        source = _source(contract)
        return [self._told(contract, e) for e in self._journal.of(source.connection, f"{source.schema}.{source.table}")]

    def _told(self, contract: Contract, entry: Entry) -> Told:
        row = standard(contract, (_journal_text(entry.values.get(c.physical_name)) for c in contract.columns))
        return Told(
            self._transactions[entry.database][entry.commit_number], self._start + dt.timedelta(entry.day_committed - 1),
            key_of(contract, row), None if entry.operation == "D" else row, micros(entry.business_time))


def micros(time: dt.datetime) -> int:
    """Microseconds since 1970; a wall clock is New York's, standard time where it was shown twice or never."""
    if time.tzinfo is not None:
        return (time - EPOCH) // dt.timedelta(microseconds=1)
    offset = min(time.replace(tzinfo=NEW_YORK, fold=fold).utcoffset() or dt.timedelta() for fold in (0, 1))
    return (time.replace(tzinfo=dt.UTC) - EPOCH - offset) // dt.timedelta(microseconds=1)


def _journal_text(value: object) -> Text:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dt.datetime):
        return str(micros(value))
    if isinstance(value, dt.date):
        return str((value - EPOCH.date()).days)
    return str(value).lower() if isinstance(value, bool) else f"{value:f}" if isinstance(value, Decimal) else str(value)


def expected_history(lake: Lake, contract: Contract, memory: Memory) -> set[Version]:
    """The versions that the journal's changes make, as far as the table's capture can see them."""
    assert contract.capture is not None
    told, read = memory.of(contract), batches(lake, contract)
    if contract.capture.mode in (Capture.CHANGE_LOG, Capture.WINDOW):
        facts = [oracle.Row(t.key, n, False, 0, t.row, t.at) for n, t in enumerate(told)]
    else:
        facts = [fact for number, batch in enumerate(read) for fact in _seen(contract, told, batch, number)]
    counted = [f for f in facts if f.value is None or accepted(contract, f.value)]
    return oracle.history(counted, [], defaultdict(str))


def _seen(contract: Contract, told: list[Told], batch: Batch, number: int) -> list[oracle.Row]:
    """Change rows of one extraction that reads the table's rows, in the order of extractions and with deletes after changes."""
    assert contract.capture is not None
    image = _visible(told, batch)
    full = contract.capture.mode is Capture.SNAPSHOT
    rows = [
        oracle.Row(key, 2 * number, False, 0, t.row, t.at if contract.capture.effective_at else batch.day_end)
        for key, t in image.items() if full or batch.low <= t.transaction < batch.high
    ]
    if full or contract.capture.reconcile_deletes:
        known = {t.key for t in told}
        rows += [oracle.Row(key, 2 * number + 1, False, 0, None, batch.day_end) for key in known - image.keys()]
    return rows


def _visible(told: list[Told], batch: Batch) -> dict[Key, Told]:
    """The last visible change of each key that was there when the batch was read."""
    seen = [t for t in told if t.day <= batch.day]
    hidden = [t for t in told if t.day > batch.day]
    assert all(t.transaction < batch.running for t in seen), "each business day is extracted after it was played"
    assert all(t.transaction >= batch.high for t in hidden), "each business day is extracted before the next is played"
    last = {t.key: t for t in seen}
    return {key: t for key, t in last.items() if t.row is not None}


def actual_history(lake: Lake, contract: Contract) -> set[Version]:
    """The versions in HDS."""
    found = lake_rows(lake, "hds", contract, "valid_from", "valid_to", "is_current")
    versions = [(key_of(contract, row), row, start, end) for row, (start, end, _) in found]
    assert all(current == (end is None) for _, (_, end, current) in found)
    assert len({(key, start) for key, _, start, _ in versions}) == len(versions)
    return set(versions)  # type: ignore[arg-type]


@cache
def memory_of(legacy: Legacy) -> Memory:
    """The journal, read once a legacy; for one that plays no more."""
    return Memory(legacy)


def law_rows(lake: Lake, zone: str, contract: Contract) -> Counter[tuple[object, ...]]:
    """Rows of ODS or HDS with what the law says of them; not where and when they were read."""
    more = ("_hash", "valid_from", "valid_to", "_clamp") if zone == "hds" else ("_hash", "_op")
    return Counter((row, *rest) for row, rest in lake_rows(lake, zone, contract, *more))
