"""Evaluates sensors in this process, as Dagster's daemon does on its own clock: for the command line and for demonstrations."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from lakehouse_platform.errors import UnknownName, did_you_mean

CURSOR = "lakehouse/tick/{}"
"""Key of a sensor's cursor in the instance's storage; the daemon keeps its own."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What a sensor's evaluation came to."""

    sensor: str
    said: str
    """What it says of itself."""
    runs: int
    """Runs that it asks for; nobody starts them here."""


def sensors_of(defs: dg.Definitions) -> tuple[str, ...]:
    """Names of the sensors that can be evaluated here: all but the one that carries out automation, which is the daemon's."""
    return tuple(sorted(s.name for s in defs.sensors or () if type(s) is dg.SensorDefinition))


def tick(defs: dg.Definitions, instance: dg.DagsterInstance, sensor: str) -> Tick:
    """Evaluate a sensor once, from where its last evaluation here ended. Raises UnknownName, and what the sensor raises."""
    if sensor not in (names := sensors_of(defs)):
        raise UnknownName(f'unknown sensor "{sensor}". {did_you_mean(sensor, names, noun="sensors")}')
    storage, key = instance.daemon_cursor_storage, CURSOR.format(sensor)
    cursor = storage.get_cursor_values({key}).get(key)
    with dg.build_sensor_context(instance, cursor, definitions=defs, sensor_name=sensor) as context:
        done = defs.resolve_sensor_def(sensor).evaluate_tick(context)
    if done.cursor is not None:
        storage.set_cursor_values({key: done.cursor})
    return Tick(sensor, done.skip_message or "", len(done.run_requests or ()))
