"""Drivers for the stand-ins' own tests, and how they are submitted and followed."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.standins.account import APPLICATION, ROLE, StandIns
from tests.standins.image import REGION

if TYPE_CHECKING:
    from mypy_boto3_emr_serverless.type_defs import JobRunTypeDef
    from mypy_boto3_glue.type_defs import JobRunTypeDef as GlueRunTypeDef

BUCKET = "drivers"
LOGS = f"s3://{BUCKET}/logs"
FOLLOW_SECONDS = 300
POLL = 0.1

COPY = """
import json, os, sys
from pyspark.sql import SparkSession

print(json.dumps({"environment": dict(os.environ), "path": sys.path, "arguments": sys.argv[1:], "folder": os.getcwd()}))
spark = SparkSession.builder.getOrCreate()
spark.read.json("s3://drivers/in/").write.format("delta").save("s3://drivers/out")
print("rows", spark.read.format("delta").load("s3://drivers/out").count())
"""
SLEEP = "import time; print('driver is up', flush=True); time.sleep(600)"
FAIL = "print('about to fail'); raise ValueError('no such month')"
FAIL_ONCE = """
import os, sys, urllib.request

mark = os.environ["AWS_ENDPOINT_URL"] + "/drivers/marks/" + sys.argv[1]
try:
    urllib.request.urlopen(urllib.request.Request(mark, b"", {"If-None-Match": "*"}, method="PUT"))
except urllib.error.HTTPError:
    sys.exit(0)
raise ValueError("first try")
"""
SCRIPTS = {"copy_rows.py": COPY, "sleep.py": SLEEP, "fail.py": FAIL, "fail_once.py": FAIL_ONCE}


def upload(running: StandIns) -> None:
    """Have a bucket with the drivers and the application that runs them."""
    s3 = running.account.s3
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for name, text in SCRIPTS.items():
        s3.put_object(Bucket=BUCKET, Key=name, Body=text.encode())
    s3.put_object(Bucket=BUCKET, Key="in/rows.json", Body=b'{"id": 1}\n{"id": 2}\n')
    running.add_application()


def submit(
    running: StandIns, script: str, token: str, *, arguments: tuple[str, ...] = (), parameters: str = "--name x",
    tries: int = 1, minutes: int = 60,
) -> str:  # fmt: skip
    """Submit a driver to EMR Serverless; the run's id."""
    started = running.account.emr_serverless.start_job_run(
        applicationId=APPLICATION, clientToken=token, executionRoleArn=ROLE, name=script, tags={"team": "sales"},
        executionTimeoutMinutes=minutes, retryPolicy={"maxAttempts": tries},
        configurationOverrides={"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": LOGS}}},
        jobDriver={"sparkSubmit": {
            "entryPoint": f"s3://{BUCKET}/{script}", "entryPointArguments": list(arguments), "sparkSubmitParameters": parameters}},
    )  # fmt: skip
    return started["jobRunId"]


def job_run(running: StandIns, run_id: str) -> JobRunTypeDef:
    """The run as EMR Serverless has it now."""
    return running.account.emr_serverless.get_job_run(applicationId=APPLICATION, jobRunId=run_id)["jobRun"]


def follow(running: StandIns, run_id: str, *until: str) -> list[JobRunTypeDef]:
    """The run, at each change of its state, up to one of those."""
    seen: list[JobRunTypeDef] = []
    for _ in _patiently():
        run = job_run(running, run_id)
        if not seen or run["state"] != seen[-1]["state"]:
            seen.append(run)
        if run["state"] in until:
            break
    return seen


def glue_run(running: StandIns, job: str, run_id: str, *until: str) -> GlueRunTypeDef:
    """The run of a Glue job, once it is in one of those states."""
    run: GlueRunTypeDef = {}
    for _ in _patiently():
        run = running.account.glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        if run["JobRunState"] in until:
            break
    return run


def printed(running: StandIns, run_id: str, stream: str) -> str:
    """What the driver printed, as EMR Serverless left it on S3."""
    key = f"logs/applications/{APPLICATION}/jobs/{run_id}/SPARK_DRIVER/{stream}.gz"
    return gzip.decompress(running.account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).decode()


def _patiently() -> Iterator[None]:
    end = time.monotonic() + FOLLOW_SECONDS
    while time.monotonic() < end:
        yield
        time.sleep(POLL)
    raise TimeoutError(f"not within {FOLLOW_SECONDS} s")
