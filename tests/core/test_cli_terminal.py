"""Text that the command line makes of values and of progress."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from rich.console import Console

from lakehouse_platform.cli.terminal import Heading, duration, figure, instant, show_table, showing, sparkline, table_of

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(("seconds", "text"), [
    (0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 1 s"), (3661, "1 h 1 min"), (93600, "1 d 2 h"),
])
def test_a_duration_is_said_as_people_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("values", "text"), [([], ""), ([1, 1], "▄▄"), ([0, 7], "▁█"), ([1, 2, 3], "▁▅█"), ([-1.5, 0, -1.5], "▁█▁")])
def test_a_sparkline_reaches_from_the_least_to_the_greatest(values: list[float], text: str) -> None:
    assert sparkline(values) == text


def test_figures_and_instants() -> None:
    assert (figure(1234567), figure(None), instant(None)) == ("1,234,567", "·", "·")
    assert instant(dt.datetime(2026, 11, 20, 7, tzinfo=dt.timezone(dt.timedelta(hours=2)))) == "2026-11-20 05:00:00Z"


def test_text_in_a_table_is_never_markup(capsys: Captured) -> None:
    show_table([Heading("name"), Heading("rows", right=True)], [["[red]x[/red]", "1"]])
    assert [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()] == [
        "name           rows", "───────────────────", "[red]x[/red]      1"]


def printed(width: int) -> list[str]:
    out = Console(file=io.StringIO(), width=width, record=True)
    headings = [Heading("table"), Heading("rows", right=True), Heading("complete through"), Heading("none"), Heading("what")]
    out.print(table_of(headings, [["finance.invoice", "1000", "2026-11-23 12:24:46Z", "·", "some words"]]))
    return [line.strip() for line in out.export_text().splitlines() if line.strip()]


def test_a_table_folds_between_words() -> None:
    assert printed(53) == [
        "complete", "table             rows   through      none   what", "─" * 50, "finance.invoice   1000   2026-11-23   ·      some",
        "12:24:46Z           words"]


def test_a_table_that_would_break_words_becomes_paragraphs() -> None:
    assert printed(40) == ["finance.invoice", "rows 1000 · complete through", "2026-11-23 12:24:46Z · what some words"]


def test_without_a_terminal_progress_is_plain_lines(capsys: Captured) -> None:
    with showing() as stages:
        stages.stage("Day 1", 2)
        stages.step("raw/a/b")
        stages.step("ods/a/b", failed=True)
        stages.stage("Marts", 1)
        stages.step("curated")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["Day 1 …", "  ods/a/b failed"]
    assert lines[2].startswith("Day 1: 2 of 2, 0.")
    assert (lines[3], lines[4][:7]) == ("Marts …", "Marts: ")
