"""A job tells its orchestrator how it goes, over S3; one that cannot goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dagster_pipes import encode_param
from moto.server import ThreadedMotoServer

from lakehouse_platform.jobs.arguments import JobArguments
from lakehouse_platform.jobs.home import call_home, day_of_message
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.report import DayReport, JobReport, read_report
from lakehouse_platform.jobs.results import leave_report
from lakehouse_platform.jobs.steps import Outcome
from tests.core.test_cli_bundle import SETTINGS

BUCKET = "lakehouse"
DAY = DayReport("2026-11-01", 1.5, Outcome((), 3, 3))
ASKED = JobArguments(
    "prod", "ods", "finance.ledger", ("2026-11-01",), "run", pipes_context=encode_param({"bucket": BUCKET, "key": "context.json"}),
    pipes_messages=encode_param({"bucket": BUCKET, "key_prefix": "messages"}))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose S3 is moto's."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    address = "http://{}:{}".format(*moto.get_host_and_port())
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "LAKEHOUSE_AWS_ENDPOINT": address}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/prod.yaml").write_text(SETTINGS)
    found = Project.open(tmp_path, "prod")
    found.account.s3.create_bucket(Bucket=BUCKET)
    found.account.s3.delete_object(Bucket=BUCKET, Key="context.json")  # servers of one process share what they hold
    yield found
    moto.stop()


def read(project: Project, key: str) -> bytes:
    return project.account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def test_the_orchestrator_is_told_of_each_day(project: Project) -> None:
    project.account.s3.put_object(Bucket=BUCKET, Key="context.json", Body=b"{}")
    with call_home(project, ASKED) as home:
        home.say("begun")
        home.report(DAY)
    messages = [json.loads(line) for line in read(project, "messages/1.json").splitlines()]
    assert [message["method"] for message in messages] == ["opened", "log", "report_custom_message", "closed"]
    assert day_of_message(messages[2]["params"]["payload"]) == DAY


def test_a_job_whose_orchestrator_left_nothing_goes_on(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with call_home(project, ASKED) as home:
        home.report(DAY)
    assert "The orchestrator is not told how it goes" in capsys.readouterr().out


def test_a_job_that_nobody_listens_to_prints(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with call_home(project, replace(ASKED, pipes_context=None)) as home:
        home.say("begun")
    assert capsys.readouterr().out == "begun\n"


def test_a_report_is_left_on_s3(project: Project) -> None:
    report = JobReport("ods", "finance.ledger", "run", (DAY,))
    leave_report(project, f"s3://{BUCKET}/runs/result.json", report)
    assert read_report(read(project, "runs/result.json")) == report
