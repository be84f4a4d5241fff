"""Whether Dagster's daemon and the sensors that it evaluates still run, as the instance knows it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick, InstigatorType, TickStatus

from lakehouse_platform.incidents.base import Kind, Observation

DAEMON = "sensor/daemon"
"""Stands for the daemon among the sensors."""
TELLERS = {"incidents": dt.timedelta(seconds=30), "heartbeat": dt.timedelta(seconds=60)}
"""Sensors that tell of incidents, and how often they are evaluated."""
MISSED = 3
"""Evaluations that a sensor may miss, or that may fail, before it counts as stopped."""
PATIENCE = dt.timedelta(minutes=5)
"""On top of that: evaluations take their time, and a daemon is restarted now and then."""
DAEMON_PATIENCE = dt.timedelta(minutes=3)


def watched_sensors(sensors: Sequence[dg.SensorDefinition]) -> dict[str, dt.timedelta]:
    """Sensors that are to run, and how often."""
    running = [sensor for sensor in sensors if sensor.default_status is dg.DefaultSensorStatus.RUNNING]
    return {sensor.name: dt.timedelta(seconds=sensor.minimum_interval_seconds or 30) for sensor in running}


def silence(instance: dg.DagsterInstance, now: dt.datetime) -> str:
    """Why nobody would be told of anything, as it is seen from outside of the daemon; empty where somebody would.

    One of the sensors that tell is enough: it tells of the other.
    """
    return daemon_silence(instance, now) or tellers_silence(instance, now)


def tellers_silence(instance: dg.DagsterInstance, now: dt.datetime) -> str:
    """What is not heard of the sensors that tell; empty where one of them runs."""
    seen = list(sensor_beats(instance, TELLERS, now))
    if any(beat.passed for beat in seen):
        return ""
    said = [f"{beat.asset.removeprefix('sensor/')}: {beat.text}" for beat in seen]
    return " ".join(said) or f"The sensors {' and '.join(sorted(TELLERS))} were never evaluated."


def daemon_silence(instance: dg.DagsterInstance, now: dt.datetime) -> str:
    """What is not heard of the daemon any more; empty where all is well."""
    heard = instance.get_daemon_heartbeats()
    if not heard:
        return "Dagster's daemon has never run on this instance."
    lost = {
        name: heard[name].timestamp if name in heard else None for name in instance.get_required_daemon_types()
        if name not in heard or now.timestamp() - heard[name].timestamp > DAEMON_PATIENCE.total_seconds()
    }  # fmt: skip
    if not lost:
        return ""
    last = max((at for at in lost.values() if at is not None), default=None)
    since = f" since {dt.datetime.fromtimestamp(last, dt.UTC):%Y-%m-%d %H:%M} UTC" if last is not None else ""
    return f"Dagster's daemon has not been heard of{since}: {', '.join(sorted(lost))}."


def sensor_beats(instance: dg.DagsterInstance, expected: Mapping[str, dt.timedelta], now: dt.datetime) -> Iterator[Observation]:
    """Whether each sensor still runs; nothing of one that the daemon has not taken up yet."""
    states = {state.name: state for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)}
    for name, every in expected.items():
        if name in states:
            yield _beat(f"sensor/{name}", now, _silence(instance, states[name], every, now))


def _beat(asset: str, now: dt.datetime, silent: str) -> Observation:
    return Observation(None, Kind.BEAT, asset, now, passed=not silent, text=silent)


def _silence(instance: dg.DagsterInstance, state: InstigatorState, every: dt.timedelta, now: dt.datetime) -> str:
    if state.status is InstigatorStatus.STOPPED:
        return "It was switched off in the interface."
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=MISSED)
    if not ticks:
        return ""
    newest = dt.datetime.fromtimestamp(ticks[0].timestamp, dt.UTC)
    if now - newest > every * MISSED + PATIENCE:
        return f"It was last evaluated on {newest:%Y-%m-%d at %H:%M} UTC; it is to be every {round(every.total_seconds()):,} seconds."
    if len(ticks) == MISSED and all(tick.status is TickStatus.FAILURE for tick in ticks):
        return f"Its last {MISSED} evaluations failed with {_error(ticks[0])}; the tick's log in the interface has it."
    return ""


def _error(tick: InstigatorTick) -> str:
    """Class of the innermost error of a tick."""
    error = tick.error
    while error is not None and error.cause is not None:
        error = error.cause
    return (error.cls_name if error is not None else None) or "an error"
