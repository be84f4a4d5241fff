"""The command that shows what jobs cost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from lakehouse_platform.cli.place import Place, with_place
from lakehouse_platform.cli.terminal import Heading, duration, figure, show_table

if TYPE_CHECKING:
    from lakehouse_platform.zones.costs import CostSum, JobCost

GROUPS = {"domain": "domain", "table": "table_name", "zone": "zone", "month": "month", "compute": "compute"}
"""What costs can be summed by: the word of the command line, and the job's attribute."""


def _month(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise click.BadParameter(f'"{text}" is not a month; write it as 2026-11.')
    return text


@click.command(short_help="Show what jobs on AWS cost.")
@click.option("--by", type=click.Choice([*GROUPS]), default="domain", show_default=True, help="What costs are summed by.")
@click.option("--from", "first", metavar="MONTH", callback=_month, help="First month, as 2026-11.  [default: the oldest]")
@click.option("--to", "last", metavar="MONTH", callback=_month, help="Last month.  [default: the newest]")
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of a table; costs are strings.")
@with_place
def cost(place: Place, by: str, first: str | None, last: str | None, *, as_json: bool) -> None:
    """Show what jobs on EMR Serverless and Glue cost, by the prices that the environment says and what the services bill.

    Every job counts, failed ones too, in the month in which it ended. Steps that run in process cost nothing here.

    \b
    Examples:
      lakehouse cost
      lakehouse cost --by table --from 2026-10
      lakehouse cost --by month --json

    Exit codes: 0 shown, 1 contracts or the environment are not valid.
    """
    from lakehouse_platform.zones.costs import recorded, summed

    jobs = [job for job in recorded(place.open().lake) if _within(job, first, last)]
    sums = summed(jobs, GROUPS[by])
    if as_json:
        click.echo(json.dumps([asdict(found) for found in sums], indent=2, default=str))
    elif not sums:
        click.echo("No job has run.")
    else:
        headings = [Heading(by), *(Heading(name, right=True) for name in ("jobs", "time", "cost")), Heading("currency")]
        show_table(headings, [*map(_row, sums), *_totals(sums)])


def _within(job: JobCost, first: str | None, last: str | None) -> bool:
    return (first is None or first <= job.month) and (last is None or job.month <= last)


def _row(found: CostSum) -> list[str]:
    return [found.name, figure(found.jobs), duration(found.seconds), f"{found.cost:,.4f}", found.currency]


def _totals(sums: Sequence[CostSum]) -> Iterable[list[str]]:
    """One line a currency, where there is more than one to add up."""
    for currency in sorted({found.currency for found in sums}):
        of_it = [found for found in sums if found.currency == currency]
        if len(of_it) > 1:
            total = sum((found.cost for found in of_it), Decimal(0))
            yield ["all", figure(sum(f.jobs for f in of_it)), duration(sum(f.seconds for f in of_it)), f"{total:,.4f}", currency]
