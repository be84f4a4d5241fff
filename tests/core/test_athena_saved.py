"""Saved queries are made from contracts, read as SQL, and kept as they should be without touching anybody else's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse_platform.aws.base import Account
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.lake.athena.names import one_select
from lakehouse_platform.lake.athena.saved import SavedPlan, apply_saved, saved_queries
from tests.core.athena_service import AthenaService, serving_account
from tests.core.small_lake import CONTRACTS

SNAPSHOTS = Path(__file__).with_name("snapshots") / "athena"
INVOICE, CUSTOMER, KPI = CONTRACTS["finance.invoice"], CONTRACTS["customer.customer"], CONTRACTS["finance.kpi_revenue_daily"]
QUERIES = saved_queries(INVOICE, "lake")


@pytest.fixture
def service() -> AthenaService:
    return AthenaService()


@pytest.fixture
def account(service: AthenaService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with serving_account(service, monkeypatch) as found:
        yield found


@pytest.mark.parametrize("contract", [INVOICE, CUSTOMER, KPI], ids=lambda contract: contract.name)
def test_queries_read_as_people_see_them(contract: Contract) -> None:
    said = "\n".join(f"== {query.name}\n== {query.description}\n{query.sql}" for query in saved_queries(contract, "lake"))
    assert said == (SNAPSHOTS / f"{contract.name}.sql").read_text()


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.name)
def test_every_query_is_one_select_within_athenas_bounds(contract: Contract) -> None:
    for query in saved_queries(contract, "lake"):
        one_select(query.sql)
        assert len(query.name) <= 128
        assert len(query.description) <= 1024


def test_classified_columns_are_not_shown_unless_they_are_the_key() -> None:
    hidden = {column.name for column in CUSTOMER.columns if column.classified} - set(CUSTOMER.key)
    assert hidden
    assert not any(f'"{name}"' in query.sql for name in hidden for query in saved_queries(CUSTOMER, "lake"))


def test_table_without_history_has_no_queries_of_it() -> None:
    found = saved_queries(replace(INVOICE, keeps_history=False), "lake")
    assert [query.name for query in found] == ["ods.invoice: newest rows"]


def test_queries_are_made_once(account: Account, service: AthenaService) -> None:
    assert apply_saved(account.athena, "lake_finance", QUERIES) == SavedPlan(create=QUERIES)
    written = len(service.made("CreateNamedQuery", "UpdateNamedQuery", "DeleteNamedQuery"))
    assert apply_saved(account.athena, "lake_finance", QUERIES).empty
    assert len(service.made("CreateNamedQuery", "UpdateNamedQuery", "DeleteNamedQuery")) == written == 3


def test_changed_query_is_written_again_under_its_id(account: Account, service: AthenaService) -> None:
    apply_saved(account.athena, "lake_finance", QUERIES)
    ids = set(service.saved)
    changed = (replace(QUERIES[0], sql="select 1"), *QUERIES[1:])
    plan = apply_saved(account.athena, "lake_finance", changed)
    assert [held.query.name for held in plan.update] == [QUERIES[0].name]
    assert (plan.create, plan.delete, set(service.saved)) == ((), (), ids)
    assert apply_saved(account.athena, "lake_finance", changed).empty


def test_query_whose_table_is_gone_is_deleted(account: Account, service: AthenaService) -> None:
    apply_saved(account.athena, "lake_finance", QUERIES)
    plan = apply_saved(account.athena, "lake_finance", QUERIES[:1])
    assert sorted(held.query.name for held in plan.delete) == sorted(query.name for query in QUERIES[1:])
    assert [query["Name"] for query in service.saved.values()] == [QUERIES[0].name]


def test_query_of_another_database_is_made_anew(account: Account, service: AthenaService) -> None:
    apply_saved(account.athena, "lake_finance", QUERIES)
    moved = tuple(replace(query, database="other_finance") for query in QUERIES)
    apply_saved(account.athena, "lake_finance", moved)
    assert {query["Database"] for query in service.saved.values()} == {"other_finance"}
    assert apply_saved(account.athena, "lake_finance", moved).empty


def test_queries_of_other_people_are_left_alone(account: Account, service: AthenaService) -> None:
    place = {"Database": "lake_finance", "WorkGroup": "lake_finance"}
    own = {"Name": QUERIES[0].name, "Description": "Mine.", "QueryString": "select 2", **place}
    service.saved["mine"] = dict(own)
    apply_saved(account.athena, "lake_finance", QUERIES)
    apply_saved(account.athena, "lake_finance", ())
    assert service.saved == {"mine": own}


def test_query_that_is_there_twice_is_kept_once(account: Account, service: AthenaService) -> None:
    apply_saved(account.athena, "lake_finance", QUERIES)
    service.saved["again"] = dict(next(iter(service.saved.values())))
    apply_saved(account.athena, "lake_finance", QUERIES)
    assert len(service.saved) == len(QUERIES)
