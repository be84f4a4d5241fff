"""`lakehouse storage` against a real S3 protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse_platform.cli.app import run
from tests.standins.account import StandIns, stand_ins
from tests.standins.image import REGION

CLOUD = """\
lake: {root: s3://rules/lake, storage_class: {raw: INTELLIGENT_TIERING}}
partitions: {start: 2026-11-01, time_zone: UTC}
connections: {}
aws: {region: eu-west-1, endpoint: {env: LAKEHOUSE_AWS_ENDPOINT}}
"""
FOLDER = "lake: {root: lake}\npartitions: {start: 2026-11-01, time_zone: UTC}\nconnections: {}\n"


@pytest.fixture(scope="module")
def account() -> Iterator[StandIns]:
    with stand_ins() as running:
        running.account.s3.create_bucket(Bucket="rules", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield running


def project(folder: Path, environment: str) -> list[str]:
    (folder / "assets" / "contracts").mkdir(parents=True)
    (folder / "resources").mkdir()
    (folder / "resources" / "local.yaml").write_text(environment)
    return ["storage", "--project", str(folder)]


def test_rules_are_shown_set_and_then_left_alone(account: StandIns, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = project(tmp_path, CLOUD)
    assert run([*command, "--dry-run"]) == 0
    assert account.count("s3", "PutBucketLifecycleConfiguration") == 0
    assert run(command) == 0
    said = capsys.readouterr().out
    assert "INTELLIGENT_TIERING after 0 days" in said
    assert said.endswith("Changed.\n")
    rules = account.account.s3.get_bucket_lifecycle_configuration(Bucket="rules")["Rules"]
    assert {rule["Filter"]["Prefix"] for rule in rules} == {"lake/", "lake/raw/"}
    assert run(command) == 0
    assert capsys.readouterr().out.endswith("Nothing has changed.\n")


def test_a_lake_in_a_folder_has_no_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project(tmp_path, FOLDER)) == 1
    assert "folders have no lifecycle rules" in capsys.readouterr().err
