"""What tests of incidents share: a small lakehouse's graph, observations in a line each, and a workspace and a store that may fail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar
from zoneinfo import ZoneInfo

from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.incidents.base import (
    ChannelBusy,
    ChannelUnavailable,
    Graph,
    Incident,
    Kind,
    Message,
    MessageGone,
    Observation,
    State,
    StateMoved,
    Trouble,
)
from lakehouse_platform.incidents.deliver import Delivery
from lakehouse_platform.incidents.graph import Asset, Assets
from lakehouse_platform.incidents.memory import from_text
from lakehouse_platform.incidents.policy import Policy
from lakehouse_platform.incidents.tick import tick
from lakehouse_platform.incidents.transcript import Posted, shown, transcript

BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2026, 11, 20, 11, 0, tzinfo=dt.UTC)
DAY, NEXT_DAY = "2026-11-19", "2026-11-20"
POLICY = Policy({"default": "C0ALL", "finance": "C0FIN", "low": "C0LOW"}, BERLIN, {"team:finance": "S0FINANCE"}, ui="https://dagster.acme.test")
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


Result = TypeVar("Result")


def table(domain: str, name: str, connection: str = "erp") -> dict[str, Asset]:
    """Raw, ODS and HDS of a table."""
    raw, ods, hds = (f"{zone}/{domain}/{name}" for zone in ("raw", "ods", "hds"))
    owner = f"team:{domain}"
    return {
        raw: Asset((), owner, domain, connection), ods: Asset((raw,), owner, domain), hds: Asset((ods,), owner, domain)}


GRAPH = Assets({
    **table("finance", "invoice"), **table("finance", "payment"), **table("sales", "order", "shop"),
    "curated/finance/revenue": Asset(("hds/finance/invoice", "hds/sales/order"), "team:finance", "finance"),
    "domo/finance/revenue": Asset(("curated/finance/revenue",), "team:finance", "finance"),
})


def failed(order: int, asset: str, day: str | None = DAY, *, run: str = "", error: str = "", step: str = "", text: str = "") -> Observation:
    """A step or run failed."""
    return Observation(order, Kind.FAILURE, asset, at(order), day, run=run or f"run{order}", error=error, step=step, text=text)


def checked(
    order: int, asset: str, check: str, day: str | None = DAY, *, passed: bool = False, halting: bool = True,
    trouble: Trouble | None = None, run: str = "", figures: Mapping[str, int] | None = None, text: str = "",
) -> Observation:
    """A check was evaluated."""
    return Observation(
        order, Kind.CHECK, asset, at(order), day, check, passed, halting, trouble, run=run or f"run{order}", figures=dict(figures or {}),
        text=text)


def late(order: int, asset: str, *, passed: bool = False, hours: int = 31) -> Observation:
    """The freshness check was evaluated outside of runs."""
    return replace(
        checked(order, asset, "data_is_fresh", None, passed=passed, halting=False, trouble=Trouble.LATE,
                figures={"hours_old": hours, "hours_promised": 24}), run="")


def done(order: int, asset: str, day: str | None = DAY, *, run: str = "") -> Observation:
    """A business day was committed."""
    return Observation(order, Kind.MATERIALIZED, asset, at(order), day, passed=True, run=run or f"run{order}")


def at(order: int) -> dt.datetime:
    """Ids are seconds after noon."""
    return NOON + dt.timedelta(seconds=order)


Fault = Callable[[str], str | None]
"""What goes wrong at a call, by its name: `refuse` before it, `lose` its answer, `die` before it, `die after` it; None: nothing."""


class Died(BaseException):
    """The process ends here."""


def never(_: str) -> None:
    """Nothing goes wrong."""


@dataclass
class Workspace:
    """Slack as its users see it. Calls may fail before or after they took effect."""

    fault: Fault = never
    refused: dict[str, LakehouseError] = field(default_factory=dict)
    """What a channel answers, or a message that has such words in it."""
    unanswered: dict[str, LakehouseError] = field(default_factory=dict)
    """What a question answers, `find` or `reactions`."""
    now: dt.datetime = NOON
    posted: dict[str, tuple[str, str, Posted]] = field(default_factory=dict)
    """Channel, key and message by ts."""
    calls: list[str] = field(default_factory=list)

    def post(self, channel: str, message: Message, key: str) -> str:
        return self._called("post", lambda: self._add(channel, message, key, None))

    def reply(self, channel: str, thread: str, message: Message, key: str) -> str:
        self._existing(thread)
        return self._called("reply", lambda: self._add(channel, message, key, thread))

    def update(self, channel: str, ts: str, message: Message, key: str) -> None:
        def change() -> str:
            where, known, old = self._existing(ts)
            assert where == channel
            self._accept(channel, message)
            self.posted[ts] = (where, known, replace(old, message=message, edited=True))
            return ts

        self._called("update", change)

    def find(self, channel: str, key: str, *, since: dt.datetime, thread: str | None = None) -> str | None:
        def search() -> str | None:
            return next((ts for ts, (where, known, one) in self.posted.items()
                         if (where, known, one.thread) == (channel, key, thread) and one.at >= since), None)

        return self._called("find", search)

    def reactions(self, channel: str, ts: str) -> Mapping[str, Sequence[str]]:
        return self._called("reactions", lambda: {name: ["U0000ALICE"] for name in self._existing(ts)[2].reactions})

    def _called(self, name: str, effect: Callable[[], Result]) -> Result:
        self.calls.append(name)
        if name in self.unanswered:
            raise self.unanswered[name]
        wrong = self.fault(name)
        if wrong == "die":
            raise Died
        if wrong == "refuse":
            raise ChannelUnavailable("Slack does not answer.")
        if wrong == "busy":
            raise ChannelBusy("Slow down.", retry_after=20)
        result = effect()
        if wrong == "die after":
            raise Died
        if wrong == "lose":
            raise ChannelUnavailable("The answer was lost.")
        return result

    def _add(self, channel: str, message: Message, key: str, thread: str | None) -> str:
        self._accept(channel, message)
        ts = f"{len(self.posted):06}"
        self.posted[ts] = (channel, key, Posted(ts, message, self.now, thread))
        return ts

    def _accept(self, channel: str, message: Message) -> None:
        for words, error in self.refused.items():
            if words == channel or words in message.text:
                raise error

    def _existing(self, ts: str) -> tuple[str, str, Posted]:
        if ts not in self.posted:
            raise MessageGone(f"There is no message {ts}.")
        return self.posted[ts]

    def react(self, ts: str, *names: str) -> None:
        """Somebody sets the reactions of a message."""
        where, known, one = self._existing(ts)
        self.posted[ts] = (where, known, replace(one, reactions=names))

    def parents(self, channel: str | None = None) -> list[str]:
        """First lines of the messages that are no replies."""
        return [shown(one.message)[0] for where, _, one in self.posted.values() if one.thread is None and channel in (None, where)]

    def replies(self, ts: str | None = None) -> list[str]:
        """First lines of replies."""
        return [shown(one.message)[0] for _, _, one in self.posted.values() if one.thread is not None and ts in (None, one.thread)]

    def show(self) -> str:
        """All channels as text."""
        return transcript((one for _, _, one in self.posted.values()), BERLIN)


@dataclass
class Shelf:
    """A store in memory; saving may fail before or after."""

    fault: Fault = never
    text: str | None = None

    def load(self) -> str | None:
        return self.text

    def save(self, text: str, *, was: str | None) -> None:
        wrong = self.fault("save")
        if wrong == "die":
            raise Died
        if was != self.text:
            raise StateMoved("Somebody else saved.")
        self.text = text
        if wrong == "die after":
            raise Died


@dataclass
class Desk:
    """The engine at work: what it reads, where it keeps its state, and whom it tells."""

    graph: Graph = GRAPH
    policy: Policy = POLICY
    slack: Workspace = field(default_factory=Workspace)
    shelf: Shelf = field(default_factory=Shelf)
    now: dt.datetime = NOON

    def tick(self, *observations: Observation, after: dt.timedelta = dt.timedelta(seconds=30)) -> Delivery:
        """Let time pass, and the engine look."""
        self.now += after
        self.slack.now = self.now
        return tick(self.shelf, self.slack, self.graph, self.policy, observations, self.now)

    def settle(self, *observations: Observation) -> None:
        """Let the engine look, and look again when new incidents are told."""
        self.tick(*observations)
        self.tick(after=self.policy.settle)

    @property
    def state(self) -> State:
        """What is remembered."""
        return from_text(self.shelf.text)

    @property
    def incidents(self) -> list[Incident]:
        """All of them, oldest first."""
        return sorted(self.state.incidents.values(), key=lambda i: (i.opened, i.id))

    def only(self) -> Incident:
        """The one incident that there is."""
        [found] = self.incidents
        return found


def wrong_at(*places: int, what: str) -> Fault:
    """`what` goes wrong at the calls with these numbers, counted from 0."""
    count = iter(range(10**6))
    return lambda _: what if next(count) in places else None


def told(observations: Iterable[Observation], desk: Desk | None = None) -> Desk:
    """A desk that has taken in and told some observations."""
    desk = desk or Desk()
    desk.settle(*observations)
    return desk
