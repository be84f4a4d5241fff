"""Runs steps for the business days of a Dagster run, and reports what was materialized, how its checks came out, and why a day halted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.definitions.metadata import RawMetadataValue

from lakehouse_platform.errors import TerminalError, TransientError
from lakehouse_platform.jobs.steps import CheckOutcome, CheckSpec, Outcome
from lakehouse_platform.orchestration.describe import figures, run_metadata

Event = dg.Output[None] | dg.AssetCheckEvaluation | dg.AssetMaterialization | dg.MaterializeResult[None]
RETRIES = 3
"""Of a step that failed for a reason that may pass."""
FIRST_WAIT = 2
"""Seconds before the first retry; each further one waits twice as long."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of the business days of a run."""

    done: dict[str, Outcome] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Why, for days that cannot succeed by being tried again; a halted day is among the done ones too."""


def check_spec(key: dg.AssetKey, spec: CheckSpec, partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """A declared check. One about a business day keeps a result for each, so that a halted day stays red when a later one passes."""
    return dg.AssetCheckSpec(
        spec.name, asset=key, description=spec.description, blocking=spec.halting, partitions_def=None if spec.about_now else partitions)


def root_run(context: dg.AssetExecutionContext) -> str:
    """What stays the same when a run is retried."""
    return context.run.root_run_id or context.run.run_id


def run_days(
    context: dg.AssetExecutionContext, key: dg.AssetKey, step: Callable[[str], Outcome], lineage: dg.TableColumnLineage | None
) -> Iterator[Event]:
    """Run `step` for each business day of the run, in this process."""
    yield from report(context, key, lambda days: attempt(step, days), lineage)


def report(
    context: dg.AssetExecutionContext, key: dg.AssetKey, work: Callable[[Sequence[str]], Attempt], lineage: dg.TableColumnLineage | None
) -> Iterator[Event]:
    """Do the `work` of the run's business days. A day that fails does not keep the others from being committed."""
    try:
        tried = work(sorted(context.partition_keys))
    except TransientError as error:
        raise retry(context, error) from error
    except TerminalError as error:
        raise failure(dict.fromkeys(sorted(context.partition_keys), str(error))) from error
    committed = {day: run_metadata(outcome, lineage) for day, outcome in tried.done.items() if outcome.halted is None}
    if tried.failed:
        yield from (dg.AssetMaterialization(key, partition=day, metadata=metadata) for day, metadata in committed.items())
        yield from evaluations(context.instance, key, tried.done)
        raise failure(tried.failed)
    for day, metadata in committed.items():
        context.add_asset_metadata(metadata, asset_key=key, partition_key=day)
    yield dg.MaterializeResult(asset_key=key)
    yield from evaluations(context.instance, key, tried.done)
    yield from (dg.Output(None, name) for name in context.assets_def.check_specs_by_output_name)


def report_at_once(
    context: dg.AssetExecutionContext, keys: Sequence[dg.AssetKey], work: Callable[[], Mapping[dg.AssetKey, Outcome]],
    metadata: Callable[[dg.AssetKey, Outcome], dict[str, RawMetadataValue]],
) -> Iterator[Event]:
    """Do the `work` of several assets in one go, whatever business days the run is for: it is done once.

    Of each asset first what was materialized, then every check. One that halted holds back no other.
    """
    days = sorted(context.partition_keys)
    try:
        outcomes = work()
    except TransientError as error:
        raise retry(context, error) from error
    except TerminalError as error:
        raise failure(dict.fromkeys(days, str(error))) from error
    once = {} if len(days) == 1 else {"built_once_for": f"{days[0]} to {days[-1]}"}
    for key in keys:
        outcome = outcomes[key]
        if outcome.halted is None:
            yield dg.MaterializeResult(asset_key=key, metadata={**metadata(key, outcome), **once})
        yield from evaluations(context.instance, key, dict.fromkeys(days, outcome))
        if outcome.halted is None:
            checks = context.assets_def.check_specs_by_output_name
            yield from (dg.Output(None, name) for name, spec in checks.items() if spec.asset_key == key)
    halted = [str(outcome.halted) for outcome in outcomes.values() if outcome.halted is not None]
    if halted:
        raise dg.Failure("\n".join(halted), metadata={"partitions": ", ".join(days)}, allow_retries=False)


def attempt(step: Callable[[str], Outcome], days: Sequence[str]) -> Attempt:
    """Run `step` for each day, one after the other. Raises TransientError where trying again may help."""
    tried = Attempt()
    for day in days:
        try:
            tried.done[day] = step(day)
        except TerminalError as error:
            tried.failed[day] = str(error)
            continue
        if tried.done[day].halted is not None:
            tried.failed[day] = str(tried.done[day].halted)
    return tried


def retry(context: dg.AssetExecutionContext, error: TransientError) -> dg.RetryRequested:
    """Ask for another try, later each time, and not before the neighbour would take it."""
    context.log.warning(f"{error} (try {context.retry_number + 1} of {RETRIES + 1})")
    return dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=seconds_to_wait(context.retry_number, error))


def seconds_to_wait(retries: int, error: TransientError) -> float:
    """How long a step waits that was retried so often: twice as long each time, and until its neighbour would take it."""
    return max(FIRST_WAIT * 2.0**retries, error.wait)


def failure(failed: Mapping[str, str]) -> dg.Failure:
    """The end of a run in which days failed; trying again would not help."""
    first = next(iter(failed.values()))
    text = first if len(failed) == 1 else "\n".join(f"{day}: {why}" for day, why in failed.items())
    return dg.Failure(text, metadata={"partitions": ", ".join(failed)}, allow_retries=False)


def evaluations(instance: dg.DagsterInstance, key: dg.AssetKey, done: Mapping[str, Outcome]) -> Iterator[dg.AssetCheckEvaluation]:
    """Every check of every day, once.

    They come after what was materialized: automation believes a check only where it names the day's newest materialization.
    """
    for day, outcome in done.items():
        target = _newest(instance, key, day)
        yield from (evaluation(key, check, day, target) for check in outcome.checks)


def evaluation(
    key: dg.AssetKey, check: CheckOutcome, day: str | None, target: AssetCheckEvaluationTargetMaterializationData | None = None
) -> dg.AssetCheckEvaluation:
    """A check's result as Dagster stores it."""
    severity = dg.AssetCheckSeverity.ERROR if check.halting else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckEvaluation(
        key, check.name, passed=check.passed, metadata=figures(check.figures), severity=severity,
        description=check.description or None, blocking=check.halting, partition=day,
        target_materialization_data=target)


def _newest(instance: dg.DagsterInstance, key: dg.AssetKey, day: str) -> AssetCheckEvaluationTargetMaterializationData | None:
    found = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=[day]), limit=1).records
    if not found:
        return None
    newest = found[0]
    return AssetCheckEvaluationTargetMaterializationData(storage_id=newest.storage_id, run_id=newest.run_id, timestamp=newest.timestamp)
