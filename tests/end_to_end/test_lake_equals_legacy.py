"""After five days the lake says what the legacy says: ODS its tables, HDS the journal of its commits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse_platform import contracts
from resources.legacy.business.values import LAST_MOMENT
from tests.end_to_end.conftest import CONTRACTS, Estate
from tests.end_to_end.equality import (
    accepted,
    actual_history,
    current_differences,
    expected_history,
    key_of,
    lake_rows,
    memory_of,
    micros,
    source_rows,
)

NAMES = sorted(f"{path.parent.name}.{path.stem}" for path in CONTRACTS.glob("*/[!_]*.yaml") if "source:" in path.read_text())
HISTORIES = [name for name in NAMES if name != "risk.watchlist"]

HELD: dict[str, dict[tuple[str, ...], str]] = {
    "customer.customer": {("900002",): "older"},
    "finance.gl_journal": {("900001",): "absent"},
    "finance.invoice": {("900003",): "absent", ("900004",): "older"},
    "operations.shipment": {("900001",): "absent", ("900002",): "absent"},
    "operations.work_order": {("900002",): "older"},
    "risk.credit_limit": {("900002", "CARD"): "older"},
}
"""Keys whose newest row the gate holds back, and what ODS has instead of it: nothing, or the last good state."""


def test_every_source_contract_is_compared(estate: Estate) -> None:
    assert sorted(c.name for c in estate.tables) == NAMES
    assert len(NAMES) == 13


@pytest.mark.parametrize("name", NAMES)
def test_ods_equals_the_legacys_table(estate: Estate, name: str) -> None:
    contract = estate.contract(name)
    found = current_differences(estate.lake, contract, estate.legacy)
    assert {key: "absent" if ours is None else "older" for key, (_, ours) in found.items()} == HELD.get(name, {}), found
    assert all(theirs is not None and not accepted(contract, theirs) for theirs, _ in found.values())
    assert len(lake_rows(estate.lake, "ods", contract)) > 10


@pytest.mark.parametrize("name", HISTORIES)
def test_hds_equals_the_journal_as_far_as_the_capture_sees(estate: Estate, name: str) -> None:
    contract = estate.contract(name)
    expected, actual = expected_history(estate.lake, contract, memory_of(estate.legacy)), actual_history(estate.lake, contract)
    assert sorted(map(repr, expected - actual)) == []
    assert sorted(map(repr, actual - expected)) == []


@pytest.mark.parametrize("name", HISTORIES)
def test_open_versions_of_hds_are_the_rows_of_ods(estate: Estate, name: str) -> None:
    contract = estate.contract(name)
    current = {row for row, (is_current,) in lake_rows(estate.lake, "hds", contract, "is_current") if is_current}
    assert current == {row for row, _ in lake_rows(estate.lake, "ods", contract)}


def test_the_five_days_hold_what_is_hard(estate: Estate) -> None:
    """The equality would be cheap if nobody had deleted, come back, or been late."""
    def of(name: str, key: tuple[str, ...]) -> list[tuple[int | None, int | None]]:
        return sorted((start or 0, end) for k, _, start, end in actual_history(estate.lake, estate.contract(name)) if k == key)

    account, customer, address = of("finance.gl_account", ("1900",)), of("customer.customer", ("11",)), of("customer.address", ("21",))
    for versions in (account, customer, address):
        assert len(versions) == 2
        assert versions[0][1] is not None
        assert versions[0][1] < (versions[1][0] or 0)
    assert len(of("finance.gl_account", ("4100",))) == 3
    assert len(of("customer.customer", ("5",))) > 5
    assert len(of("operations.work_order", ("3",))) == 2


def test_never_as_a_wall_clock_is_parked_since_its_instant_lies_in_the_year_10000(estate: Estate) -> None:
    contract = estate.contract("operations.work_order")
    never = str(micros(LAST_MOMENT))
    with estate.legacy.connect("erp") as connection:
        keys = {str(n) for (n,) in connection.execute("select work_order_id from ops.work_order where due_at = %s", [LAST_MOMENT])}
    assert int(never) > 253402300799999999
    assert {key_of(contract, r)[0] for r in source_rows(estate.legacy, contract) if r[6] is None} >= keys
    rows = DeltaTable(estate.lake.uri("raw", contract)).to_pyarrow_table().select(["work_order_id", "_parked"]).to_pylist()
    parked = {str(r["work_order_id"]): json.loads(r["_parked"]).get("due_at") for r in rows if r["_parked"]}
    assert {parked[key] for key in keys} == {"9999-12-31 23:59:59.999999"}


def test_contracts_stand_as_they_were_loaded(estate: Estate) -> None:
    assert {c.name: c.fingerprint for c in contracts.load(Path(CONTRACTS)) if c.source} == {c.name: c.fingerprint for c in estate.tables}
