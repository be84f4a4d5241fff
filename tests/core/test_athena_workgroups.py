"""Workgroups are what the environment says, and stay untouched where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lakehouse_platform.aws.base import Account
from lakehouse_platform.lake.athena.workgroups import Workgroup, WorkgroupChange, apply_workgroups, plan_workgroups
from lakehouse_platform.settings.cloud import AthenaBlock
from tests.core.athena_service import AthenaService, serving_account

SETTINGS = AthenaBlock(workgroup="lake", results="s3://lake-results/athena", scan_cap_mb=500)
FINANCE = Workgroup(
    "lake_finance", "Queries over the tables of finance.", "s3://lake-results/athena/finance/", 500_000_000, None, {"domain": "finance"})
WRITES = ("CreateWorkGroup", "UpdateWorkGroup", "TagResource")


@pytest.fixture
def service() -> AthenaService:
    return AthenaService()


@pytest.fixture
def account(service: AthenaService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with serving_account(service, monkeypatch) as found:
        yield found


def test_every_domain_has_one_with_its_own_results() -> None:
    risk = replace(FINANCE, name="lake_risk", description="Queries over the tables of risk.", results="s3://lake-results/athena/risk/",
                   tags={"domain": "risk"})
    assert plan_workgroups(SETTINGS, ["risk", "finance", "risk"]) == (FINANCE, risk)


def test_key_and_tags_are_the_environments() -> None:
    (planned,) = plan_workgroups(SETTINGS, ["finance"], kms_key="alias/lake", tags={"team": "data"})
    assert (planned.kms_key, planned.tags) == ("alias/lake", {"team": "data", "domain": "finance"})


def test_workgroup_that_is_missing_is_made_so_that_clients_cannot_say_otherwise(account: Account, service: AthenaService) -> None:
    assert apply_workgroups(account, [FINANCE]) == (WorkgroupChange(FINANCE, exists=False, tags=FINANCE.tags),)
    (made,) = service.made("CreateWorkGroup")
    assert made["Configuration"] == {
        "EnforceWorkGroupConfiguration": True, "PublishCloudWatchMetricsEnabled": True, "BytesScannedCutoffPerQuery": 500_000_000,
        "EngineVersion": {"SelectedEngineVersion": "Athena engine version 3"},
        "ResultConfiguration": {
            "OutputLocation": "s3://lake-results/athena/finance/", "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"}},
    }


def test_workgroup_that_is_as_it_should_be_is_not_written_to(account: Account, service: AthenaService) -> None:
    several = plan_workgroups(SETTINGS, ["customer", "finance", "operations", "risk"])
    apply_workgroups(account, several)
    written = len(service.made(*WRITES))
    assert apply_workgroups(account, several) == ()
    assert len(service.made(*WRITES)) == written == 4


@pytest.mark.parametrize(("wanted", "differs"), [
    (replace(FINANCE, scan_cap=20_000_000), "scan cap"),
    (replace(FINANCE, results="s3://elsewhere/finance/"), "results"),
    (replace(FINANCE, kms_key="alias/lake"), "encryption"),
    (replace(FINANCE, description="Another."), "description"),
])  # fmt: skip
def test_only_what_differs_makes_it_be_written(account: Account, service: AthenaService, wanted: Workgroup, differs: str) -> None:
    apply_workgroups(account, [FINANCE])
    (change,) = apply_workgroups(account, [wanted])
    assert (change.exists, change.differs, change.tags) == (True, (differs,), {})
    assert apply_workgroups(account, [wanted]) == ()
    assert len(service.made("UpdateWorkGroup")) == 1


def test_what_somebody_has_changed_by_hand_is_put_right(account: Account, service: AthenaService) -> None:
    apply_workgroups(account, [FINANCE])
    service.workgroups["lake_finance"]["Configuration"].update(EnforceWorkGroupConfiguration=False, PublishCloudWatchMetricsEnabled=False)
    (change,) = apply_workgroups(account, [FINANCE])
    assert change.differs == ("enforced", "metrics")
    assert service.workgroups["lake_finance"]["Configuration"]["EnforceWorkGroupConfiguration"] is True


def test_tags_that_others_gave_it_stay(account: Account, service: AthenaService) -> None:
    apply_workgroups(account, [FINANCE])
    service.tags["lake_finance"] = {"domain": "sales", "cost-centre": "42"}
    (change,) = apply_workgroups(account, [FINANCE])
    assert (change.differs, change.tags) == ((), {"domain": "finance"})
    assert service.tags["lake_finance"] == {"domain": "finance", "cost-centre": "42"}
