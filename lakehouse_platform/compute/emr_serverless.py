"""Jobs on EMR Serverless."""

from __future__ import annotations

import shlex
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lakehouse_platform.aws.base import Account, asking, bucket_and_key, code_of
from lakehouse_platform.compute.base import JobRequest, JobState, JobStatus, Usage
from lakehouse_platform.compute.spark import properties, sized
from lakehouse_platform.contracts.contract import Compute
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.settings import EmrServerlessBlock

if TYPE_CHECKING:
    from mypy_boto3_emr_serverless.type_defs import ConfigurationOverridesTypeDef, JobRunTypeDef

STATES = {
    **dict.fromkeys(("SUBMITTED", "QUEUED", "PENDING", "SCHEDULED"), JobState.WAITING),
    **dict.fromkeys(("RUNNING", "CANCELLING"), JobState.RUNNING),
    "SUCCESS": JobState.SUCCEEDED, "FAILED": JobState.FAILED, "CANCELLED": JobState.CANCELLED,
}  # fmt: skip
"""A job that ran longer than its timeout is called cancelled; its details say why."""
IMAGE_JARS = ("/usr/share/aws/delta/lib/delta-spark.jar", "/usr/share/aws/delta/lib/delta-storage.jar")
"""Delta as the service's image has it."""
PYTHON = "./environment/bin/python"
"""Of the packed Python, where the service unpacks it."""
DRIVER_ATTEMPTS = 3
"""How often the service starts a driver that came to an end without success, within the same job."""
INITIAL_EXECUTORS = 3
"""The service's own default, which must not be above the cap."""
STREAMS = ("stdout", "stderr")
LOG_TAIL = 1_000_000
"""Characters of a stream that are kept: its end."""


@dataclass(frozen=True)
class EmrServerless:
    """An EMR Serverless application."""

    account: Account
    settings: EmrServerlessBlock
    artifacts: str
    """`s3://bucket/prefix`, without a trailing slash; drivers' logs go below it."""
    compute = Compute.EMR_SERVERLESS

    def submit(self, request: JobRequest) -> str:
        """Id of the job that does the request's work: the one that has the token already, or a new one.

        A submission whose answer got lost is made again, with the same token, so that it finds its job.
        Raises TerminalError where the application has another release than the environment says.
        """
        self._check_release()
        return self._start(request)

    def status(self, job_id: str) -> JobStatus:
        """How the job is."""
        run = self._run(job_id)
        said = str(run["state"])
        state = STATES.get(said, JobState.UNKNOWN)
        reason = run.get("stateDetails", "") if state in (JobState.FAILED, JobState.CANCELLED) else ""
        ended = run.get("endedAt", run["updatedAt"]) if state.ended else None
        return JobStatus(job_id, state, said, reason, _usage(run), run.get("startedAt"), ended)

    def cancel(self, job_id: str) -> None:
        """Have it stopped; one that has ended is left alone."""
        if self.status(job_id).state.ended:
            return
        try:
            with asking(f"Cancelling {job_id}"):
                self.account.emr_serverless.cancel_job_run(applicationId=self.settings.application, jobRunId=job_id)
        except TerminalError:
            # It may have ended just now, and then nothing is wrong.
            if not self.status(job_id).state.ended:
                raise

    def logs(self, job_id: str) -> Mapping[str, str]:
        """The end of what the driver printed, by stream; its newest attempt, where it was started again."""
        return {stream: text for stream in STREAMS if (text := self._log(job_id, stream)) is not None}

    @property
    def log_uri(self) -> str:
        """Where the service puts logs."""
        return f"{self.artifacts}/logs"

    def _check_release(self) -> None:
        if self._release != self.settings.release:
            raise TerminalError(
                f"EMR Serverless application {self.settings.application} runs {self._release}, and the environment says "
                f"{self.settings.release}. Update the application, or say its release under compute.emr_serverless.release.")

    @cached_property
    def _release(self) -> str:
        with asking(f"EMR Serverless application {self.settings.application}"):
            return self.account.emr_serverless.get_application(applicationId=self.settings.application)["application"]["releaseLabel"]

    def _start(self, request: JobRequest) -> str:
        plain, spaced = self._properties(request)
        with asking(f"Submitting {request.name} to EMR Serverless"):
            started = self.account.emr_serverless.start_job_run(
                applicationId=self.settings.application, clientToken=request.token, executionRoleArn=self.settings.role,
                name=request.name[:256], tags=dict(request.tags), executionTimeoutMinutes=self.settings.timeout_minutes,
                mode="BATCH", retryPolicy={"maxAttempts": DRIVER_ATTEMPTS}, configurationOverrides=self._overrides(spaced),
                jobDriver={"sparkSubmit": {
                    "entryPoint": request.bundle.entry, "entryPointArguments": list(request.arguments),
                    "sparkSubmitParameters": " ".join(["--py-files", request.bundle.wheel, *_options(plain)])}},
            )  # fmt: skip
        return started["jobRunId"]

    def _properties(self, request: JobRequest) -> tuple[dict[str, str], dict[str, str]]:
        """Spark's properties, those apart whose values are no single word: how the parameters' text quotes is not documented."""
        driver, executor, most = self.settings.driver, self.settings.executor, self.settings.max_executors
        own = {
            "spark.driver.cores": str(driver.cores), "spark.driver.memory": f"{driver.memory_gb}g",
            "spark.executor.cores": str(executor.cores), "spark.executor.memory": f"{executor.memory_gb}g",
            "spark.dynamicAllocation.initialExecutors": str(min(INITIAL_EXECUTORS, most)),
            "spark.dynamicAllocation.maxExecutors": str(most),
            "spark.archives": f"{request.bundle.python}#environment,{request.bundle.project}#project",
            "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
            "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": PYTHON,
            "spark.executorEnv.PYSPARK_PYTHON": PYTHON, **sized(executor.cores * most),
        }
        every = properties(own, (*IMAGE_JARS, *request.bundle.jars), request.spark)
        plain = {name: value for name, value in every.items() if shlex.split(value) == [value]}
        return plain, {name: value for name, value in every.items() if name not in plain}

    def _overrides(self, spaced: Mapping[str, str]) -> ConfigurationOverridesTypeDef:
        logging: ConfigurationOverridesTypeDef = {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": f"{self.log_uri}/"}}}
        if not spaced:
            return logging
        return {**logging, "applicationConfiguration": [{"classification": "spark-defaults", "properties": dict(spaced)}]}

    def _run(self, job_id: str) -> JobRunTypeDef:
        with asking(f"EMR Serverless job {job_id}"):
            return self.account.emr_serverless.get_job_run(applicationId=self.settings.application, jobRunId=job_id)["jobRun"]

    def _log(self, job_id: str, stream: str) -> str | None:
        bucket, prefix = bucket_and_key(self.log_uri)
        below = f"{prefix}/applications/{self.settings.application}/jobs/{job_id}/"
        with asking(f"Logs of EMR Serverless job {job_id}"):
            pages = self.account.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below)
            files = [file for page in pages for file in page.get("Contents", []) if file["Key"].endswith(f"SPARK_DRIVER/{stream}.gz")]
            if not files:
                return None
            newest = max(files, key=lambda file: (file["LastModified"], file["Key"]))
            try:
                packed = self.account.s3.get_object(Bucket=bucket, Key=newest["Key"])["Body"].read()
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise
        return b"".join(_unpacked(packed)).decode(errors="replace")[-LOG_TAIL:]


def _options(spark: Mapping[str, str]) -> Iterator[str]:
    for name, value in spark.items():
        yield from ("--conf", f"{name}={value}")


def _usage(run: JobRunTypeDef) -> Usage:
    """As billed; before the bill is made, as measured."""
    used = run.get("billedResourceUtilization") or run.get("totalResourceUtilization") or {}
    return Usage(
        vcpu_hours=used.get("vCPUHour", 0.0), gb_hours=used.get("memoryGBHour", 0.0), storage_gb_hours=used.get("storageGBHour", 0.0),
        seconds=float(run.get("totalExecutionDurationSeconds", 0)))


def _unpacked(packed: bytes) -> Iterator[bytes]:
    """Content of a gzip file that may still be written: its last piece may be cut off."""
    while packed:
        piece = zlib.decompressobj(wbits=31)
        try:
            yield piece.decompress(packed)
        except zlib.error:
            return
        packed = piece.unused_data
