"""What each kind of trouble is in words: what broke, what it means, and what to do next. Plain text; `messages` dresses it for Slack."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote
from zoneinfo import ZoneInfo

from lakehouse_platform.incidents.base import Incident, Problem, Trouble
from lakehouse_platform.incidents.cause import SOURCE
from lakehouse_platform.incidents.fold import JOB

SENSOR = "sensor/"
LANDING = "landing/"
"""Prefix of what stands for the landing folders of a domain."""
LANDING_WORDS = "landing folders of"
DATASETS = "domo"
UNNAMED = "Failure"
"""What the orchestrator calls a failure whose text says it all."""
_ZONES = {"raw": "Raw", "ods": "ODS", "hds": "HDS", "curated": "mart", "warehouse": "warehouse", "source": "source"}
_MOST_DAYS = 5


def name_of(asset: str) -> str:
    """An asset as people call it: `finance.invoice (ODS)`, `dataset finance.revenue`."""
    for prefix, noun in ((SOURCE, "source"), (JOB, "job"), (SENSOR, "sensor"), (LANDING, LANDING_WORDS)):
        if asset.startswith(prefix):
            return f"{noun} {asset.removeprefix(prefix)}"
    zone, _, table = asset.partition("/")
    called = table.replace("/", ".")
    if zone == DATASETS:
        return f"dataset {called}"
    return f"{called} ({_ZONES.get(zone, zone)})" if table else asset


def table_of(asset: str) -> str:
    """`domain.table`, as the command line takes it."""
    return asset.partition("/")[2].replace("/", ".")


def subject_of(incident: Incident) -> str:
    """What it is about, as a sentence begins; names of tables stay as they are."""
    name = name_of(incident.title or incident.root_problem.asset)
    return name[:1].upper() + name[1:] if name.startswith(("dataset ", "job ", "sensor ", "source ", LANDING_WORDS)) else name


def headline(incident: Incident) -> str:
    """What is wrong in one line, by the root."""
    root = incident.root_problem
    if incident.title.startswith(SOURCE):
        failed = {p.asset for p in incident.problems if p.check is None and p.error == root.error}
        return f"Source {incident.title.removeprefix(SOURCE)}: {len(failed)} tables failed"
    return f"{subject_of(incident)} {_predicate(root)}"


_PREDICATES = {
    Trouble.HALTED: "is halted",
    Trouble.FAILED: "failed",
    Trouble.LATE: "is late",
    Trouble.DRIFT: "has left its contract",
    Trouble.CERTIFICATE: "lost its certificate",
    Trouble.WITHDRAWN: "lost its certificate",
    Trouble.GAP: "has a gap at its source",
    Trouble.MALFORMED: "got files that cannot be read",
    Trouble.HEARTBEAT: "has stopped",
}


def _predicate(problem: Problem) -> str:
    return _PREDICATES.get(problem.trouble, f"broke {problem.check}")


def days_of(problems: Iterable[Problem]) -> list[str]:
    """Business days of problems, in order."""
    return sorted({p.partition for p in problems if p.partition is not None})


def listed(names: Sequence[str], most: int = _MOST_DAYS) -> str:
    """`a, b and 3 more`."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def what(problem: Problem, days: Sequence[str]) -> str:
    """What happened at an asset, in a sentence; figures, and never values of rows."""
    said, figures = _WHAT.get(problem.trouble, _of_check)(problem)
    when = f" for {listed(days)}" if days else ""
    reasons = "; ".join(part.rstrip(".") for part in (figures, problem.text) if part)
    return f"{said}{when}{': ' if reasons else ''}{reasons}."


Words = tuple[str, str]
"""What happened, and by which figures."""


def _of_check(problem: Problem) -> Words:
    failed, evaluated = problem.figures.get("failed"), problem.figures.get("evaluated")
    is_counted = isinstance(failed, int) and isinstance(evaluated, int) and bool(failed)
    return f"Check {problem.check} failed", f"{failed:,} of {evaluated:,} rows broke it" if is_counted else ""


def _of_failure(problem: Problem) -> Words:
    named = problem.error and problem.error != UNNAMED
    return f"The run failed with {problem.error}" if named else "The run failed", ""


def _of_lateness(problem: Problem) -> Words:
    old, promised = problem.figures.get("hours_old"), problem.figures.get("hours_promised")
    if isinstance(old, int) and isinstance(promised, int):
        missed = max(old - promised, 0)
        return "Its data is too old", f"{old:,} hours, where {promised:,} are promised; the promise is missed by {missed:,} hours"
    return "It was not materialized in time", ""


def _of_files(problem: Problem) -> Words:
    refused, taken = problem.figures.get("files_refused"), problem.figures.get("files_taken")
    if isinstance(refused, int) and isinstance(taken, int):
        return "Files could not be taken in", f"{refused:,} refused, {taken:,} taken"
    return "Files could not be taken in", ""


_WHAT: dict[Trouble, Callable[[Problem], Words]] = {
    Trouble.FAILED: _of_failure,
    Trouble.LATE: _of_lateness,
    Trouble.DRIFT: lambda _: ("The source's schema is not the contract's", ""),
    Trouble.CERTIFICATE: lambda _: ("Its certificate does not hold any more", ""),
    Trouble.WITHDRAWN: lambda _: ("Its certificate was revoked, or its approval has ended", ""),
    Trouble.GAP: lambda _: ("The source no longer holds changes that were not read yet", ""),
    Trouble.MALFORMED: _of_files,
    Trouble.HEARTBEAT: lambda _: ("It has not run for too long", ""),
}

_MEANS = {
    Trouble.HALTED: "Nothing of the day was committed; what is downstream keeps what it had.",
    Trouble.FAILED: "The day is missing; what is downstream keeps what it had.",
    Trouble.LATE: "What readers see is right, but older than they were promised.",
    Trouble.DRIFT: "The rows are in; what the contract does not declare is parked in Raw, and nothing is lost.",
    Trouble.CERTIFICATE: "The badge was taken away: nobody vouches for these figures until it is active again.",
    Trouble.WITHDRAWN: "The badge was taken away: nobody vouches for these figures until somebody approves them again.",
    Trouble.GAP: "Changes may be missing for good; only a new full image closes the gap.",
    Trouble.MALFORMED: "The rows of these files are missing until they are delivered again.",
    Trouble.WARNED: "The rows that broke it are reported or held back; the rest of the day is in.",
    Trouble.HEARTBEAT: "Nothing starts by itself, and no other incident is noticed.",
}


def means(problem: Problem) -> str:
    """What it means for readers."""
    if problem.halting:
        return _MEANS[Trouble.HALTED]
    if problem.trouble is Trouble.FAILED and problem.partition is None:
        return "What the run was to make is missing; what is downstream keeps what it had."
    return _MEANS[problem.trouble]


def links(problem: Problem, ui: str) -> list[tuple[str, str]]:
    """Pages of the orchestrator's interface, by what they show; none where nobody reaches it."""
    if not ui:
        return []
    asset = [] if problem.asset.startswith((JOB, SENSOR, LANDING)) else [("the asset", f"{ui}/assets/{quote(problem.asset)}")]
    return [*([("the run's log", f"{ui}/runs/{quote(problem.run)}")] if problem.run else []), *asset]


def next_steps(problem: Problem, days: Sequence[str]) -> list[str]:
    """Commands and requests, in the order in which they help."""
    table, again = table_of(problem.asset), _again(problem.asset, days)
    if problem.trouble is Trouble.HEARTBEAT:
        return ["See that the Dagster daemon runs, and that the sensor is switched on."]
    if problem.asset.startswith(LANDING):
        return ["Take the files in by a contract, or have them land where one does; they lie in quarantine until then."]
    if problem.asset.startswith((JOB, SOURCE)) or not table:
        return ["Read the run's log."]
    steps = {
        Trouble.HALTED: [f"`lakehouse quarantine {table}`", *again],
        Trouble.WARNED: [f"`lakehouse quarantine {table}`"],
        Trouble.LATE: [f"`lakehouse status {table}`"],
        Trouble.DRIFT: [f"`lakehouse explain {table}`", "declare what is new in the contract", *(again or [f"`lakehouse replay {table}`"])],
        Trouble.CERTIFICATE: [f"`lakehouse certify status {table}`"],
        Trouble.WITHDRAWN: [f"`lakehouse certify status {table}`"],
        Trouble.GAP: [f"`lakehouse status {table}`", *again],
        Trouble.MALFORMED: ["have the sender deliver the files again", *again],
    }
    return steps.get(problem.trouble, again)


def _again(asset: str, days: Sequence[str]) -> list[str]:
    if not days:
        return [f"`lakehouse materialize '{asset}'`"]
    if len(days) == 1:
        return [f"`lakehouse materialize '{asset}' --partition {days[0]}`"]
    return [f"`lakehouse backfill '{asset}' --from {days[0]} --to {days[-1]}`"]


def moment(at: dt.datetime, zone: ZoneInfo) -> str:
    """An instant in the business's time zone: `Fri 20 Nov 2026, 06:12 (Europe/Berlin)`."""
    return f"{at.astimezone(zone):%a %d %b %Y, %H:%M} ({zone.key})"


def duration(span: dt.timedelta) -> str:
    """`2 days 4 h`, `3 h 12 min`, `5 min`, `less than a minute`."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 1:
        return "less than a minute"
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} day{'s' * (days > 1)}" if days else "", f"{hours} h" if hours else "", f"{rest} min" if rest and not days else ""]
    return " ".join(filter(None, parts))
