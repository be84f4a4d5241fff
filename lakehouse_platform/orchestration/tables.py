"""The assets of a contract's table: its source, Raw, ODS and, where it keeps history, HDS."""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

from collections.abc import Iterator, Sequence
from dataclasses import replace

import dagster as dg

from lakehouse_platform import naming
from lakehouse_platform.contracts.contract import Contract, Landing
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import SCHEMA, Outcome, declared_checks
from lakehouse_platform.naming import Zone
from lakehouse_platform.orchestration import describe
from lakehouse_platform.orchestration.automation import FOLLOW
from lakehouse_platform.orchestration.places import SPARK, Step, has_spark
from lakehouse_platform.orchestration.steps import Attempt, Event, check_spec, report, root_run

SINGLE_RUN = dg.BackfillPolicy.single_run()
"""A range of days is one run unless somebody asks for a run a day."""


def zones_of(contract: Contract) -> tuple[Zone, ...]:
    """Zones that a source table has."""
    return (Zone.RAW, Zone.ODS, Zone.HDS) if contract.keeps_history else (Zone.RAW, Zone.ODS)


def build_source(project: Project, contract: Contract) -> dg.AssetSpec:
    """The table at its source: nothing here writes it, lineage begins there."""
    return dg.AssetSpec(
        describe.source_key(contract), group_name=contract.domain, kinds={"source", _kind(project, contract)}, owners=[contract.owner],
        description=f"The table at its source, which {contract.name} is taken from; nothing here writes it.",
        metadata={"dagster/column_schema": describe.source_schema_of(contract)})


def _kind(project: Project, contract: Contract) -> str:
    source = contract.source
    if source is None or isinstance(source, Landing):
        return source.format.value if source is not None else ""
    return project.environment.connections[source.connection].kind


def build_table(
    project: Project, contract: Contract, zone: Zone, partitions: dg.PartitionsDefinition[str], downstream: Sequence[str]
) -> dg.AssetsDefinition:
    """One zone's table as an asset. `downstream` is what a change of the source's columns would reach."""
    key, specs = describe.key_of(zone, contract), declared_checks(zone, contract)
    upstream = describe.source_key(contract) if zone is Zone.RAW else describe.key_of(describe.UPSTREAM[zone], contract)

    @dg.asset(
        key=key, deps=[upstream], group_name=contract.domain, partitions_def=partitions, backfill_policy=SINGLE_RUN,
        description=describe.description_of(zone, contract), owners=[contract.owner], kinds={zone.value, "deltalake", "polars"},
        tags=describe.tags_of(zone, contract), pool=naming.pool(zone, contract.domain, contract.table),
        metadata=describe.definition_metadata(zone, contract, project.uri(zone, contract), contract.freshness),
        check_specs=[check_spec(key, spec, partitions) for spec in specs], code_version=contract.fingerprint[:12],
        automation_condition=None if zone is Zone.RAW else FOLLOW,
        freshness_policy=dg.FreshnessPolicy.time_window(contract.freshness) if contract.freshness is not None else None,
        required_resource_keys={SPARK} if has_spark(project) and zone is not Zone.RAW else set(),
    )
    def table(context: dg.AssetExecutionContext) -> Iterator[Event]:
        step = Step(context, project, contract, zone, root_run(context))
        yield from report(context, key, lambda days: _told(step(days), downstream), describe.lineage_of(zone, contract))

    return table


def _told(tried: Attempt, downstream: Sequence[str]) -> Attempt:
    """Drift with what it reaches."""
    return replace(tried, done={day: _reaching(outcome, downstream) for day, outcome in tried.done.items()})


def _reaching(outcome: Outcome, downstream: Sequence[str]) -> Outcome:
    reach = {"downstream": ", ".join(downstream)}
    checks = tuple(replace(c, figures={**c.figures, **reach}) if c.name == SCHEMA and not c.passed else c for c in outcome.checks)
    return replace(outcome, checks=checks)
