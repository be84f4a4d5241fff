"""Workgroups: one a domain, each with a cap on what a query may read and its own place for results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakehouse_platform.aws.base import asking
from lakehouse_platform.settings.cloud import AthenaBlock

if TYPE_CHECKING:
    from mypy_boto3_athena.type_defs import (
        EncryptionConfigurationTypeDef,
        WorkGroupConfigurationOutputTypeDef,
        WorkGroupConfigurationTypeDef,
        WorkGroupTypeDef,
    )

    from lakehouse_platform.aws.base import Account

ENGINE = "Athena engine version 3"
MEGABYTE = 1_000_000
"""As Athena counts them: the least cap is 10,000,000 bytes."""


def workgroup_name(settings: AthenaBlock, domain: str) -> str:
    """`<workgroup>_<domain>`."""
    return f"{settings.workgroup}_{domain}"


@dataclass(frozen=True, slots=True)
class Workgroup:
    """A workgroup as it should be. What it says binds every query: clients cannot say otherwise."""

    name: str
    description: str
    results: str
    """Folder of the results, with a slash at its end."""
    scan_cap: int
    """Bytes that one query may read."""
    kms_key: str | None = None
    """Key that results are encrypted with; S3's own where there is none."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkgroupChange:
    """What was done to a workgroup, or has to be."""

    workgroup: Workgroup
    exists: bool
    differs: tuple[str, ...] = ()
    """What is not as it should be, of one that exists."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags that it lacks, or has otherwise; tags that others gave it stay."""


def plan_workgroups(
    settings: AthenaBlock, domains: Iterable[str], *, kms_key: str | None = None, tags: Mapping[str, str] | None = None
) -> tuple[Workgroup, ...]:
    """The workgroups that an environment's domains need."""
    return tuple(
        Workgroup(
            workgroup_name(settings, domain), f"Queries over the tables of {domain}.", f"{settings.results}/{domain}/",
            settings.scan_cap_mb * MEGABYTE, kms_key, {**(tags or {}), "domain": domain})
        for domain in sorted(set(domains)))


def plan_change(wanted: Workgroup, held: WorkGroupTypeDef | None, tags: Mapping[str, str]) -> WorkgroupChange | None:
    """What has to be done for a workgroup to be as it should; None where nothing has. `tags` are those that it has."""
    if held is None:
        return WorkgroupChange(wanted, exists=False, tags=wanted.tags)
    expected, found = _facts(configuration(wanted), wanted.description), _facts(held.get("Configuration", {}), held.get("Description"))
    differs = tuple(name for name, value in expected.items() if found[name] != value)
    missing = {name: value for name, value in wanted.tags.items() if tags.get(name) != value}
    return WorkgroupChange(wanted, exists=True, differs=differs, tags=missing) if differs or missing else None


def configuration(wanted: Workgroup) -> WorkGroupConfigurationTypeDef:
    """A workgroup's configuration, as Athena takes it."""
    return {
        "EnforceWorkGroupConfiguration": True, "PublishCloudWatchMetricsEnabled": True, "BytesScannedCutoffPerQuery": wanted.scan_cap,
        "EngineVersion": {"SelectedEngineVersion": ENGINE},
        "ResultConfiguration": {"OutputLocation": wanted.results, "EncryptionConfiguration": _encryption(wanted.kms_key)},
    }


def _encryption(kms_key: str | None) -> EncryptionConfigurationTypeDef:
    return {"EncryptionOption": "SSE_KMS", "KmsKey": kms_key} if kms_key else {"EncryptionOption": "SSE_S3"}


def _facts(
    said: WorkGroupConfigurationTypeDef | WorkGroupConfigurationOutputTypeDef, description: str | None
) -> dict[str, object]:
    """What is compared, under the names that a reader knows."""
    results = said.get("ResultConfiguration", {})
    encryption = results.get("EncryptionConfiguration", {})
    return {
        "description": description, "enforced": said.get("EnforceWorkGroupConfiguration"),
        "metrics": said.get("PublishCloudWatchMetricsEnabled"), "scan cap": said.get("BytesScannedCutoffPerQuery"),
        "engine": said.get("EngineVersion", {}).get("SelectedEngineVersion"), "results": results.get("OutputLocation"),
        "encryption": (encryption.get("EncryptionOption"), encryption.get("KmsKey")),
    }


def apply_workgroups(account: Account, wanted: Iterable[Workgroup]) -> tuple[WorkgroupChange, ...]:
    """Make workgroups as they should be; those that already are stay untouched. Returns what was done."""
    done = []
    with asking("workgroups"):
        names = set(_names(account))
        for workgroup in wanted:
            held = account.athena.get_work_group(WorkGroup=workgroup.name)["WorkGroup"] if workgroup.name in names else None
            change = plan_change(workgroup, held, _tags(account, workgroup) if held is not None else {})
            if change is not None:
                _apply(account, change)
                done.append(change)
    return tuple(done)


def _names(account: Account) -> Iterator[str]:
    page = account.athena.list_work_groups()
    yield from (found.get("Name", "") for found in page.get("WorkGroups", []))
    while token := page.get("NextToken"):
        page = account.athena.list_work_groups(NextToken=token)
        yield from (found.get("Name", "") for found in page.get("WorkGroups", []))


def _tags(account: Account, workgroup: Workgroup) -> dict[str, str]:
    found = account.athena.list_tags_for_resource(ResourceARN=_arn(account, workgroup)).get("Tags", [])
    return {tag.get("Key", ""): tag.get("Value", "") for tag in found}


def _arn(account: Account, workgroup: Workgroup) -> str:
    return f"{account.arn_prefix('athena')}:workgroup/{workgroup.name}"


def _apply(account: Account, change: WorkgroupChange) -> None:
    wanted, client = change.workgroup, account.athena
    if not change.exists:
        client.create_work_group(
            Name=wanted.name, Description=wanted.description, Configuration=configuration(wanted),
            Tags=[{"Key": name, "Value": value} for name, value in wanted.tags.items()])
        return
    if change.differs:
        client.update_work_group(WorkGroup=wanted.name, Description=wanted.description, ConfigurationUpdates={
            "EnforceWorkGroupConfiguration": True, "PublishCloudWatchMetricsEnabled": True,
            "BytesScannedCutoffPerQuery": wanted.scan_cap, "EngineVersion": {"SelectedEngineVersion": ENGINE},
            "ResultConfigurationUpdates": {
                "OutputLocation": wanted.results, "EncryptionConfiguration": _encryption(wanted.kms_key)}})
    if change.tags:
        client.tag_resource(ResourceARN=_arn(account, wanted), Tags=[{"Key": name, "Value": value} for name, value in change.tags.items()])
