"""What a Domo account holds: datasets and what readers see of them, streams and their executions, people, policies, dataflows."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

import pyarrow as pa

from tests.standins.domo.answering import Refusal
from tests.standins.domo.rows import Column, Unfit, fitted, merged, parse

COMMIT_SECONDS = 900.0
"""A stream takes one commit in so many."""
MOST_PARTITIONS = 400
REPLACE, APPEND, UPSERT = "REPLACE", "APPEND", "UPSERT"
Numbers = Iterator[int]


class State(StrEnum):
    """Of an execution."""

    ACTIVE = "ACTIVE"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


@dataclass(slots=True)
class Version:
    """Rows that came together."""

    rows: pa.Table
    tag: str | None = None
    """Of the partition that they are."""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """One change of what a dataset holds."""

    method: str
    """REPLACE, APPEND, UPSERT."""
    rows: int
    """That were sent."""
    partition: str | None = None
    at: float = 0.0


@dataclass
class Dataset:
    """One dataset."""

    id: str
    name: str
    columns: tuple[Column, ...]
    owner: int
    description: str = ""
    from_api: bool = True
    """Whether the API made it: it updates no others."""
    pdp: bool = False
    tags: list[str] = field(default_factory=list)
    badge: str | None = None
    policies: dict[int, dict[str, Any]] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    seen: list[pa.Table] = field(default_factory=list)
    """All that readers saw, the oldest first."""
    uploads: dict[int, Upload] = field(default_factory=dict)
    indexes: dict[int, int] = field(default_factory=dict)
    """Polls that are still answered RUNNING, by index."""
    created: float = 0.0
    updated: float = 0.0

    def __post_init__(self) -> None:
        self.seen.append(fitted([], self.columns))

    @property
    def visible(self) -> pa.Table:
        """What readers see."""
        return self.seen[-1]

    def put(self, method: str, rows: pa.Table, columns: tuple[Column, ...], keys: Sequence[str], at: float) -> None:
        """Take rows in, for readers to see. Raises Unfit, and then nothing changes."""
        held = [version for version in self.versions if not version.deleted]
        if method == REPLACE:
            versions = [Version(rows)]
        elif keys:
            versions = [Version(merged(fitted([version.rows for version in held], columns), rows, keys))]
        else:
            versions = [*held, Version(rows)]
        found = fitted([version.rows for version in versions], columns)
        self.versions = versions
        self.commits.append(Commit(UPSERT if keys and method != REPLACE else method, rows.num_rows, None, at))
        self._show(found, at)

    def partitions(self) -> dict[str, int]:
        """Row counts by partition, of what was committed."""
        return {version.tag: version.rows.num_rows for version in self.versions if version.tag and not version.deleted}

    def restate(self, tag: str | None, rows: pa.Table, at: float) -> None:
        """Take rows in as a partition, in the place of what it held. Readers see them once they are indexed. Raises Refusal."""
        if tag and tag not in self.partitions() and len(self.partitions()) >= MOST_PARTITIONS:
            raise Refusal(400, f"A dataset has at most {MOST_PARTITIONS} partitions.")
        self.versions.append(Version(rows, tag))
        self.commits.append(Commit(REPLACE if tag else APPEND, rows.num_rows, tag, at))

    def mark_deleted(self, tag: str) -> None:
        """Have a partition's rows leave when the dataset is indexed next. Raises Refusal."""
        marked = [version for version in self.versions if version.tag == tag and not version.deleted]
        if not marked:
            raise Refusal(404, f"There is no partition {tag}.")
        for version in marked:
            version.deleted = True

    def index(self, at: float) -> None:
        """Show readers what was committed since. Raises Unfit."""
        latest = {version.tag: version for version in self.versions if version.tag}
        held = [v for v in self.versions if not v.deleted and (v.tag is None or latest[v.tag] is v)]
        found = fitted([version.rows for version in held], self.columns)
        self.versions = held
        self._show(found, at)

    def _show(self, found: pa.Table, at: float) -> None:
        self.updated = at
        self.seen.append(found)


@dataclass
class Upload:
    """Parts of a partition on their way."""

    id: int
    tag: str | None
    columns: tuple[Column, ...]
    parts: dict[int, bytes] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    committed: bool = False

    def rows(self) -> pa.Table:
        """Of all parts, whatever their numbers. Raises Unfit."""
        if not self.parts or self.lost:
            raise Unfit("a part is missing")
        return fitted([parse(self.parts[number], self.columns) for number in sorted(self.parts)], self.columns)


@dataclass
class Execution:
    """One upload through a stream."""

    id: int
    method: str
    columns: tuple[Column, ...]
    """The schema when it began."""
    created: float
    state: State = State.ACTIVE
    changed: float = 0.0
    """When it was committed or aborted, or its commit ended."""
    parts: dict[int, bytes] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    """Parts that were answered as if they were kept."""
    polls: int | None = None
    """Answers that are still ACTIVE since the commit; None before it."""
    doomed: str | None = None
    """Why its commit fails."""

    @property
    def open(self) -> bool:
        """Whether it waits for its client: neither ended nor being committed."""
        return self.state is State.ACTIVE and self.polls is None

    def rows(self) -> pa.Table:
        """Of all parts, numbered without a gap from 0 or 1. Raises Unfit."""
        if self.doomed:
            raise Unfit(self.doomed)
        numbers = sorted(self.parts)
        if not numbers or self.lost or numbers[0] > 1 or numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise Unfit("a part is missing")
        return fitted([parse(self.parts[number], self.columns) for number in numbers], self.columns)


@dataclass
class Stream:
    """The way into one dataset."""

    id: int
    dataset: Dataset
    method: str
    keys: tuple[str, ...]
    created: float
    executions: dict[int, Execution] = field(default_factory=dict)
    last_commit: float | None = None

    def settle(self, execution: Execution, at: float) -> None:
        """End a commit, one way or the other."""
        try:
            self.dataset.put(execution.method, execution.rows(), execution.columns, self.keys, at)
            execution.state = State.SUCCESS
        except Unfit as error:
            execution.state, execution.doomed = State.FAILED, str(error)
        execution.changed = at
        execution.parts.clear()


@dataclass
class Dataflow:
    """A dataflow, and its executions: how many polls each still runs, and how it ends."""

    id: str
    name: str
    inputs: tuple[str, ...]
    """Ids of datasets."""
    outputs: tuple[str, ...]
    executions: dict[int, list[Any]] = field(default_factory=dict)


@dataclass
class Account:
    """One Domo account."""

    commit_seconds: float = COMMIT_SECONDS
    polls: int = 2
    """Answers about a commit, an index or a dataflow that say it goes on, the first included."""
    clock: Callable[[], float] = time.time
    moved: float = 0.0
    """Seconds that the clock was moved on."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: Numbers = field(default_factory=lambda: count(1))
    tokens: set[str] = field(default_factory=set)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    streams: dict[int, Stream] = field(default_factory=dict)
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    groups: dict[int, dict[str, Any]] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)
    dataflows: dict[str, Dataflow] = field(default_factory=dict)
    cards: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By dataset."""
    connectors: dict[int, list[int]] = field(default_factory=dict)
    """Executions by a connector's stream."""
    doomed_commits: list[str] = field(default_factory=list)
    """Why the next commits fail."""
    doomed_dataflows: int = 0
    """Dataflow executions to come that fail."""

    def __post_init__(self) -> None:
        self.users[self.owner] = {"id": self.owner, "name": "Data Platform", "email": "platform@example.com", "role": "Admin"}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__ |= held | {"lock": threading.RLock()}

    @property
    def owner(self) -> int:
        """The user whom the client's own datasets belong to."""
        return 27

    @property
    def now(self) -> float:
        """Seconds since 1970, on the account's clock."""
        return self.clock() + self.moved

    def dataset(self, dataset_id: str) -> Dataset:
        """One of them. Raises Refusal."""
        if dataset_id not in self.datasets:
            raise Refusal(404, f"DataSet {dataset_id} was not found.")
        return self.datasets[dataset_id]

    def named(self, name: str) -> Dataset:
        """The dataset of a name, of which there must be one."""
        (found,) = (dataset for dataset in self.datasets.values() if dataset.name == name)
        return found

    def add_dataset(self, name: str, columns: tuple[Column, ...], description: str = "", *, from_api: bool = True) -> Dataset:
        """A new, empty dataset."""
        now = self.now
        found = Dataset(str(uuid.uuid4()), name, columns, self.owner, description, from_api, created=now, updated=now)
        self.datasets[found.id] = found
        return found

    def stream(self, stream_id: str) -> Stream:
        """One of them. Raises Refusal."""
        found = self.streams.get(int(stream_id)) if stream_id.isdigit() else None
        if found is None:
            raise Refusal(404, f"Stream {stream_id} was not found.")
        return found

    def execution(self, stream_id: str, execution_id: str) -> tuple[Stream, Execution]:
        """An execution and its stream. Raises Refusal."""
        stream = self.stream(stream_id)
        found = stream.executions.get(int(execution_id)) if execution_id.isdigit() else None
        if found is None:
            raise Refusal(404, f"Stream execution {execution_id} was not found.")
        return stream, found

    def poll(self, stream: Stream, execution: Execution) -> None:
        """Let a commit that goes on come one answer nearer to its end."""
        if execution.state is State.ACTIVE and execution.polls is not None:
            if execution.polls <= 0:
                stream.settle(execution, self.now)
            else:
                execution.polls -= 1

    def commit(self, stream: Stream, execution: Execution) -> None:
        """Begin a commit. Raises Refusal."""
        if not execution.open:
            raise Refusal(400, f"Execution {execution.id} is not open: it is {execution.state}, or is being committed.")
        now = self.now
        if stream.last_commit is not None and now - stream.last_commit < self.commit_seconds:
            raise Refusal(429, f"Stream {stream.id} was committed less than {self.commit_seconds / 60:g} minutes ago.")
        stream.last_commit = execution.changed = now
        if any(other.open for other in stream.executions.values() if other is not execution):
            execution.doomed = "another execution of the stream is open"
        elif self.doomed_commits:
            execution.doomed = self.doomed_commits.pop(0)
        execution.polls = self.polls
        self.poll(stream, execution)

    def abort(self, stream: Stream, execution: Execution) -> None:
        """End an execution without a trace. Raises Refusal: a commit that has begun is not stopped, and ends now."""
        if execution.open:
            execution.state, execution.changed = State.ABORTED, self.now
            execution.parts.clear()
            return
        if execution.state is State.ACTIVE:
            stream.settle(execution, self.now)
        raise Refusal(400, f"Execution {execution.id} is not open: it is {execution.state}.")
