"""Glue's job actions, in its own words; its catalog and crawlers are moto's."""

from __future__ import annotations

import json
import math
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.standins.answers import JSON_RPC, Answer, ServiceError, json_answer
from tests.standins.calls import Call
from tests.standins.runs import Cluster, Driver, Phase, Run
from tests.standins.submission import MalformedSubmissionError, Submission, glue_submission

STATES = {
    Phase.SUBMITTED: "STARTING",
    Phase.PENDING: "STARTING",
    Phase.SCHEDULED: "STARTING",
    Phase.RUNNING: "RUNNING",
    Phase.STOPPING: "STOPPING",
    Phase.SUCCEEDED: "SUCCEEDED",
    Phase.FAILED: "FAILED",
    Phase.STOPPED: "STOPPED",
    Phase.TIMED_OUT: "TIMEOUT",
    Phase.EXPIRED: "EXPIRED",
}
DPU = {"G.025X": 0.25, "G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8}
"""Of one worker."""
DEFAULT_TIMEOUT = 480
"""Minutes, since Glue 5."""
OF_A_RUN = ("WorkerType", "NumberOfWorkers", "Timeout", "ExecutionClass", "SecurityConfiguration")
"""What a run may say otherwise than its job."""

PutLog = Callable[[str, str, bytes], None]
"""Writes to a CloudWatch group and stream all that was printed."""


@dataclass
class JobRun:
    """A run, and what was asked for."""

    run_id: str
    job: Mapping[str, Any]
    request: Mapping[str, Any]
    run: Run
    attempt: int = 0
    previous: str | None = None

    def said(self, name: str, default: Any = None) -> Any:
        """What the run says, else the job."""
        return self.request.get(name, self.job.get(name, default))


@dataclass
class GlueJobs:
    """The service. One lock orders its writes."""

    cluster: Cluster
    put_log: PutLog
    accepted: Callable[[str, str, str, str], None]
    """Told of each new run: service, id, name, token (Glue has none)."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, JobRun] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, call: Call, target: str, body: bytes) -> Answer | None:
        """Desk of the front: the actions that are about jobs."""
        action = self._actions().get(call.operation) if call.service == "glue" else None
        if action is None:
            return None
        with self.lock:
            return json_answer(action(json.loads(body)), JSON_RPC)

    def _actions(self) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "CreateJob": self._create,
            "UpdateJob": self._update,
            "DeleteJob": self._delete,
            "GetJob": lambda body: {"Job": self._job(body["JobName"])},
            "GetJobs": lambda body: {"Jobs": list(self.jobs.values())},
            "ListJobs": lambda body: {"JobNames": list(self.jobs)},
            "StartJobRun": self._start,
            "GetJobRun": lambda body: {"JobRun": self._described(self._run(body["JobName"], body["RunId"]))},
            "GetJobRuns": self._list,
            "BatchStopJobRun": self._stop,
        }

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["Name"]
        if name in self.jobs:
            raise ServiceError(400, "AlreadyExistsException", f"Job {name} already exists.")
        if "MaxCapacity" in body and "WorkerType" in body:
            raise ServiceError(400, "InvalidInputException", "Set either MaxCapacity, or WorkerType and NumberOfWorkers.")
        now = time.time()
        defaults = {"MaxRetries": 0, "Timeout": DEFAULT_TIMEOUT, "GlueVersion": "5.0", "ExecutionProperty": {"MaxConcurrentRuns": 1}}
        kept = {key: value for key, value in body.items() if key != "Tags"}
        self.jobs[name] = {**defaults, **kept, "CreatedOn": now, "LastModifiedOn": now}
        return {"Name": name}

    def _update(self, body: dict[str, Any]) -> dict[str, Any]:
        job = self._job(body["JobName"])
        created = {name: job[name] for name in ("Name", "CreatedOn")}
        job.clear()
        job.update(body["JobUpdate"] | created | {"LastModifiedOn": time.time()})
        return {"JobName": body["JobName"]}

    def _delete(self, body: dict[str, Any]) -> dict[str, Any]:
        self.jobs.pop(body["JobName"], None)
        return {"JobName": body["JobName"]}

    def _job(self, name: str) -> dict[str, Any]:
        if name not in self.jobs:
            raise ServiceError(400, "EntityNotFoundException", f"Entity not found: job {name}")
        return self.jobs[name]

    def _run(self, job: str, run_id: str) -> JobRun:
        found = self.runs.get(run_id)
        if found is None or found.job["Name"] != job:
            raise ServiceError(400, "EntityNotFoundException", f"Entity not found: run {run_id} of job {job}")
        return found

    def _runs_of(self, name: str) -> list[JobRun]:
        self._job(name)
        return [run for run in self.runs.values() if run.job["Name"] == name]

    def _list(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self._runs_of(body["JobName"])[::-1]
        first, most = int(body.get("NextToken", 0)), body.get("MaxResults", 200)
        page = [self._described(run) for run in found[first : first + most]]
        return {"JobRuns": page} | ({"NextToken": str(first + most)} if len(found) > first + most else {})

    def _start(self, body: dict[str, Any]) -> dict[str, Any]:
        job = self._job(body["JobName"])
        running = sum(not run.run.phase.ended for run in self._runs_of(body["JobName"]))
        most = job["ExecutionProperty"].get("MaxConcurrentRuns", 1)
        if running >= most:
            raise ServiceError(400, "ConcurrentRunsExceededException", f"Concurrent runs exceeded for {body['JobName']}: at most {most}.")
        started = self._new_run(f"jr_{uuid.uuid4().hex}{uuid.uuid4().hex}", dict(job), body)
        self.accepted("glue", started.run_id, body["JobName"], "")
        return {"JobRunId": started.run_id}

    def _new_run(self, run_id: str, job: Mapping[str, Any], body: Mapping[str, Any], previous: JobRun | None = None) -> JobRun:
        arguments = {**job.get("DefaultArguments", {}), **body.get("Arguments", {}), **job.get("NonOverridableArguments", {})}
        submission = _submission(run_id, job, arguments)
        minutes = body.get("Timeout", job.get("Timeout", DEFAULT_TIMEOUT))
        run = Run(submission, timeout=minutes * self.cluster.pace.minute)
        started = JobRun(run_id, job, body, run, previous.attempt + 1 if previous else 0, previous.run_id if previous else None)
        run.publish_logs = lambda run, driver: self._publish(run_id, driver)
        self.runs[run_id] = started
        self.cluster.submit(run, lambda run: self._again(started))
        return started

    def _again(self, ended: JobRun) -> None:
        if ended.run.phase is Phase.FAILED and ended.attempt < ended.job.get("MaxRetries", 0):
            first = ended.run_id.partition("_attempt_")[0]
            with self.lock:
                self._new_run(f"{first}_attempt_{ended.attempt + 1}", ended.job, ended.request, ended)

    def _publish(self, run_id: str, driver: Driver) -> None:
        self.put_log("/aws-glue/jobs/output", run_id, driver.printed("stdout"))
        self.put_log("/aws-glue/jobs/error", run_id, driver.printed("stderr"))

    def _stop(self, body: dict[str, Any]) -> dict[str, Any]:
        stopped: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for run_id in body["JobRunIds"]:
            named = {"JobName": body["JobName"], "JobRunId": run_id}
            try:
                self._stop_one(self._run(body["JobName"], run_id))
                stopped.append(named)
            except ServiceError as error:
                errors.append(named | {"ErrorDetail": {"ErrorCode": error.code, "ErrorMessage": error.message}})
        return {"SuccessfulSubmissions": stopped, "Errors": errors}

    def _stop_one(self, found: JobRun) -> None:
        if found.run.phase.ended:
            raise ServiceError(400, "InvalidInputException", f"Run {found.run_id} is {STATES[found.run.phase]} and cannot be stopped.")
        found.run.stop()

    def _described(self, found: JobRun) -> dict[str, Any]:
        run = found.run
        job = found.job
        capacity = DPU.get(found.said("WorkerType", "G.1X"), 1) * found.said("NumberOfWorkers", 10)
        seconds = math.floor(run.seconds)
        by_second = found.said("ExecutionClass") == "FLEX" or job.get("DefaultArguments", {}).get("--enable-auto-scaling") == "true"
        return {
            **{name: found.said(name) for name in OF_A_RUN if found.said(name) is not None},
            "Id": found.run_id,
            "Attempt": found.attempt,
            **({"PreviousRunId": found.previous} if found.previous else {}),
            "JobName": job["Name"],
            "StartedOn": run.created,
            "LastModifiedOn": run.updated,
            **({"CompletedOn": run.ended} if run.ended else {}),
            "JobRunState": STATES[run.phase],
            "Arguments": found.request.get("Arguments", {}),
            **({"ErrorMessage": _message(run)} if _message(run) else {}),
            "ExecutionTime": seconds,
            "MaxCapacity": capacity,
            **({"DPUSeconds": capacity * run.seconds} if by_second else {}),
            "LogGroupName": "/aws-glue/jobs",
            "GlueVersion": job["GlueVersion"],
        }


def _submission(run_id: str, job: Mapping[str, Any], arguments: Mapping[str, str]) -> Submission:
    of_the_run = {"--JOB_ID": f"j_{job['Name']}", "--JOB_RUN_ID": run_id, "--JOB_NAME": job["Name"]}
    try:
        return glue_submission(of_the_run, job["Command"]["ScriptLocation"], arguments)
    except MalformedSubmissionError as error:
        raise ServiceError(400, "InvalidInputException", str(error)) from error


def _message(run: Run) -> str:
    if run.phase is Phase.TIMED_OUT:
        return "JobRun exceeded its timeout."
    if run.phase is not Phase.FAILED:
        return ""
    return re.sub(r"^ExitCode: (\d+)\. Last few exceptions:", r"Exit code \1:", run.reason)
