"""One tick of the engine: what was observed becomes incidents, and what is due is told."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable
from dataclasses import replace

from lakehouse_platform.incidents.base import Channel, Graph, Observation, Store
from lakehouse_platform.incidents.cause import relate
from lakehouse_platform.incidents.deliver import Delivery, deliver, look, recall
from lakehouse_platform.incidents.fold import fold
from lakehouse_platform.incidents.memory import Memory
from lakehouse_platform.incidents.plan import plan
from lakehouse_platform.incidents.policy import Policy

ASKING, TELLING = 10.0, 25.0
"""Seconds of a tick after which it asks Slack, and tells it, no more: a sensor has 60 for everything, and the last call takes its time."""


def tick(store: Store, channel: Channel, graph: Graph, policy: Policy, observations: Iterable[Observation], now: dt.datetime) -> Delivery:
    """Take in what was observed and tell what is due. The cursor over the log moves only after it returns: observations may come again.

    Raises StateMoved where somebody else saved meanwhile, and StateUnreadable; what Slack refuses stands in the result.
    """
    begun = time.monotonic()
    memory, delivery = Memory.load(store), Delivery(until=begun + ASKING)
    recall(memory, channel, now, delivery)
    memory.save(relate(fold(memory.state, observations), graph, now))
    look(memory, channel, now, delivery)
    memory.save(replace(memory.state, waits={name: until for name, until in memory.state.waits.items() if until > now}))
    delivery.until = begun + TELLING
    return deliver(memory, plan(memory.state, now, policy), channel, now, delivery)
