"""A job's command line: what is said is read, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_platform.errors import UnknownName
from lakehouse_platform.jobs.arguments import JobArguments, read_arguments
from lakehouse_platform.jobs.entry import main

SAID = JobArguments(
    "prod", "ods", "finance.ledger", ("2026-11-01", "2026-11-02"), "run-1", result="s3://b/r.json", project="p.zip",
    endpoint="http://127.0.0.1:1", pipes_context="c", pipes_messages="m")


def test_arguments_read_as_they_were_written() -> None:
    assert read_arguments(SAID.words) == SAID


def test_options_of_the_service_are_passed_over() -> None:
    assert read_arguments(["--JOB_NAME", "x", *SAID.words, "--TempDir", "s3://b/t"]) == SAID


def test_days_are_done_in_order_and_once() -> None:
    assert read_arguments([*SAID.words, "--days", "2026-11-03, 2026-11-01,2026-11-03"]).days == ("2026-11-01", "2026-11-03")


@pytest.mark.parametrize(("words", "why"), [
    ([], "the following arguments are required: --environment, --zone, --table, --days, --run"),
    ([*SAID.words, "--zone", "odds"], 'Did you mean "ods"'),
    ([*SAID.words, "--zone", "raw"], 'no job brings a table into "raw"'),
    ([*SAID.words, "--days", "2026-11-31"], '"2026-11-31" is not a day'),
    ([*SAID.words, "--table"], "argument --table: expected one argument"),
])  # fmt: skip
def test_what_is_wrong_is_named(words: list[str], why: str) -> None:
    with pytest.raises(UnknownName, match=why):
        read_arguments(words)


def test_a_wrong_command_line_ends_with_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--zone", "ods"]) == 2
    assert "--table (domain.table)" in capsys.readouterr().err


def test_a_job_without_a_project_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--environment", "prod", "--zone", "ods", "--table", "a.b", "--days", "2026-11-01", "--run", "r"]) == 1
    assert f"{tmp_path}: there is no project or project.zip here" in capsys.readouterr().err
