"""What people do with an incident: take it on, mute it, or take that back. Pure; by the command line or by reactions in Slack."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lakehouse_platform.errors import did_you_mean
from lakehouse_platform.incidents.base import Incident, Stage, State, UnknownIncident

EYES, MUTE = "eyes", "mute"
"""Names of the reactions 👀 and 🔇."""


def acknowledge(state: State, id: str, by: str, now: dt.datetime) -> State:  # noqa: A002 (what the command line calls it)
    """Somebody is at it: it is not repeated, and its end is told. Raises UnknownIncident where there is none, or it is over."""
    incident = _open(state, id, now)
    return _with(state, replace(incident, stage=Stage.ACKNOWLEDGED, by=by, by_reaction=False, until=None))


def mute(state: State, id: str, until: dt.datetime | None, now: dt.datetime, by: str = "") -> State:  # noqa: A002
    """Nothing more is told of it until then, or until it recovers. Raises UnknownIncident where there is none, or it is over."""
    incident = _open(state, id, now)
    return _with(state, replace(incident, stage=Stage.MUTED, by=by, by_reaction=False, until=until))


def resume(state: State, id: str, now: dt.datetime) -> State:  # noqa: A002
    """Take back that it was acknowledged or muted. Raises UnknownIncident where there is none, or it is over."""
    incident = _open(state, id, now)
    return _with(state, replace(incident, stage=Stage.OPEN, by="", by_reaction=False, until=None))


def reacted(state: State, id: str, reactions: Mapping[str, Sequence[str]]) -> State:  # noqa: A002
    """What the reactions to its message make of an incident; those that are gone undo what they did."""
    incident = state.incidents[id]
    if incident.is_over:
        return state
    for name, stage in ((MUTE, Stage.MUTED), (EYES, Stage.ACKNOWLEDGED)):
        if name in reactions:
            said = next(iter(reactions[name]), "")
            changed = incident if incident.stage is stage else replace(incident, stage=stage, by=said, by_reaction=True, until=None)
            return _with(state, changed)
    if incident.by_reaction:
        return _with(state, replace(incident, stage=Stage.OPEN, by="", by_reaction=False, until=None))
    return state


def _open(state: State, id: str, now: dt.datetime) -> Incident:  # noqa: A002
    open_ones = {i.id: i for i in state.incidents.values() if not i.is_over}
    found = [i for i in open_ones.values() if id and i.id.startswith(id)]
    if len(found) != 1:
        raise UnknownIncident(f'No open incident is called "{id}" at {now:%Y-%m-%d %H:%M}. {did_you_mean(id, open_ones, noun="incidents")}')
    return found[0]


def _with(state: State, incident: Incident) -> State:
    return replace(state, incidents={**state.incidents, incident.id: incident})
