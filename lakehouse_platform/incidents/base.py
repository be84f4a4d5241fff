"""What the parts of the incident engine speak of: observations, problems, incidents, and who they are told to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from lakehouse_platform.errors import TerminalError, TransientError

Figure = int | float | str | bool
Block = Mapping[str, object]
"""A block of Slack's Block Kit, as JSON."""


class Kind(StrEnum):
    """What an observation is."""

    CHECK = "check"
    """A check was evaluated; `passed` says how."""
    FAILURE = "failure"
    """A step or a run failed for good."""
    MATERIALIZED = "materialized"
    """An asset's business day was committed; of `job/<name>`, a run of the job succeeded."""
    FRESHNESS = "freshness"
    """The orchestrator judged when an asset was last materialized; `passed` says how. Also: it never was."""
    BEAT = "beat"
    """Whether a sensor still runs; `passed` says so."""


class Trouble(StrEnum):
    """What kind of problem it is."""

    HALTED = "halted"
    """A halting check failed: nothing of the day was committed."""
    FAILED = "failed"
    """A step or a run failed."""
    LATE = "late"
    """Data is older than promised, or was not materialized in time, or never."""
    DRIFT = "drift"
    """The source's schema, or what a catalog knows of it, left the contract."""
    CERTIFICATE = "certificate"
    """A dataset lost its certificate."""
    WITHDRAWN = "withdrawn"
    """A person took a certificate back, or its approval ended: no table is to blame."""
    GAP = "gap"
    """The source no longer holds changes that were not read."""
    MALFORMED = "malformed"
    """Files that landed could not be taken in."""
    WARNED = "warned"
    """A check that halts nothing failed."""
    HEARTBEAT = "heartbeat"
    """Sensors have stopped: nobody would be told of anything else."""


class Severity(StrEnum):
    """How soon somebody has to look: at once, today, or when the digest comes."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Stage(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """Somebody is at it: no repeats, but its end is told."""
    MUTED = "muted"
    """Nothing more is told of it."""
    RECOVERED = "recovered"
    MERGED = "merged"
    """It turned out to be part of another one."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One fact. It holds names and figures, never values of rows."""

    id: int | None
    """Storage id in the event log; None for what the log does not hold (a sensor's beat, an asset that never was materialized)."""
    kind: Kind
    asset: str
    """Asset key, `zone/domain/table`; `job/<name>` for a run without assets; `sensor/<name>` for a beat."""
    at: dt.datetime
    partition: str | None = None
    """Business day."""
    check: str | None = None
    passed: bool = False
    halting: bool = False
    """A failed check kept the day from being committed."""
    trouble: Trouble | None = None
    """What it means where the check fails (said of a passing one too); without it, `halted` or `warned`."""
    run: str = ""
    step: str = ""
    error: str = ""
    """Class of the error of a failure, as in `SourceUnavailable`."""
    text: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong and goes on, at one asset, for one business day or none, by one check or run."""

    key: str
    """`asset|partition|check`."""
    asset: str
    partition: str | None
    check: str | None
    """None: a step or run failed."""
    trouble: Trouble
    halting: bool
    first: int
    """Order of the observation that opened it; see `order_of`."""
    last: int
    """Order of the newest observation of it."""
    since: dt.datetime
    seen: dt.datetime
    """When it was last observed."""
    occurrences: int = 1
    """Runs in which it was observed."""
    run: str = ""
    """The newest of them."""
    step: str = ""
    error: str = ""
    text: str = ""
    """First line of what was said."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Numbers only."""
    closed: dt.datetime | None = None
    """When it was over."""
    closed_by: int | None = None
    """Order of the observation that closed it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What Slack shows of an incident."""

    channel: str
    ts: str
    """Id of the parent message."""
    fingerprint: str = ""
    """Of what the parent says."""
    members: tuple[str, ...] = ()
    """Keys of the problems that parent or thread have named."""
    replies: int = 0
    """Messages in the thread that are the engine's."""
    repeats: int = 0
    """How often it was told that it goes on."""
    repeat_at: dt.datetime | None = None
    """Before then it is not told again that it goes on."""
    news: dt.datetime | None = None
    """When the thread was last told what has joined."""
    openings: int = 1
    """How often it was told that it has begun."""
    recoveries: int = 0
    """How often it was told that it is over; more than one where it flaps."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause with everything that follows from it."""

    id: str
    """Ten hexadecimal digits; Slack's messages are found again by it."""
    root: str
    """Key of the problem that explains the others."""
    problems: tuple[Problem, ...]
    """All of them, the closed ones too, the root first."""
    severity: Severity
    """The worst it has been."""
    opened: dt.datetime
    """When the first of its problems began."""
    noticed: dt.datetime
    """When the engine first saw it; later than `opened` where events were read late."""
    stage: Stage = Stage.OPEN
    title: str = ""
    """Root asset, or `source/<connection>` where a source fails several tables."""
    domain: str = ""
    owner: str = ""
    affected: tuple[str, ...] = ()
    """Assets downstream of the root that have no problem of their own, in order of their names."""
    recovered: dt.datetime | None = None
    openings: int = 1
    """How often it was opened: more than once where it flaps."""
    by: str = ""
    """Who acknowledged or muted it."""
    by_reaction: bool = False
    """It was done by a reaction in Slack, and is undone when that is taken away."""
    until: dt.datetime | None = None
    """End of the mute; None: until it recovers."""
    merged_into: str = ""
    silent: bool = False
    """It is over, and nobody wants to hear so: it was muted, or its message was deleted."""
    told: Told | None = None

    @property
    def open_problems(self) -> tuple[Problem, ...]:
        """Those that go on."""
        return tuple(p for p in self.problems if p.closed is None)

    @property
    def root_problem(self) -> Problem:
        """The one that explains the others."""
        return next(p for p in self.problems if p.key == self.root)

    @property
    def is_over(self) -> bool:
        """Whether it has recovered or become part of another one."""
        return self.stage in (Stage.RECOVERED, Stage.MERGED)


@dataclass(frozen=True, slots=True)
class Intent:
    """A message that is about to be sent, or was sent and its answer lost."""

    key: str
    channel: str
    at: dt.datetime
    thread: str | None = None
    """Parent whose thread it goes to."""
    incident: str = ""
    """Id; empty for a digest."""
    then: Told | None = None
    """What is true of the incident once the message is there; without a `ts` where the message is the parent."""
    day: dt.date | None = None
    """Of a digest."""


@dataclass(frozen=True, slots=True)
class State:
    """All that the engine remembers; saved as one text."""

    newest: int = 0
    """Highest storage id that was folded."""
    problems: Mapping[str, Problem] = field(default_factory=dict)
    """What is wrong now, by key."""
    settled: Mapping[str, int] = field(default_factory=dict)
    """Order of the newest observation that closed a key, for those of late."""
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    """Open and recent ones, by id."""
    intents: Mapping[str, Intent] = field(default_factory=dict)
    """By the message's key."""
    digests: Mapping[str, dt.date] = field(default_factory=dict)
    """Business day of each channel's last digest."""
    waits: Mapping[str, dt.datetime] = field(default_factory=dict)
    """Until when a channel wants no messages, and Slack wants no questions of a kind."""
    looked: str = ""
    """The incident whose reactions were read last, where they are too many for one tick."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: plain text for notifications, and blocks for the screen."""

    text: str
    blocks: tuple[Block, ...] = ()


class Graph(Protocol):
    """The asset graph, as far as causes need it."""

    def upstream(self, asset: str) -> Collection[str]:
        """Assets that `asset` is made of, directly; empty for an unknown one."""
        ...

    def downstream(self, asset: str) -> Collection[str]:
        """Assets that are made of `asset`, directly; empty for an unknown one."""
        ...

    def owner(self, asset: str) -> str:
        """`team:name` or an address; empty where nobody is named."""
        ...

    def domain(self, asset: str) -> str:
        """Its domain; empty where it has none."""
        ...

    def connection(self, asset: str) -> str:
        """Connection that the asset itself is read from; empty where it is made of other assets."""
        ...


class Channel(Protocol):
    """Slack, or what stands for it. Every call raises one of the errors of this module."""

    def post(self, channel: str, message: Message, key: str) -> str:
        """Post a parent message that carries `key` in its metadata; its ts."""
        ...

    def reply(self, channel: str, thread: str, message: Message, key: str) -> str:
        """Post into the thread of the parent `thread`; the reply carries `key` too; its ts."""
        ...

    def update(self, channel: str, ts: str, message: Message, key: str) -> None:
        """Replace what a message says; its metadata stays."""
        ...

    def find(self, channel: str, key: str, *, since: dt.datetime, thread: str | None = None) -> str | None:
        """Ts of the message that carries `key`, among those since then; of a reply in `thread` where that is given."""
        ...

    def reactions(self, channel: str, ts: str) -> Mapping[str, Sequence[str]]:
        """Names of the reactions to a message (`eyes`, `mute`), and who reacted."""
        ...


class Store(Protocol):
    """Where the state is kept between ticks."""

    def load(self) -> str | None:
        """The text that was saved last; None at first."""
        ...

    def save(self, text: str, *, was: str | None) -> None:
        """Replace `was` by `text`, durably. Raises StateMoved where something else is stored by now."""
        ...


class StateMoved(TransientError):
    """Somebody else changed the incidents in the meantime; the next tick begins from what they saved."""


class StateUnreadable(TerminalError):
    """What was saved is not a state of incidents."""


class ChannelBusy(TransientError):
    """A channel takes no more messages for now."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds; None where nothing was said."""


class ChannelUnavailable(TransientError):
    """Slack does not answer, or its answer was lost: the message may be there or not."""


class ChannelRefused(TerminalError):
    """A channel is not there, archived, or closed to the bot."""


class AccessRefused(TerminalError):
    """The token is not valid, or lacks a scope: no channel can be told."""


class MessageRefused(TerminalError):
    """Slack does not take what a message says; others it takes."""


class MessageGone(TerminalError):
    """A parent message was deleted."""


class UnknownIncident(TerminalError):
    """There is no such incident."""
