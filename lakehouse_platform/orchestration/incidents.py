"""The sensors that tell people: one follows the event log, and each sees whether the other sensors still run."""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

import datetime as dt
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from lakehouse_platform.incidents.base import Channel, Kind, Message, Observation, StateMoved
from lakehouse_platform.incidents.deliver import Delivery
from lakehouse_platform.incidents.graph import Assets
from lakehouse_platform.incidents.memory import Memory
from lakehouse_platform.incidents.plan import overdue
from lakehouse_platform.incidents.policy import DEFAULT, SETTLE, Policy
from lakehouse_platform.incidents.tick import tick
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.asset_graph import DefinedGraph
from lakehouse_platform.orchestration.heartbeat import DAEMON, TELLERS, sensor_beats, silence, watched_sensors
from lakehouse_platform.orchestration.incident_store import OUTSIDE, OUTSIDE_TURN, InstanceStore, turn
from lakehouse_platform.orchestration.observations import newest_id, read_log
from lakehouse_platform.settings.serving import Slack

PLACE = "lakehouse/incidents/place"
"""Under which the instance keeps how far the log was read, by whichever process."""
OVERLAP = 200
"""Storage ids that are read again: transactions of the log end in another order than they began."""
MOST_READS = 20
"""Batches of one tick; a longer absence is caught up over several."""
MOST_FAILURES = 3
"""Refusals of Slack that a tick shows; the log has all."""
UNMADE_AFTER = dt.timedelta(days=1)
"""An asset that promises no window counts as never materialized after so long."""
LOGGED = "log"
"""The channel where the environment names no Slack."""
Clock = Callable[[], dt.datetime]


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """How far incidents have come."""

    begun: int
    """Storage id at which the first tick began: history is not news."""
    newest: int
    unmade: Mapping[str, str] = field(default_factory=dict)
    """Assets that were never materialized, and since when they are known."""

    @classmethod
    def load(cls, instance: dg.DagsterInstance) -> "Place":
        """The place that was reached; at first, that of now."""
        text = instance.daemon_cursor_storage.get_cursor_values({PLACE}).get(PLACE)
        if text is None:
            newest = newest_id(instance)
            begun = cls(newest, newest)
            begun.save(instance)
            return begun
        return cls(**json.loads(text))

    def save(self, instance: dg.DagsterInstance, *, was: "Place | None" = None) -> None:
        """Keep it, where it is not as it `was`."""
        if self == was:
            return
        text = json.dumps({"begun": self.begun, "newest": self.newest, "unmade": dict(self.unmade)})
        instance.daemon_cursor_storage.set_cursor_values({PLACE: text})


@dataclass(frozen=True, slots=True)
class LogChannel:
    """Tells the log, where there is no Slack; implements `Channel`."""

    log: logging.Logger

    def post(self, channel: str, message: Message, key: str) -> str:  # noqa: ARG002 - as the protocol has it
        """A warning."""
        self.log.warning(message.text)
        return key

    def reply(self, channel: str, thread: str, message: Message, key: str) -> str:  # noqa: ARG002
        """A warning that names its incident."""
        self.log.warning(f"{thread}: {message.text}")
        return key

    def update(self, channel: str, ts: str, message: Message, key: str) -> None:
        """What was logged stays."""

    def find(self, channel: str, key: str, *, since: dt.datetime, thread: str | None = None) -> str | None:  # noqa: ARG002
        """Nobody looks through a log; a line that is there twice does no harm."""
        return None

    def reactions(self, channel: str, ts: str) -> Mapping[str, Sequence[str]]:  # noqa: ARG002
        """Nobody reacts to a log."""
        return {}


def build_incident_sensor(project: Project, *, clock: Clock = _now, settle: dt.timedelta = SETTLE) -> dg.SensorDefinition:
    """Follows the event log and tells Slack of incidents, or the log where the environment names no Slack; runs from the start.

    The place in the log moves after everything was told: after a crash events are read again, which changes nothing.
    """
    made: set[dg.AssetKey] = set()

    @dg.sensor(
        name="incidents", minimum_interval_seconds=TELLERS["incidents"].seconds, default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of what is wrong, once a cause: to whom it matters, since when, and that it is over.")
    def incidents(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now, graph = clock(), _graph(context)
        try:
            with turn(context.instance):
                place = Place.load(context.instance)
                seen, newest = read_on(context.instance, place)
                unmade = still_unmade(context.instance, graph, place.unmade, made, now)
                seen += [*_never_made(graph, unmade, now), *_beats(context, "incidents", now)]
                delivery = tell(project, context, seen, now, settle)
                Place(place.begun, newest, unmade).save(context.instance, was=place)
        except StateMoved as moved:
            return dg.SkipReason(str(moved))
        why = "".join(f"; {failure}" for failure in delivery.failures[:MOST_FAILURES])
        return dg.SkipReason(f"{len(delivery.done)} messages told, {len(delivery.due)} due{why}")

    return incidents


def build_heartbeat_sensor(project: Project, *, clock: Clock = _now, settle: dt.timedelta = SETTLE) -> dg.SensorDefinition:
    """Sees whether the other sensors still run, above all the one that tells of incidents; runs from the start."""

    @dg.sensor(
        name="heartbeat", minimum_interval_seconds=TELLERS["heartbeat"].seconds, default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells when sensors stop: nobody would be told of anything else.")
    def heartbeat(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now = clock()
        seen = list(_beats(context, "heartbeat", now))
        stopped = [beat.asset.removeprefix("sensor/") for beat in seen if not beat.passed]
        if not stopped and not knows_of_silence(context.instance):
            return dg.SkipReason(f"{len(seen)} sensors run")
        try:
            with turn(context.instance):
                tell(project, context, seen, now, settle)
        except StateMoved as moved:
            return dg.SkipReason(str(moved))
        return dg.SkipReason(f"stopped: {', '.join(stopped) or 'none any more'}")

    return heartbeat


def _graph(context: dg.SensorEvaluationContext) -> AssetGraph:
    if context.repository_def is None:
        raise dg.DagsterInvariantViolationError("incidents are sought in the definitions' asset graph: give the context the definitions")
    return context.repository_def.asset_graph


def tell(
    project: Project, context: dg.SensorEvaluationContext, seen: Sequence[Observation], now: dt.datetime, settle: dt.timedelta
) -> Delivery:
    """Take in what was observed, and tell what is due of it. Raises StateMoved."""
    slack, zone = project.environment.slack, project.environment.partitions.time_zone
    channel = channel_of(slack, context.log)
    delivery = tick(
        InstanceStore(context.instance), channel, DefinedGraph(_graph(context)), policy_of(slack, zone, settle), seen, now)
    for failure in delivery.failures:
        context.log.warning(f"Slack was not told: {failure}")
    return delivery


def channel_of(slack: Slack | None, log: logging.Logger) -> Channel:
    """The environment's Slack, or a log."""
    if slack is None:
        return LogChannel(log)
    from lakehouse_platform.orchestration.slack import build_channel  # a lakehouse without Slack needs no client of it

    return build_channel(slack)


def policy_of(slack: Slack | None, zone: str, settle: dt.timedelta = SETTLE) -> Policy:
    """How the environment wants to be told."""
    if slack is None:
        return Policy({DEFAULT: LOGGED}, ZoneInfo(zone), settle=settle)
    return Policy.of(slack, zone, ui=slack.ui, settle=settle)


def read_on(instance: dg.DagsterInstance, place: Place) -> tuple[list[Observation], int]:
    """What was logged since, and how far that goes."""
    found: list[Observation] = []
    reached = max(place.newest - OVERLAP, place.begun)
    for _ in range(MOST_READS):
        read = read_log(instance, reached)
        found += read.observations
        reached = read.newest
        if not read.more:
            break
    return found, max(reached, place.newest)


def still_unmade(
    instance: dg.DagsterInstance, graph: AssetGraph, known: Mapping[str, str], made: set[dg.AssetKey], now: dt.datetime
) -> dict[str, str]:
    """Assets with a promise that were never materialized, and since when they are known; what is `made` is remembered there."""
    keys = graph.materializable_asset_keys - made
    promised = [key for key in keys if graph.get(key).freshness_policy_or_from_metadata is not None]
    records = instance.event_log_storage.get_asset_records(promised) if promised else ()
    made |= {record.asset_entry.asset_key for record in records if record.asset_entry.last_materialization_record is not None}
    names = sorted(key.to_user_string() for key in promised if key not in made)
    return {name: known.get(name, now.isoformat()) for name in names}


def _never_made(graph: AssetGraph, unmade: Mapping[str, str], now: dt.datetime) -> Iterator[Observation]:
    for asset, since in unmade.items():
        policy = graph.get(dg.AssetKey.from_user_string(asset)).freshness_policy_or_from_metadata
        window = policy.fail_window.to_timedelta() if isinstance(policy, TimeWindowFreshnessPolicy) else UNMADE_AFTER
        if now - dt.datetime.fromisoformat(since) > window:
            yield Observation(None, Kind.FRESHNESS, asset, now, text="It was never materialized.")


def _beats(context: dg.SensorEvaluationContext, own: str, now: dt.datetime) -> Iterator[Observation]:
    """Whether the other sensors run."""
    sensors = context.repository_def.sensor_defs if context.repository_def is not None else ()
    expected = {name: every for name, every in watched_sensors(sensors).items() if name != own}
    yield from sensor_beats(context.instance, expected, now)


def knows_of_silence(instance: dg.DagsterInstance) -> bool:
    """Whether an incident of a stopped sensor goes on."""
    problems = Memory.load(InstanceStore(instance)).state.problems.values()
    return any(problem.asset.startswith("sensor/") for problem in problems)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a look at the daemon from outside came to."""

    silence: str
    """Why nobody would be told of anything; empty where all is well."""
    delivery: Delivery
    untold: str = ""
    """What the daemon has to tell and cannot."""


def look_from_outside(project: Project, instance: dg.DagsterInstance, now: dt.datetime, log: logging.Logger) -> Pulse:
    """See whether somebody would tell of incidents, and tell that nobody does, or does again. Raises StateMoved.

    It has a state of its own, and asks no definitions: neither a daemon that hangs nor code that does not load keeps it from telling.
    """
    slack, zone = project.environment.slack, project.environment.partitions.time_zone
    why = silence(instance, now)
    beat = Observation(None, Kind.BEAT, DAEMON, now, passed=not why, text=why)
    policy = policy_of(slack, zone, settle=dt.timedelta(0))
    waiting = overdue(Memory.load(InstanceStore(instance)).state, now, policy_of(slack, zone))
    channels = sorted({policy.channel(incident.domain, incident.severity) for incident in waiting})
    untold = f"Incidents that wait to be told in {', '.join(channels)}: {len(waiting)}. The sensor `incidents` says why." if waiting else ""
    with turn(instance, key=OUTSIDE_TURN):
        return Pulse(why, tick(InstanceStore(instance, OUTSIDE), channel_of(slack, log), Assets({}), policy, [beat], now), untold)
