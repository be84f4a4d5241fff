"""Incidents at the command line: the same state that the sensors keep."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse_platform.cli.app import run
from lakehouse_platform.orchestration.incident_store import known_incidents
from tests.definitions.incident_yard import HERE, RAW, Yard, opened_yard

TWO_MINUTES, HOUR = dt.timedelta(minutes=2), dt.timedelta(hours=1)
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    """Raw is broken, and it was told."""
    monkeypatch.setenv("COLUMNS", "300")
    with opened_yard(tmp_path / "yard", monkeypatch) as yard:
        (yard.folder / "assets" / "contracts").mkdir(parents=True)
        yard.tick()
        yard.broken.add(RAW)
        assert not yard.run(RAW)
        yard.tick()
        yard.tick(after=TWO_MINUTES)
        yield yard


def say(yard: Yard, *words: str) -> int:
    return run(["incidents", words[0], "--project", str(yard.folder), *words[1:]])


def id_of(yard: Yard) -> str:
    (incident,) = known_incidents(yard.instance)
    return incident.id


def test_what_is_wrong_is_listed_and_what_is_over_only_when_asked_for(yard: Yard, capsys: Captured) -> None:
    assert say(yard, "list") == 0
    listed = capsys.readouterr().out
    assert id_of(yard) in listed
    assert "sales.orders (Raw) failed" in listed
    yard.broken.clear()
    assert yard.run(RAW)
    yard.tick(after=TWO_MINUTES)
    assert say(yard, "list") == 0
    assert "Nothing is wrong." in capsys.readouterr().err
    assert say(yard, "list", "--all") == 0
    assert "recovered" in capsys.readouterr().out


def test_one_is_shown_by_the_beginning_of_its_id(yard: Yard, capsys: Captured) -> None:
    assert say(yard, "show", id_of(yard)[:4]) == 0
    shown = capsys.readouterr().out
    assert "domo/sales/churn" in shown
    assert "C0DEFAULT, message" in shown


def test_an_unknown_one_is_a_usage_error_that_names_the_others(yard: Yard, capsys: Captured) -> None:
    assert say(yard, "show", "zz") == 2
    assert id_of(yard) in capsys.readouterr().err
    assert say(yard, "mute", "zz") == 2
    assert id_of(yard) in capsys.readouterr().err


def test_a_beginning_that_several_share_names_them(yard: Yard, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = known_incidents(yard.instance)
    several = tuple(replace(one, id=id) for id in ("3f9a000000", "3f00000000", "a000000000"))  # noqa: A001
    monkeypatch.setattr("lakehouse_platform.orchestration.incident_store.known_incidents", lambda _: several)
    assert say(yard, "show", "3f") == 2
    assert '"3f" begins the names of 2 incidents: 3f9a000000, 3f00000000. Say more of it.' in capsys.readouterr().err


def test_who_acknowledges_is_named_in_slack_and_nothing_is_repeated(yard: Yard) -> None:
    assert say(yard, "acknowledge", id_of(yard), "--by", "ana") == 0
    yard.tick(after=24 * HOUR)
    assert "ana is at it" in yard.slack.transcript(HERE)
    assert yard.thread() == []


def test_what_is_muted_for_a_while_is_told_again_after_it(yard: Yard) -> None:
    assert say(yard, "mute", id_of(yard), "--for", "4h") == 0
    yard.clock.ahead = dt.timedelta()
    yard.tick(after=3 * HOUR)
    assert yard.thread() == []
    yard.tick(after=2 * HOUR)
    yard.tick(after=TWO_MINUTES)
    assert len(yard.thread()) == 1


def test_a_mute_is_taken_back(yard: Yard) -> None:
    assert say(yard, "mute", id_of(yard)) == 0
    assert say(yard, "resume", id_of(yard)) == 0
    yard.tick(after=HOUR)
    assert len(yard.thread()) == 1


def test_a_span_that_is_none_is_a_usage_error(yard: Yard, capsys: Captured) -> None:
    assert say(yard, "mute", id_of(yard), "--for", "long") == 2
    assert "30m, 4h or 2d" in capsys.readouterr().err
