"""Drivers that really run: what they are given, what they printed, what they consumed."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile

import pytest

from lakehouse_platform.compute.base import JobRunner, JobState, JobStatus
from lakehouse_platform.compute.following import Pace, follow
from lakehouse_platform.compute.prices import cost
from lakehouse_platform.settings import PricesBlock
from tests.core.compute_cases import BUCKET, emr, furnish, glue, request
from tests.standins.account import StandIns
from tests.standins.fixtures import aws_jars, module_stand_ins

__all__ = ["aws_jars", "module_stand_ins"]
POLL = Pace(first=0.2, longest=1.0)
ENTRY = """
import sys
from pathlib import Path
import library

print("given", sys.argv[sys.argv.index("--zone") + 1], "by", library.NAME, "with", *sorted(map(str, Path().glob("project*"))))
sys.exit("it was asked to fail" if "--fail" in sys.argv else 0)
"""


def tar_with_link(target: str) -> bytes:
    """A packed Python: a link to this machine's."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        link = tarfile.TarInfo("bin/python")
        link.type, link.linkname = tarfile.SYMTYPE, target
        archive.addfile(link)
    return packed.getvalue()


def zip_with(name: str, content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


@pytest.fixture(scope="module")
def account(module_stand_ins: StandIns) -> StandIns:
    """An account with everything that a job is given."""
    furnish(module_stand_ins)
    artifacts = {
        "entry.py": ENTRY.encode(), "library.whl": zip_with("library.py", "NAME = 'the library'"), "project.zip": zip_with("a.yaml", ""),
        "python.tar.gz": tar_with_link(sys.executable),
    }
    for name, content in artifacts.items():
        module_stand_ins.account.s3.put_object(Bucket=BUCKET, Key=name, Body=content)
    return module_stand_ins


@pytest.fixture(scope="module")
def succeeded(account: StandIns) -> tuple[JobRunner, JobStatus]:
    """A job on EMR Serverless that did its work."""
    runner = emr(account)
    return runner, follow(runner, runner.submit(request("works", "--zone", "ods")), poll=POLL)


@pytest.fixture(scope="module")
def failed(account: StandIns) -> tuple[JobRunner, JobStatus]:
    """A run on Glue whose driver failed."""
    runner = glue(account)
    return runner, follow(runner, runner.submit(request("fails", "--zone", "hds", "--fail", "yes")), poll=POLL)


def test_driver_has_its_arguments_the_library_and_the_project(
    succeeded: tuple[JobRunner, JobStatus], failed: tuple[JobRunner, JobStatus]
) -> None:
    (emr_runner, worked), (glue_runner, broke) = succeeded, failed
    assert (worked.state, worked.reason) == (JobState.SUCCEEDED, "")
    assert "given ods by the library with project" in emr_runner.logs(worked.job_id)["stdout"]
    assert "given hds by the library with project.zip" in glue_runner.logs(broke.job_id)["stdout"]


def test_logs_of_a_driver_that_failed_say_why(failed: tuple[JobRunner, JobStatus]) -> None:
    runner, status = failed
    assert (status.state, status.said) == (JobState.FAILED, "FAILED")
    assert status.reason.startswith("Exit code 1")
    # Spark puts what Python says of errors among what it prints.
    assert "it was asked to fail" in runner.logs(status.job_id)["stdout"]
    assert "WARN" in runner.logs(status.job_id)["stderr"]


def test_emr_serverless_bills_cores_and_memory_for_a_minute_at_least(succeeded: tuple[JobRunner, JobStatus]) -> None:
    usage = succeeded[1].usage
    # A driver and two executors of one core each.
    assert usage.vcpu_hours >= 3 * 60 / 3600
    assert usage.vcpu_hours == pytest.approx(3 * max(60, usage.seconds) / 3600, abs=1e-6)
    assert usage.gb_hours == pytest.approx(usage.vcpu_hours * 2 * 1.1, abs=1e-5)
    assert usage.dpu_hours == 0
    assert 0.002 < cost(usage, PricesBlock(vcpu_hour=0.052624, gb_hour=0.0057785)) < 1


def test_glue_bills_all_workers_for_a_minute_at_least(failed: tuple[JobRunner, JobStatus]) -> None:
    usage = failed[1].usage
    assert usage.dpu_hours == pytest.approx(3 * max(60, usage.seconds) / 3600)
    assert cost(usage, PricesBlock(dpu_hour=0.44)) >= cost(usage, PricesBlock(dpu_hour=0.4)) > 0


def test_ended_job_says_when_it_ran(succeeded: tuple[JobRunner, JobStatus], failed: tuple[JobRunner, JobStatus]) -> None:
    for _, status in (succeeded, failed):
        assert status.started is not None
        assert status.ended is not None
        assert status.started < status.ended


def test_half_written_log_is_read_as_far_as_it_goes(account: StandIns, succeeded: tuple[JobRunner, JobStatus]) -> None:
    runner, status = succeeded
    listed = account.account.s3.list_objects_v2(Bucket=BUCKET, Prefix="jobs/logs/")["Contents"]
    key = next(found["Key"] for found in listed if found["Key"].endswith("stdout.gz"))
    whole = account.account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    account.account.s3.put_object(Bucket=BUCKET, Key=key, Body=whole[:-8])
    assert "given ods" in runner.logs(status.job_id)["stdout"]
    account.account.s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert runner.logs(status.job_id)["stdout"] == ""
