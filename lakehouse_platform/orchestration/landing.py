"""Has files that landed taken in. A message only wakes the sensor: what there is to do lies in the landing folders.

So a message that is lost, doubled or late loses, doubles or delays no file: folders are also looked through at intervals, and a file's
batch is in Raw once, whoever takes it in and however often.
"""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.jobs.landing import Refused, day_of, refuse_undeclared, waiting
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import LANDING, Zone
from lakehouse_platform.orchestration.definitions import partitions_of
from lakehouse_platform.orchestration.describe import key_of
from lakehouse_platform.sources.landing import LandedFile
from lakehouse_platform.sources.landing.events import arrivals

if TYPE_CHECKING:
    from lakehouse_platform.sources.landing.queue import Message, Queue

TAG = "lakehouse/landing"
"""Of a run: which files it was asked for."""
MOST = 500
"""Messages of one tick."""
HIDDEN = 300
"""Seconds after which a message is given again whose file was not yet taken in."""
SWEEP = dt.timedelta(minutes=10)
"""Between two looks through all folders."""
LANDED, FILES_ARE_DECLARED = "landing", "files_are_declared"
"""First part of the key that stands for a domain's landing folders, and the check of them."""
FIRST_WAIT, LONGEST_WAIT = dt.timedelta(minutes=5), dt.timedelta(hours=6)
"""Before files whose run failed are asked for again; it doubles each time."""


@dataclass(slots=True)
class Woken:
    """What a tick looks at."""

    messages: dict[str, list["Message"]] = field(default_factory=lambda: defaultdict(list))
    """By the path of the file that they tell of, below the lake's root."""
    idle: list["Message"] = field(default_factory=list)
    """Messages about nothing that could be taken in."""
    unknown: int = 0
    """Messages that are no events of S3; they are left to the queue's own rules."""


def build_landing_sensor(project: Project, *, hidden: int = HIDDEN) -> dg.SensorDefinition:
    """Starts a run for each table and business day that files wait for; runs from the start.

    What no contract takes goes to quarantine here, and is told as a failed check of its domain's landing folders. A message whose file
    waits on is given again after `hidden` seconds.
    """
    keys = [key_of(Zone.RAW, contract) for contract in project.landing]

    @dg.sensor(
        name="landing", minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING,
        target=dg.AssetSelection.assets(*keys) if keys else None,
        description="Has files that other systems left in landing folders taken into Raw, once each.")
    def landing(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now, queue = dt.datetime.now(tz=dt.UTC), queue_of(project)
        woken = read_messages(project, queue.receive(most=MOST, hidden=hidden) if queue is not None else ())
        sweeping = queue is None or _due(context.cursor, now)
        for domain in _looked_through(project, woken, sweeping=sweeping):
            if refused := refuse_undeclared(project, domain):
                _tell(context, domain, refused)
        found = {c.name: waiting(project, c) for c in project.landing if sweeping or _told_of(woken, c)}
        if queue is not None:
            queue.delete([*woken.idle, *settled(woken, found)])
        requests = list(plan_runs(project, context.instance, found, now))
        swept = now.isoformat() if sweeping else context.cursor
        told = f"{sum(map(len, found.values()))} files wait, {woken.unknown} messages are no events of S3"
        return dg.SensorResult(run_requests=requests, cursor=swept, skip_reason=None if requests else dg.SkipReason(told))

    return landing


def queue_of(project: Project) -> "Queue | None":
    """The environment's queue. Raises SettingsError where its address leads nowhere."""
    said = project.environment.landing
    if said is None:
        return None
    from lakehouse_platform.sources.landing.queue import Queue

    return Queue(project.account.sqs, said.resolve())


def read_messages(project: Project, messages: Iterable["Message"]) -> Woken:
    """What messages tell of. A message about several files is about the first that is a landing folder's."""
    woken, root = Woken(), f"{project.environment.lake.root}/".removeprefix("s3://")
    for message in messages:
        told = arrivals(message.body)
        if told is None:
            woken.unknown += 1
            continue
        paths = [path for a in told if _is_landing(path := f"{a.bucket}/{a.key}".removeprefix(root))]
        for path in paths[:1]:
            woken.messages[path].append(message)
        woken.idle += [] if paths else [message]
    return woken


def _is_landing(path: str) -> bool:
    parts = path.split("/")
    return len(parts) > 3 and parts[0] == Zone.RAW and parts[2] == LANDING and not parts[3].startswith(("_", "."))


def _told_of(woken: Woken, contract: Contract) -> bool:
    return any(path.split("/")[1:4:2] == [contract.domain, contract.table] for path in woken.messages)


def _looked_through(project: Project, woken: Woken, *, sweeping: bool) -> list[str]:
    """Domains whose landing folders may hold what no contract takes."""
    declared = {(c.domain, c.table) for c in project.landing}
    told = {path.split("/")[1] for path in woken.messages if tuple(path.split("/")[1:4:2]) not in declared}
    return sorted(told | ({c.domain for c in project.contracts} if sweeping else set()))


def _tell(context: dg.SensorEvaluationContext, domain: str, refused: Sequence[Refused]) -> None:
    for one in refused:
        context.log.warning(f"{one.path}: {one.reason}")
    context.instance.report_runless_asset_event(dg.AssetCheckEvaluation(
        dg.AssetKey([LANDED, domain]), FILES_ARE_DECLARED, passed=False, severity=dg.AssetCheckSeverity.WARN,
        metadata={"files_refused": len(refused)}, description=" ".join(sorted({one.reason for one in refused}))))


def settled(woken: Woken, found: Mapping[str, Sequence[LandedFile]]) -> list["Message"]:
    """Messages whose file waits no more: it is in Raw or in quarantine, or its sender took it back."""
    still = {file.path for files in found.values() for file in files}
    return [message for path, told in woken.messages.items() if path not in still for message in told]


def plan_runs(
    project: Project, instance: dg.DagsterInstance, found: Mapping[str, Sequence[LandedFile]], now: dt.datetime
) -> Iterator[dg.RunRequest]:
    """One run for each table and business day that files wait for, unless one for the same files goes on or failed just now.

    `found` is by names of tables.
    """
    days = partitions_of(project).get_partition_keys(current_time=now)
    for name, files in found.items():
        by_day: defaultdict[str, list[LandedFile]] = defaultdict(list)
        for file in files:
            by_day[day_of(project, file)].append(file)
        for day in sorted(by_day.keys() & set(days)):
            digest = _digest(name, day, by_day[day])
            attempt = _attempt(instance, digest, now)
            if attempt is not None:
                key = key_of(Zone.RAW, project.contract(name))
                yield dg.RunRequest(run_key=f"{digest}:{attempt}", asset_selection=[key], partition_key=day, tags={TAG: digest})


def _digest(name: str, day: str, files: Iterable[LandedFile]) -> str:
    said = "\n".join((name, day, *sorted(file.identity for file in files)))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _attempt(instance: dg.DagsterInstance, digest: str, now: dt.datetime) -> int | None:
    """Number of the run that is to be asked for, from 0; None where one goes on, or it is too early for another."""
    records = instance.get_run_records(dg.RunsFilter(tags={TAG: digest}))
    if any(not record.dagster_run.is_finished for record in records):
        return None
    ended = max((record.end_time or 0 for record in records), default=0)
    wait = min(FIRST_WAIT * 2 ** max(len(records) - 1, 0), LONGEST_WAIT).total_seconds() if records else 0
    return len(records) if now.timestamp() >= ended + wait else None


def _due(cursor: str | None, now: dt.datetime) -> bool:
    return cursor is None or now - dt.datetime.fromisoformat(cursor) >= SWEEP
