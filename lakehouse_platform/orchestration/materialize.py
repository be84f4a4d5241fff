"""Materializes assets in this process, and says how it goes on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import dagster as dg

from lakehouse_platform.errors import LakehouseError, TransientError, UnknownName, did_you_mean
from lakehouse_platform.orchestration.orphans import alive

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Nothing of the event log on the terminal: it is in the instance, and what matters of it goes to `progress`."""
_STATES = {
    dg.DagsterEventType.STEP_START: "started", dg.DagsterEventType.STEP_SUCCESS: "succeeded", dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_UP_FOR_RETRY: "retrying",
}
_PLANNED = {dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}
"""A step that only checks is planned by its checks."""
_ENDS = {"succeeded", "failed"}


@dataclass(frozen=True, slots=True)
class Progress:
    """A step that has begun or ended."""

    step: str
    """`hds/finance/invoice`; the marts are one step, `curated`."""
    state: str
    """started, succeeded, failed or retrying."""
    ended: int
    """Steps that have ended."""
    steps: int
    message: str = ""
    """Why it failed, or is tried again."""


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that did not pass."""

    asset: str
    check: str
    halting: bool
    partition: str | None
    figures: dict[str, object]
    description: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to."""

    run_id: str
    success: bool
    partitions: tuple[str, ...]
    materialized: tuple[tuple[str, str], ...]
    """Asset and partition."""
    failures: dict[str, str]
    """By step, why it failed."""
    transient: frozenset[str]
    """Steps that failed, every try of them, for a reason that may pass."""
    skipped: tuple[str, ...]
    failed_checks: tuple[FailedCheck, ...]


def partitions_between(defs: dg.Definitions, first: str, last: str | None = None) -> list[str]:
    """Business days from `first` to `last`, both included. Raises UnknownName for a day that there is no partition for."""
    known = next(iter(_partitioned(defs))).get_partition_keys()
    for day in (first, last or first):
        if day not in known:
            raise UnknownName(f"there is no partition {day}: the business days that have ended are {known[0]} to {known[-1]}")
    if last and last < first:
        raise UnknownName(f"{first} to {last}: the first day has to come before the last. To begin with the newest: backfill --reverse")
    return [day for day in known if first <= day <= (last or first)]


def _partitioned(defs: dg.Definitions) -> Iterable[dg.PartitionsDefinition[str]]:
    graph = defs.resolve_asset_graph()
    return (found for key in graph.materializable_asset_keys if (found := graph.get(key).partitions_def) is not None)


def select(defs: dg.Definitions, patterns: Sequence[str]) -> list[dg.AssetKey]:
    """Assets whose keys match a pattern, as in `hds/finance/*`. Raises UnknownName for a pattern that matches none."""
    names = {key.to_user_string(): key for key in defs.resolve_asset_graph().materializable_asset_keys}
    found: dict[str, dg.AssetKey] = {}
    for pattern in patterns:
        matching = {name: key for name, key in names.items() if fnmatchcase(name, pattern) or name.startswith(f"{pattern.rstrip('/')}/")}
        if not matching:
            raise UnknownName(f'no asset matches "{pattern}". {did_you_mean(pattern, names, noun="assets")}')
        found.update(matching)
    return [found[name] for name in sorted(found)]


def materialize(
    defs: dg.Definitions, instance: dg.DagsterInstance, keys: Collection[dg.AssetKey], partitions: Sequence[str], *,
    progress: Callable[[Progress], None] | None = None, tags: dict[str, str] | None = None,
) -> RunResult:
    """One run over the assets for a business day, or for a range of consecutive ones. It never raises for what a step does."""
    job = defs.resolve_implicit_global_asset_job_def()
    several = {RANGE_START: partitions[0], RANGE_END: partitions[-1]} if len(partitions) > 1 else {}
    run_id = str(uuid.uuid4())
    watch = _Watch(progress, partitions)
    instance.add_event_listener(run_id, watch)
    with alive(instance, run_id):
        job.execute_in_process(
            instance=instance, partition_key=None if several else partitions[0], raise_on_error=False, asset_selection=list(keys),
            run_id=run_id, tags={**(tags or {}), **several}, run_config=QUIET)
    return watch.result(instance, run_id)


class _Watch:
    """Hears every event of a run."""

    def __init__(self, progress: Callable[[Progress], None] | None, partitions: Sequence[str]) -> None:
        self._progress, self._partitions = progress, tuple(partitions)
        self._steps: set[str] = set()
        self._materialized: list[tuple[str, str]] = []
        self._failures: dict[str, str] = {}
        self._transient: set[str] = set()
        self._over: set[str] = set()
        self._checks: list[FailedCheck] = []

    def __call__(self, entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.event_type in _PLANNED:
            self._steps.add(_step_name(event))
        elif event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            made = event.step_materialization_data.materialization
            self._materialized.append((made.asset_key.to_user_string(), made.partition or ""))
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._check(event.asset_check_evaluation_data)
        elif event.event_type in _STATES:
            self._step(event, _STATES[event.event_type])

    def _check(self, found: dg.AssetCheckEvaluation) -> None:
        if not found.passed:
            figures: dict[str, object] = {name: value.value for name, value in found.metadata.items()}
            asset = found.asset_key.to_user_string()
            failed = FailedCheck(asset, found.check_name, bool(found.blocking), found.partition, figures, found.description or "")
            self._checks.append(failed)

    def _step(self, event: dg.DagsterEvent, state: str) -> None:
        name = _step_name(event)
        message = _why(event) if state in ("failed", "retrying") else ""
        if state == "failed":
            self._failures[name] = message
            self._transient |= {name} if _may_pass(event) else set()
        self._over |= {name} if state in _ENDS else set()
        if self._progress is not None:
            self._progress(Progress(name, state, len(self._over), len(self._steps), message))

    def result(self, instance: dg.DagsterInstance, run_id: str) -> RunResult:
        """What it came to. A step whose upstream failed is never begun, and no event says so."""
        run = instance.get_run_by_id(run_id)
        return RunResult(
            run_id, run is not None and run.is_success, self._partitions, tuple(self._materialized), self._failures,
            frozenset(self._transient), tuple(sorted(self._steps - self._over)), tuple(self._checks))


def _step_name(event: dg.DagsterEvent) -> str:
    return (event.step_key or "").replace("__", "/")


def _may_pass(event: dg.DagsterEvent) -> bool:
    """Whether the error behind a failure, known by its class's name alone, is a transient one."""
    error, names = getattr(event.event_specific_data, "error", None), _names(TransientError)
    while error is not None:
        if error.cls_name in names:
            return True
        error = error.cause
    return False


def _names(kind: type[LakehouseError]) -> set[str]:
    return {kind.__name__}.union(*(_names(below) for below in kind.__subclasses__()))


def _why(event: dg.DagsterEvent) -> str:
    data = event.event_specific_data
    failed = getattr(data, "user_failure_data", None)
    if failed is not None and failed.description:
        return str(failed.description)
    error = getattr(data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else ""
