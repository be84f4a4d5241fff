"""Tells Slack what is due, one message at a time. What a crash or a lost answer leaves open is found again before anything is sent anew.

Of a message the intent is saved before it is sent, and the result after. The key that it carries says whether an intended one is there.
"""

from __future__ import annotations

import datetime as dt
import time
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.incidents import stages
from lakehouse_platform.incidents.base import (
    AccessRefused,
    Channel,
    ChannelBusy,
    ChannelRefused,
    ChannelUnavailable,
    Incident,
    Intent,
    MessageGone,
    MessageRefused,
    Stage,
    State,
    Told,
)
from lakehouse_platform.incidents.memory import Memory
from lakehouse_platform.incidents.plan import Act, Action

SKEW = dt.timedelta(minutes=10)
"""By which Slack's clock may be behind."""
PAUSE = 30.0
"""Seconds that a busy channel is left alone where it does not say how long."""
LOOKS = 15
"""Messages of a tick whose reactions are read: of such calls Slack takes some 50 a minute, for all channels together."""
HISTORY, REACTIONS = "history", "reactions"
"""Kinds of questions. Each has a scope and a limit of its own: that one is not answered keeps nobody from being told."""
REFUSALS = (AccessRefused, ChannelBusy, ChannelRefused, ChannelUnavailable, MessageRefused)
BY_DELETION = "the deletion of its message"


@dataclass(slots=True)
class Delivery:
    """What became of the actions of a tick."""

    done: list[Action] = field(default_factory=list)
    due: list[Action] = field(default_factory=list)
    """Not told yet; the next tick plans them again."""
    failures: list[str] = field(default_factory=list)
    """Why, one line each; of terminal ones somebody has to change something."""
    closed: set[str] = field(default_factory=set)
    """Channels, and kinds of questions, that are left alone for the rest of the tick."""
    unreachable: bool = False
    """All of Slack is left alone for the rest of the tick."""
    until: float = float("inf")
    """On the monotonic clock; no call begins later."""

    def may_try(self, state: State, now: dt.datetime, *places: str) -> bool:
        """Whether a channel is to be talked to, or a question asked, now."""
        free = all(place not in self.closed and state.waits.get(place, now) <= now for place in places)
        return free and not self.unreachable and time.monotonic() < self.until


def deliver(memory: Memory, actions: Iterable[Action], channel: Channel, now: dt.datetime, delivery: Delivery | None = None) -> Delivery:
    """Carry out the actions in their order. A channel that refuses or is busy does not keep the others from being told; a Slack that
    does not answer ends the tick. Raises StateMoved where somebody else changed the incidents meanwhile.
    """
    delivery = delivery or Delivery()
    held: set[str] = set()
    for action in actions:
        places = (action.channel, *(_places(HISTORY, action.channel) if action.key in memory.state.intents else ()))
        if action.incident not in held and delivery.may_try(memory.state, now, *places) and _tried(
                memory, action, channel, now, delivery):
            delivery.done.append(action)
        else:
            delivery.due.append(action)
            held |= {action.incident} - {""}
    return delivery


def _tried(memory: Memory, action: Action, channel: Channel, now: dt.datetime, delivery: Delivery) -> bool:
    try:
        if action.act is Act.UPDATE and action.then is not None:
            channel.update(action.channel, action.then.ts, action.message, action.incident)
            memory.save(_told(memory.state, _intent(action, now), action.then.ts))
        elif (intent := memory.state.intents.get(action.key)) is None or not _recalled(memory, intent, channel):
            _send(memory, action, channel, now)
    except MessageGone:
        memory.save(_gone(memory.state, action.incident, action.key))
        return False
    except REFUSALS as error:
        _leave(memory, action.channel, error, now, delivery)
        return False
    return True


def _send(memory: Memory, action: Action, channel: Channel, now: dt.datetime) -> None:
    """Send a message that nothing is known of in Slack. The intent stays where it is unknown whether it arrived."""
    intent, before = _intent(action, now), memory.state
    memory.save(replace(before, intents={**before.intents, action.key: intent}))
    try:
        ts = (channel.post(action.channel, action.message, action.key) if action.thread is None
              else channel.reply(action.channel, action.thread, action.message, action.key))
    except (AccessRefused, ChannelBusy, ChannelRefused, MessageRefused):
        memory.save(before)
        raise
    memory.save(_told(memory.state, intent, ts))


def _intent(action: Action, now: dt.datetime) -> Intent:
    return Intent(action.key, action.channel, now, action.thread, action.incident, action.then, action.day)


def recall(memory: Memory, channel: Channel, now: dt.datetime, delivery: Delivery) -> None:
    """Find out what became of intended messages. Raises StateMoved."""
    for intent in list(memory.state.intents.values()):
        if delivery.may_try(memory.state, now, *_places(HISTORY, intent.channel)):
            try:
                _recalled(memory, intent, channel)
            except MessageGone:
                memory.save(_gone(memory.state, intent.incident, intent.key))
            except REFUSALS as error:
                _leave(memory, intent.channel, error, now, delivery, asked=HISTORY)


def _recalled(memory: Memory, intent: Intent, channel: Channel) -> bool:
    """Whether an intended message is in Slack; either way it is no intent any longer."""
    ts = channel.find(intent.channel, intent.key, since=intent.at - SKEW, thread=intent.thread)
    memory.save(_told(memory.state, intent, ts) if ts is not None else _without(memory.state, intent.key))
    return ts is not None


def look(memory: Memory, channel: Channel, now: dt.datetime, delivery: Delivery) -> None:
    """Read the reactions to the messages of incidents that go on, in turns where they are many. Raises StateMoved."""
    watched = {i.id: i.told for i in memory.state.incidents.values() if i.told is not None and not i.is_over}
    ids, asked = sorted(watched), [memory.state.looked]
    first = bisect_right(ids, memory.state.looked)
    for incident in [*ids[first:], *ids[:first]]:
        if len(asked) <= LOOKS and delivery.may_try(memory.state, now, *_places(REACTIONS, watched[incident].channel)):
            asked.append(incident)
            _look(memory, incident, watched[incident], channel, now, delivery)
    memory.save(replace(memory.state, looked=asked[-1] if len(ids) > LOOKS else ""))


def _look(memory: Memory, incident: str, told: Told, channel: Channel, now: dt.datetime, delivery: Delivery) -> None:
    try:
        memory.save(stages.reacted(memory.state, incident, channel.reactions(told.channel, told.ts)))
    except MessageGone:
        memory.save(_gone(memory.state, incident, ""))
    except REFUSALS as error:
        _leave(memory, told.channel, error, now, delivery, asked=REACTIONS)


def _places(question: str, channel: str) -> tuple[str, str]:
    """What may refuse a question of a kind about a channel."""
    return question, f"{question} of {channel}"


def _leave(memory: Memory, channel: str, error: LakehouseError, now: dt.datetime, delivery: Delivery, *, asked: str = "") -> None:
    """Leave what refused alone for this tick, be it a channel, all of Slack, or what was `asked`; a busy one as long as it says."""
    delivery.failures.append(f"{channel}: {error}")
    every, of_channel = _places(asked, channel) if asked else (channel, channel)
    place = of_channel if isinstance(error, ChannelRefused) else every
    delivery.closed |= set() if isinstance(error, MessageRefused) else {place}
    delivery.unreachable |= not asked and isinstance(error, AccessRefused | ChannelUnavailable)
    if isinstance(error, ChannelUnavailable):
        delivery.closed |= {HISTORY, REACTIONS}  # each would cost a timeout; whether people can be told is still tried
    if isinstance(error, ChannelBusy):
        until = now + dt.timedelta(seconds=PAUSE if error.retry_after is None else error.retry_after)
        memory.save(replace(memory.state, waits={**memory.state.waits, place: until}))


def _told(state: State, intent: Intent, ts: str) -> State:
    """The state once a message is in Slack."""
    after = _without(state, intent.key)
    if intent.day is not None:
        return replace(after, digests={**after.digests, intent.channel: intent.day})
    incident = after.incidents.get(intent.incident)
    if incident is None or intent.then is None:
        return after
    told = replace(intent.then, ts=intent.then.ts or ts)
    if incident.told is not None:
        told = replace(told, recoveries=max(told.recoveries, incident.told.recoveries))
    # It came back while it was unknown whether its end had been told.
    openings = incident.openings if incident.is_over else max(incident.openings, told.recoveries + 1)
    return _with(after, replace(incident, told=told, openings=openings))


def _gone(state: State, incident: str, key: str) -> State:
    """Who deletes the message does not want to be told: the incident is muted until it recovers."""
    found, after = state.incidents.get(incident), _without(state, key)
    if found is None:
        return after
    muted = found if found.is_over else replace(found, stage=Stage.MUTED, by=BY_DELETION, by_reaction=False, until=None)
    return _with(after, replace(muted, silent=found.is_over, told=None))


def _without(state: State, key: str) -> State:
    return replace(state, intents={k: intent for k, intent in state.intents.items() if k != key}) if key in state.intents else state


def _with(state: State, incident: Incident) -> State:
    return replace(state, incidents={**state.incidents, incident.id: incident})
