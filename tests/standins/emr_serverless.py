"""EMR Serverless: applications and job runs, in its own words."""

from __future__ import annotations

import gzip
import json
import math
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.standins.answers import Answer, ServiceError, json_answer
from tests.standins.calls import Call
from tests.standins.image import REGION
from tests.standins.runs import Cluster, Driver, Phase, Run
from tests.standins.submission import MalformedSubmissionError, Submission, emr_submission

ACCOUNT = "123456789012"
ROLE = re.compile(r"arn:aws[a-zA-Z0-9-]*:iam::\d{12}:role/[\w+=,.@/-]+")
TOKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
STATES = {
    Phase.SUBMITTED: "SUBMITTED",
    Phase.PENDING: "PENDING",
    Phase.SCHEDULED: "SCHEDULED",
    Phase.RUNNING: "RUNNING",
    Phase.STOPPING: "CANCELLING",
    Phase.SUCCEEDED: "SUCCESS",
    Phase.FAILED: "FAILED",
    Phase.STOPPED: "CANCELLED",
    Phase.TIMED_OUT: "CANCELLED",
    Phase.EXPIRED: "FAILED",
}
PUT = Callable[[str, bytes], None]
"""Stores an S3 object at an address."""
DEFAULT_TIMEOUT = 720
"""Minutes."""
TRIES = range(1, 11)
FREE_STORAGE_GB = 20
"""Of each worker; more is billed."""


@dataclass
class JobRun:
    """A run, and what was asked for."""

    run_id: str
    application: str
    request: Mapping[str, Any]
    run: Run

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/{self.application}/jobruns/{self.run_id}"


@dataclass
class EmrServerless:
    """The service. One lock orders its writes, so that a token is taken once."""

    cluster: Cluster
    put: PUT
    accepted: Callable[[str, str, str, str], None]
    """Told of each new run: service, id, name, token."""
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, JobRun] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, call: Call, target: str, body: bytes) -> Answer | None:
        """Desk of the front."""
        if call.service != "emr-serverless":
            return None
        action = self._actions().get(call.operation)
        if action is None:
            raise ServiceError(400, "ValidationException", f"{call.operation} is not served here")
        parts = urlsplit(target).path.strip("/").split("/")
        content = json.loads(body) if body else {}
        with self.lock:
            return json_answer(action(parts, content, parse_qs(urlsplit(target).query)))

    def _actions(self) -> Mapping[str, Callable[[list[str], dict[str, Any], dict[str, list[str]]], dict[str, Any]]]:
        return {
            "CreateApplication": lambda parts, body, query: self._create(body),
            "GetApplication": lambda parts, body, query: {"application": self._application(parts[1])},
            "ListApplications": lambda parts, body, query: {"applications": [self._listed(found) for found in self.applications.values()]},
            "StartApplication": lambda parts, body, query: self._turn(parts[1], "STARTED"),
            "StopApplication": lambda parts, body, query: self._turn(parts[1], "STOPPED"),
            "StartJobRun": lambda parts, body, query: self._start(parts[1], body),
            "GetJobRun": lambda parts, body, query: {"jobRun": self._described(self._run(parts))},
            "ListJobRuns": lambda parts, body, query: self._list(parts[1], query),
            "CancelJobRun": lambda parts, body, query: self._cancel(self._run(parts)),
            "GetDashboardForJobRun": lambda parts, body, query: {"url": f"https://{parts[1]}-{self._run(parts).run_id}.dashboard.invalid/"},
        }

    def add_application(self, application: str, name: str, release: str) -> None:
        """An application that the account has already, under an id that is known beforehand."""
        now = time.time()
        self.applications[application] = {
            "applicationId": application,
            "name": name,
            "arn": f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/{application}",
            "releaseLabel": release,
            "type": "Spark",
            "state": "CREATED",
            "architecture": "X86_64",
            "autoStartConfiguration": {"enabled": True},
            "autoStopConfiguration": {"enabled": True, "idleTimeoutMinutes": 15},
            "createdAt": now,
            "updatedAt": now,
        }

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        if not re.fullmatch(r"(?i)spark|hive", str(body.get("type", ""))):
            raise ServiceError(400, "ValidationException", "type must be one of: SPARK, HIVE")
        if not re.fullmatch(r"[A-Za-z0-9._/-]{1,64}", str(body.get("releaseLabel", ""))):
            raise ServiceError(400, "ValidationException", "releaseLabel must match [A-Za-z0-9._/-]+")
        application = "00" + uuid.uuid4().hex[:14]
        self.add_application(application, str(body.get("name", "")), str(body["releaseLabel"]))
        asked = {name: body[name] for name in ("architecture", "tags", "autoStartConfiguration", "autoStopConfiguration") if name in body}
        found = self.applications[application]
        found.update(asked)
        return {name: found[name] for name in ("applicationId", "name", "arn")}

    def _turn(self, application: str, state: str) -> dict[str, Any]:
        self._application(application).update(state=state, updatedAt=time.time())
        return {}

    def _application(self, application: str) -> dict[str, Any]:
        if application not in self.applications:
            raise ServiceError(404, "ResourceNotFoundException", f"Application {application} does not exist.")
        return self.applications[application]

    def _listed(self, application: dict[str, Any]) -> dict[str, Any]:
        names = ("name", "arn", "releaseLabel", "type", "state", "createdAt", "updatedAt", "architecture")
        return {"id": application["applicationId"], **{name: application[name] for name in names}}

    def _start(self, application: str, body: dict[str, Any]) -> dict[str, Any]:
        found = self._application(application)
        submission = _validated(body)
        token = body["clientToken"]
        known = next((run for run in self.runs.values() if run.application == application and run.request["clientToken"] == token), None)
        if known is None:
            self._wake(found)
            known = self._new_run(application, body, submission)
        elif known.request != body:
            raise ServiceError(409, "ConflictException", f"The client token {token} was used before, with other parameters.")
        return {"applicationId": application, "jobRunId": known.run_id, "arn": known.arn}

    def _wake(self, application: dict[str, Any]) -> None:
        if application["state"] != "STARTED" and not application["autoStartConfiguration"].get("enabled", True):
            raise ServiceError(400, "ValidationException", "The application is not started, and does not start itself.")
        application.update(state="STARTED", updatedAt=time.time())

    def _new_run(self, application: str, body: dict[str, Any], submission: Submission) -> JobRun:
        minutes = body.get("executionTimeoutMinutes", DEFAULT_TIMEOUT)
        run = Run(submission, body.get("retryPolicy", {}).get("maxAttempts", 1), minutes * self.cluster.pace.minute or math.inf)
        job = JobRun("00" + uuid.uuid4().hex[:14], application, body, run)
        run.publish_logs = lambda run, driver: self._publish(job, driver)
        self.runs[job.run_id] = job
        self.accepted("emr-serverless", job.run_id, body.get("name", ""), body["clientToken"])
        self.cluster.submit(run)
        return job

    def _publish(self, job: JobRun, driver: Driver) -> None:
        monitoring = job.request.get("configurationOverrides", {}).get("monitoringConfiguration", {})
        folder = monitoring.get("s3MonitoringConfiguration", {}).get("logUri")
        for stream in ("stdout", "stderr") if folder else ():
            address = f"{folder.rstrip('/')}/applications/{job.application}/jobs/{job.run_id}/SPARK_DRIVER/{stream}.gz"
            self.put(address, gzip.compress(driver.printed(stream)))

    def _run(self, parts: list[str]) -> JobRun:
        self._application(parts[1])
        found = self.runs.get(parts[3])
        if found is None or found.application != parts[1]:
            raise ServiceError(404, "ResourceNotFoundException", f"Job run {parts[3]} does not exist.")
        return found

    def _cancel(self, job: JobRun) -> dict[str, Any]:
        if job.run.phase.ended:
            state = STATES[job.run.phase]
            raise ServiceError(400, "ValidationException", f"Job run {job.run_id} is in the state {state} and cannot be cancelled.")
        job.run.stop()
        return {"applicationId": job.application, "jobRunId": job.run_id}

    def _list(self, application: str, query: dict[str, list[str]]) -> dict[str, Any]:
        self._application(application)
        wanted = query.get("states")
        found = [self._described(job) for job in self.runs.values() if job.application == application]
        found = [run for run in reversed(found) if wanted is None or run["state"] in wanted]
        first, most = int(query.get("nextToken", ["0"])[0]), int(query.get("maxResults", ["50"])[0])
        page = [_summary(run) for run in found[first : first + most]]
        return {"jobRuns": page} | ({"nextToken": str(first + most)} if len(found) > first + most else {})

    def _described(self, job: JobRun) -> dict[str, Any]:
        run, request = job.run, job.request
        asked = ("name", "configurationOverrides", "retryPolicy", "jobDriver")
        return {
            **{name: request[name] for name in asked if name in request},
            "applicationId": job.application,
            "jobRunId": job.run_id,
            "arn": job.arn,
            "createdBy": f"arn:aws:iam::{ACCOUNT}:user/standin",
            "createdAt": job.run.created,
            "updatedAt": run.updated,
            "executionRole": request["executionRoleArn"],
            "state": STATES[run.phase],
            "stateDetails": _details(run),
            "releaseLabel": self.applications[job.application]["releaseLabel"],
            "tags": request.get("tags", {}),
            "mode": request.get("mode", "BATCH"),
            "executionTimeoutMinutes": request.get("executionTimeoutMinutes", DEFAULT_TIMEOUT),
            "attempt": run.attempt,
            **({"startedAt": run.started} if run.started else {}),
            **(_usage(run) if run.ended and run.started else {}),
        }


def _validated(body: dict[str, Any]) -> Submission:
    if not TOKEN.fullmatch(str(body.get("clientToken", ""))):
        raise ServiceError(400, "ValidationException", "clientToken must match [A-Za-z0-9._-]+ and have 1 to 64 characters")
    if not ROLE.fullmatch(str(body.get("executionRoleArn", ""))):
        raise ServiceError(400, "ValidationException", "executionRoleArn is not the ARN of a role")
    if body.get("retryPolicy", {}).get("maxAttempts", 1) not in TRIES:
        raise ServiceError(400, "ValidationException", f"retryPolicy.maxAttempts must be from {TRIES.start} to {TRIES.stop - 1}")
    driver = body.get("jobDriver", {}).get("sparkSubmit")
    if not driver or not str(driver.get("entryPoint", "")).strip():
        raise ServiceError(400, "ValidationException", "jobDriver.sparkSubmit.entryPoint is missing")
    try:
        return emr_submission(driver, _spark_defaults(body))
    except MalformedSubmissionError as error:
        raise ServiceError(400, "ValidationException", f"sparkSubmitParameters: {error}") from error


def _spark_defaults(body: dict[str, Any]) -> dict[str, str]:
    given = body.get("configurationOverrides", {}).get("applicationConfiguration", [])
    return {name: value for one in given if one["classification"] == "spark-defaults" for name, value in one["properties"].items()}


def _details(run: Run) -> str:
    if run.phase is Phase.FAILED:
        return f"Job failed, please check complete logs in configured logging destination. {run.reason}"[:256]
    if run.phase is Phase.TIMED_OUT:
        return "Job run was cancelled because it ran longer than its execution timeout."
    return {Phase.STOPPED: "Job run was cancelled.", Phase.SUCCEEDED: "Job run succeeded."}.get(run.phase, f"Job run is {run.phase}.")


def _summary(run: dict[str, Any]) -> dict[str, Any]:
    names = ("applicationId", "name", "mode", "arn", "createdBy", "createdAt", "updatedAt", "executionRole", "state", "stateDetails")
    return {"id": run["jobRunId"], **{name: run[name] for name in (*names, "releaseLabel", "attempt") if name in run}}


def _usage(run: Run) -> dict[str, Any]:
    settings = run.submission.settings
    executors = int(settings.get("spark.executor.instances", settings.get("spark.dynamicAllocation.initialExecutors", 3)))
    cores = int(settings.get("spark.driver.cores", 4)) + executors * int(settings.get("spark.executor.cores", 4))
    heap = gigabytes(settings.get("spark.driver.memory", "14g")) + executors * gigabytes(settings.get("spark.executor.memory", "14g"))
    disks = (1 + executors) * FREE_STORAGE_GB

    def hours(seconds: float, storage: float) -> dict[str, float]:
        named = {"vCPUHour": cores, "memoryGBHour": heap * 1.1, "storageGBHour": storage}
        return {name: round(amount * seconds / 3600, 6) for name, amount in named.items()}

    return {
        "endedAt": run.ended,
        "totalExecutionDurationSeconds": math.ceil(run.seconds),
        "totalResourceUtilization": hours(math.ceil(run.seconds), disks),
        "billedResourceUtilization": hours(max(60, math.ceil(run.seconds)), 0),
    }


def gigabytes(size: str) -> float:
    """A size as Spark writes it: `14g`, `2048m`. Raises MalformedSubmissionError."""
    found = re.fullmatch(r"(?i)(\d+)([gm])b?", size)
    if found is None:
        raise MalformedSubmissionError(f"{size} is not a size such as 14g or 2048m")
    return int(found[1]) / (1 if found[2].lower() == "g" else 1024)
