"""A column that the contract declares later: what was parked comes back, in ODS and in history."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import psycopg
import pytest

from lakehouse_platform import contracts
from lakehouse_platform.contracts.contract import Column, Contract
from lakehouse_platform.contracts.types import parse_type
from tests.end_to_end.conftest import CONTRACTS, DAYS, Estate
from tests.end_to_end.equality import (
    actual_history,
    current_differences,
    expected_history,
    key_of,
    lake_rows,
    law_rows,
    memory_of,
    source_rows,
)

NOTE = """      - name: carrier_note
        logicalType: string
        physicalType: text
        description: What the carrier has to know.
"""
TODAY = "2025-03-11"
HELD = {("900002",)}


@pytest.fixture
def grown(tmp_path: Path) -> Contract:
    """The work orders' contract with the column that the ERP added on day 3."""
    folder = tmp_path / "contracts"
    shutil.copytree(CONTRACTS, folder)
    file = folder / "operations" / "work_order.yaml"
    text = file.read_text()
    assert text.count("    quality:\n      - name: done_has_cost") == 1
    file.write_text(text.replace("    quality:\n      - name: done_has_cost", NOTE + "    quality:\n      - name: done_has_cost"))
    return next(c for c in contracts.load(folder) if c.name == "operations.work_order")


def without_note(lake_row: tuple[object, ...]) -> tuple[object, ...]:
    return lake_row[:-1]


def test_declared_column_comes_back_into_ods_and_history(estate: Estate, copied_lake: Estate, grown: Contract) -> None:
    before = estate.contract("operations.work_order")
    for day in DAYS:
        copied_lake.merge(grown, day)
    found = current_differences(copied_lake.lake, grown, estate.legacy)
    assert set(found) == HELD
    noted = {key_of(grown, row) for row, _ in lake_rows(copied_lake.lake, "ods", grown) if row[-1] is not None}
    assert noted == {(str(n),) for n in range(7, 11)}
    actual = actual_history(copied_lake.lake, grown)
    assert actual == expected_history(copied_lake.lake, grown, memory_of(estate.legacy))
    assert {(k, without_note(row), start, end) for k, row, start, end in actual} == actual_history(estate.lake, before)


def test_rows_without_a_value_keep_the_versions_they_have(estate: Estate, copied_lake: Estate, grown: Contract) -> None:
    for day in reversed(DAYS):
        copied_lake.merge(grown, day)
    before, after = law_rows(estate.lake, "hds", estate.contract("operations.work_order")), law_rows(copied_lake.lake, "hds", grown)
    assert before.total() == after.total()


    unnoted = {(without_note(row), *rest) for row, *rest in after if row[-1] is None}  # type: ignore[index, arg-type]
    assert unnoted < set(before)
    assert len(unnoted) == after.total() - 4


@pytest.fixture
def every_type(own_erp: tuple[Estate, psycopg.Connection]) -> Estate:
    """Work orders with added columns of many types, filled for one order, extracted before anybody declared them."""
    estate, erp = own_erp
    erp.execute("; ".join(f"alter table ops.work_order add column {name} {kind}" for name, kind in ADDED.items()).encode())
    values = ", ".join(f"{name} = {value}" for name, value in VALUES.items())
    erp.execute(f"update ops.work_order set updated_at = '2025-03-11 10:00', {values} where work_order_id = 7".encode())
    estate.extract(estate.contract("operations.work_order"), TODAY, "before")
    estate.merge(estate.contract("operations.work_order"), TODAY)
    return estate


ADDED = {
    "a_number": "numeric(38,9)", "a_count": "bigint", "a_small": "smallint", "a_truth": "boolean", "a_day": "date",
    "a_moment": "timestamptz", "a_clock": "timestamp", "a_float": "double precision", "an_id": "uuid", "a_code": "char(6)",
}
VALUES = {
    "a_number": "-99999999999999999999999999999.999999999", "a_count": "9007199254740993", "a_small": "-7", "a_truth": "false",
    "a_day": "'0001-01-01'", "a_moment": "'2025-03-09 07:30:00.123456+00'", "a_clock": "'2025-07-04 12:00:00.000001'",
    "a_float": "0.1", "an_id": "'00000000-0000-4000-8000-00000000000a'", "a_code": "'ab'",
}


def test_parked_values_of_every_type_come_back_exactly(every_type: Estate) -> None:
    estate = every_type
    old = estate.contract("operations.work_order")
    new = dataclasses.replace(
        old, columns=(*old.columns, *(Column(n, n, parse_type(kind)) for n, kind in ADDED.items())), shape="grown", fingerprint="grown")
    for day in (*DAYS, TODAY):
        estate.merge(new, day)
    rows = {key_of(new, row): row for row, _ in lake_rows(estate.lake, "ods", new)}
    wanted = {key_of(new, row): row for row in source_rows(estate.legacy, new, estate.uris("erp"))}
    assert rows["7",] == wanted["7",]
    assert None not in rows["7",][-len(ADDED):]
    assert {key for key in rows.keys() | wanted.keys() if rows.get(key) != wanted.get(key)} == HELD
