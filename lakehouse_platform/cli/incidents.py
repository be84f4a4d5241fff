"""Commands about incidents: list, show, acknowledge, mute, resume."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from lakehouse_platform.cli.place import Place, with_place
from lakehouse_platform.cli.terminal import Heading, figure, instant, show_table
from lakehouse_platform.errors import UnknownName, did_you_mean

if TYPE_CHECKING:
    from lakehouse_platform.incidents.base import Incident, State

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
NOBODY = "somebody at the command line"


def _span(context: click.Context, option: click.Parameter, value: str | None) -> dt.timedelta | None:
    """The span that `30m`, `4h` or `2d` says."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,4})([mhd])", value)
    if found is None:
        raise click.BadParameter(f'"{value}" is not a span of time. Say minutes, hours or days, as in 30m, 4h or 2d.', context, option)
    return dt.timedelta(**{UNITS[found[2]]: int(found[1])})


@click.group(context_settings=CONTEXT, invoke_without_command=True, short_help="What is wrong now; take it on, or mute it.")
@click.pass_context
def incidents(context: click.Context) -> None:
    """Incidents: one for each cause, with everything that follows from it. They are told in Slack; here they are listed and answered.

    \b
    Examples:
      lakehouse incidents list                        what is wrong now
      lakehouse incidents show 3f9a                   one of them: since when, for whom, what follows from it
      lakehouse incidents acknowledge 3f9a --by ana   somebody is at it: no repeats; its end is told
      lakehouse incidents mute 3f9a --for 4h          nothing more is told of it for so long
      lakehouse incidents resume 3f9a                 take that back

    Exit codes: 0 done, 1 something is wrong and has to be changed, 2 there is no such incident, 3 try again.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_incidents)


@incidents.command("list", short_help="Show what is wrong now.")
@click.option("--all", "everything", is_flag=True, help="Also those that are over, as long as they are remembered.")
@with_place
def list_incidents(place: Place, *, everything: bool = False) -> None:
    """Show incidents, the oldest first.

    \b
    Examples:
      lakehouse incidents list
      lakehouse incidents list --all

    Exit codes: 0 shown, 1 what is stored cannot be read.
    """
    from lakehouse_platform.incidents.wording import headline

    found = [incident for incident in _known(place) if everything or not incident.is_over]
    if not found:
        click.echo("Nothing is wrong.", err=True)
        return
    headings = [*map(Heading, ("id", "stage", "severity", "since", "what", "owner")), Heading("downstream", right=True)]
    show_table(headings, [
        [i.id, str(i.stage), str(i.severity), instant(i.opened), headline(i), i.owner or "·", figure(len(i.affected))] for i in found])


@incidents.command(short_help="Show one incident.")
@click.argument("id")
@with_place
def show(place: Place, id: str) -> None:  # noqa: A002 - what people call it
    """Show the incident that ID names, or begins to name.

    \b
    Examples:
      lakehouse incidents show 3f9a

    Exit codes: 0 shown, 1 what is stored cannot be read, 2 there is no such incident.
    """
    from lakehouse_platform.incidents.wording import headline, listed

    incident = _find(_known(place), id)
    told, by = incident.told, f" by {incident.by}" if incident.by else ""
    facts = {
        "incident": f"{incident.id}, {incident.stage}{by}, {incident.severity}", "what": headline(incident),
        "owner": incident.owner or "·", "since": instant(incident.opened), "until": instant(incident.recovered),
        "downstream": listed(incident.affected, most=50) or "·",
        "told in": f"{told.channel}, message {told.ts}" if told is not None else "·",
    }
    show_table([Heading("incident"), Heading("")], [[name, value] for name, value in facts.items()])
    headings = [Heading(name) for name in ("asset", "day", "check", "trouble", "since", "until", "says")]
    show_table(headings, [
        [p.asset, p.partition or "·", p.check or "·", str(p.trouble), instant(p.since), instant(p.closed), p.text]
        for p in incident.problems])


@incidents.command(short_help="Say that somebody is at it.")
@click.argument("id")
@click.option("--by", metavar="NAME", default=NOBODY, help="Who is at it.")
@with_place
def acknowledge(place: Place, id: str, by: str) -> None:  # noqa: A002
    """Take on the incident that ID names: it is not repeated any more, and its end is told. In Slack: react with 👀.

    \b
    Examples:
      lakehouse incidents acknowledge 3f9a --by ana

    Exit codes: 0 done, 2 there is no such open incident, 3 try again.
    """
    from lakehouse_platform.incidents import stages

    _change(place, lambda state: stages.acknowledge(state, id, by, _now()))


@incidents.command(short_help="Say nothing more of it for a while.")
@click.argument("id")
@click.option("--for", "span", callback=_span, metavar="30m|4h|2d", help="For how long.  [default: until it recovers]")
@click.option("--by", metavar="NAME", default=NOBODY, help="Who mutes it.")
@with_place
def mute(place: Place, id: str, span: dt.timedelta | None, by: str) -> None:  # noqa: A002
    """Mute the incident that ID names. In Slack: react with 🔇, which lasts until it recovers.

    \b
    Examples:
      lakehouse incidents mute 3f9a
      lakehouse incidents mute 3f9a --for 4h

    Exit codes: 0 done, 2 there is no such open incident, 3 try again.
    """
    from lakehouse_platform.incidents import stages

    now = _now()
    _change(place, lambda state: stages.mute(state, id, now + span if span is not None else None, now, by))


@incidents.command(short_help="Take back that it was acknowledged or muted.")
@click.argument("id")
@with_place
def resume(place: Place, id: str) -> None:  # noqa: A002
    """Have the incident that ID names told again as any other.

    \b
    Examples:
      lakehouse incidents resume 3f9a

    Exit codes: 0 done, 2 there is no such open incident, 3 try again.
    """
    from lakehouse_platform.incidents import stages

    _change(place, lambda state: stages.resume(state, id, _now()))


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


def _known(place: Place) -> tuple[Incident, ...]:
    from lakehouse_platform.orchestration.incident_store import known_incidents
    from lakehouse_platform.orchestration.instance import open_instance

    with open_instance(place.open()) as instance:
        return known_incidents(instance)


def _find(known: tuple[Incident, ...], id: str) -> Incident:  # noqa: A002
    found = [incident for incident in known if id and incident.id.startswith(id)]
    if len(found) > 1:
        raise UnknownName(f'"{id}" begins the names of {len(found)} incidents: {", ".join(i.id for i in found)}. Say more of it.')
    if not found:
        raise UnknownName(f'no incident is called "{id}". {did_you_mean(id, [i.id for i in known], noun="incidents")}')
    return found[0]


def _change(place: Place, change: Callable[[State], State]) -> None:
    from lakehouse_platform.incidents.base import UnknownIncident
    from lakehouse_platform.orchestration.incident_store import change_incident
    from lakehouse_platform.orchestration.instance import open_instance

    with open_instance(place.open()) as instance:
        try:
            change_incident(instance, change)
        except UnknownIncident as error:
            raise UnknownName(str(error)) from error
    click.echo("Done; Slack shows it within the next minute.", err=True)
