"""`lakehouse bundle` shows what is packed, and uploads what is missing."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from lakehouse_platform.cli.app import run
from tests.core.job_lake import CONTRACT

SETTINGS = """\
lake: {root: s3://lakehouse/lake}
partitions: {start: 2026-11-01, time_zone: UTC}
connections: {erp: {kind: postgresql, uri: {env: ERP}, time_zone: UTC}}
aws: {region: us-east-1, endpoint: {env: LAKEHOUSE_AWS_ENDPOINT}}
"""


def test_what_is_missing_is_uploaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    address = "http://{}:{}".format(*moto.get_host_and_port())
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "LAKEHOUSE_AWS_ENDPOINT": address}.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=address, region_name="us-east-1").create_bucket(Bucket="lakehouse")
    contract, settings = tmp_path / "assets/contracts/finance/ledger.yaml", tmp_path / "resources/prod.yaml"
    for file, text in {contract: CONTRACT, settings: SETTINGS + "compute: {artifacts: s3://lakehouse/artifacts}\n"}.items():
        file.parent.mkdir(parents=True)
        file.write_text(text)
    (tmp_path / "python.tar.gz").write_bytes(b"made on the service's image")
    said = []
    for options in (["--dry-run"], [], ["--dry-run"]):
        assert run(["bundle", "--project", str(tmp_path), "--env", "prod", "--python", "python.tar.gz", *options]) == 0
        said.append(capsys.readouterr().out)
    moto.stop()
    assert [(text.count("missing"), text.count("there  ")) for text in said] == [(4, 0), (4, 0), (0, 4)]
    assert ["is there." in text for text in said] == [False, True, False]


def test_an_environment_without_a_place_for_artifacts_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in {"assets/contracts/finance/ledger.yaml": CONTRACT, "resources/prod.yaml": SETTINGS}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    assert run(["bundle", "--project", str(tmp_path), "--env", "prod"]) == 1
    assert "it is not said where artifacts of jobs go" in capsys.readouterr().err
