"""Run in a copy of this repository's lakehouse: plays business days there and takes them in, for the interface to show.

The first argument is how many days; further ones are patterns of assets to materialize for the last day. History of invoices on the last
day is left for somebody to click on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.workplace import Workplace, open_workplace
from resources.demo import open_demo

LEFT = "hds/finance/invoice"


def take_in(work: Workplace, assets: list[str], day: str) -> None:
    """Materialize the assets for a day."""
    result = work.materialize(assets, [day])
    if not result.success:
        raise SystemExit(f"{day}: {result.failures}")


def main(number: int, more: list[str]) -> None:
    """Play, take in, and print the days."""
    with open_demo("small", None) as script, open_workplace(Project.open(Path.cwd())) as work:
        tables, days = work.assets(["raw", "ods", "hds"]), script.days[:number]
        for day in days:
            script.play(day)
            take_in(work, [table for table in tables if day != days[-1] or table != LEFT], str(day))
        if more:
            take_in(work, work.assets(more), str(days[-1]))
    sys.stdout.write(" ".join(map(str, days)))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
