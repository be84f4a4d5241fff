"""Partitions in any order, again and again: the tables stay as they are."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from lakehouse_platform.contracts.contract import Capture, Contract
from lakehouse_platform.errors import NotExtractable
from lakehouse_platform.zones import gate, raw
from tests.end_to_end.conftest import DAYS, Estate
from tests.end_to_end.equality import law_rows

NEVER = "2025-03-05"
ONE_OF_EACH = ("finance.gl_account", "finance.gl_journal", "finance.invoice", "risk.credit_limit", "risk.watchlist")
"""A table of each capture, and one without a key."""
Tables = dict[tuple[str, str], Counter[tuple[object, ...]]]


def tables_of(estate: Estate, names: tuple[str, ...] = ()) -> Tables:
    zones = [(z, c) for c in estate.tables if c.name in names or not names for z in ("ods", "hds") if z == "ods" or c.keeps_history]
    return {(zone, c.name): law_rows(estate.lake, zone, c) for zone, c in zones}


def mode_of(contract: Contract) -> Capture:
    assert contract.capture is not None
    return contract.capture.mode


def raw_version(estate: Estate, contract: Contract) -> int:
    return estate.lake.raw(contract).version


def test_five_days_backwards_and_again_leave_the_same_tables(estate: Estate, copied_lake: Estate) -> None:
    for contract in copied_lake.tables:
        for turn in ("first", "second") if contract.name in ONE_OF_EACH else ("first",):
            for day in reversed(DAYS):
                done = copied_lake.extract(contract, day, f"{turn} backfill of {day}")
                assert done.new == (day == DAYS[-1] or mode_of(contract) is Capture.WINDOW)
                copied_lake.merge(contract, day)
    assert tables_of(copied_lake) == tables_of(estate)


@pytest.mark.parametrize("order", ["backwards", "shuffled"])
def test_merging_from_raw_in_another_order_gives_the_same_tables(estate: Estate, copied_lake: Estate, order: str) -> None:
    for zone in ("ods", "hds", "_internal"):
        shutil.rmtree(Path(copied_lake.lake.root) / zone)
    days = list(reversed(DAYS)) if order == "backwards" else random.Random(3).sample(DAYS, len(DAYS))
    for name in ONE_OF_EACH:
        for day in days:
            copied_lake.merge(copied_lake.contract(name), day)
    assert tables_of(copied_lake, ONE_OF_EACH) == tables_of(estate, ONE_OF_EACH)


def test_the_same_run_adopts_its_batch(copied_lake: Estate) -> None:
    for contract in copied_lake.tables:
        before = raw_version(copied_lake, contract)
        assert not copied_lake.extract(contract, DAYS[-1], f"run of {DAYS[-1]}").new
        assert raw_version(copied_lake, contract) == before


def test_past_day_of_a_source_read_by_position_is_derived_from_raw(copied_lake: Estate) -> None:
    contract = copied_lake.contract("finance.invoice")
    before, held = raw_version(copied_lake, contract), copied_lake.extract(contract, DAYS[1], f"run of {DAYS[1]}").batch
    again = copied_lake.extract(contract, DAYS[1], "another run")
    assert (again.new, again.batch, raw_version(copied_lake, contract)) == (False, held, before)


@pytest.mark.parametrize("name", ["finance.invoice", "finance.gl_account", "risk.credit_limit"])
def test_day_that_was_never_extracted_is_refused_where_the_source_has_moved_on(copied_lake: Estate, name: str) -> None:
    contract = copied_lake.contract(name)
    before = raw_version(copied_lake, contract)
    with pytest.raises(NotExtractable, match=f"{name}: {NEVER} was never extracted.*Materialize {DAYS[0]} onward"):
        copied_lake.extract(contract, NEVER, "backfill")
    with pytest.raises(NotExtractable, match=f"Raw has no batch of {NEVER}"):
        gate.judge(copied_lake.lake, contract, NEVER)
    assert raw_version(copied_lake, contract) == before


def test_day_before_the_first_is_extracted_where_the_source_is_read_by_window(estate: Estate, copied_lake: Estate) -> None:
    contract = copied_lake.contract("operations.shipment")
    assert copied_lake.extract(contract, NEVER, "backfill").batch.rows > 0
    copied_lake.merge(contract, NEVER)
    assert law_rows(copied_lake.lake, "hds", contract) == law_rows(estate.lake, "hds", contract)
    assert raw.business_day(DAYS[3], "America/New_York").end - raw.business_day(DAYS[3], "America/New_York").start != (
        raw.business_day(DAYS[0], "America/New_York").end - raw.business_day(DAYS[0], "America/New_York").start)
