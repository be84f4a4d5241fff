"""Tables of the catalog that nothing stands behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse_platform.catalog.glue import register, tables_of
from lakehouse_platform.catalog.orphans import find_orphans, remove_orphans
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import CatalogBlock
from tests.core.catalog_cases import CONTRACTS, INVOICE, SETTINGS, Catalog, catalog, lake, uri

RATE = CONTRACTS["finance.fx_rate"]


@pytest.fixture(scope="module")
def service() -> Iterator[Catalog]:
    with catalog() as made:
        yield made


@pytest.fixture
def aws(service: Catalog, tmp_path: Path) -> Catalog:
    """ODS of two tables is registered."""
    made = service.emptied()
    for contract in (INVOICE, RATE):
        register(made.account, SETTINGS, contract, Zone.ODS, uri(Zone.ODS, contract), lake(tmp_path).ods(contract))
    return made


def everywhere(_: str) -> bool:
    return True


def test_what_a_contract_and_a_table_stand_behind_is_no_orphan(aws: Catalog) -> None:
    assert find_orphans(aws.glue, "lake", [INVOICE, RATE], everywhere) == ()


def test_a_table_whose_contract_is_gone_is_an_orphan(aws: Catalog) -> None:
    found = find_orphans(aws.glue, "lake", [INVOICE], everywhere)
    assert [(o.database, o.table, o.contract, o.reason) for o in found] == [
        ("lake_finance", "ods_fx_rate", "finance.fx_rate", "no contract finance.fx_rate has a table in ods any more")]


def test_a_domain_whose_contracts_are_all_gone_leaves_orphans(aws: Catalog) -> None:
    assert [o.table for o in find_orphans(aws.glue, "lake", [], everywhere)] == ["ods_fx_rate", "ods_invoice"]


def test_history_that_a_contract_no_longer_keeps_is_an_orphan(aws: Catalog, tmp_path: Path) -> None:
    register(aws.account, SETTINGS, INVOICE, Zone.HDS, uri(Zone.HDS, INVOICE), lake(tmp_path).hds(INVOICE))
    found = find_orphans(aws.glue, "lake", [replace(INVOICE, keeps_history=False), RATE], everywhere)
    assert [o.table for o in found] == ["hds_invoice"]


def test_a_place_without_a_delta_table_is_an_orphan(aws: Catalog) -> None:
    found = find_orphans(aws.glue, "lake", [INVOICE, RATE], lambda place: place != uri(Zone.ODS, INVOICE))
    assert [(o.table, o.reason) for o in found] == [("ods_invoice", "there is no Delta table at s3://lake-bucket/lake/ods/finance/invoice")]


def test_tables_of_others_and_of_another_prefix_are_none_of_ours(aws: Catalog, tmp_path: Path) -> None:
    dev = CatalogBlock(prefix="lake_dev")
    register(aws.account, dev, INVOICE, Zone.ODS, uri(Zone.ODS, INVOICE), lake(tmp_path).ods(INVOICE))
    aws.moto.create_table(DatabaseName="lake_finance", TableInput={"Name": "by_hand"})
    assert find_orphans(aws.glue, "lake", [INVOICE, RATE], everywhere) == ()
    assert [o.database for o in find_orphans(aws.glue, "lake_dev", [], everywhere)] == ["lake_dev_finance"]


def test_looking_for_orphans_writes_nothing(aws: Catalog) -> None:
    aws.calls()
    find_orphans(aws.glue, "lake", [], everywhere)
    assert set(aws.calls()) == {"GetDatabases", "GetTables"}


def test_removing_orphans_leaves_the_others(aws: Catalog) -> None:
    orphans = find_orphans(aws.glue, "lake", [INVOICE], everywhere)
    assert remove_orphans(aws.glue, orphans) == orphans
    assert list(tables_of(aws.moto, "lake", "finance")) == ["ods_invoice"]


def _moved(aws: Catalog, folder: Path, contract: Contract) -> None:
    register(aws.account, SETTINGS, contract, Zone.ODS, "s3://elsewhere/table", lake(folder).ods(contract))


def test_an_orphan_that_got_a_table_meanwhile_is_not_removed(aws: Catalog, tmp_path: Path) -> None:
    orphans = find_orphans(aws.glue, "lake", [INVOICE], everywhere)
    _moved(aws, tmp_path, RATE)
    assert remove_orphans(aws.glue, orphans) == ()
    assert "ods_fx_rate" in tables_of(aws.moto, "lake", "finance")


def test_an_orphan_that_is_gone_already_is_not_counted(aws: Catalog) -> None:
    orphans = find_orphans(aws.glue, "lake", [INVOICE], everywhere)
    aws.moto.delete_table(DatabaseName="lake_finance", Name="ods_fx_rate")
    assert remove_orphans(aws.glue, orphans) == ()


def test_an_orphan_whose_place_another_contract_took_over_is_not_removed(aws: Catalog, tmp_path: Path) -> None:
    orphans = find_orphans(aws.glue, "lake", [INVOICE], everywhere)
    renamed = replace(RATE, domain="risk")
    aws.moto.delete_table(DatabaseName="lake_finance", Name="ods_fx_rate")
    register(aws.account, SETTINGS, renamed, Zone.ODS, uri(Zone.ODS, RATE), lake(tmp_path).ods(RATE))
    taken = aws.moto.get_table(DatabaseName="lake_risk", Name="ods_fx_rate")["Table"]
    aws.moto.create_table(DatabaseName="lake_finance", TableInput={
        "Name": "ods_fx_rate", "StorageDescriptor": taken["StorageDescriptor"], "Parameters": taken["Parameters"]})
    assert remove_orphans(aws.glue, orphans) == ()
