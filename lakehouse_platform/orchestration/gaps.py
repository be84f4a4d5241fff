"""Business days that Raw lacks, as a check of the source's asset: days go missing because nothing ran, so a sensor judges them.

The check stands at the source, which no run writes: at Raw it would be judged in every run, and be red throughout a backfill.
"""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import dagster as dg

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.jobs.gaps import GRACE, NO_DAY_MISSING, gap_outcome, watched
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import CheckOutcome
from lakehouse_platform.naming import Zone
from lakehouse_platform.orchestration.describe import figures, key_of, source_key

NAME = "source_gaps"
RAW_ASSET = "raw_asset"
"""Figure of the check: the asset that lacks the days."""
WORKING = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)
LONGEST_RUN = dt.timedelta(hours=12)
"""A run that takes longer is not waited for."""


def build_gap_checks(project: Project) -> list[dg.AssetChecksDefinition]:
    """One definition with a check for each source table that has a batch for every business day."""
    tables = {source_key(contract): contract for contract in watched(project)}
    if not tables:
        return []
    specs = [dg.AssetCheckSpec(NO_DAY_MISSING.name, asset=key, description=NO_DAY_MISSING.description) for key in tables]

    @dg.multi_asset_check(name=NAME, specs=specs, can_subset=True)
    def source_gaps(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        ended = ended_days(project, dt.datetime.now(tz=dt.UTC))
        for key in sorted(key.asset_key for key in context.selected_asset_check_keys):
            if (found := _outcome(project, tables[key], ended)) is not None:
                yield dg.AssetCheckResult(
                    passed=found.passed, asset_key=key, check_name=NO_DAY_MISSING.name, metadata=figures(found.figures),
                    severity=dg.AssetCheckSeverity.WARN, description=found.description or None)

    return [source_gaps]


def ended_days(project: Project, now: dt.datetime) -> Sequence[str]:
    """Business days whose batch is due."""
    days = project.environment.partitions
    partitions = dg.DailyPartitionsDefinition(start_date=days.start.isoformat(), timezone=days.time_zone)
    return partitions.get_partition_keys(current_time=now - GRACE)


def gaps_now(project: Project, now: dt.datetime, busy: Collection[dg.AssetKey] = ()) -> Iterator[tuple[dg.AssetKey, CheckOutcome]]:
    """The check of every source table that Raw holds anything of; not of those whose Raw asset is `busy`."""
    ended = ended_days(project, now)
    for contract in watched(project):
        if key_of(Zone.RAW, contract) not in busy and (found := _outcome(project, contract, ended)) is not None:
            yield source_key(contract), found


def _outcome(project: Project, contract: Contract, ended: Sequence[str]) -> CheckOutcome | None:
    found = gap_outcome(project, contract, ended)
    raw = key_of(Zone.RAW, contract).to_user_string()
    return replace(found, figures={**found.figures, RAW_ASSET: raw}) if found is not None else None


def busy_assets(instance: dg.DagsterInstance, keys: Collection[dg.AssetKey], now: dt.datetime) -> set[dg.AssetKey]:
    """Those of the assets that a run works at, or is about to: the days that they lack may be on their way."""
    records = instance.get_run_records(dg.RunsFilter(statuses=list(WORKING), created_after=now - LONGEST_RUN))
    selections = [record.dagster_run.asset_selection for record in records]
    return {key for key in keys if any(selection is None or key in selection for selection in selections)}
