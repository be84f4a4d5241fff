"""Commands that run assets: materialize, backfill, replay."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from lakehouse_platform.cli.place import Place, with_place
from lakehouse_platform.cli.terminal import Heading, Stages, duration, show_table, showing
from lakehouse_platform.errors import UnknownName

if TYPE_CHECKING:
    from lakehouse_platform.jobs.project import Project
    from lakehouse_platform.orchestration.materialize import FailedCheck, Progress, RunResult
    from lakehouse_platform.orchestration.workplace import Workplace

ENDS = ("succeeded", "failed", "skipped")


@dataclass(slots=True)
class Steps:
    """Hands the steps of a run on to the stage that is shown."""

    stages: Stages
    grows: bool = True
    """Whether the run is the whole stage."""

    def __call__(self, progress: Progress) -> None:
        """Take in that a step began or ended."""
        if self.grows and progress.steps:
            self.stages.grow(progress.steps)
        if progress.state in ENDS:
            self.stages.step(progress.step, failed=progress.state == "failed")


@click.command(short_help="Run assets for a business day or several.")
@click.argument("selection", nargs=-1, required=True)
@click.option("--partition", "-p", metavar="D|D1..D2", help="Business day, or the days from D1 to D2 in one run.  [default: the newest]")
@with_place
def materialize(place: Place, selection: tuple[str, ...], partition: str | None) -> int:
    """Run the assets that SELECTION names for one business day, or for several in one run.

    SELECTION is one or several patterns over asset keys, zone/domain/table; quote them, or your shell takes the stars.
    The runs are in the Dagster UI of `lakehouse dev`.

    \b
    Examples:
      lakehouse materialize 'hds/finance/*' --partition 2026-11-20
      lakehouse materialize '*/finance/invoice' '*/finance/fx_rate'
      lakehouse materialize 'ods/*' 'hds/*' --partition 2026-11-16..2026-11-20

    Exit codes: 0 every asset succeeded, 1 one failed or halted, 2 an unknown asset or day, 3 try again.
    """
    from lakehouse_platform.orchestration.workplace import open_workplace

    with open_workplace(place.open()) as work, showing() as stages:
        assets, days = work.assets(selection), _days(work, partition)
        began = time.monotonic()
        stages.stage(f"{_count(len(assets), 'asset')} for {_span(days)}", len(assets))
        result = work.materialize(assets, days, progress=Steps(stages))
    return report([result], len(assets) * len(days), time.monotonic() - began)


def _days(work: Workplace, partition: str | None) -> list[str]:
    if partition is None:
        return [work.newest_day]
    first, _, last = partition.partition("..")
    return work.days(first, last or None)


def _span(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{days[0]}..{days[-1]}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@click.command(short_help="Run assets again for many business days.")
@click.argument("selection", nargs=-1, required=True)
@click.option("--from", "first", metavar="D", required=True, help="First business day.")
@click.option("--to", "last", metavar="D", required=True, help="Last business day.")
@click.option("--single-run", is_flag=True, help="One run for the whole range instead of one a day.")
@click.option("--reverse", is_flag=True, help="Newest day first.")
@with_place
def backfill(place: Place, selection: tuple[str, ...], first: str, last: str, *, single_run: bool, reverse: bool) -> int:
    """Run the assets that SELECTION names for every business day from D to D, as a Dagster backfill.

    In any order and as often as you like: the tables come out the same. A day that fails does not keep the others from being tried.

    \b
    Examples:
      lakehouse backfill '*/finance/*' --from 2026-11-16 --to 2026-11-20
      lakehouse backfill 'ods/*' 'hds/*' --from 2026-11-01 --to 2026-11-20 --single-run
      lakehouse backfill 'hds/risk/credit_limit' --from 2026-11-16 --to 2026-11-20 --reverse

    Exit codes: 0 every day succeeded, 1 one failed or halted, 2 an unknown asset or day, 3 try again.
    """
    if single_run and reverse:
        raise click.UsageError("--single-run has no order; leave --reverse out.")
    from lakehouse_platform.orchestration.workplace import open_workplace

    with open_workplace(place.open()) as work:
        assets, days = work.assets(selection), work.days(first, last)
        began = time.monotonic()
        results = run_backfill(work, assets, days, single_run=single_run, reverse=reverse)
    return report(results, len(assets) * len(days), time.monotonic() - began)


def run_backfill(
    work: Workplace, assets: Sequence[str], days: Sequence[str], *, single_run: bool, reverse: bool = False, title: str | None = None,
) -> tuple[RunResult, ...]:
    """A backfill of the assets, its steps shown as they end."""
    with showing() as stages:
        stages.stage(f"Backfill: {_count(len(assets), 'asset')} for {_span(days)}", len(assets) * (1 if single_run else len(days)))
        result = work.backfill(assets, days, single_run=single_run, reverse=reverse, progress=Steps(stages, grows=False), title=title)
    click.echo(f"Backfill {result.backfill_id}, {_count(len(result.runs), 'run')}.", err=True)
    return result.runs


@click.command(short_help="Bring parked values back once the contract declares them.")
@click.argument("table")
@with_place
def replay(place: Place, table: str) -> int:
    """Make ODS and HDS of TABLE anew from Raw, by today's contract. The source is not asked.

    What the contract did not declare, or what did not fit its types, was parked in Raw; once the contract declares it, replay
    brings it back for every business day. So it does with rows that a rule held back, after the rule has changed.

    \b
    Examples:
      lakehouse replay operations.work_order
      lakehouse replay invoice

    Exit codes: 0 done, 1 a day failed or halted, 2 no such table, or nothing in Raw, 3 try again.
    """
    from lakehouse_platform.orchestration.workplace import open_workplace

    project = place.open()
    contract = project.contract(table)
    days = _raw_days(project, contract.name)
    zones = ("ods", "hds") if contract.keeps_history else ("ods",)
    with open_workplace(project) as work:
        assets = work.assets([f"{zone}/{contract.domain}/{contract.table}" for zone in zones])
        began = time.monotonic()
        # One run takes a range of days, which has no gaps.
        whole = work.days(days[0], days[-1]) == list(days)
        results = run_backfill(work, assets, days, single_run=whole, title=f"Replay of {contract.name}")
    click.echo("Then, for what is made of it: lakehouse materialize 'curated/*' 'domo/*'", err=True)
    return report(results, len(assets) * len(days), time.monotonic() - began)


def _raw_days(project: Project, name: str) -> Sequence[str]:
    from lakehouse_platform.cli.listing import statuses

    held = statuses(project, [name])[0].zone("raw")
    if held is None or not held.partitions:
        raise UnknownName(f"{name}: Raw holds nothing yet, so there is nothing to replay.")
    return held.partitions


def report(results: Iterable[RunResult], expected: int, seconds: float) -> int:
    """Say what some runs came to that should have materialized `expected` partitions of assets; the exit code."""
    runs = list(results)
    checks = [check for run in runs for check in run.failed_checks]
    if checks:
        headings = [Heading(name) for name in ("asset", "check that did not pass", "day", "halts", "what")]
        show_table(headings, [_check_row(check) for check in checks])
    for run in runs:
        for step, why in run.failures.items():
            click.echo(f"{step}, {_span(run.partitions)}: {why}", err=True)
    made, failed = sum(len(run.materialized) for run in runs), sum(len(run.failures) for run in runs)
    click.echo(f"{made:,} of {expected:,} materialized{f', {failed} failed' if failed else ''}, in {duration(seconds)}.")
    return outcome(runs)


def outcome(runs: Sequence[RunResult]) -> int:
    """Exit code: 0 where every run succeeded, 3 where all that failed may pass, 1 otherwise."""
    if all(run.success for run in runs):
        return 0
    return 3 if all(run.failures and run.transient == run.failures.keys() for run in runs if not run.success) else 1


def _check_row(check: FailedCheck) -> list[str]:
    figures = ", ".join(f"{name} {value}" for name, value in check.figures.items() if isinstance(value, int | str))
    return [check.asset, check.check, check.partition or "·", "yes" if check.halting else "no", check.description or figures]
