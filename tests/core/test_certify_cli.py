"""`lakehouse certify` in a lakehouse of one mart, whose project git keeps."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse_platform.certify.approvals import Act, load_approvals
from lakehouse_platform.cli.app import run
from lakehouse_platform.cli.certify import certify as group
from lakehouse_platform.jobs.project import Project
from tests.core.certify_cases import MART, build_lakehouse, green

Captured = pytest.CaptureFixture[str]
Lakehouse = Callable[..., int]
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lakehouse that git keeps."""
    build_lakehouse(tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "config", "user.email", "ana@shop.test"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def lakehouse(folder: Path) -> Lakehouse:
    return lambda *arguments: run(["--project", str(folder), "certify", *arguments])


@pytest.fixture
def project(folder: Path) -> Project:
    return Project.open(folder)


def acts(project: Project) -> list[tuple[str, str]]:
    return [(str(entry.act), entry.by) for entry in load_approvals(project.contract(MART))]


@pytest.mark.parametrize("command", sorted(group.commands))
def test_help_of_each_has_examples_and_exit_codes(command: str, capsys: Captured) -> None:
    assert run(["certify", command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"\n    lakehouse certify {command}" in text
    assert "Exit codes: 0 " in text


def test_from_nobody_asked_to_active(lakehouse: Lakehouse, project: Project, capsys: Captured) -> None:
    assert lakehouse("status") == 1
    assert f"lakehouse certify request {MART}" in capsys.readouterr().out
    assert lakehouse("request", MART, "--why", "the board reads it") == 0
    assert lakehouse("status") == 1
    assert "somebody else than ana@shop.test" in capsys.readouterr().out
    assert lakehouse("approve", MART, "--by", "bo@shop.test") == 0
    assert lakehouse("status") == 1
    assert "no evidence" in capsys.readouterr().out
    green(project)
    assert lakehouse("status", MART) == 0
    said = capsys.readouterr().out
    assert " active " in said
    assert "down to the source are materialized and pass" in said
    assert acts(project) == [("requested", "ana@shop.test"), ("approved", "bo@shop.test")]


def test_whoever_asks_cannot_approve(lakehouse: Lakehouse, project: Project, capsys: Captured) -> None:
    lakehouse("request", MART, "--why", "x")
    assert lakehouse("approve", MART) == 1
    assert "ana@shop.test requested it and cannot approve it" in capsys.readouterr().err
    assert acts(project) == [("requested", "ana@shop.test")]


def test_a_contract_that_has_changed_cannot_be_approved(lakehouse: Lakehouse, project: Project, capsys: Captured) -> None:
    lakehouse("request", MART, "--why", "x")
    file = project.contract(MART).path
    file.write_text(file.read_text().replace("version: 1.0.0", "version: 1.1.0"))
    assert lakehouse("approve", MART, "--by", "bo@shop.test") == 1
    assert f"It has to be asked for again: lakehouse certify request {MART}" in capsys.readouterr().err


@pytest.mark.parametrize(("until", "code"), [("2099-05-31", 0), ("2099-05-31T18:00:00+02:00", 0), ("2020-01-01", 1), ("soon", 2)])
def test_an_approval_ends_when_it_is_told_to(lakehouse: Lakehouse, project: Project, until: str, code: int) -> None:
    lakehouse("request", MART, "--why", "x")
    assert lakehouse("approve", MART, "--by", "bo@shop.test", "--until", until) == code
    approved = [entry.until for entry in load_approvals(project.contract(MART)) if entry.act is Act.APPROVED]
    assert [end.year for end in approved if end] == ([2099] if code == 0 else [])


def test_what_is_revoked_is_revoked(lakehouse: Lakehouse, project: Project, capsys: Captured) -> None:
    assert lakehouse("revoke", MART, "--why", "nothing there") == 1
    lakehouse("request", MART, "--why", "x")
    lakehouse("approve", MART, "--by", "bo@shop.test")
    green(project)
    assert lakehouse("revoke", MART, "--why", "rates are wrong") == 0
    assert lakehouse("status") == 1
    assert "ana@shop.test took it back: rates are wrong" in capsys.readouterr().out


def test_another_moment_can_be_asked_for(lakehouse: Lakehouse, capsys: Captured) -> None:
    lakehouse("request", MART, "--why", "x")
    assert lakehouse("status", "--at", "2026-01-01") == 1
    assert " draft " in capsys.readouterr().out


def test_who_works_here_must_be_known(lakehouse: Lakehouse, folder: Path, capsys: Captured) -> None:
    subprocess.run(["git", "config", "user.email", ""], cwd=folder, check=True)
    assert lakehouse("request", MART, "--why", "x") == 1
    assert "Name yourself with --by" in capsys.readouterr().err


@pytest.mark.parametrize(("mart", "code", "why"), [
    ("operations.shipment", 1, "is not a mart"), ("operations.kpi_fulfillment_daily", 2, 'Did you mean "operations.kpi_fulfilment_daily"?'),
])
def test_only_marts_that_ask_for_it_are_certified(lakehouse: Lakehouse, mart: str, code: int, why: str, capsys: Captured) -> None:
    assert lakehouse("request", mart, "--why", "x") == code
    assert why in capsys.readouterr().err


def test_page_of_a_certificate_that_is_approved_and_lost_says_first_that_it_is_none(lakehouse: Lakehouse, folder: Path) -> None:
    lakehouse("request", MART, "--why", "x")
    lakehouse("approve", MART, "--by", "bo@shop.test")
    assert lakehouse("page", MART, "--output", str(folder / "page.md")) == 0
    title, _, certificate, *_ = (folder / "page.md").read_text().split("\n\n")
    assert title == "# Fulfilment by day: not certified"
    assert " is not active: its state is approved since " in certificate.replace("\\_", "_")


def test_page_is_html_or_markdown_and_shows_nothing_as_markup(lakehouse: Lakehouse, folder: Path, project: Project) -> None:
    lakehouse("request", MART, "--why", "<b>board</b> | *weekly*")
    lakehouse("approve", MART, "--by", "bo@shop.test")
    green(project)
    assert lakehouse("page", MART) == 0
    page = (folder / ".lakehouse" / "certificates" / f"{MART}.html").read_text()
    assert "<h1>Fulfilment by day: certified</h1>" in page
    assert "&lt;b&gt;board&lt;/b&gt;" in page
    assert all(part in page for part in ("How punctual each warehouse was.", "raw/operations/shipment", "control_total", "bo@shop.test"))
    assert lakehouse("page", MART, "--output", str(folder / "page.md")) == 0
    text = (folder / "page.md").read_text()
    assert text.startswith("# Fulfilment by day: certified\n")
    assert r"\<b\>board\</b\> \| \*weekly\*" in text


def test_mistakes_in_approvals_are_found_by_validate(folder: Path, project: Project, capsys: Captured) -> None:
    file = project.contract(MART).path.with_name("kpi_fulfilment_daily.approvals.yaml")
    file.write_text("- asked: {}\n")
    assert run(["--project", str(folder), "validate"]) == 1
    assert 'kpi_fulfilment_daily.approvals.yaml:1: unknown key "asked"' in capsys.readouterr().out
