"""Runs a table's step as a job on EMR Serverless or Glue, once, and brings home what came of it.

A step that is tried again finds the job of its earlier try: running, it is followed; ended well, its result is taken. Only a job that
ended without success is followed by another one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import dagster as dg

from lakehouse_platform.compute.artifacts import upload
from lakehouse_platform.compute.base import Bundle, JobRequest, JobRunner, JobStatus
from lakehouse_platform.compute.following import follow
from lakehouse_platform.compute.runs import JobFolder
from lakehouse_platform.compute.services import job_runner
from lakehouse_platform.compute.token import job_token
from lakehouse_platform.contracts.contract import Compute, Contract
from lakehouse_platform.engines.spark.jars import log_store_jar
from lakehouse_platform.errors import TerminalError, TransientError
from lakehouse_platform.jobs.arguments import JobArguments
from lakehouse_platform.jobs.packing import artifacts_of
from lakehouse_platform.jobs.packing.bundle import artifacts_place
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.report import Failed, JobReport, read_report
from lakehouse_platform.jobs.steps import Figure
from lakehouse_platform.naming import asset_key
from lakehouse_platform.orchestration.conversation import ContextInjector, MessageReader, show_logs
from lakehouse_platform.orchestration.steps import Attempt
from lakehouse_platform.zones.costs import job_cost, record

_UPLOADED: set[str] = set()
"""Addresses of artifacts that this process has seen on S3: they never change."""


def remote_step(
    context: dg.AssetExecutionContext, project: Project, contract: Contract, zone: str, days: Sequence[str], run: str, compute: Compute
) -> Attempt:
    """Run the step as one job. What it needs is uploaded first, where it is not there. Raises as `RemoteStep` does, and SettingsError."""
    runner = job_runner(compute, project.environment.compute, project.account)
    bundle = upload(replace(artifacts_place(project), known=_UPLOADED), artifacts_of(project, jars=[log_store_jar()]))
    return RemoteStep(context, project, contract, zone, days, run, runner, bundle)()


class JobFailed(TransientError):
    """A job ended without a result; another one may fare better."""


@dataclass(frozen=True)
class RemoteStep:
    """One table's step into one zone, for some business days, as one job."""

    context: dg.AssetExecutionContext
    project: Project
    contract: Contract
    zone: str
    days: Sequence[str]
    run: str
    """Root run."""
    runner: JobRunner
    bundle: Bundle

    def __call__(self) -> Attempt:
        """Have it done. Raises JobFailed where another job may fare better, TerminalError where it would not."""
        generation, job_id, report = self._known()
        if job_id is None or not _good(report):
            job_id = self._converse(generation)
            report = self._report(generation)
        status = self.runner.status(job_id)
        figures = self._billed(status)
        if report is None or report.failed is not None:
            show_logs(self.runner.logs(job_id))
            raise _failure(status, report)
        self.folder.forget(generation)
        done = {day: replace(found, figures={**found.figures, **figures}) for day, found in report.outcomes.items()}
        return Attempt(done, report.errors)

    @cached_property
    def folder(self) -> JobFolder:
        """What is kept of the work's jobs."""
        return JobFolder(self.project.account, f"{self.project.environment.compute.artifacts}/runs/{self._token(0)}")

    def _token(self, generation: int) -> str:
        key = "/".join(asset_key(self.zone, self.contract.domain, self.contract.table))
        return job_token(self.run, key, self.days, self.contract.fingerprint, self.bundle.fingerprint, generation)

    def _report(self, generation: int) -> JobReport | None:
        found = self.folder.result(generation)
        return read_report(found) if found is not None else None

    def _known(self) -> tuple[int, str | None, JobReport | None]:
        """The generation that is to do the work; its job, and the job's report, where there is one already."""
        submitted = self.folder.submitted()
        if not submitted:
            return 0, None, None
        newest = max(submitted)
        job_id, report = submitted[newest], self._report(newest)
        # A service that starts a failed driver again has a job that runs beside the report of its failure.
        if not _good(report) and self.runner.status(job_id).state.ended:
            return newest + 1, None, None
        self.context.log.info(f"{job_id} does this work already.")
        return newest, job_id, report

    def _converse(self, generation: int) -> str:
        """Submit the job, or find it, and listen to it until it ends. Returns its id."""
        with self._session(generation) as pipes:
            words = [part for pair in pipes.get_bootstrap_cli_arguments().items() for part in pair]
            job_id = self.runner.submit(self._request(generation, words))
            self.folder.record(generation, job_id)
            self.context.log.info(f"{self.runner.compute} runs it as {job_id}.")
            try:
                follow(self.runner, job_id, on_change=lambda status: self.context.log.info(f"{job_id} is {status.said}."))
            except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
                self.runner.cancel(job_id)
                raise
        return job_id

    @contextmanager
    def _session(self, generation: int) -> Iterator[dg.PipesSession]:
        injector, reader = ContextInjector(self.folder, generation), MessageReader(self.folder, generation)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)  # of how many writers a reader expects, which Dagster asks itself
            with dg.open_pipes_session(self.context.op_execution_context, injector, reader) as pipes:
                yield pipes

    def _billed(self, status: JobStatus) -> dict[str, Figure]:
        """What the job consumed and cost, which is put into the lake's ledger, once."""
        prices, used = self.project.environment.compute.prices, status.usage
        bill = job_cost(status, self.runner.compute, prices, zone=self.zone, contract=self.contract, days=self.days, run=self.run,
                        tags=self._tags)
        record(self.project.lake, bill)
        hours = {"vcpu_hours": used.vcpu_hours, "gb_hours": used.gb_hours, "storage_gb_hours": used.storage_gb_hours,
                 "dpu_hours": used.dpu_hours}
        figures: dict[str, Figure] = {name: round(value, 4) for name, value in hours.items() if value}
        return {**figures, "job": status.job_id, "job_seconds": round(used.seconds), "job_cost": float(bill.cost),
                "currency": bill.currency}

    @property
    def _tags(self) -> dict[str, str]:
        own = {"domain": self.contract.domain, "table": self.contract.table, "zone": self.zone}
        return {**self.project.environment.compute.tags, **own}

    def _request(self, generation: int, words: Sequence[str]) -> JobRequest:
        aws = self.project.environment.aws
        own = JobArguments(
            environment=self.project.environment_name, zone=self.zone, table=self.contract.name, days=tuple(self.days), run=self.run,
            result=self.folder.result_uri(generation), endpoint=aws.address if aws is not None else None).words
        name = f"{self.zone}.{self.contract.name} {self.days[0]}" + (f"..{self.days[-1]}" if len(self.days) > 1 else "")
        return JobRequest(name, self._token(generation), (*own, *words), self.bundle, tags=self._tags)


def _good(report: JobReport | None) -> bool:
    return report is not None and report.failed is None


def _failure(status: JobStatus, report: JobReport | None) -> TransientError | TerminalError:
    if report is not None and report.failed is not Failed.TRANSIENT:
        return TerminalError(f"job {status.job_id}: {report.why}")
    why = (report.why if report is not None else status.reason) or "it does not say why; its logs are in the step's output"
    return JobFailed(f"job {status.job_id} ended as {status.said}: {why}")
