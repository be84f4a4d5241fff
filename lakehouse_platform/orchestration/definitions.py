"""Contracts to Dagster definitions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import chain

import dagster as dg

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.jobs.marts import Mart, prepare_marts, read_marts
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import Zone
from lakehouse_platform.orchestration.audit import build_audit, build_audit_schedule
from lakehouse_platform.orchestration.certification import build_certificates
from lakehouse_platform.orchestration.describe import key_of
from lakehouse_platform.orchestration.gaps import build_gap_checks
from lakehouse_platform.orchestration.marts import build_dataset, build_marts, dataset_key
from lakehouse_platform.orchestration.places import SPARK, has_spark
from lakehouse_platform.orchestration.schedules import build_jobs, build_schedules
from lakehouse_platform.orchestration.tables import build_source, build_table, zones_of
from lakehouse_platform.orchestration.warehouse import build_loads
from lakehouse_platform.orchestration.warehouse_marts import build_warehouse_marts


def partitions_of(project: Project) -> dg.DailyPartitionsDefinition:
    """Business days: from the environment's first one up to yesterday."""
    days = project.environment.partitions
    return dg.DailyPartitionsDefinition(start_date=days.start.isoformat(), timezone=days.time_zone)


def build_definitions(
    project: Project, *, assets: Sequence[dg.AssetsDefinition] = (), sensors: Sequence[dg.SensorDefinition] = ()
) -> dg.Definitions:
    """Everything that the project's contracts say, with what the instance adds by hand. Touches no network and no secret."""
    with warnings.catch_warnings():
        # Single-run backfills and partitioned checks are what this platform is built on, beta or not.
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return _build(project, assets, sensors)


def _build(project: Project, assets: Sequence[dg.AssetsDefinition], sensors: Sequence[dg.SensorDefinition]) -> dg.Definitions:
    partitions = partitions_of(project)
    sources = [build_source(project, contract) for contract in project.tables]
    prepare_marts(project)
    marts = read_marts(project)
    tables = [
        build_table(project, contract, zone, partitions, downstream_of(contract, marts))
        for contract in project.tables for zone in zones_of(contract)
    ]
    curated = build_marts(project, marts, partitions)
    datasets = [build_dataset(project, mart, marts, partitions) for mart in marts if mart.contract.publication is not None]
    warehouse = [*build_loads(project, partitions, marts), *build_warehouse_marts(project, marts, partitions)]
    jobs, audit = build_jobs(project), build_audit(project)
    about_now = [*build_gap_checks(project), *build_certificates(project, marts)]
    return dg.Definitions(
        assets=list(chain(sources, tables, curated, warehouse, datasets, assets)), asset_checks=[*audit, *about_now], jobs=jobs,
        schedules=[*build_schedules(jobs), *build_audit_schedule(project, audit)], sensors=list(sensors),
        resources=_resources(project), executor=dg.in_process_executor)


def _resources(project: Project) -> dict[str, object]:
    """What steps may need beside the project; nothing starts before a step asks for it."""
    found: dict[str, object] = {}
    if has_spark(project):
        from lakehouse_platform.orchestration.spark import build_spark

        found[SPARK] = build_spark(project)
    if project.environment.slack is not None:
        from lakehouse_platform.orchestration.slack import SLACK, build_slack

        found[SLACK] = build_slack(project.environment.slack)
    return found


def downstream_of(contract: Contract, marts: Sequence[Mart]) -> list[str]:
    """Asset keys of what is made of a table, its own zones first."""
    reached = {contract.name}
    for _ in marts:
        reached |= {mart.contract.name for mart in marts if any(used.name in reached for _, used in mart.upstream)}
    own = [key_of(zone, contract) for zone in zones_of(contract) if zone is not Zone.RAW]
    built = [mart for mart in marts if mart.contract.name in reached]
    datasets = [dataset_key(mart) for mart in built if mart.contract.publication is not None]
    return [key.to_user_string() for key in (*own, *(key_of(Zone.CURATED, mart.contract) for mart in built), *datasets)]
