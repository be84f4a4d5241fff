"""What is to be told now. Pure: the same state, instant and policy give the same messages under the same keys."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from lakehouse_platform.incidents import messages
from lakehouse_platform.incidents.base import Incident, Message, Problem, Severity, Stage, State, Told
from lakehouse_platform.incidents.policy import FLAPS, Policy

OVERDUE = dt.timedelta(minutes=15)
"""For which Slack may be down before that itself is something to look at."""


class Act(StrEnum):
    """What is done in Slack."""

    POST = "post"
    """A parent message."""
    UPDATE = "update"
    """The parent says what is so now; Slack notifies nobody."""
    REPLY = "reply"
    """Into the thread: news, a repetition, or that it is back."""
    RECOVER = "recover"
    """Into the thread: that it is over."""
    DIGEST = "digest"
    """A message about low severities."""


@dataclass(frozen=True, slots=True)
class Action:
    """One message that is due."""

    act: Act
    key: str
    """The same each time that it is planned: by it a message whose answer was lost is found again."""
    channel: str
    message: Message
    incident: str = ""
    thread: str | None = None
    """Ts of the parent; None for one that is still to be posted, and for a digest."""
    then: Told | None = None
    """What is true of the incident once it is done."""
    day: dt.date | None = None
    """Of a digest."""


def plan(state: State, now: dt.datetime, policy: Policy) -> tuple[Action, ...]:
    """Messages that are due, oldest incident first."""
    ordered = sorted(state.incidents.values(), key=lambda i: (i.opened, i.id))
    return (*(action for incident in ordered for action in _of(incident, state, now, policy)), *_digests(state, now, policy))


def fingerprint(message: Message) -> str:
    """Digest of what a message says."""
    said = json.dumps([message.text, message.blocks], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _of(incident: Incident, state: State, now: dt.datetime, policy: Policy) -> Iterator[Action]:
    if incident.told is None:
        if _is_due(incident, now, policy):
            yield _post(incident, now, policy)
        return
    into = state.incidents.get(incident.merged_into)
    message = messages.parent(incident, policy, into)
    told = replace(incident.told, fingerprint=fingerprint(message))
    if told != incident.told:
        yield _threaded(Act.UPDATE, incident, "parent", message, told)
    yield from _thread(incident, told, now, policy)


def _is_due(incident: Incident, now: dt.datetime, policy: Policy) -> bool:
    """Whether it is to be told now. One that is over already is where it was due before: Slack was down. What passes unseen is no news."""
    if incident.silent or incident.stage in (Stage.MUTED, Stage.MERGED) or incident.severity is Severity.LOW:
        return False
    return (incident.recovered or now) - incident.noticed >= policy.settle


def overdue(state: State, now: dt.datetime, policy: Policy) -> tuple[Incident, ...]:
    """Incidents that were to be told a while ago and were not: their channel refuses, or all of Slack does."""
    untold = [i for i in state.incidents.values() if i.told is None and _is_due(i, now, policy)]
    return tuple(i for i in untold if now - i.noticed >= policy.settle + OVERDUE)


def _post(incident: Incident, now: dt.datetime, policy: Policy) -> Action:
    message = messages.parent(incident, policy)
    channel = policy.channel(incident.domain, incident.severity)
    then = Told(
        channel, ts="", fingerprint=fingerprint(message), members=_keys(incident), repeat_at=now + policy.pause(0),
        openings=incident.openings, recoveries=incident.openings if incident.is_over else 0)
    return Action(Act.POST, incident.id, channel, message, incident.id, then=then)


def _keys(incident: Incident) -> tuple[str, ...]:
    return tuple(sorted(p.key for p in incident.problems))


def _threaded(act: Act, incident: Incident, name: str, message: Message, then: Told) -> Action:
    return Action(act, f"{incident.id}/{name}", then.channel, message, incident.id, then.ts, then)


def _thread(incident: Incident, told: Told, now: dt.datetime, policy: Policy) -> Iterator[Action]:
    """The one message that the thread lacks most."""
    if incident.stage is Stage.RECOVERED and told.recoveries < incident.openings and not _may_flap(incident, now, policy):
        yield _threaded(
            Act.RECOVER, incident, f"over/{incident.openings}", messages.recovery(incident),
            replace(told, recoveries=incident.openings, openings=incident.openings, members=_keys(incident), replies=told.replies + 1))
    if incident.is_over or incident.stage is Stage.MUTED:
        return
    fresh = _fresh(incident, told, now, policy)
    quiet = replace(told, replies=told.replies + 1, members=_keys(incident), openings=incident.openings)
    if told.openings < incident.openings:
        again = replace(quiet, repeats=0, repeat_at=now + policy.pause(0))
        yield _threaded(Act.REPLY, incident, f"back/{incident.openings}", messages.back(incident, policy), again)
    elif fresh:
        known = replace(quiet, news=now)
        yield _threaded(Act.REPLY, incident, f"news/{told.replies}", messages.news(incident, fresh, policy), known)
    elif incident.stage is Stage.OPEN and told.repeat_at is not None and told.repeat_at <= now:
        later = replace(quiet, repeats=told.repeats + 1, repeat_at=now + policy.pause(told.repeats + 1))
        yield _threaded(Act.REPLY, incident, f"repeat/{told.replies}", messages.repeat(incident, now), later)


def _may_flap(incident: Incident, now: dt.datetime, policy: Policy) -> bool:
    """Whether it has come back so often that its end is no news yet. Where it is not told, nor is that it is back."""
    return incident.openings >= FLAPS and now - (incident.recovered or now) < policy.pause(0)


def _fresh(incident: Incident, told: Told, now: dt.datetime, policy: Policy) -> list[Problem]:
    """What has joined since. That a cause goes on with further days, as in a backfill, is no news each time."""
    fresh = [p for p in incident.open_problems if p.key not in told.members]
    kinds = {(p.asset, p.check) for p in incident.problems if p.key in told.members}
    is_more_of_it = all((p.asset, p.check) in kinds for p in fresh)
    waits = is_more_of_it and told.news is not None and now - told.news < policy.pause(0)
    return [] if waits else fresh


def _digests(state: State, now: dt.datetime, policy: Policy) -> Iterator[Action]:
    slot = policy.slot(now)
    by_channel: dict[str, list[Incident]] = {}
    for incident in state.incidents.values():
        low = incident.severity is Severity.LOW and incident.told is None and not incident.is_over
        if low and incident.stage is not Stage.MUTED and incident.noticed <= slot:
            by_channel.setdefault(policy.channel(incident.domain, incident.severity), []).append(incident)
    for channel, incidents in sorted(by_channel.items()):
        last = state.digests.get(channel)
        if last is None or last < slot.date():
            fresh = frozenset(i.id for i in incidents if last is None or i.noticed.astimezone(policy.zone) > _slot_of(last, policy))
            yield Action(
                Act.DIGEST, f"digest/{channel}/{slot.date()}", channel, messages.digest(incidents, fresh, policy, slot.date()),
                day=slot.date())


def _slot_of(day: dt.date, policy: Policy) -> dt.datetime:
    return dt.datetime.combine(day, policy.digest_at, tzinfo=policy.zone)
