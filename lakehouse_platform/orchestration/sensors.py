"""Sensors that an instance may run: automation, data freshness, and a feed of what somebody should look at."""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import dagster as dg
from dagster._core.definitions.freshness import FreshnessStateChange

from lakehouse_platform.jobs.audit import AUDITED
from lakehouse_platform.jobs.marts import mart_complete_through, prepare_marts, read_marts
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import FRESH, LANDED, SCHEMA, CheckOutcome, freshness
from lakehouse_platform.naming import Zone
from lakehouse_platform.orchestration.describe import key_of
from lakehouse_platform.orchestration.steps import evaluation
from lakehouse_platform.zones.status import status

EVENTS = dg.DagsterEventType
FEED = (EVENTS.ASSET_CHECK_EVALUATION, EVENTS.FRESHNESS_STATE_CHANGE, EVENTS.RUN_FAILURE)
BATCH = 200
"""Events that one tick reads of each type."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody should look at. It holds figures and names, never values of rows."""

    kind: str
    """halted, drift, malformed, undeclared, stale, or failed."""
    subject: str
    """Asset, or job."""
    partition: str | None
    text: str
    details: dict[str, object]
    run_id: str


_KINDS = {SCHEMA: "drift", AUDITED.name: "drift", FRESH: "stale", LANDED: "malformed"}
Send = Callable[[Alert], None]


def build_automation_sensor() -> dg.SensorDefinition:
    """Starts what the automation conditions ask for; runs from the start."""
    return dg.AutomationConditionSensorDefinition(
        "automation", target=dg.AssetSelection.all(), default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30,
        description="Carries each business day that was materialized further down, also a late one; not where a blocking check failed.")


def build_freshness_sensor(project: Project, *, every: dt.timedelta = dt.timedelta(minutes=10)) -> dg.SensorDefinition:
    """Judges the age of every table's data again: it grows old without a run. Reports only what has changed."""

    @dg.sensor(
        name="data_freshness", minimum_interval_seconds=int(every.total_seconds()), default_status=dg.DefaultSensorStatus.RUNNING,
        description="Holds each table's complete-through against the freshness that its contract promises.")
    def data_freshness(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        known: dict[str, bool] = json.loads(context.cursor or "{}")
        changed = 0
        for key, check in freshness_now(project, dt.datetime.now(tz=dt.UTC)):
            if known.get(key.to_user_string()) != check.passed:
                context.instance.report_runless_asset_event(evaluation(key, check, None))
                known[key.to_user_string()] = check.passed
                changed += 1
        context.update_cursor(json.dumps(known))
        return dg.SkipReason(f"{changed} of {len(known)} tables changed between fresh and stale")

    return data_freshness


def freshness_now(project: Project, now: dt.datetime) -> Iterator[tuple[dg.AssetKey, CheckOutcome]]:
    """The freshness check of every table and mart that there is."""
    for contract in project.tables:
        if contract.freshness is not None:
            for found in status(project.lake, contract).zones:
                if found.zone != Zone.RAW:
                    yield key_of(found.zone, contract), freshness(contract, found.complete_through, now)
    prepare_marts(project)
    marts = read_marts(project)
    for mart in marts:
        built = project.lake.engine.exists(project.lake.uri(Zone.CURATED, mart.contract))
        if mart.contract.freshness is not None and built:
            through = mart_complete_through(project, mart, marts)
            yield key_of(Zone.CURATED, mart.contract), freshness(mart.contract, through, now)


def build_alert_sensor(send: Send | None = None) -> dg.SensorDefinition:
    """Follows the event log and sends what is worth it: halts, drift, stale data, failed runs. Without `send` it only logs.

    An alert is sent before the cursor moves: after a crash it may come twice, and never not at all.
    """

    @dg.sensor(
        name="alerts", minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of halted days, drift, stale data and failed runs.")
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cursor: dict[str, int] = json.loads(context.cursor or "{}")
        found: list[Alert] = []
        for kind in FEED:
            if kind.value not in cursor:  # the first tick begins at now: history is not news
                last = _read(context.instance, kind, None, limit=1, ascending=False)
                cursor[kind.value] = last[0].storage_id if last else 0
                continue
            for record in _read(context.instance, kind, cursor[kind.value], limit=BATCH, ascending=True):
                cursor[kind.value] = record.storage_id
                found += [alert] if (alert := alert_of(record)) is not None else []
        for alert in without_echoes(found):
            context.log.warning(json.dumps(asdict(alert), default=str))
            if send is not None:
                send(alert)
        context.update_cursor(json.dumps(cursor))
        return dg.SkipReason(f"{len(found)} alerts")

    return alerts


def _read(
    instance: dg.DagsterInstance, kind: dg.DagsterEventType, after: int | None, *, limit: int, ascending: bool
) -> Sequence[dg.EventLogRecord]:
    if kind is EVENTS.RUN_FAILURE:
        wanted = dg.RunStatusChangeRecordsFilter(kind, after_storage_id=after)
        return instance.fetch_run_status_changes(wanted, limit=limit, ascending=ascending).records
    return instance.event_log_storage.get_event_records(dg.EventRecordsFilter(kind, after_cursor=after), limit=limit, ascending=ascending)


def alert_of(record: dg.EventLogRecord) -> Alert | None:
    """What an event is worth telling, if anything."""
    event = record.event_log_entry.dagster_event
    if event is None:
        return None
    data = event.event_specific_data
    if isinstance(data, dg.AssetCheckEvaluation):
        return _of_check(data, record.run_id)
    if isinstance(data, FreshnessStateChange):
        late = data.new_state.value in ("WARN", "FAIL")
        text = "It was not materialized in time."
        return Alert("stale", data.key.to_user_string(), None, text, {}, record.run_id) if late else None
    if event.event_type is EVENTS.RUN_FAILURE:
        return Alert("failed", event.job_name, None, event.message or "The run failed.", {}, record.run_id)
    return None


def _of_check(found: dg.AssetCheckEvaluation, run_id: str) -> Alert | None:
    kind = _KINDS.get(found.check_name, "halted" if found.blocking else "")
    if found.passed or not kind:
        return None
    details: dict[str, object] = {name: value.value for name, value in found.metadata.items()}
    text = found.description or f"{found.check_name} failed."
    return Alert(kind, found.asset_key.to_user_string(), found.partition, text, {"check": found.check_name, **details}, run_id)


def without_echoes(alerts: Sequence[Alert]) -> list[Alert]:
    """A halt is a check and a failed run: only the check is told."""
    told = {alert.run_id for alert in alerts if alert.kind in ("halted", "malformed")}
    return [alert for alert in alerts if alert.kind != "failed" or alert.run_id not in told]
