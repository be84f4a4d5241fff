"""The whole road of a small table, as a process that a test kills: Raw, gate, ODS, HDS, costs, a twin, a mart, its dataset, evidence.

`python -m tests.faults.road FOLDER [POINT NUMBER]` kills itself when POINT is reached for the NUMBERth time; without a point
it goes to the end. Running it again finishes what was begun. `python -m tests.faults.road FOLDER list` prints the points.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl

from lakehouse_platform import faults
from lakehouse_platform.certify import evidence
from lakehouse_platform.contracts.contract import Capture, CaptureSpec, Column, Contract, SnapshotGuard
from lakehouse_platform.contracts.serving import Publication
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.publish.curated import publish_marts, scratch_schema
from lakehouse_platform.publish.dataset import publish_dataset
from lakehouse_platform.publish.folder import FolderDestination
from lakehouse_platform.zones import costs, gate, hds, ods, raw
from lakehouse_platform.zones.lake import Lake
from tests.properties.feeds import Delivery, FeedSource, contract
from tests.properties.oracle import Row, Values

Step = Callable[[], object]
NORTH, SOUTH = ("north", 1), ("south", 2)
A, B, C = ("1.5", "a"), ("2.5", None), ("-3", "c")


def _told(seen: int, *rows: Values) -> Delivery:
    return Delivery(tuple(Row(k, s, False, seen, v, e) for k, v, s, e in rows), seen=seen)


def _image(position: int, seen: int, *keys: Values) -> Delivery:
    return Delivery(tuple(Row(k, position, True, seen, v, seen) for k, v in keys), position, seen)


DAYS = {
    "2026-03-02": _told(10, (NORTH, A, 1, 1), (SOUTH, B, 2, 2), (("late", 3), A, 3, 3)),
    "2026-03-03": _told(20, (NORTH, B, 5, 5), (SOUTH, None, 6, 6), (("late", 3), C, 2, 2)),
    "2026-03-04": _image(9, 30, (NORTH, B), (SOUTH, A)),
    "2026-03-05": _told(40),
}
"""What the source says on each day: changes, a delete, a late row, a full image, and nothing at last."""
SHADOW = {
    "2026-03-02": _image(1, 10, (NORTH, A), (SOUTH, B)), "2026-03-03": _image(2, 20, (NORTH, B)),
    "2026-03-04": _image(3, 30, (NORTH, C)), "2026-03-05": _image(4, 40, (NORTH, C)),
}
"""The keyless twin's images."""


def contracts() -> tuple[Contract, Contract, Contract]:
    """The table, its keyless twin, and the mart made of its current rows. The table declares one more column on its second day."""
    table = contract()
    image = CaptureSpec(Capture.SNAPSHOT, guard=SnapshotGuard(min_rows=0, max_shrink=1.0))
    twin = contract(table="shadow", key=(), keeps_history=False, capture=image)
    mart = contract(table="totals", key=("region",), source=None, model="totals", capture=None, keeps_history=False,
                    columns=(Column("region", "region", parse_type("text")), Column("entries", "entries", parse_type("bigint"))),
                    publication=Publication("Totals"))
    return table, twin, mart


def travel(folder: Path, engine: Engine | None = None) -> None:
    """Every step of every day; adopts whatever an earlier process committed."""
    for day in DAYS:
        for step in steps(folder, engine or PolarsEngine(), day):
            step()
        evidence.record(Lake(str(folder / "lake"), engine or PolarsEngine()), [_seen(day)])


def steps(folder: Path, engine: Engine, day: str) -> list[Step]:
    """A day of both tables, then the mart and its dataset."""
    lake = Lake(str(folder / "lake"), engine)
    table, twin, mart = contracts()
    wide = replace(table, columns=(*table.columns, Column("colour", "colour", parse_type("text"))))
    first = day == min(DAYS)
    return [*_day(lake, table if first else wide, DAYS[day], day), *_day(lake, twin, SHADOW[day], day),
            lambda: _mart(lake, table, mart, folder)]


def _day(lake: Lake, table: Contract, delivery: Delivery, day: str) -> list[Step]:
    source = FeedSource()
    source.next = delivery
    found: list[Step] = [
        lambda: raw.extract(lake, table, source, day, run=f"run-{day}"),
        lambda: gate.judge(lake, table, day),
        lambda: ods.merge(lake, table, day),
    ]
    if table.keeps_history:
        found += [lambda: hds.merge(lake, table, day), lambda: costs.record(lake, _cost(table, day))]
    return found


def _cost(table: Contract, day: str) -> costs.JobCost:
    return costs.JobCost(f"job-{day}", "emr_serverless", "succeeded", "hds", table.domain, table.table, (day,), f"run-{day}",
                         dt.datetime.fromisoformat(f"{day}T12:00+00:00"), Decimal("0.25"), "USD")


def _seen(day: str) -> evidence.Evidence:
    return evidence.Evidence("ods/finance/ledger", evidence.Kind.RUN, dt.datetime.fromisoformat(f"{day}T12:00+00:00"), True, partition=day)


def _mart(lake: Lake, table: Contract, mart: Contract, folder: Path) -> None:
    rows = pl.scan_delta(lake.uri("ods", table)).group_by("region").agg(entries=pl.len().cast(pl.Int64)).collect()
    scratch = folder / f"scratch-{os.getpid()}.duckdb"
    with duckdb.connect(str(scratch)) as build:
        build.register("totals_now", rows.to_arrow())
        build.execute(f'create schema if not exists "{scratch_schema(mart)}"')
        build.execute(f'create or replace table "{scratch_schema(mart)}".totals as select * from totals_now')
    publish_marts(lake, scratch, [mart])
    published = pl.read_delta(lake.uri("curated", mart)).sort("region").to_arrow(compat_level=pl.CompatLevel.oldest())
    publish_dataset(FolderDestination(folder / "domo"), mart, published.to_reader())


def _kill_at(point: str, number: int) -> None:
    seen: Counter[str] = Counter()

    def hook(reached: str) -> None:
        seen[reached] += 1
        if reached == point and seen[reached] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    faults.install(hook)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if sys.argv[2:] == ["list"]:
        faults.install(lambda point: print(point, flush=True))  # noqa: T201 - the test reads it
    elif len(sys.argv) > 2:
        _kill_at(sys.argv[2], int(sys.argv[3]))
    travel(target)
