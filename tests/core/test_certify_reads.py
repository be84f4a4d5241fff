"""Columns that a mart's SQL reads, wherever it reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lakehouse_platform.jobs.certificates import Certified
from lakehouse_platform.jobs.reads import columns_read, read_columns
from tests.core.certify_cases import MANIFEST, build_lakehouse

SCHEMA = {
    "ods_shop": {
        "orders": dict.fromkeys(("id", "day", "amount", "status", "priority"), "text"),
        "rates": dict.fromkeys(("day", "rate"), "text"),
    },
}


@pytest.mark.parametrize(("sql", "orders"), [
    ("select id, amount from ods_shop.orders", {"id", "amount"}),
    ("with o as (select * from lake.ods_shop.orders) select id from o where status = 'paid'", {"id", "status"}),
    ("select o.id from ods_shop.orders o join ods_shop.rates r on o.day = r.day", {"id", "day"}),
    ("select id, row_number() over (order by amount) as n from ods_shop.orders qualify n = 1", {"id", "amount"}),
    ("select count(*) as orders from ods_shop.orders group by status", {"status"}),
    ("select * from ods_shop.orders", {"id", "day", "amount", "status", "priority"}),
    ("select r.rate from ods_shop.rates r where exists (select 1 from ods_shop.orders o where o.day = r.day and o.priority = 'x')",
     {"day", "priority"}),
])
def test_what_is_read_is_found_in_every_part_of_a_query(sql: str, orders: set[str]) -> None:
    found = read_columns(sql, SCHEMA)
    assert found is not None
    assert found["ods_shop", "orders"] - {"_"} == orders


@pytest.mark.parametrize("sql", ["select nothing_like_it from ods_shop.orders", "select from where"])
def test_what_cannot_be_told_is_not_guessed(sql: str) -> None:
    assert read_columns(sql, SCHEMA) is None


def test_columns_are_named_as_the_source_has_them_with_those_that_rows_are_known_by(tmp_path: Path) -> None:
    manifest = json.loads(json.dumps(MANIFEST))
    sql = 'select warehouse_code, units from "lake"."ods_operations"."shipment"'
    manifest["nodes"]["model.marts.kpi_fulfilment_daily"]["compiled_code"] = sql
    found = Certified.of(build_lakehouse(tmp_path, manifest))
    contract = found.project.contract("operations.shipment")
    capture = contract.capture
    assert capture is not None
    known = {contract.column(name).physical_name for name in (*contract.key, "warehouse_code", "units")}
    known |= {name for name in (capture.column, capture.effective_at, capture.operation) if name}
    assert columns_read(found.project, found.marts) == {"raw/operations/shipment": sorted(known)}


def test_before_the_mart_was_compiled_nothing_is_known(tmp_path: Path) -> None:
    found = Certified.of(build_lakehouse(tmp_path))
    assert columns_read(found.project, found.marts) is None
