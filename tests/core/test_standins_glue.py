"""The stand-in of Glue's jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins.account import ROLE, StandIns, stand_ins
from tests.standins.drivers import BUCKET, glue_run, upload
from tests.standins.runs import Pace

JOB = "lakehouse"
ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "EXPIRED")


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIns]:
    with stand_ins(pace=Pace(state=0.3, minute=15.0, logs=1.0)) as running:
        upload(running)
        make(running, JOB, "fail.py")
        yield running


def make(running: StandIns, name: str, script: str, *, retries: int = 0) -> None:
    running.account.glue.create_job(
        Name=name, Role=ROLE, GlueVersion="5.1", WorkerType="G.2X", NumberOfWorkers=3, MaxRetries=retries,
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/{script}"})


def test_failed_run_says_why_and_leaves_its_output_in_cloudwatch(aws: StandIns) -> None:
    run_id = aws.account.glue.start_job_run(JobName=JOB, Arguments={"--day": "2026-01-01"})["JobRunId"]
    run = glue_run(aws, JOB, run_id, *ENDED)
    assert (run["JobRunState"], run["MaxCapacity"], run["Arguments"]) == ("FAILED", 6, {"--day": "2026-01-01"})
    assert "ValueError: no such month" in run["ErrorMessage"]
    events = aws.account.logs.get_log_events(logGroupName="/aws-glue/jobs/output", logStreamName=run_id)["events"]
    assert "about to fail" in [event["message"] for event in events]


def test_run_beyond_what_runs_at_once_is_refused(aws: StandIns) -> None:
    make(aws, "busy", "sleep.py")
    glue = aws.account.glue
    run_id = glue.start_job_run(JobName="busy")["JobRunId"]
    with pytest.raises(glue.exceptions.ConcurrentRunsExceededException):
        glue.start_job_run(JobName="busy")
    glue_run(aws, "busy", run_id, "RUNNING")
    assert glue.batch_stop_job_run(JobName="busy", JobRunIds=[run_id])["SuccessfulSubmissions"] == [{"JobName": "busy", "JobRunId": run_id}]
    assert glue_run(aws, "busy", run_id, *ENDED)["JobRunState"] == "STOPPED"
    assert glue.batch_stop_job_run(JobName="busy", JobRunIds=[run_id])["Errors"][0]["JobRunId"] == run_id


def test_run_beyond_its_timeout_is_timed_out(aws: StandIns) -> None:
    make(aws, "slow", "sleep.py")
    run_id = aws.account.glue.start_job_run(JobName="slow", Timeout=1)["JobRunId"]
    assert glue_run(aws, "slow", run_id, *ENDED)["JobRunState"] == "TIMEOUT"


def test_failed_run_is_tried_again_as_a_run_of_its_own(aws: StandIns) -> None:
    make(aws, "again", "fail.py", retries=1)
    first = aws.account.glue.start_job_run(JobName="again")["JobRunId"]
    glue_run(aws, "again", first, *ENDED)
    second = aws.account.glue.get_job_runs(JobName="again")["JobRuns"][0]
    assert (second["Id"], second["Attempt"], second["PreviousRunId"]) == (f"{first}_attempt_1", 1, first)


def test_run_that_never_got_its_workers_expires(aws: StandIns) -> None:
    make(aws, "flexible", "sleep.py")
    run_id = aws.account.glue.start_job_run(JobName="flexible", ExecutionClass="FLEX")["JobRunId"]
    aws.faults.end(run_id, "expired")
    assert glue_run(aws, "flexible", run_id, *ENDED)["JobRunState"] == "EXPIRED"


def test_unknown_and_repeated_jobs_are_refused(aws: StandIns) -> None:
    glue = aws.account.glue
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_job(JobName="none")
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        make(aws, JOB, "fail.py")


def test_module_from_a_package_index_is_refused(aws: StandIns) -> None:
    with pytest.raises(aws.account.glue.exceptions.InvalidInputException, match="name a wheel on S3"):
        aws.account.glue.start_job_run(JobName=JOB, Arguments={"--additional-python-modules": "pyarrow==20"})
