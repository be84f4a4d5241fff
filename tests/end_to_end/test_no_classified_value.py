"""Classified values live in tables only: not in logs, metadata, the quarantine's listing or errors."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
import re
import traceback
from collections.abc import Callable
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lakehouse_platform.contracts.contract import Contract, Drift, Metric, OnFailure, Rule, SourceTable
from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.zones import gate, hds, ods, raw
from lakehouse_platform.zones.status import status
from resources.legacy.business.values import NO_START, ODD_TEXTS
from tests.end_to_end.conftest import DAYS, Estate

TODAY = "2025-03-11"
COMMON = {text.strip().lower() for text in ODD_TEXTS}
"""Texts that stand in other columns too."""
LISTED = {"customer.customer": {"email", "tax_id", "birth_date"}, "customer.address": {"line_1", "line_2"}}


def classified_in(contract: Contract) -> list[str]:
    return [c.name for c in contract.columns if c.classified]


def secrets(estate: Estate) -> set[str]:
    """Every classified value that was ever extracted, in lower case."""
    found: set[str] = set()
    for contract in estate.tables:
        for name in classified_in(contract):
            values = DeltaTable(estate.lake.uri("raw", contract)).to_pyarrow_table(columns=[name])[name].to_pylist()
            found |= {str(v).strip().lower() for v in values if v is not None and v != NO_START} - COMMON
    return found


@pytest.fixture
def shows(estate: Estate) -> Callable[[str], set[str]]:
    """The classified values that a text shows."""
    return finder(estate)


def finder(estate: Estate) -> Callable[[str], set[str]]:
    """Finds the classified values of an estate in a text, whole words only."""
    all_of_them = secrets(estate)
    assert len(all_of_them) > 300
    words = re.compile(r"(?<![\w@.-])(?:" + "|".join(map(re.escape, sorted(all_of_them, key=len, reverse=True))) + r")(?![\w@-])")

    def found(text: str) -> set[str]:
        return set(words.findall(text.lower()))

    assert len(found(f"of {' and '.join(list(all_of_them)[:20])}")) == 20
    return found


def logs_of(root: Path) -> str:
    """All that the Delta logs say of a lake, files' statistics included."""
    files = sorted(root.rglob("_delta_log/*.json"))
    assert files
    assert not list(root.rglob("_delta_log/*.parquet"))
    return "\n".join(f.read_text() for f in files)


def test_the_columns_that_are_classified(estate: Estate) -> None:
    assert {c.name: set(classified_in(c)) for c in estate.tables if classified_in(c)} == LISTED


def test_delta_logs_show_none(estate: Estate, shows: Callable[[str], set[str]]) -> None:
    assert shows(logs_of(Path(estate.lake.root))) == set()


def test_headers_and_gate_ledgers_show_none(estate: Estate, shows: Callable[[str], set[str]]) -> None:
    for contract in estate.tables:
        headers = DeltaTable(estate.lake.uri("raw", contract)).to_pyarrow_table(filters=[("_kind", "=", "batch")])
        ledger = DeltaTable(estate.lake.gate_uri(contract)).to_pyarrow_table()
        assert headers.num_rows >= 5
        assert shows(repr(headers.to_pylist()) + repr(ledger.to_pylist())) == set()
        assert shows(repr(gate.quarantine(estate.lake, contract).to_pylist()) + repr(status(estate.lake, contract))) == set()


def test_log_output_of_five_days_shows_none(estate: Estate, shows: Callable[[str], set[str]]) -> None:
    assert shows(estate.log.getvalue()) == set()


def planted(estate: Estate, erp: psycopg.Connection) -> list[tuple[Contract, Callable[[Contract], object]]]:
    """Ways to fail that a value could leave by: the database's own words, casts, rules, drift, guards."""
    customer, address = estate.contract("customer.customer"), estate.contract("customer.address")
    erp.execute("create view public.speaking as select customer_id, customer_name, email, tax_id, birth_date, email::int::text as segment, "
                "region, is_vip, notes from public.customer order by email nulls first")
    erp.execute("alter table public.address alter column line_1 type varchar(90), add column line_3 text")
    erp.execute("update public.address set line_3 = line_1")
    erp.execute("create table public.few as select * from public.address limit 3")
    snapshot = estate.contract("finance.gl_account").capture
    halting = Rule("nobody_pays", Metric.INVALID_VALUES, OnFailure.HALT, columns=("line_1",), valid_values=("nowhere",))

    def extract(contract: Contract) -> object:
        return estate.extract(contract, TODAY, "a run")

    def halt(contract: Contract) -> object:
        extract(contract)
        assert gate.judge(estate.lake, contract, TODAY).halted
        return ods.merge(estate.lake, contract, TODAY)

    return [
        (dataclasses.replace(customer, source=SourceTable("crm", "public", "speaking"), capture=snapshot, table="c1"), extract),
        (dataclasses.replace(address, drift=Drift.FREEZE, table="c2"), extract),
        (dataclasses.replace(address, source=SourceTable("crm", "public", "few"), capture=snapshot, table="c3"), extract),
        (dataclasses.replace(address, rules=(halting,), table="c4"), halt),
    ]


def test_errors_and_what_is_logged_with_them_show_none(
    own_crm: tuple[Estate, psycopg.Connection], shows: Callable[[str], set[str]],
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
) -> None:
    estate, crm = own_crm
    caplog.set_level(logging.DEBUG)
    for contract, fail in planted(estate, crm):
        with pytest.raises(LakehouseError) as caught:
            fail(contract)
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__cause__) + repr(caught.value.__context__)
        assert shows(told) == set(), contract.table
    assert shows(caplog.text + "".join(capfd.readouterr())) == set()
    assert shows(logs_of(Path(estate.lake.root))) == set()


def test_classified_key_is_masked_in_the_listing_and_has_no_statistics(
    own_crm: tuple[Estate, psycopg.Connection], shows: Callable[[str], set[str]]
) -> None:
    """A key that is classified itself: e-mail, tax number and birthday."""
    estate, crm = own_crm
    crm.execute("create table public.secret as select email, tax_id, birth_date, notes from public.customer "
                "where tax_id is not null and birth_date is not null and email is not null")
    crm.execute("alter table public.secret add primary key (email, tax_id, birth_date)")
    customer = estate.contract("customer.customer")
    names = ("email", "tax_id", "birth_date", "notes")
    contract = dataclasses.replace(
        customer, table="secret", source=SourceTable("crm", "public", "secret"), key=names[:3],
        columns=tuple(customer.column(n) for n in names), capture=estate.contract("finance.gl_account").capture,
        rules=(Rule("noted", Metric.NULL_VALUES, OnFailure.QUARANTINE, columns=("notes",)),))
    changes = {
        DAYS[-1]: "select 1",
        TODAY: "update public.secret set notes = 'x' || coalesce(notes, '')",
        "2025-03-12": "delete from public.secret where birth_date < '1960-01-01'",
    }
    for day, change in changes.items():
        crm.execute(change.encode())
        raw.extract(estate.lake, contract, estate.source(contract), day, run=day)
        gate.judge(estate.lake, contract, day)
        ods.merge(estate.lake, contract, day)
        hds.merge(estate.lake, contract, day)
        assert shows(logs_of(Path(estate.lake.root))) == set()
    assert {r["key"] for r in gate.quarantine(estate.lake, contract).to_pylist()} == {"***/***/***"}
    count = crm.execute("select count(*) from public.secret").fetchone() or (0,)
    assert DeltaTable(estate.lake.uri("ods", contract)).to_pyarrow_table().num_rows == count[0] > 10
    lines = logs_of(Path(estate.lake.uri("hds", contract))).splitlines()
    statistics = [json.loads(line)["add"]["stats"] for line in lines if '"add"' in line]
    assert all("_seq" in text for text in statistics)
    assert not any(name in text for name in names for text in statistics)


def test_dates_are_scanned_as_people_write_them(estate: Estate) -> None:
    born = DeltaTable(estate.lake.uri("raw", estate.contract("customer.customer"))).to_pyarrow_table()["birth_date"]
    assert born.type == pa.date32()
    assert any(isinstance(value, dt.date) and value.isoformat() in secrets(estate) for value in born.to_pylist())
