"""Dagster's event log as observations: checks, failures, materializations, freshness, in the order of the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.execution.plan.objects import ErrorSource
from dagster._core.storage.tags import WILL_RETRY_TAG
from dagster_shared.error import SerializableErrorInfo

from lakehouse_platform.certify.state import Cause
from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.incidents.base import Figure, Kind, Observation, Trouble
from lakehouse_platform.jobs.audit import AUDITED
from lakehouse_platform.jobs.certificates import CERTIFIED
from lakehouse_platform.jobs.gaps import NO_DAY_MISSING
from lakehouse_platform.jobs.steps import FRESH, LANDED, SCHEMA
from lakehouse_platform.orchestration.gaps import RAW_ASSET
from lakehouse_platform.orchestration.materialize import RANGE_END, RANGE_START

EVENTS = dg.DagsterEventType
FEED = (
    EVENTS.ASSET_CHECK_EVALUATION, EVENTS.ASSET_MATERIALIZATION, EVENTS.FRESHNESS_STATE_CHANGE, EVENTS.STEP_FAILURE,
    EVENTS.RUN_FAILURE, EVENTS.RUN_SUCCESS,
)  # fmt: skip
BATCH = 500
"""Events of each type that are read at once."""
LONGEST_RANGE = 62
"""Business days of a run that are named one by one."""
TROUBLES = {
    SCHEMA: Trouble.DRIFT, AUDITED.name: Trouble.DRIFT, FRESH: Trouble.LATE, LANDED: Trouble.MALFORMED, NO_DAY_MISSING.name: Trouble.GAP,
    CERTIFIED.name: Trouble.CERTIFICATE,
}  # fmt: skip
"""What a failed check means; a rule of a contract means what its severity says."""
JOB = "job/"


@dataclass(frozen=True, slots=True)
class Read:
    """A stretch of the event log."""

    observations: tuple[Observation, ...]
    newest: int
    """Storage id up to which everything was read."""
    more: bool
    """The log goes on."""


def newest_id(instance: dg.DagsterInstance) -> int:
    """Storage id of the newest event of those that are read."""
    found = [record.storage_id for kind in FEED for record in _records(instance, kind, None, limit=1, ascending=False)]
    return max(found, default=0)


def read_log(instance: dg.DagsterInstance, after: int) -> Read:
    """What was logged after a storage id: at most a batch of each type."""
    batches = [_records(instance, kind, after, limit=BATCH, ascending=True) for kind in FEED]
    full = [batch[-1].storage_id for batch in batches if len(batch) == BATCH]
    newest = min(full) if full else max([after, *(batch[-1].storage_id for batch in batches if batch)])
    records = sorted((r for batch in batches for r in batch if r.storage_id <= newest), key=lambda r: r.storage_id)
    runs = Runs(instance)
    return Read(tuple(seen for record in records for seen in observed(record, runs)), newest, bool(full))


def _records(
    instance: dg.DagsterInstance, kind: dg.DagsterEventType, after: int | None, *, limit: int, ascending: bool
) -> Sequence[dg.EventLogRecord]:
    wanted = dg.EventRecordsFilter(kind, after_cursor=after)
    return instance.event_log_storage.get_event_records(wanted, limit=limit, ascending=ascending)


@dataclass(frozen=True)
class Runs:
    """What is known of runs that failed; each is read once."""

    instance: dg.DagsterInstance
    known: dict[str, _FailedRun | None] = field(default_factory=dict)

    def failed(self, run_id: str) -> _FailedRun | None:
        """The run; None where it was deleted, or will be tried again."""
        if run_id not in self.known:
            self.known[run_id] = self._read(run_id)
        return self.known[run_id]

    def _read(self, run_id: str) -> _FailedRun | None:
        run = self.instance.get_run_by_id(run_id)
        if run is None or run.tags.get(WILL_RETRY_TAG) == "true":
            return None
        kinds = {EVENTS.ASSET_MATERIALIZATION_PLANNED, EVENTS.ASSET_MATERIALIZATION, EVENTS.STEP_FAILURE}
        records = self.instance.get_records_for_run(run_id, of_type=kinds).records
        events = [event for record in records if (event := record.event_log_entry.dagster_event) is not None]
        planned = [(event.step_key or "", event.asset_key) for event in events if event.event_type is EVENTS.ASSET_MATERIALIZATION_PLANNED]
        made = {(event.asset_key, event.partition) for event in events if event.event_type is EVENTS.ASSET_MATERIALIZATION}
        failed = frozenset(
            event.step_key or "" for event in events if event.event_type is EVENTS.STEP_FAILURE and not _was_interrupted(event))
        return _FailedRun(run, tuple((step, key) for step, key in planned if key is not None), frozenset(made), failed)


@dataclass(frozen=True, slots=True)
class _FailedRun:
    run: dg.DagsterRun
    planned: tuple[tuple[str, dg.AssetKey], ...]
    """Steps with the assets that they were to make."""
    made: frozenset[tuple[dg.AssetKey | None, str | None]]
    """Assets and business days that were committed all the same."""
    failed_steps: frozenset[str]

    @property
    def days(self) -> list[str | None]:
        """Business days that the run was for; one None where it was for none, or for a great many."""
        tags = self.run.tags
        if (day := tags.get("dagster/partition")) is not None:
            return [day]
        if RANGE_START not in tags or RANGE_END not in tags:
            return [None]
        try:
            first, last = dt.date.fromisoformat(tags[RANGE_START]), dt.date.fromisoformat(tags[RANGE_END])
        except ValueError:
            return [None]
        days = [(first + dt.timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
        return list(days) if len(days) <= LONGEST_RANGE else [None]

    def lacking(self, days: Sequence[str | None], *, step: str | None = None) -> list[tuple[str, str | None]]:
        """Assets and business days that the run, or a step of it, was to commit and did not; all of them where it did, and failed then."""
        asked = [(key, day) for planned_by, key in self.planned if step in (None, planned_by) for day in days]
        lacking = [(key, day) for key, day in asked if (key, day) not in self.made]
        return [(key.to_user_string(), day) for key, day in lacking or asked] or [(f"{JOB}{self.run.job_name}", None)]


def observed(record: dg.EventLogRecord, runs: Runs) -> Iterator[Observation]:
    """What an event says; nothing of most."""
    event, at = record.event_log_entry.dagster_event, dt.datetime.fromtimestamp(record.timestamp, dt.UTC)
    if event is None:
        return
    data = event.event_specific_data
    if isinstance(data, dg.AssetCheckEvaluation):
        yield _of_check(record, at, data)
    elif isinstance(data, FreshnessStateChange):
        yield from _of_freshness(record, at, data)
    elif event.event_type is EVENTS.ASSET_MATERIALIZATION and event.asset_key is not None:
        made = event.asset_key.to_user_string()
        yield Observation(record.storage_id, Kind.MATERIALIZED, made, at, event.partition, passed=True, run=record.run_id)
    elif event.event_type is EVENTS.STEP_FAILURE:
        yield from _of_step(record, at, event, runs)
    elif event.event_type is EVENTS.RUN_FAILURE:
        yield from _of_run(record, at, event, runs)
    elif event.event_type is EVENTS.RUN_SUCCESS:
        yield Observation(record.storage_id, Kind.MATERIALIZED, f"{JOB}{event.job_name}", at, passed=True, run=record.run_id)


def _of_check(record: dg.EventLogRecord, at: dt.datetime, found: dg.AssetCheckEvaluation) -> Observation:
    figures: dict[str, Figure] = {
        name: value.value for name, value in found.metadata.items() if isinstance(value.value, int | float | str | bool)}
    asset = figures.pop(RAW_ASSET, None) or found.asset_key.to_user_string()
    return Observation(
        record.storage_id, Kind.CHECK, str(asset), at, found.partition, found.check_name, passed=found.passed,
        halting=bool(found.blocking), trouble=_trouble(found), run=record.run_id,
        text=found.description or "", figures=figures)


def _trouble(found: dg.AssetCheckEvaluation) -> Trouble | None:
    if found.check_name == CERTIFIED.name and "causes" in found.metadata:
        causes = set(str(found.metadata["causes"].value).split(", "))
        return Trouble.WITHDRAWN if causes <= {Cause.REVOCATION, Cause.EXPIRY} else Trouble.CERTIFICATE
    return TROUBLES.get(found.check_name)


def _of_freshness(record: dg.EventLogRecord, at: dt.datetime, found: FreshnessStateChange) -> Iterator[Observation]:
    judged = {FreshnessState.PASS: True, FreshnessState.WARN: False, FreshnessState.FAIL: False}
    if found.new_state in judged:
        text = "" if judged[found.new_state] else "It was not materialized in time."
        yield Observation(
            record.storage_id, Kind.FRESHNESS, found.key.to_user_string(), at, passed=judged[found.new_state], text=text)


def _of_step(record: dg.EventLogRecord, at: dt.datetime, event: dg.DagsterEvent, runs: Runs) -> Iterator[Observation]:
    run, data = runs.failed(record.run_id), event.step_failure_data
    if run is None or _was_interrupted(event):
        return
    said = data.user_failure_data
    named = said.metadata.get("partitions") if said is not None else None
    days: Sequence[str | None] = str(named.value).split(", ") if named is not None else run.days
    kind, text = why(data.error)
    if said is not None and said.description:
        text = said.description
    step = event.step_key or ""
    for asset, day in run.lacking(days, step=step):
        yield Observation(record.storage_id, Kind.FAILURE, asset, at, day, run=record.run_id, step=step, error=kind, text=text)


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    """Whether the step was ended from outside. Where a person cancelled the run, that is no trouble; else the run fails too."""
    return event.step_failure_data.error_source is ErrorSource.INTERRUPT


def _of_run(record: dg.EventLogRecord, at: dt.datetime, event: dg.DagsterEvent, runs: Runs) -> Iterator[Observation]:
    """A run that failed beside its steps: its process was killed, or never began."""
    run = runs.failed(record.run_id)
    if run is None or run.failed_steps:
        return
    text = event.message or "The run failed."
    for asset, day in run.lacking(run.days):
        yield Observation(record.storage_id, Kind.FAILURE, asset, at, day, run=record.run_id, text=text)


def why(error: SerializableErrorInfo | None) -> tuple[str, str]:
    """Class and text of an error. One of the platform's own holds no values of rows; of any other only the class is told."""
    chain: list[SerializableErrorInfo] = []
    while error is not None:
        chain.append(error)
        error = error.cause
    own = next((link for link in chain if link.cls_name in _own_names()), None)
    if own is not None:
        return own.cls_name or "", own.message.strip().removeprefix(f"{own.cls_name}: ").rpartition(f"{own.cls_name}: ")[2]
    last = chain[-1].cls_name or "" if chain else ""
    return last, "the run's log says more"


def _own_names() -> frozenset[str]:
    return frozenset(_below(LakehouseError))


def _below(kind: type[LakehouseError]) -> Iterator[str]:
    yield kind.__name__
    for below in kind.__subclasses__():
        yield from _below(below)
