"""A lake of a few rows, written by hand: what the marts' tests are computed from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from lakehouse_platform import contracts
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Commit, Engine, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.rows import hds_columns, ods_columns

PROJECT = Path(__file__).resolve().parents[2]
CONTRACTS = {contract.name: contract for contract in contracts.load(PROJECT / "assets/contracts")}
MARTS = tuple(contract for contract in CONTRACTS.values() if contract.model)
Rows = Sequence[Mapping[str, object]]


def at(text: str) -> dt.datetime:
    """An instant, UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def day(number: int) -> dt.date:
    """A day of November 2026."""
    return dt.date(2026, 11, number)


def table(columns: str, *rows: tuple[object, ...]) -> list[dict[str, object]]:
    """Rows with the columns named in `columns`."""
    return [dict(zip(columns.split(), row, strict=True)) for row in rows]


ODS: dict[str, Rows] = {
    "finance.invoice": table(
        "invoice_id invoice_no customer_no invoice_date currency_code amount status",
        (1, "I-1", "B1", day(2), "USD", Decimal("100.0000"), "open"),
        (2, "I-2", "B1", day(4), "EUR", Decimal("10.0001"), "paid"),   # customer 1 has moved on the 3rd; the rate is of the 2nd
        (3, "I-3", "B2", day(4), "USD", Decimal("7.0000"), "draft"),
        (4, "I-4", "B3", day(4), "USD", Decimal("5.5000"), "paid"),    # billing customer nobody has matched
        (5, "I-5", "B9", day(4), "GBP", Decimal("1.0000"), "open"),    # unknown to billing; no rate for GBP
        (6, "I-6", "B2", day(3), "USD", Decimal("2.0000"), "open"),    # customer 2 was deleted in the course of the 3rd
        (7, "I-7", "B2", day(6), "USD", Decimal("3.0000"), "open"),    # and was gone by the 6th
    ),
    "finance.billing_customer": table("customer_no customer_id", ("B1", 1), ("B2", 2), ("B3", None)),
    "finance.fx_rate": table(
        "rate_date currency_code rate",
        (dt.date(1, 1, 1), "XTS", Decimal("99999999999999999999999999999.999999999")),
        (day(1), "USD", Decimal(1)), (day(1), "EUR", Decimal("1.1")), (day(2), "EUR", Decimal("1.200000001")), (day(5), "EUR", Decimal(2)),
    ),
    "finance.gl_account": table("account_code account_name is_active", ("1000", "Assets", True), ("4100", "Sales", True)),
    "customer.customer": table("customer_id segment", (1, "business"), (3, "public")),
    "operations.shipment": table(
        "shipment_id warehouse_code units promised_at shipped_at",
        (1, "BOS", 5, at("2026-11-02 15:00"), at("2026-11-02 15:00")),
        (2, "BOS", 7, at("2026-11-02 15:00"), at("2026-11-02 15:00:00.000001")),
        (3, "BOS", 1, None, at("2026-11-03 04:59:59.999999")),         # still the 2nd in New York
        (4, "BOS", 2, None, at("2026-11-03 05:00")),
        (5, "SEA", 9, at("2026-11-01 00:00"), at("2026-11-03 12:00")),
    ),
    "risk.credit_limit": table(
        "customer_id product_code limit_amount currency_code",
        (1, "LOAN", Decimal("100.0000"), "EUR"), (1, "CARD", Decimal(0), "USD"), (2, "LOAN", Decimal(50), "USD"),
    ),
    "risk.exposure": table(
        "counterparty_code as_of_date customer_id product_code exposure_amount",
        ("C1", day(3), 1, "LOAN", Decimal(999)),                       # not the newest close of business
        ("C1", day(4), 1, "LOAN", Decimal("60.0000")), ("C1b", day(4), 1, "LOAN", Decimal("90.0000")),
        ("C2", day(4), 2, "LEASE", Decimal("11.0000")),                # no limit granted
        ("BANK", day(4), None, None, Decimal("1000.0000")),
    ),
}

HDS: dict[str, Rows] = {
    "customer.customer": table(
        "customer_id customer_name segment region is_vip notes valid_from valid_to",
        (1, "Ada", "retail", "north", None, None, at("2026-10-01 00:00"), at("2026-10-20 00:00")),
        (1, "Ada", "retail", "north", None, "x", at("2026-10-20 00:00"), at("2026-11-03 20:00")),
        (1, "Ada", "business", "south", None, "x", at("2026-11-03 20:00"), None),
        (2, "Zoë", "retail", "east", True, None, at("2026-10-01 00:00"), at("2026-11-03 15:00")),
        (3, "Mei", "public", "west", False, None, at("2026-10-01 00:00"), at("2026-10-05 00:00")),
        (3, "Mei", "public", "west", False, None, at("2026-10-09 00:00"), None),    # deleted and back: the gap stays
    ),
    "finance.gl_account": table(
        "account_code account_name is_active valid_from valid_to",
        ("1000", "Assets", True, at("2026-11-01 05:00"), None),
        ("4100", "Goods", True, at("2026-11-01 05:00"), at("2026-11-03 05:00")),
        ("4100", "Sales", True, at("2026-11-03 05:00"), None),
    ),
}


def write(root: Path | str, *, leave_out: Sequence[str] = (), engine: Engine | None = None) -> Lake:
    """The lake of the rows above, without the ODS tables named."""
    lake = Lake(str(root), engine or PolarsEngine())
    for name, rows in ODS.items():
        if name not in leave_out:
            add(lake, Zone.ODS, name, rows)
    for name, rows in HDS.items():
        add(lake, Zone.HDS, name, [{**row, "is_current": row["valid_to"] is None} for row in rows])
    return lake


def add(lake: Lake, zone: str, name: str, rows: Rows) -> None:
    """Append rows to a table of the lake."""
    contract = CONTRACTS[name]
    columns = ods_columns(contract) if zone == Zone.ODS else hds_columns(contract)
    partition = ("is_current",) if zone == Zone.HDS else ()
    _append(lake, TableSpec(lake.uri(zone, contract), columns, partition), rows)


def _append(lake: Lake, table: TableSpec, rows: Rows) -> None:
    lake.engine.create(table)
    held = pa.Table.from_pylist([dict(row) for row in rows], schema=lake.engine.schema(table.schema))
    lake.engine.open(table.uri).append(held.to_reader(), Commit("test"))


def published(lake: Lake, contract: Contract, *names: str) -> list[tuple[object, ...]]:
    """Rows of a published mart in the order of its key, only the columns named."""
    rows = lake.engine.collect(lake.engine.open(lake.uri(Zone.CURATED, contract)).scan()).sort_by([(k, "ascending") for k in contract.key])
    return list(_tuples(rows.select(list(names) or rows.column_names)))


def _tuples(rows: pa.Table) -> Iterator[tuple[object, ...]]:
    for row in rows.to_pylist():
        yield tuple(row.values())
