"""A job on Spark: brings one table into one zone, a business day after the other, and reports what came of it."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from platform import python_version
from resource import RUSAGE_SELF, getrusage

from lakehouse_platform.errors import LakehouseError, SettingsError, TerminalError, TransientError, UnknownName
from lakehouse_platform.jobs.arguments import JobArguments, read_arguments
from lakehouse_platform.jobs.home import Home, call_home
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.report import DayReport, Failed, JobReport
from lakehouse_platform.jobs.results import leave_report
from lakehouse_platform.jobs.steps import STEPS

OK, USAGE = 0, 2
EXIT = {Failed.TERMINAL: 1, Failed.TRANSIENT: 3, Failed.UNEXPECTED: 4}
"""Exit codes of jobs that came to nothing; halted days are in the report of one that worked."""
QUOTABLE = (LakehouseError, OSError, ImportError, zipfile.BadZipFile)
"""Errors whose texts never quote rows. Those of Spark may."""
PROJECT = ("project", "project.zip")
"""Where services put the project, in the working folder."""


def main(words: Sequence[str]) -> int:
    """Do what the command line says; the exit code. The report lies where the job was told to leave it, whatever happened."""
    started = time.monotonic()
    try:
        asked = read_arguments(words)
    except UnknownName as error:
        return _ended(USAGE, str(error))
    try:
        project = open_project(asked)
        report = run_job(project, asked)
        leave_report(project, asked.result, _measured(report, started))
    except Exception as error:  # noqa: BLE001 (whatever it is, the service is told by the exit code)
        return _ended(EXIT[_kind(error)], text_of(error))
    if report.failed is None:
        return OK
    # Services start a driver again that fails; where that would not help, the report says so, if anybody is to read one.
    return _ended(OK if report.failed is Failed.TERMINAL and asked.result is not None else EXIT[report.failed], report.why)


def _ended(code: int, why: str) -> int:
    sys.stderr.write(f"Error: {why}\n")
    return code


def open_project(asked: JobArguments) -> Project:
    """The project that the job was given. Raises SettingsError where there is none, and what reading it raises."""
    given = [asked.project] if asked.project is not None else PROJECT
    found = next((path for path in map(Path, given) if path.exists()), None)
    if found is None:
        raise SettingsError(f"{Path.cwd()}: there is no {' or '.join(given)} here. Say where the project is: --project.")
    project = Project.open(_unpacked(found), asked.environment)
    _place(project, asked.endpoint)
    return project


def _unpacked(found: Path) -> Path:
    if found.is_dir():
        return found
    folder = Path(tempfile.mkdtemp(prefix="lakehouse-project-"))
    with zipfile.ZipFile(found) as archive:
        archive.extractall(folder)
    return folder


def _place(project: Project, endpoint: str | None) -> None:
    """Let the environment's reference lead to the stand-ins that the job was told of."""
    aws = project.environment.aws
    if endpoint is None or aws is None or aws.endpoint is None:
        return
    if aws.endpoint.kind != "env":
        raise SettingsError(f"{aws.endpoint.place}: jobs can be told of stand-ins only by {{env: NAME}}.")
    os.environ[aws.endpoint.target] = endpoint


def run_job(project: Project, asked: JobArguments) -> JobReport:
    """Do the job's work; it never raises. A day that fails does not keep the others from being committed."""
    days: list[DayReport] = []
    try:
        with call_home(project, asked) as home:
            _run_days(_on_spark(project), asked, home, days)
    except Exception as error:  # noqa: BLE001 (the report says what it was)
        return replace(_report(asked, days), failed=_kind(error), why=text_of(error))
    return _report(asked, days)


def _on_spark(project: Project) -> Project:
    from lakehouse_platform.engines.spark.job import job_engine

    return project.on(job_engine(project.environment.lake.store))


def _run_days(project: Project, asked: JobArguments, home: Home, days: list[DayReport]) -> None:
    contract = project.contract(asked.table)
    for day in asked.days:
        home.say(f"{asked.zone}.{contract.name} {day}: begun")
        started = time.monotonic()
        try:
            done = DayReport(day, outcome=STEPS[asked.zone](project, contract, day, asked.run))
        except TerminalError as error:
            done = DayReport(day, error=str(error))
        days.append(replace(done, seconds=round(time.monotonic() - started, 3)))
        home.report(days[-1])
        home.say(f"{asked.zone}.{contract.name} {day}: {_in_words(days[-1])}")


def _in_words(day: DayReport) -> str:
    if day.outcome is None or day.outcome.halted is not None:
        return day.error or (day.outcome.halted if day.outcome else None) or "failed"
    return f"{day.outcome.rows} rows in {day.seconds:.1f} s"


def _report(asked: JobArguments, days: Sequence[DayReport]) -> JobReport:
    return JobReport(asked.zone, asked.table, asked.run, tuple(days))


def _kind(error: Exception) -> Failed:
    if isinstance(error, TransientError):
        return Failed.TRANSIENT
    return Failed.TERMINAL if isinstance(error, TerminalError) else Failed.UNEXPECTED


def text_of(error: Exception) -> str:
    """What is said of an error: its text where that cannot quote rows, else its class and where it was raised."""
    if isinstance(error, LakehouseError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    places = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    kind = f"{type(error).__module__}.{type(error).__name__}"
    return f"{kind}: {error}\n{places}" if isinstance(error, QUOTABLE) else f"{kind}, whose text may quote rows, from\n{places}"


def _measured(report: JobReport, started: float) -> JobReport:
    versions = {"python": python_version(), "lakehouse-platform": metadata.version("lakehouse-platform")}
    seconds = round(time.monotonic() - started, 3)
    return replace(report, seconds=seconds, peak_memory_mb=_peak_mb(), versions=versions)


def _peak_mb() -> int:
    """Of this process, and of the Java process that started it."""
    return (getrusage(RUSAGE_SELF).ru_maxrss + _peak_kb_of_java()) // 1024


def _peak_kb_of_java() -> int:
    with suppress(OSError, ValueError):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{os.getppid()}/status").read_text().splitlines())
        return int(status["VmHWM"].split()[0]) if status["Name"].strip() == "java" else 0
    return 0
