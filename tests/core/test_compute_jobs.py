"""Jobs on EMR Serverless and Glue: submitted once, found again, cancelled, and what is said of those that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from lakehouse_platform.compute.base import JobRunner, JobState
from lakehouse_platform.compute.following import Pace, follow
from lakehouse_platform.compute.services import job_runner
from lakehouse_platform.contracts.contract import Compute
from lakehouse_platform.errors import SettingsError, TerminalError, TransientError
from lakehouse_platform.settings import ComputeBlock, EmrServerlessBlock, GlueBlock
from tests.core.compute_cases import BUNDLE, JOB, emr, furnish, glue, request
from tests.standins.account import ROLE, StandIns, stand_ins
from tests.standins.runs import Pace as ServicePace

SERVICES: Mapping[str, Callable[[StandIns], JobRunner]] = {"emr-serverless": emr, "glue": glue}
FAST = Pace(first=0.05, longest=0.2)


@pytest.fixture(scope="module")
def account() -> Iterator[StandIns]:
    """Services whose jobs wait for half a second in each state, and fail when they come to start: their entry point is nowhere."""
    with stand_ins(pace=ServicePace(state=0.5)) as running:
        furnish(running)
        yield running


@pytest.fixture
def standing(account: StandIns) -> Iterator[StandIns]:
    """The same, and no fault outlives its test."""
    yield account
    account.faults.clear()


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def runner(service: str, standing: StandIns) -> JobRunner:
    """A fresh one: it knows nothing of earlier submissions."""
    return SERVICES[service](standing)


def accepted(standing: StandIns, service: str) -> int:
    return sum(submission.service == service for submission in standing.submissions)


def test_same_token_is_the_same_job(standing: StandIns, service: str, runner: JobRunner) -> None:
    before = accepted(standing, service)
    first = runner.submit(request("same"))
    assert SERVICES[service](standing).submit(request("same")) == first
    assert runner.submit(request("other")) != first
    assert accepted(standing, service) == before + 2


def test_job_whose_acceptance_got_lost_is_found(standing: StandIns, service: str, runner: JobRunner) -> None:
    before = accepted(standing, service)
    lost = standing.faults.drop_answer(service, "StartJobRun")
    job_id = runner.submit(request("lost"))
    assert standing.faults.met(lost) == 1
    assert accepted(standing, service) == before + 1
    assert standing.submissions[-1].run_id == job_id


def test_submission_that_did_not_arrive_is_made_again(standing: StandIns, service: str, runner: JobRunner) -> None:
    before = accepted(standing, service)
    standing.faults.reset(service, "StartJobRun")
    runner.submit(request("reset"))
    assert accepted(standing, service) == before + 1


def test_glue_gives_up_for_now_after_three_submissions_that_did_not_arrive(standing: StandIns) -> None:
    before = accepted(standing, "glue")
    standing.faults.reset("glue", "StartJobRun", times=3)
    with pytest.raises(TransientError, match="no answer arrived"):
        glue(standing).submit(request("thrice"))
    assert accepted(standing, "glue") == before
    glue(standing).submit(request("thrice"))
    assert accepted(standing, "glue") == before + 1


def test_job_is_followed_to_its_failure_with_the_reason(runner: JobRunner) -> None:
    said: list[str] = []
    status = follow(runner, runner.submit(request("fails")), poll=FAST, on_change=lambda seen: said.append(seen.said))
    assert status.state is JobState.FAILED
    assert "HeadObject" in status.reason
    assert said[-1] == "FAILED"
    assert len(said) == len(set(said)) > 1


def test_job_is_cancelled_when_that_is_wished(runner: JobRunner) -> None:
    status = follow(runner, runner.submit(request("unwanted")), poll=FAST, cancelled=lambda: True)
    assert status.state is JobState.CANCELLED
    runner.cancel(status.job_id)
    assert runner.status(status.job_id).said == status.said


@pytest.mark.parametrize(("service", "phase", "said", "state"), [
    ("glue", "expired", "EXPIRED", JobState.FAILED), ("glue", "timed_out", "TIMEOUT", JobState.FAILED),
    ("glue", "stopped", "STOPPED", JobState.CANCELLED), ("emr-serverless", "timed_out", "CANCELLED", JobState.CANCELLED),
    ("emr-serverless", "expired", "FAILED", JobState.FAILED),
], indirect=["service"])
def test_every_end_ends_the_waiting(standing: StandIns, runner: JobRunner, phase: str, said: str, state: JobState) -> None:
    job_id = runner.submit(request(f"ends-{phase}"))
    standing.faults.end(job_id, phase)
    status = follow(runner, job_id, poll=FAST)
    assert (status.said, status.state) == (said, state)
    assert status.ended is not None


def test_status_calls_that_fail_do_not_end_the_waiting(standing: StandIns, service: str, runner: JobRunner) -> None:
    job_id = runner.submit(request("throttled"))
    standing.faults.refuse(service, "GetJobRun", times=2, status=400, code="ConcurrentModificationException")
    assert follow(runner, job_id, poll=FAST, cancelled=lambda: True).state is JobState.CANCELLED


def test_job_that_nobody_knows_is_told(runner: JobRunner) -> None:
    with pytest.raises(TerminalError, match=r"(ResourceNotFound|EntityNotFound)Exception"):
        runner.status("00nosuchjob")


def test_logs_of_a_job_that_printed_nothing_are_none(runner: JobRunner) -> None:
    assert runner.logs(runner.submit(request("silent"))) == {}


def test_other_release_is_refused_before_anything_is_submitted(standing: StandIns) -> None:
    standing.add_application("00old", release="emr-7.5.0")
    with pytest.raises(TerminalError, match=r"00old runs emr-7\.5\.0, and the environment says emr-7\.12\.0"):
        emr(standing, application="00old").submit(request("old"))
    standing.account.glue.create_job(Name="old", Role=ROLE, GlueVersion="5.0", Command={"Name": "glueetl"})
    with pytest.raises(TerminalError, match=r"Glue job old has Glue version 5\.0, and the environment says 5\.1"):
        glue(standing, job="old").submit(request("old"))
    assert not [submission for submission in standing.submissions if submission.token == "old"]


def test_busy_service_may_be_asked_again_later(standing: StandIns, service: str, runner: JobRunner) -> None:
    standing.faults.refuse(service, "StartJobRun", status=400, code="ConcurrentRunsExceededException")
    with pytest.raises(TransientError, match="ConcurrentRunsExceededException"):
        runner.submit(request("busy"))


def test_refused_submission_is_not_tried_again(standing: StandIns, service: str, runner: JobRunner) -> None:
    standing.faults.refuse(service, "StartJobRun", status=400, code="AccessDeniedException")
    with pytest.raises(TerminalError, match="AccessDeniedException"):
        runner.submit(request("denied"))


def test_emr_serverless_is_told_sizes_artifacts_and_where_logs_go(standing: StandIns) -> None:
    asked = request("told", spark_jars="s3://artifacts/more.jar", spark_driver_extraJavaOptions="-Da=1 -Db=2")
    job_id = emr(standing).submit(asked)
    run = standing.account.emr_serverless.get_job_run(applicationId="00standin", jobRunId=job_id)["jobRun"]
    submitted = run["jobDriver"]["sparkSubmit"]
    parameters = submitted["sparkSubmitParameters"].split(" ")
    assert parameters[:2] == ["--py-files", BUNDLE.wheel]
    assert dict(option.split("=", 1) for option in parameters[3::2]) == {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.driver.cores": "1", "spark.driver.memory": "2g", "spark.executor.cores": "1", "spark.executor.memory": "2g",
        "spark.dynamicAllocation.initialExecutors": "2", "spark.dynamicAllocation.maxExecutors": "2",
        "spark.archives": f"{BUNDLE.python}#environment,{BUNDLE.project}#project",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": "./environment/bin/python",
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": "./environment/bin/python",
        "spark.executorEnv.PYSPARK_PYTHON": "./environment/bin/python",
        "spark.sql.shuffle.partitions": "4", "spark.databricks.delta.snapshotPartitions": "4",
        "spark.jars": "/usr/share/aws/delta/lib/delta-spark.jar,/usr/share/aws/delta/lib/delta-storage.jar,s3://artifacts/more.jar",
    }
    assert (submitted["entryPoint"], submitted["entryPointArguments"]) == (BUNDLE.entry, ["--zone", "ods"])
    assert (run["tags"], run["executionTimeoutMinutes"], run["retryPolicy"]) == ({"domain": "sales"}, 120, {"maxAttempts": 3})
    assert run["configurationOverrides"] == {
        "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://artifacts/jobs/logs/"}},
        "applicationConfiguration": [
            {"classification": "spark-defaults", "properties": {"spark.driver.extraJavaOptions": "-Da=1 -Db=2"}}]}


def test_glue_is_told_everything_by_arguments(standing: StandIns) -> None:
    job_id = glue(standing).submit(request("glue-told", "--zone", "ods", "--days", "2026-11-20", spark_jars="s3://artifacts/more.jar"))
    run = standing.account.glue.get_job_run(JobName=JOB, RunId=job_id)["JobRun"]
    assert run["Arguments"] == {
        "--scriptLocation": BUNDLE.entry, "--python-virtual-env": BUNDLE.python, "--extra-py-files": BUNDLE.wheel,
        "--extra-files": BUNDLE.project, "--extra-jars": "s3://artifacts/more.jar", "--datalake-formats": "delta",
        "--conf": "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension"
                  " --conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"
                  " --conf spark.sql.shuffle.partitions=16 --conf spark.databricks.delta.snapshotPartitions=16",
        "--lakehouse-token": "glue-told", "--zone": "ods", "--days": "2026-11-20",
    }
    assert (run["WorkerType"], run["NumberOfWorkers"], run["Timeout"]) == ("G.1X", 3, 120)


@pytest.mark.parametrize("arguments", [("--flag",), ("zone", "ods"), ("--day", "1", "--day", "2")])
def test_glue_takes_only_named_arguments_each_once(standing: StandIns, arguments: tuple[str, ...]) -> None:
    with pytest.raises(TerminalError, match="each name once"):
        glue(standing).submit(request("unnamed", *arguments))


def test_environment_says_which_services_there_are(standing: StandIns) -> None:
    settings = ComputeBlock(artifacts="s3://artifacts/jobs", glue=GlueBlock(job=JOB),
                            emr_serverless=EmrServerlessBlock(application="00standin", role=ROLE))
    for compute in (Compute.EMR_SERVERLESS, Compute.GLUE):
        assert job_runner(compute, settings, standing.account).compute is compute
    with pytest.raises(SettingsError, match="runs no jobs on glue"):
        job_runner(Compute.GLUE, ComputeBlock(), standing.account)
