"""Registration in a real catalog over HTTP, of real Delta tables."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from lakehouse_platform.catalog.glue import Applied, Registration, apply_table, register, tables_of
from lakehouse_platform.catalog.tables import plan_table
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Commit
from lakehouse_platform.errors import CommitConflict, TerminalError, TransientError
from lakehouse_platform.naming import Zone
from tests.core.catalog_cases import INVOICE, SETTINGS, Catalog, catalog, lake, uri, widened
from tests.standins.faults import Effect, Fault


@pytest.fixture(scope="module")
def service() -> Iterator[Catalog]:
    with catalog() as made:
        yield made


@pytest.fixture
def aws(service: Catalog) -> Catalog:
    return service.emptied()


def registered(aws: Catalog, folder: Path, contract: Contract = INVOICE) -> Registration:
    table = lake(folder).ods(contract)
    return register(aws.account, SETTINGS, contract, Zone.ODS, uri(Zone.ODS, contract), table)


def test_a_first_registration_makes_database_and_table(aws: Catalog, tmp_path: Path) -> None:
    assert registered(aws, tmp_path) == Registration("lake_finance", "ods_invoice", Applied.CREATED)
    database = aws.moto.get_database(Name="lake_finance")["Database"]
    assert (database["Description"], database["Parameters"]) == (
        "Tables of the domain finance: raw, ods, hds and curated.", {"lakehouse.domain": "finance"})
    table = aws.table("ods_invoice")
    assert table["Parameters"]["lakehouse.contract"] == "finance.invoice"
    columns = {c["Name"]: (c["Type"], c["Comment"]) for c in table["StorageDescriptor"]["Columns"]}
    assert columns["amount"] == ("decimal(19,4)", "Total without tax.")
    assert list(columns)[:2] == ["invoice_id", "invoice_no"]


def test_a_database_is_tagged_with_domain_and_owner(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    arn = "arn:aws:glue:eu-west-1:123456789012:database/lake_finance"
    assert aws.moto.get_tags(ResourceArn=arn)["Tags"] == {"domain": "finance", "owner": INVOICE.owner}


def test_hds_is_partitioned_as_its_log_says(aws: Catalog, tmp_path: Path) -> None:
    register(aws.account, SETTINGS, INVOICE, Zone.HDS, uri(Zone.HDS, INVOICE), lake(tmp_path).hds(INVOICE))
    table = aws.table("hds_invoice")
    assert table["PartitionKeys"] == [{"Name": "is_current", "Type": "boolean", "Comment": "Whether the version is the key's open one."}]


def test_a_registration_that_changes_nothing_is_one_read(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    aws.calls()
    assert registered(aws, tmp_path).applied is Applied.UNCHANGED
    assert aws.calls() == ["GetTable"]


def test_a_commit_of_data_makes_no_version(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    table = lake(tmp_path).ods(INVOICE)
    table.append(table.scan(), Commit("ods.append", transactions={"x": 1}))
    assert registered(aws, tmp_path).applied is Applied.UNCHANGED
    assert len(aws.moto.get_table_versions(DatabaseName="lake_finance", TableName="ods_invoice")["TableVersions"]) == 1


def test_a_column_more_updates_the_table_and_keeps_the_version_before(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    done = registered(aws, tmp_path, widened(INVOICE))
    assert done.applied is Applied.UPDATED
    assert done.changes == (
        "column colour (string) added", "lakehouse.contract.version is now 1.1.0", f"lakehouse.contract.fingerprint is now {'f' * 64}")
    request = next(body for operation, body in aws.bodies if operation == "UpdateTable")
    assert (request["SkipArchive"], request["VersionId"]) == (False, "1")
    versions = aws.moto.get_table_versions(DatabaseName="lake_finance", TableName="ods_invoice")["TableVersions"]
    last = {v["VersionId"]: v["Table"]["StorageDescriptor"]["Columns"][-1]["Name"] for v in versions}
    assert last == {"1": "_batch_id", "2": "colour"}


def test_a_new_remark_leaves_no_version_behind(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    assert registered(aws, tmp_path, replace(INVOICE, owner="team:others")).changes == ("owner is now team:others",)
    assert next(body for operation, body in aws.bodies if operation == "UpdateTable")["SkipArchive"] is True


def test_parameters_of_others_survive_an_update(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    held = aws.table("ods_invoice")
    changed: Any = {name: held[name] for name in ("Name", "Description", "Owner", "TableType", "StorageDescriptor", "PartitionKeys")}
    changed["Parameters"] = {**held["Parameters"], "theirs": "1"}
    aws.moto.update_table(DatabaseName="lake_finance", TableInput=changed)
    assert registered(aws, tmp_path).applied is Applied.UNCHANGED
    registered(aws, tmp_path, widened(INVOICE))
    assert aws.table("ods_invoice")["Parameters"]["theirs"] == "1"


def test_a_table_of_somebody_else_is_refused_and_left_alone(aws: Catalog, tmp_path: Path) -> None:
    aws.moto.create_database(DatabaseInput={"Name": "lake_finance"})
    aws.moto.create_table(DatabaseName="lake_finance", TableInput={"Name": "ods_invoice", "Parameters": {"table_type": "ICEBERG"}})
    with pytest.raises(TerminalError, match=r"lake_finance.ods_invoice is not the platform's: it has no parameter lakehouse.contract"):
        registered(aws, tmp_path)
    assert aws.calls() == ["GetTable"]
    assert aws.table("ods_invoice")["Parameters"] == {"table_type": "ICEBERG"}


def test_a_table_of_another_contract_is_refused(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    wanted = plan_table("lake", INVOICE, Zone.ODS, uri(Zone.ODS, INVOICE), lake(tmp_path).ods(INVOICE).shape)
    other = replace(wanted, parameters={**wanted.parameters, "lakehouse.contract": "dev_finance.invoice"})
    with pytest.raises(TerminalError, match=r"belongs to contract finance.invoice, not to dev_finance.invoice"):
        apply_table(aws.glue, other, INVOICE)


def test_a_database_that_terraform_made_is_taken_as_it_is(aws: Catalog, tmp_path: Path) -> None:
    aws.moto.create_database(DatabaseInput={"Name": "lake_finance", "Description": "made elsewhere"})
    assert registered(aws, tmp_path).applied is Applied.CREATED
    assert aws.moto.get_database(Name="lake_finance")["Database"]["Description"] == "made elsewhere"
    assert aws.calls() == ["GetTable", "CreateTable"]


def test_many_first_registrations_at_once_make_one_table(aws: Catalog, tmp_path: Path) -> None:
    table, start = lake(tmp_path).ods(INVOICE), Barrier(6)

    def at_once(_: int) -> Applied:
        start.wait()
        return register(aws.account, SETTINGS, INVOICE, Zone.ODS, uri(Zone.ODS, INVOICE), table).applied

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(at_once, range(6)))
    assert sorted(done) == [Applied.CREATED] + [Applied.UNCHANGED] * 5
    assert list(tables_of(aws.moto, "lake", "finance")) == ["ods_invoice"]


def test_many_updates_at_once_update_once(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    wider = widened(INVOICE)
    table, start = lake(tmp_path).ods(wider), Barrier(6)

    def at_once(_: int) -> Applied:
        start.wait()
        return register(aws.account, SETTINGS, wider, Zone.ODS, uri(Zone.ODS, wider), table).applied

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(at_once, range(6)))
    assert set(done) <= {Applied.UPDATED, Applied.UNCHANGED}
    assert Applied.UPDATED in done
    assert "colour" in {c["Name"] for c in aws.table("ods_invoice")["StorageDescriptor"]["Columns"]}


def test_an_update_planned_from_an_old_version_is_planned_again(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    aws.calls()
    aws.front.faults.add(Fault(Effect.REFUSE, "glue", "UpdateTable", status=400, code="ConcurrentModificationException"))
    assert registered(aws, tmp_path, widened(INVOICE)).applied is Applied.UPDATED
    assert aws.calls() == ["GetTable", "GetTable", "UpdateTable"]  # the refused one never reached the catalog


def test_who_is_always_too_late_says_so(aws: Catalog, tmp_path: Path) -> None:
    registered(aws, tmp_path)
    aws.front.faults.add(Fault(Effect.REFUSE, "glue", "UpdateTable", times=None, status=400, code="ConcurrentModificationException"))
    with pytest.raises(CommitConflict, match="others changed it 5 times in a row"):
        registered(aws, tmp_path, widened(INVOICE))


def test_a_throttled_call_is_tried_again(aws: Catalog, tmp_path: Path) -> None:
    aws.front.faults.add(Fault(Effect.REFUSE, "glue", "GetTable", times=2, status=400, code="ThrottlingException"))
    assert registered(aws, tmp_path).applied is Applied.CREATED


@pytest.mark.parametrize(("code", "error", "said"), [
    ("AccessDeniedException", TerminalError, "lake_finance.ods_invoice: AccessDeniedException.*needs the permission"),
    ("InvalidInputException", TerminalError, "InvalidInputException"),
    ("OperationTimeoutException", TransientError, "OperationTimeoutException"),
])
def test_an_error_of_glue_says_whether_trying_again_helps(
    aws: Catalog, tmp_path: Path, code: str, error: type[Exception], said: str
) -> None:
    aws.front.faults.add(Fault(Effect.REFUSE, "glue", "GetTable", times=None, status=400, code=code))
    with pytest.raises(error, match=said):
        registered(aws, tmp_path)
