"""The command that looks at the daemon from outside."""

from __future__ import annotations

import datetime as dt
import logging

import click

from lakehouse_platform.cli.place import Place, with_place


@click.command(short_help="See whether anybody would tell if something broke; tell if not.")
@with_place
def heartbeat(place: Place) -> int:
    """See whether Dagster's daemon and the sensors that tell of incidents still run; tell Slack when they do not, and when they do again.

    To be called every few minutes by something else than the daemon: cron, or a scheduled ECS task, on the daemon's own storage. It
    posts one message however often it is called, says in its thread that it goes on, and ends it when all is well again. Where the
    environment names no Slack, the exit code says it all.

    \b
    Examples:
      lakehouse heartbeat
      lakehouse heartbeat --env production
      */5 * * * * cd /srv/lakehouse && lakehouse heartbeat --env production

    Exit codes: 0 all run, 1 something has stopped, 2 there is no such environment, 3 Slack could not be told: try again.
    """
    from lakehouse_platform.orchestration.incidents import look_from_outside
    from lakehouse_platform.orchestration.instance import open_instance

    project = place.open()
    with open_instance(project) as instance:
        pulse = look_from_outside(project, instance, dt.datetime.now(tz=dt.UTC), logging.getLogger(__name__))
    for failure in pulse.delivery.failures:
        click.echo(f"Slack was not told: {failure}", err=True)
    if pulse.untold:
        click.echo(pulse.untold, err=True)
    click.echo(pulse.silence or "The daemon and the sensors that tell of incidents run.")
    if pulse.delivery.due or pulse.delivery.failures or pulse.untold:
        return 3
    return 1 if pulse.silence else 0
