"""A source that is down, gone, too small or changed: a clear error, and nothing half committed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from deltalake import DeltaTable

from lakehouse_platform.contracts.contract import CaptureSpec, Contract, Drift
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.errors import DriftError, GateHalted, LakehouseError, SourceError, SourceUnavailable
from lakehouse_platform.zones import gate, ods
from lakehouse_platform.zones.lake import Lake
from tests.end_to_end.conftest import DAYS, Estate

TODAY = "2025-03-11"
OwnErp = tuple[Estate, psycopg.Connection]


@pytest.fixture
def untouched(copied_lake: Estate) -> Callable[[Contract], None]:
    """Check that no table of a contract was committed to."""
    before = {c.name: versions(copied_lake.lake, c) for c in copied_lake.tables}

    def check(contract: Contract) -> None:
        assert versions(copied_lake.lake, contract) == before[contract.name]

    return check


def versions(lake: Lake, contract: Contract) -> list[tuple[int, int]]:
    """Version and rows of each zone's table."""
    uris = [lake.uri(zone, contract) for zone in ("raw", "ods", "hds")] + [lake.gate_uri(contract)]
    tables = [DeltaTable(uri) for uri in uris if DeltaTable.is_deltatable(uri)]
    return [(t.version(), t.to_pyarrow_dataset().count_rows()) for t in tables]


def refuses(estate: Estate, contract: Contract, error: type[LakehouseError], words: str) -> None:
    with pytest.raises(error, match=words):
        estate.extract(contract, TODAY, "a run")


@pytest.mark.parametrize("name", ["finance.invoice", "finance.gl_account", "finance.gl_journal", "risk.credit_limit"])
def test_source_that_is_down(copied_lake: Estate, untouched: Callable[[Contract], None], name: str) -> None:
    contract = copied_lake.contract(name)
    down = dataclasses.replace(copied_lake, uris=lambda _: "postgresql://nobody:a-password@127.0.0.1:9/erp")
    with pytest.raises(SourceUnavailable, match='database of connection "erp" does not answer') as caught:
        down.extract(contract, TODAY, "a run")
    assert "a-password" not in str(caught.value)
    untouched(contract)


def test_first_extraction_from_a_source_that_is_down_leaves_an_empty_raw(copied_lake: Estate, tmp_path: Path) -> None:
    contract = copied_lake.contract("finance.invoice")
    down = dataclasses.replace(copied_lake, lake=Lake(str(tmp_path / "new"), PolarsEngine()), uris=lambda _: "postgresql://127.0.0.1:9/erp")
    with pytest.raises(SourceUnavailable):
        down.extract(contract, TODAY, "a run")
    assert versions(down.lake, contract) == [(0, 0)]


@pytest.mark.parametrize(("name", "table"), [("finance.invoice", "finance.invoice"), ("risk.credit_limit", "audit.credit_limit_log")])
def test_table_that_is_gone(own_erp: OwnErp, untouched: Callable[[Contract], None], name: str, table: str) -> None:
    estate, erp = own_erp
    erp.execute(f"alter table {table} rename to elsewhere".encode())
    refuses(estate, estate.contract(name), SourceError, f"{table} is not there; it was dropped or renamed")
    untouched(estate.contract(name))


def test_image_that_shrank_beyond_its_guard(own_erp: OwnErp, untouched: Callable[[Contract], None]) -> None:
    estate, erp = own_erp
    contract = estate.contract("finance.gl_account")
    erp.execute("delete from finance.gl_account where account_code > '2200'")
    refuses(estate, contract, SourceError, "full image of 2025-03-11 has 8 rows, and the image of 2025-03-10 had 19; at least 14")
    untouched(contract)


def test_keys_that_shrank_beyond_the_guard_of_reconciled_deletes(own_erp: OwnErp, untouched: Callable[[Contract], None]) -> None:
    estate, erp = own_erp
    contract = estate.contract("finance.invoice")
    erp.execute("delete from finance.invoice where invoice_id > 100")
    refuses(estate, contract, SourceError, "full image of 2025-03-11 has .* rows.*Nothing was committed")
    untouched(contract)


def test_frozen_schema_that_changed(own_erp: OwnErp, untouched: Callable[[Contract], None]) -> None:
    estate, erp = own_erp
    contract = dataclasses.replace(estate.contract("finance.billing_customer"), drift=Drift.FREEZE)
    erp.execute("alter table billing.customer add column vat_no text")
    refuses(estate, contract, DriftError, r"column vat_no \(text\) was added at the source\. The contract freezes its schema")
    untouched(contract)


def test_source_that_breaks_off_half_way(own_erp: OwnErp, untouched: Callable[[Contract], None]) -> None:
    estate, erp = own_erp
    contract = estate.contract("finance.gl_account")
    erp.execute("alter table finance.gl_account rename to gl_account_kept")
    erp.execute(b"create view finance.gl_account as select account_code, account_name, account_type, parent_code, is_active, "
                b"opened_on + 1 / nullif(2, length(account_type) * 0 + n) / (n - 20000) as opened_on "
                b"from finance.gl_account_kept, generate_series(3, 20001) n")
    refuses(estate, contract, LakehouseError, r"finance\.gl_account cannot be read: the database failed on the query or on one of its rows")
    untouched(contract)


def test_day_that_halts_goes_no_further_than_raw(own_erp: OwnErp) -> None:
    estate, erp = own_erp
    contract = estate.contract("operations.inventory_level")
    before = versions(estate.lake, contract)
    erp.execute("update ops.inventory_level set quantity_on_hand = -1 where warehouse_code = 'BOS' and sku = 'SKU-00007'")
    estate.extract(contract, TODAY, "a run")
    judged = gate.judge(estate.lake, contract, TODAY)
    assert judged.halted == ("stock_not_negative",)
    with pytest.raises(GateHalted, match=f"the gate let nothing of {TODAY} through"):
        ods.merge(estate.lake, contract, TODAY)
    assert versions(estate.lake, contract)[1:] == before[1:]
    erp.execute("update ops.inventory_level set quantity_on_hand = 1 where quantity_on_hand = -1")
    estate.extract(contract, TODAY, "a run after the repair")
    estate.merge(contract, TODAY)


def test_guards_are_those_of_the_contract(estate: Estate) -> None:
    guards = {c.name: capture.guard.max_shrink for c in estate.tables if isinstance(capture := c.capture, CaptureSpec)}
    assert guards["finance.gl_account"] == 0.3
    assert DAYS[-1] < TODAY
