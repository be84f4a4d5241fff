"""Jobs on Glue."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from lakehouse_platform.aws.base import Account, LostAnswer, asking, code_of
from lakehouse_platform.compute.base import JobRequest, JobState, JobStatus, Usage
from lakehouse_platform.compute.spark import JARS, properties, sized
from lakehouse_platform.contracts.contract import Compute
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.settings import GlueBlock

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import JobRunTypeDef

STATES = {
    **dict.fromkeys(("STARTING", "WAITING"), JobState.WAITING),
    **dict.fromkeys(("RUNNING", "STOPPING"), JobState.RUNNING),
    "SUCCEEDED": JobState.SUCCEEDED, "STOPPED": JobState.CANCELLED,
    **dict.fromkeys(("FAILED", "ERROR", "TIMEOUT", "EXPIRED"), JobState.FAILED),
}  # fmt: skip
TOKEN = "--lakehouse-token"  # noqa: S105 (no secret: the name of an argument)
"""Argument of a run that says whose work it does; StartJobRun itself has no client token."""
SUBMISSIONS = 3
"""How often a run is looked for and started whose answer got lost."""
PAGES, PAGE = 5, 200
"""How many of the job's runs are looked through, newest first."""
LEAST_SECONDS = 60
"""Billed for every run."""
DPUS = {"G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8}
"""Of a worker."""
LOG_GROUPS = {"stdout": "output", "stderr": "error"}

CORES = {"G.1X": 4, "G.2X": 8, "G.4X": 16, "G.8X": 32}
"""vCPUs of a worker; one of a job's workers is its driver."""


@dataclass(frozen=True)
class Glue:
    """A Glue job, which each run gives its script, Python and arguments."""

    account: Account
    settings: GlueBlock
    pause: Callable[[float], None] = time.sleep
    """Waits so many seconds."""
    compute = Compute.GLUE

    def submit(self, request: JobRequest) -> str:
        """Id of the run that does the request's work: the one that has the token already, or a new one.

        Raises TerminalError where the job has another Glue version than the environment says.
        """
        self._check_version()
        for tried in range(1, SUBMISSIONS):
            try:
                return self._with_token(request.token) or self._start(request)
            except LostAnswer:
                # A run that was started may be listed a moment later.
                self.pause(2.0 * tried)
        return self._with_token(request.token) or self._start(request)

    def status(self, job_id: str) -> JobStatus:
        """How the run is."""
        run = self._run(job_id)
        said = str(run["JobRunState"])
        state = STATES.get(said, JobState.UNKNOWN)
        usage = _usage(run)
        started = run.get("StartedOn")
        ended = run.get("CompletedOn") if state.ended else None
        return JobStatus(job_id, state, said, _reason(run) if state is not JobState.SUCCEEDED else "", usage, started, ended)

    def cancel(self, job_id: str) -> None:
        """Have it stopped; one that has ended is left alone."""
        if self.status(job_id).state.ended:
            return
        with asking(f"Stopping {job_id}"):
            answer = self.account.glue.batch_stop_job_run(JobName=self.settings.job, JobRunIds=[job_id])
        # It may have ended just now, and then nothing is wrong.
        if (errors := answer.get("Errors")) and not self.status(job_id).state.ended:
            why = errors[0].get("ErrorDetail", {})
            raise TerminalError(f"Stopping {job_id}: {why.get('ErrorCode', 'an error')}: {why.get('ErrorMessage', 'nothing more is said')}")

    def logs(self, job_id: str) -> Mapping[str, str]:
        """The end of what the driver printed, by stream."""
        group = self._run(job_id).get("LogGroupName") or "/aws-glue/jobs"
        names = {stream: f"{group.rstrip('/')}/{name}" for stream, name in LOG_GROUPS.items()}
        return {stream: text for stream, name in names.items() if (text := self._log(name, job_id)) is not None}

    def _check_version(self) -> None:
        if self._version != self.settings.version:
            raise TerminalError(
                f"Glue job {self.settings.job} has Glue version {self._version or 'of old'}, and the environment says "
                f"{self.settings.version}. Update the job, or say its version under compute.glue.version.")

    @cached_property
    def _version(self) -> str:
        with asking(f"Glue job {self.settings.job}"):
            return self.account.glue.get_job(JobName=self.settings.job)["Job"].get("GlueVersion", "")

    def _with_token(self, token: str) -> str | None:
        with asking(f"Runs of Glue job {self.settings.job}"):
            pages = self.account.glue.get_paginator("get_job_runs").paginate(
                JobName=self.settings.job, PaginationConfig={"PageSize": PAGE})
            runs = (run for page in islice(pages, PAGES) for run in page["JobRuns"])
            return next((run["Id"] for run in runs if run.get("Arguments", {}).get(TOKEN) == token), None)

    def _start(self, request: JobRequest) -> str:
        arguments = self._arguments(request)
        with asking(f"Starting {request.name} on Glue"):
            started = self.account.glue_once.start_job_run(
                JobName=self.settings.job, Arguments=arguments, Timeout=self.settings.timeout_minutes,
                WorkerType=self.settings.worker, NumberOfWorkers=self.settings.workers)
        return started["JobRunId"]

    def _arguments(self, request: JobRequest) -> dict[str, str]:
        """Glue's own arguments and the entry point's. The packed Python takes the place of Glue's, as its virtual environments do."""
        spark = properties(sized(CORES[self.settings.worker] * (self.settings.workers - 1)), (), request.spark)
        jars = ",".join(filter(None, [*request.bundle.jars, spark.pop(JARS, "")]))
        own = {
            "--scriptLocation": request.bundle.entry, "--python-virtual-env": request.bundle.python,
            "--extra-py-files": request.bundle.wheel, "--extra-files": request.bundle.project, "--datalake-formats": "delta",
            "--conf": " --conf ".join(f"{name}={value}" for name, value in spark.items()), TOKEN: request.token,
        }
        return {**own, **({"--extra-jars": jars} if jars else {}), **_named(request)}

    def _run(self, job_id: str) -> JobRunTypeDef:
        with asking(f"Glue run {job_id}"):
            return self.account.glue.get_job_run(JobName=self.settings.job, RunId=job_id)["JobRun"]

    def _log(self, group: str, job_id: str) -> str | None:
        try:
            with asking(f"Logs of Glue run {job_id}"):
                found = self.account.logs.get_log_events(logGroupName=group, logStreamName=job_id, startFromHead=False, limit=10_000)
        except TerminalError as error:
            if code_of(error.__cause__) == "ResourceNotFoundException":
                return None
            raise
        return "".join(event["message"].rstrip("\n") + "\n" for event in found["events"])


def _named(request: JobRequest) -> dict[str, str]:
    """Arguments of the entry point as Glue takes them: each has a name and a value. Raises TerminalError for others."""
    words = request.arguments
    names, values = words[::2], words[1::2]
    if len(words) % 2 or len(set(names)) != len(names) or not all(name.startswith("--") for name in names):
        raise TerminalError(f"{request.name}: Glue takes arguments as --name value, each name once, not: {' '.join(names)}")
    return dict(zip(names, values, strict=True))


def _reason(run: JobRunTypeDef) -> str:
    return run.get("ErrorMessage") or run.get("StateDetail") or ""


def _usage(run: JobRunTypeDef) -> Usage:
    """As billed: Glue's own figure where it gives one, else all of the capacity for as long as it ran."""
    seconds = float(run.get("ExecutionTime", 0))
    capacity = run.get("MaxCapacity") or DPUS.get(run.get("WorkerType", ""), 0) * run.get("NumberOfWorkers", 0)
    billed = run.get("DPUSeconds") or (capacity * max(seconds, LEAST_SECONDS) if seconds else 0.0)
    return Usage(dpu_hours=billed / 3600, seconds=seconds)
