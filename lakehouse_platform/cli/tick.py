"""The command that evaluates sensors once."""

from __future__ import annotations

import click

from lakehouse_platform.cli.place import Place, with_place
from lakehouse_platform.cli.terminal import Heading, show_table


@click.command(short_help="Evaluate sensors once, without the daemon.")
@click.argument("sensors", nargs=-1)
@with_place
def tick(place: Place, sensors: tuple[str, ...]) -> None:
    """Evaluate SENSORS once, or all of them, as Dagster's daemon does on its own clock.

    Each goes on where its last evaluation by this command ended; the daemon keeps a place of its own. Runs that a sensor asks for
    are counted and not started.

    \b
    Examples:
      lakehouse tick
      lakehouse tick data_freshness

    Exit codes: 0 done, 1 a sensor failed, 2 no such sensor, 3 try again.
    """
    from lakehouse_platform.orchestration.workplace import open_workplace

    with open_workplace(place.open()) as work:
        done = [work.tick(sensor) for sensor in sensors or work.sensors]
    show_table([Heading("sensor"), Heading("says"), Heading("asks for runs", right=True)], [[t.sensor, t.said, str(t.runs)] for t in done])
