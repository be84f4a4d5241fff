"""The stand-in of EMR Serverless: its words, its tokens, and drivers that really run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.standins.account import APPLICATION, ROLE, StandIns, stand_ins
from tests.standins.drivers import BUCKET, follow, job_run, printed, submit, upload
from tests.standins.jars import image_jars
from tests.standins.runs import Pace

ROOT = Path(__file__).resolve().parents[2]
DELTA = (
    "--conf spark.jars=/usr/share/aws/delta/lib/delta-spark.jar,/usr/share/aws/delta/lib/delta-storage.jar "
    "--conf spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension "
    "--conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog "
    "--conf spark.driver.cores=2 --conf spark.driver.memory=8g "
    "--conf spark.executor.cores=4 --conf spark.executor.memory=16g --conf spark.executor.instances=2"
)
ENDED = ("SUCCESS", "FAILED", "CANCELLED")


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIns]:
    with stand_ins(jars=image_jars(), pace=Pace(state=0.3, minute=20.0, logs=1.0)) as running:
        upload(running)
        yield running


@pytest.fixture(scope="module")
def copied(aws: StandIns) -> str:
    """Id of a run that copied, through the states that a run has; who looks on a busy machine misses short ones."""
    run_id = submit(aws, "copy_rows.py", "copy", arguments=("one", "two words"), parameters=DELTA)
    seen = follow(aws, run_id, *ENDED)
    states = [run["state"] for run in seen]
    assert states == [state for state in ("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "SUCCESS") if state in states]
    assert states[-2:] == ["RUNNING", "SUCCESS"], seen[-1]["stateDetails"]
    return run_id


def test_driver_reads_and_writes_s3_with_the_images_delta(aws: StandIns, copied: str) -> None:
    assert "rows 2" in printed(aws, copied, "stdout")
    listed = aws.account.s3.list_objects_v2(Bucket=BUCKET, Prefix="out/_delta_log/")["Contents"]
    assert [entry["Key"] for entry in listed if entry["Key"].endswith(".json")] == ["out/_delta_log/00000000000000000000.json"]


def test_driver_knows_nothing_of_this_repository(aws: StandIns, copied: str) -> None:
    told = json.loads(printed(aws, copied, "stdout").splitlines()[0])
    places = [*told["path"], *(place for value in told["environment"].values() for place in value.split(":")), told["folder"]]
    # Spark adds a jar of its own to Python's path, by its real name.
    assert [place for place in places if place.startswith(str(ROOT)) and not place.endswith(".jar")] == []
    assert told["arguments"] == ["one", "two words"]
    assert {name for name in told["environment"] if "LAKEHOUSE" in name or "VIRTUAL" in name or "PYTEST" in name} == set()
    assert told["environment"]["AWS_ENDPOINT_URL"] == aws.address
    assert Path(told["environment"]["HOME"]).is_relative_to(told["folder"])


def test_what_a_run_used_follows_from_its_time_and_sizes(aws: StandIns, copied: str) -> None:
    run = job_run(aws, copied)
    seconds = run["totalExecutionDurationSeconds"]
    assert dict(run["totalResourceUtilization"]) == {
        "vCPUHour": pytest.approx(seconds * 10 / 3600, abs=1e-5),
        "memoryGBHour": pytest.approx(seconds * 44 / 3600, abs=1e-5),
        "storageGBHour": pytest.approx(seconds * 60 / 3600, abs=1e-5),
    }
    assert run["billedResourceUtilization"]["vCPUHour"] == pytest.approx(max(60, seconds) * 10 / 3600, abs=1e-5)
    assert run["billedResourceUtilization"]["storageGBHour"] == 0


def test_run_tells_what_was_asked_for(aws: StandIns, copied: str) -> None:
    run = job_run(aws, copied)
    assert (run["name"], run["tags"], run["executionRole"], run["releaseLabel"]) == ("copy_rows.py", {"team": "sales"}, ROLE, "emr-7.12.0")
    listed = aws.account.emr_serverless.list_job_runs(applicationId=APPLICATION, states=["SUCCESS"])["jobRuns"]
    assert copied in [entry["id"] for entry in listed]


def test_same_token_is_the_same_run(aws: StandIns) -> None:
    first, again = (submit(aws, "fail.py", "twice") for _ in range(2))
    assert first == again
    assert [made.run_id for made in aws.submissions if made.token == "twice"] == [first]


def test_same_token_with_other_parameters_is_a_conflict(aws: StandIns) -> None:
    submit(aws, "fail.py", "other", arguments=("a",))
    with pytest.raises(aws.account.emr_serverless.exceptions.ConflictException):
        submit(aws, "fail.py", "other", arguments=("b",))


def test_failed_driver_says_why(aws: StandIns) -> None:
    run = follow(aws, submit(aws, "fail.py", "fail"), *ENDED)[-1]
    assert run["state"] == "FAILED"
    assert "ExitCode: 1" in run["stateDetails"]
    assert "ValueError: no such month" in run["stateDetails"]
    assert "about to fail" in printed(aws, run["jobRunId"], "stdout")


def test_failed_driver_is_started_again_within_its_run(aws: StandIns) -> None:
    run = follow(aws, submit(aws, "fail_once.py", "retry", arguments=("retry",), tries=2), *ENDED)[-1]
    assert (run["state"], run["attempt"]) == ("SUCCESS", 2)


def test_cancelled_run_ends_and_its_driver_too(aws: StandIns) -> None:
    run_id = submit(aws, "sleep.py", "cancel")
    follow(aws, run_id, "RUNNING")
    aws.account.emr_serverless.cancel_job_run(applicationId=APPLICATION, jobRunId=run_id)
    assert [run["state"] for run in follow(aws, run_id, *ENDED)] == ["CANCELLING", "CANCELLED"]
    with pytest.raises(aws.account.emr_serverless.exceptions.ValidationException, match="CANCELLED"):
        aws.account.emr_serverless.cancel_job_run(applicationId=APPLICATION, jobRunId=run_id)


def test_run_beyond_its_timeout_is_cancelled_and_its_output_was_there_before(aws: StandIns) -> None:
    run_id = submit(aws, "sleep.py", "timeout", minutes=1)
    follow(aws, run_id, "CANCELLING")
    assert "driver is up" in printed(aws, run_id, "stdout")
    assert "longer than its execution timeout" in follow(aws, run_id, *ENDED)[-1]["stateDetails"]


def test_drivers_that_die_with_their_machine_leave_the_front_alive(aws: StandIns) -> None:
    run_id = submit(aws, "sleep.py", "machine")
    follow(aws, run_id, "RUNNING")
    aws.faults.kill_drivers()
    assert "ExitCode: -9" in follow(aws, run_id, *ENDED)[-1]["stateDetails"]


def test_unknown_things_are_not_found(aws: StandIns) -> None:
    client = aws.account.emr_serverless
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_application(applicationId="00none")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_job_run(applicationId=APPLICATION, jobRunId="00none")


def test_malformed_submissions_are_refused(aws: StandIns) -> None:
    with pytest.raises(aws.account.emr_serverless.exceptions.ValidationException, match="x is not name=value"):
        submit(aws, "fail.py", "malformed", parameters="--conf spark.x")
    with pytest.raises(ClientError, match="from 1 to 10"):
        submit(aws, "fail.py", "tries", tries=11)


def test_run_without_its_script_fails(aws: StandIns) -> None:
    run = follow(aws, submit(aws, "missing.py", "missing"), *ENDED)[-1]
    assert run["state"] == "FAILED"
    assert "404" in run["stateDetails"]


def test_created_application_is_found_and_started(aws: StandIns) -> None:
    client = aws.account.emr_serverless
    asked = client.create_application(name="made", releaseLabel="emr-7.12.0", type="SPARK", architecture="ARM64", clientToken="made")
    made = asked["applicationId"]
    client.start_application(applicationId=made)
    found = client.get_application(applicationId=made)["application"]
    assert (found["state"], found["architecture"], found["releaseLabel"]) == ("STARTED", "ARM64", "emr-7.12.0")
