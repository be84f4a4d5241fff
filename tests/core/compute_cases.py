"""Requests, services and settings that the tests of jobs share."""

from __future__ import annotations

from lakehouse_platform.compute.base import Bundle, JobRequest
from lakehouse_platform.compute.emr_serverless import EmrServerless
from lakehouse_platform.compute.glue import Glue
from lakehouse_platform.settings import EmrServerlessBlock, GlueBlock, MachineBlock
from tests.standins.account import APPLICATION, ROLE, StandIns

BUCKET = "artifacts"
JOB = "lakehouse"
SMALL = MachineBlock(cores=1, memory_gb=2)
BUNDLE = Bundle(
    python=f"s3://{BUCKET}/python.tar.gz", wheel=f"s3://{BUCKET}/library.whl", entry=f"s3://{BUCKET}/entry.py",
    project=f"s3://{BUCKET}/project.zip", fingerprint="b")


def request(token: str, *arguments: str, **spark: str) -> JobRequest:
    """A job's request; `spark` are settings with `_` for `.`."""
    settings = {name.replace("_", "."): value for name, value in spark.items()}
    return JobRequest("ods.sales.orders 2026-11-20", token, arguments or ("--zone", "ods"), BUNDLE, settings, {"domain": "sales"})


def emr(running: StandIns, release: str = "emr-7.12.0", application: str = APPLICATION) -> EmrServerless:
    """The application, as an environment sees it."""
    block = EmrServerlessBlock(application=application, role=ROLE, release=release, driver=SMALL, executor=SMALL, max_executors=2)
    return EmrServerless(running.account, block, f"s3://{BUCKET}/jobs")


def glue(running: StandIns, version: str = "5.1", job: str = JOB) -> Glue:
    """The job, as an environment sees it; it does not wait between tries."""
    return Glue(running.account, GlueBlock(job=job, version=version, workers=3), pause=lambda seconds: None)


def furnish(running: StandIns) -> None:
    """An account with a bucket, an application and a job that may run several times at once."""
    account = running.account
    account.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    running.add_application()
    account.glue.create_job(
        Name=JOB, Role=ROLE, GlueVersion="5.1", WorkerType="G.1X", NumberOfWorkers=4, ExecutionProperty={"MaxConcurrentRuns": 20},
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/other.py", "PythonVersion": "3"})
