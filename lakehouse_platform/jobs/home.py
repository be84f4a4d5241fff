"""Whom a job tells how it is getting on: the orchestrator, over Dagster Pipes on S3, or whoever reads what it prints."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    DAGSTER_PIPES_MESSAGES_ENV_VAR,
    PipesContext,
    PipesMappingParamsLoader,
    PipesS3ContextLoader,
    PipesS3MessageWriter,
)

from lakehouse_platform.aws.base import asking
from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.jobs.arguments import JobArguments
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.report import DayReport, day_from_json, day_to_json

DAY = "lakehouse/day"
"""Key of a message that holds a day's report."""
INTERVAL = 2.0
"""Seconds between uploads of messages."""


class Home(Protocol):
    """Who is told."""

    def say(self, text: str) -> None:
        """Something for people to read."""
    def report(self, day: DayReport) -> None:
        """What became of a business day."""


class Printed:
    """Standard output."""

    def say(self, text: str) -> None:
        """Print it."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def report(self, day: DayReport) -> None:
        """Nothing more: the job's report holds it."""


class Orchestrator:
    """The orchestrator, and standard output too."""

    def __init__(self, context: PipesContext) -> None:
        self._context, self._printed = context, Printed()

    def say(self, text: str) -> None:
        """Have it in the run's log."""
        self._printed.say(text)
        self._context.log.info(text)

    def report(self, day: DayReport) -> None:
        """Have it as soon as the day is done."""
        self._context.report_custom_message({DAY: day_to_json(day)})


def day_of_message(payload: object) -> DayReport | None:
    """The day's report that a message holds; None for another message."""
    return day_from_json(payload[DAY]) if isinstance(payload, Mapping) and DAY in payload else None


@contextmanager
def call_home(project: Project, asked: JobArguments) -> Iterator[Home]:
    """Whom the job tells. A job whose orchestrator cannot be told works all the same: its report is what counts."""
    if asked.pipes_context is None or asked.pipes_messages is None:
        yield Printed()
        return
    try:
        context = _context(project, asked.pipes_context, asked.pipes_messages)
    except LakehouseError as error:
        Printed().say(f"The orchestrator is not told how it goes: {error}")
        yield Printed()
        return
    try:
        yield Orchestrator(context)
    finally:
        context.close()  # Not with an error: its text is for the report, which holds back what may quote rows.


def _context(project: Project, context: str, messages: str) -> PipesContext:
    s3 = project.account.s3
    params = PipesMappingParamsLoader({DAGSTER_PIPES_CONTEXT_ENV_VAR: context, DAGSTER_PIPES_MESSAGES_ENV_VAR: messages})
    with asking("reading what the orchestrator says of the job"):
        return PipesContext(params, PipesS3ContextLoader(s3), PipesS3MessageWriter(s3, interval=INTERVAL))
