"""The page that a demo ends in, for a terminal and as HTML."""

from __future__ import annotations

import datetime as dt
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_platform.cli.account import Account
from lakehouse_platform.cli.listing import freshness
from lakehouse_platform.cli.terminal import Heading, duration, figure, instant, sparkline, table_of

if TYPE_CHECKING:
    from rich.console import Console

    from lakehouse_platform.orchestration.workplace import Checks
    from lakehouse_platform.zones.status import TableStatus

WIDTH = 150
"""Columns of the HTML page."""
KEYS_SHOWN = 3
_FORMAT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>@title@</title>
<style>body {{ color: #1f2328; background: #ffffff; margin: 2rem; }}
pre {{ font: 13px/1.35 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}</style></head>
<body><pre>{code}</pre></body></html>
"""
_ABOUT = (
    "Every table was read from its database day by day into Raw (each change, kept for ever), judged by the rules of its contract, "
    "and merged into ODS (the present) and HDS (the whole history). dbt built marts from both, and some of them became datasets."
)


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A query's answer; the last column is drawn."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the work and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a demo did and found."""

    title: str
    days: tuple[dt.date, ...]
    account: Account
    figures: tuple[FigureTable, ...]
    checks: Checks
    """How Dagster's checks came out when they last ran."""
    stages: tuple[Stage, ...]
    next: tuple[tuple[str, str], ...]
    """Commands to try, and what they show."""


def write_html(report: Report, file: Path) -> None:
    """Write the page as an HTML file."""
    from rich.console import Console
    from rich.terminal_theme import DEFAULT_TERMINAL_THEME

    recording = Console(file=io.StringIO(), record=True, width=WIDTH, highlight=False, force_terminal=True)
    show(report, recording)
    page = _FORMAT.replace("@title@", html.escape(_headline(report)))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(recording.export_html(theme=DEFAULT_TERMINAL_THEME, inline_styles=True, code_format=page), encoding="utf-8")


def show(report: Report, console: Console) -> None:
    """Print the page."""
    _title(console, _headline(report))
    _say(console, _summary(report.account), "bold")
    _say(console, _ABOUT)
    _tables(report.account, console)
    _held(report.account, console)
    _drift(report.account, console)
    _checks(report, console)
    _freshness(report.account, console)
    _marts(report.account, console)
    for table in report.figures:
        _figure(table, console)
    _stages(report.stages, console)
    _next(report.next, console)


def _summary(account: Account) -> str:
    rows = {zone: sum(held.rows for table in account.tables for held in table.zones if held.zone == zone) for zone in ("raw", "ods", "hds")}
    sources = sum(table.contract.source is not None for table in account.tables)
    return (
        f"{_count(sources, 'table')}, {_count(len(account.tables) - sources, 'mart')}, {_count(len(account.datasets), 'dataset')} · "
        f"{rows['raw']:,} rows read · {rows['ods']:,} rows now · {rows['hds']:,} versions in history · "
        f"{_count(sum(t.quarantined for t in account.tables), 'row')} held back · {_count(len(account.drifted), 'column')} drifted")


def _headline(report: Report) -> str:
    return f"Your lakehouse after {report.title}, {report.days[0]} to {report.days[-1]}"


def _title(console: Console, text: str) -> None:
    from rich.rule import Rule
    from rich.text import Text

    console.print()
    console.print(Rule(Text(text, style="bold"), align="left", style="blue"))


def _say(console: Console, text: str, style: str = "") -> None:
    from rich.text import Text

    console.print(Text(text, style=style))


def _tables(account: Account, console: Console) -> None:
    _title(console, "Tables: rows in each zone")
    headings = [Heading("table"), Heading("Raw rows", right=True), Heading("ODS rows", right=True),
                Heading("HDS versions opened", right=True), Heading("closed", right=True), Heading("held back", right=True)]
    console.print(table_of(headings, [_table_row(table) for table in account.tables if table.contract.source is not None]))
    _say(console, "Raw has every reading, the keys of full images too. A version is opened when a row appears or changes, and closed when "
                  "it changes again or goes. A table without HDS has no key to follow a row by, or wants none.", "dim")


def _table_row(table: TableStatus) -> list[str]:
    raw, ods, hds = (table.zone(zone) for zone in ("raw", "ods", "hds"))
    closed = hds.rows - hds.open_rows if hds and hds.open_rows is not None else None
    return [table.contract.name, *(figure(zone.rows if zone else None) for zone in (raw, ods, hds)), figure(closed),
            figure(table.quarantined or None)]


def _freshness(account: Account, console: Console) -> None:
    sources = [table for table in account.tables if table.contract.source is not None]
    fresh = sum(table.fresh(account.now) is True for table in sources)
    _title(console, f"Freshness: {fresh} of {_count(len(sources), 'table')} as young as promised")
    headings = [Heading(name) for name in ("table", "last business day", "complete through", "freshness")]
    console.print(table_of(headings, (
        [t.contract.name, t.last_partition or "·", instant(t.complete_through), freshness(t, account.now)] for t in sources)))
    _say(console, "Complete through: everything that happened at the source up to then is in; for events, to the end of the business day.",
         "dim")


def _held(account: Account, console: Console) -> None:
    rows = sum(table.quarantined for table in account.tables)
    _title(console, f"Held back by the gate: {_count(rows, 'row')}")
    if not account.held:
        _say(console, "No row breaks a rule that holds rows back.")
        return
    headings = [Heading("table"), Heading("rows", right=True), Heading("rule"), Heading("reason"), Heading("keys")]
    console.print(table_of(headings, ([h.table, str(h.rows), h.rule, h.reason, _some(h.keys)] for h in account.held)))
    _say(console, "They wait in quarantine while everything else goes on; what was put right at the source came in with its next change. "
                  "Keys that a contract classifies are masked.", "dim")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _some(keys: Sequence[str]) -> str:
    more = len(keys) - KEYS_SHOWN
    return ", ".join(keys[:KEYS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _drift(account: Account, console: Console) -> None:
    _title(console, f"Drift: {_count(len(account.drifted), 'column')} where a source left its contract")
    for found in account.drifted:
        _say(console, f"{found.table}: {found.what}", "bold")
        feeds = ", ".join(found.downstream) or "no mart"
        _say(console, f"  owner {found.owner} · policy {found.policy} · feeds {feeds}")
        if found.patch:
            _say(console, "  Proposed patch; once it is in the contract, `lakehouse replay` brings the parked values back:")
            _say(console, "\n".join(f"    {line}" for line in found.patch.splitlines()), "green")
    if not account.drifted:
        _say(console, "Every source looks as its contract says.")


def _checks(report: Report, console: Console) -> None:
    judged = report.account.judged
    told = [rule for rule in judged if rule.failed and rule.on_failure != "quarantine"]
    held = sum(1 for rule in judged if rule.failed) - len(told)
    _title(console, f"Checks: {report.checks.passed:,} passed, {len(report.checks.failed):,} failed when they last ran")
    never = len(judged) - held - len(told)
    _say(console, f"The contracts have {len(judged)} rules for rows: {never} were never broken, {held} held rows back, "
                  f"{len(told)} reported rows and let them pass.")
    headings = [Heading("table"), Heading("reported rule"), Heading("rows that broke it", right=True), Heading("rows judged", right=True)]
    if told:
        console.print(table_of(headings, ([rule.table, rule.rule, figure(rule.failed), figure(rule.evaluated)] for rule in told)))
    if report.checks.failed:
        _say(console, f"Failed when they last ran: {', '.join(report.checks.failed)}.", "dim")


def _marts(account: Account, console: Console) -> None:
    _title(console, "Marts and datasets")
    datasets = {dataset.mart: dataset for dataset in account.datasets}
    headings = [Heading("mart"), Heading("rows", right=True), Heading("Domo dataset"), Heading("rows", right=True), Heading("certificate")]
    rows = []
    for table in account.tables:
        if table.contract.model is not None:
            mart, dataset = table.zone("curated"), datasets.get(table.contract.name)
            rows.append([f"curated.{table.contract.name}", figure(mart.rows if mart else None),
                         dataset.name if dataset else "·", figure(dataset.rows if dataset else None),
                         (dataset.certificate if dataset else "") or "·"])
    console.print(table_of(headings, rows))


def _figure(table: FigureTable, console: Console) -> None:
    _title(console, table.title)
    numbers = [isinstance(value, int | float | Decimal) for value in (table.rows[0] if table.rows else ())]
    headings = [Heading(name, right=bool(numbers) and numbers[n]) for n, name in enumerate(table.headings)]
    console.print(table_of(headings, ([_cell(value) for value in row] for row in table.rows)))
    drawn = [float(row[-1]) for row in table.rows if isinstance(row[-1], int | float | Decimal)]
    if drawn:
        _say(console, f"{table.headings[-1]}  {sparkline(drawn)}", "bold blue")


def _cell(value: object) -> str:
    if value is None:
        return "·"
    return f"{value:,.2f}" if isinstance(value, float | Decimal) else f"{value:,}" if isinstance(value, int) else str(value)


def _stages(stages: Iterable[Stage], console: Console) -> None:
    known = list(stages)
    _title(console, f"Wall time: {duration(sum(stage.seconds for stage in known))}")
    console.print(table_of([Heading("stage"), Heading("time", right=True)], ([s.name, duration(s.seconds)] for s in known)))


def _next(commands: Iterable[tuple[str, str]], console: Console) -> None:
    from rich.text import Text

    _title(console, "Try next")
    for command, what in commands:
        console.print(Text(f"  {command}", style="bold green"), soft_wrap=True)  # one line to copy
        _say(console, f"      {what}")
