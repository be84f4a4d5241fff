"""A job a domain, and the schedule that starts it when a business day has ended."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import dagster as dg

from lakehouse_platform.contracts.contract import Contract, Landing
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.describe import key_of
from lakehouse_platform.orchestration.tables import zones_of

if TYPE_CHECKING:
    from dagster._core.definitions.partitions.partitioned_schedule import UnresolvedPartitionedAssetScheduleDefinition
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

HOUR = 1
"""Hour of the day at which the business day that has ended is taken in."""


def build_jobs(project: Project) -> list[UnresolvedAssetJobDefinition]:
    """`<domain>_daily`: Raw, ODS and HDS of the domain's tables. Marts join domains, so they follow by automation.

    Tables that come in files are not among them: they are taken in when files land.
    """
    read = [contract for contract in project.tables if not isinstance(contract.source, Landing)]
    return [_job(domain, list(contracts)) for domain, contracts in groupby(read, key=lambda contract: contract.domain)]


def _job(domain: str, contracts: Sequence[Contract]) -> UnresolvedAssetJobDefinition:
    keys = [key_of(zone, contract) for contract in contracts for zone in zones_of(contract)]
    described = f"One business day of {domain}, from the sources to ODS and HDS."
    return dg.define_asset_job(f"{domain}_daily", selection=keys, description=described, tags={"domain": domain})


def build_schedules(
    jobs: Sequence[UnresolvedAssetJobDefinition],
) -> list[dg.ScheduleDefinition | UnresolvedPartitionedAssetScheduleDefinition]:
    """One a job, for the business day that ended at midnight; switched on in the interface."""
    return [dg.build_schedule_from_partitioned_job(job, description=f"Starts {job.name} every day.", hour_of_day=HOUR) for job in jobs]
