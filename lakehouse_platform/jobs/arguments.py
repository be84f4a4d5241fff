"""What a job is told on its command line."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from lakehouse_platform.errors import UnknownName, did_you_mean
from lakehouse_platform.naming import Zone

ZONES = (Zone.ODS.value, Zone.HDS.value)
"""Where jobs can bring a table; Raw is read in process, over one connection."""
OPTIONS = {
    "environment": "name of an environment of the project",
    "zone": f"one of {', '.join(ZONES)}",
    "table": "domain.table",
    "days": "business days, as 2026-11-01,2026-11-02",
    "run": "root run of the orchestrator",
}


@dataclass(frozen=True, slots=True)
class JobArguments:
    """One job's work."""

    environment: str
    zone: str
    table: str
    """`domain.table`."""
    days: tuple[str, ...]
    run: str
    """Root run."""
    result: str | None = None
    """Where the report goes: an address on S3, or a file."""
    project: str | None = None
    """The project's ZIP or folder; `project` or `project.zip` in the working folder without."""
    endpoint: str | None = None
    """Address of stand-ins for AWS, where the environment refers to a variable for it."""
    pipes_context: str | None = None
    """How the orchestrator's context is to be had; nobody is told anything without."""
    pipes_messages: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The command line that says this."""
        own = {name: getattr(self, name) for name in OPTIONS} | {"days": ",".join(self.days)}
        further = {"result": self.result, "project": self.project, "endpoint": self.endpoint,
                   "dagster-pipes-context": self.pipes_context, "dagster-pipes-messages": self.pipes_messages}
        return tuple(word for name, value in {**own, **further}.items() if value is not None for word in (f"--{name}", value))


def read_arguments(words: Sequence[str]) -> JobArguments:
    """What a command line says. Raises UnknownName for what is wrong or missing; options of the service's own are passed over."""
    found, _ = _parser().parse_known_args(list(words))
    if found.zone not in ZONES:
        raise UnknownName(f'--zone: no job brings a table into "{found.zone}". {did_you_mean(found.zone, ZONES, noun="zones")}')
    days = tuple(sorted({_day(day) for day in found.days.split(",")}))
    return JobArguments(
        found.environment, found.zone, found.table, days, found.run, found.result, found.project, found.endpoint,
        found.dagster_pipes_context, found.dagster_pipes_messages)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="lakehouse job", allow_abbrev=False, add_help=False)
    for name, what in OPTIONS.items():
        parser.add_argument(f"--{name}", required=True, help=what)
    for name in ("result", "project", "endpoint", "dagster-pipes-context", "dagster-pipes-messages"):
        parser.add_argument(f"--{name}")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UnknownName(f"{message}. A job takes " + ", ".join(f"--{name} ({what})" for name, what in OPTIONS.items()) + ".")


def _day(text: str) -> str:
    try:
        return dt.date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise UnknownName(f'--days: "{text}" is not a day. Write them as 2026-11-01,2026-11-02.') from None
