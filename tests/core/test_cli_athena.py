"""`lakehouse athena` and `lakehouse query --engine athena`, from the command line to the wire."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse_platform.cli.app import run
from tests.core.athena_service import AthenaService, result_set, serving
from tests.core.small_lake import PROJECT

ENVIRONMENT = """\
lake: {root: "s3://lake/root"}
partitions: {start: 2026-11-01, time_zone: America/New_York}
connections: {}
aws: {region: eu-central-1, endpoint: {env: STANDIN}}
catalog: {prefix: lake}
athena: {workgroup: team, results: "s3://results/athena", scan_cap_mb: 500, price_per_tb: 5}
"""
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AthenaService]:
    """Athena of the account that the project in this folder is bound to."""
    shutil.copytree(PROJECT / "assets/contracts", tmp_path / "assets/contracts")
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/cloud.yaml").write_text(ENVIRONMENT)
    monkeypatch.chdir(tmp_path)
    found = AthenaService()
    with serving(found) as address:
        for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("STANDIN", address)):
            monkeypatch.setenv(name, value)
        yield found


def test_every_domain_gets_its_workgroup_and_queries_once(service: AthenaService, capsys: Captured) -> None:
    assert run(["--env", "cloud", "athena"]) == 0
    said = capsys.readouterr().out
    assert [f"team_{domain}: created" in said for domain in ("customer", "finance", "operations", "risk")] == [True] * 4
    assert "team_finance: saved queries " in said
    assert run(["--env", "cloud", "athena"]) == 0
    assert capsys.readouterr().out == "Nothing has changed.\n"


def test_rows_go_to_standard_output_and_figures_beside_them(service: AthenaService, capsys: Captured) -> None:
    service.scanned, service.pages = 2_000_000_000, [result_set({"n": "bigint"}, [["3"]])]
    assert run(["--env", "cloud", "query", "--engine", "athena", "--json", "select count(*) as n from ods.finance.invoice"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == [{"n": 3}]
    assert "team_finance: 2,000,000,000 bytes read in 1.5 s, 0.010000 USD (query " in said.err
    assert service.made("StartQueryExecution")[0]["QueryString"] == 'select count(*) as n from "lake_finance"."ods_invoice" as "invoice"'


def test_query_over_the_cap_names_it(service: AthenaService, capsys: Captured) -> None:
    service.states = [{"State": "CANCELLED", "StateChangeReason": "Bytes scanned limit was exceeded"}]
    assert run(["--env", "cloud", "query", "--engine", "athena", "select 1 from ods.finance.invoice"]) == 1
    assert "workgroup team_finance lets a query read 500 MB (scan_cap_mb)" in capsys.readouterr().err


def test_workgroup_without_athena_is_a_usage_error(service: AthenaService, capsys: Captured) -> None:
    assert run(["query", "--env", "cloud", "--workgroup", "x", "select 1"]) == 2
    assert "--engine athena" in capsys.readouterr().err
