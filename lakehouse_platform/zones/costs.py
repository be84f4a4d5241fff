"""The ledger of what jobs cost: an append-only table of the lake with one row a job."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

import pyarrow as pa

from lakehouse_platform.compute.base import JobStatus
from lakehouse_platform.compute.prices import cost
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines.base import Commit, Table, TableSpec, opened
from lakehouse_platform.naming import cost_path
from lakehouse_platform.settings import PricesBlock
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.replan import replanned
from lakehouse_platform.zones.rows import INSTANT, TEXT

NUMBER = LakeType(Kind.FLOAT64)
COLUMNS: dict[str, LakeType] = {
    **dict.fromkeys(("job_id", "compute", "state", "zone", "domain", "table", "partitions", "root_run"), TEXT),
    **dict.fromkeys(("started", "ended"), INSTANT),
    **dict.fromkeys(("vcpu_hours", "gb_hours", "storage_gb_hours", "dpu_hours", "seconds"), NUMBER),
    "cost": LakeType(Kind.DECIMAL, 18, 6), "currency": TEXT, "tags": TEXT,
}


@dataclass(frozen=True, slots=True)
class JobCost:
    """What one job consumed, and what that costs."""

    job_id: str
    compute: str
    state: str
    """How it ended: one that failed costs as much."""
    zone: str
    domain: str
    table: str
    partitions: tuple[str, ...]
    """Business days."""
    root_run: str
    ended: dt.datetime
    cost: Decimal
    """To the millionth of the currency."""
    currency: str
    started: dt.datetime | None = None
    vcpu_hours: float = 0.0
    gb_hours: float = 0.0
    storage_gb_hours: float = 0.0
    dpu_hours: float = 0.0
    seconds: float = 0.0
    tags: Mapping[str, str] | None = None

    @property
    def month(self) -> str:
        """Month of the bill, as `2026-11`."""
        return self.ended.astimezone(dt.UTC).strftime("%Y-%m")

    @property
    def table_name(self) -> str:
        """`domain.table`."""
        return f"{self.domain}.{self.table}"


@dataclass(frozen=True, slots=True)
class CostSum:
    """What some jobs cost together."""

    name: str
    """What they have in common."""
    currency: str
    jobs: int
    seconds: float
    cost: Decimal


def job_cost(
    status: JobStatus, compute: str, prices: PricesBlock, *, zone: str, contract: Contract, days: Sequence[str], run: str,
    tags: Mapping[str, str],
) -> JobCost:
    """A job's entry, by what the environment says of prices. A service that does not say when it ended is taken to have ended now."""
    return JobCost(
        job_id=status.job_id, compute=str(compute), state=str(status.state), zone=str(zone), domain=contract.domain, table=contract.table,
        partitions=tuple(days), root_run=run, started=status.started, ended=status.ended or dt.datetime.now(tz=dt.UTC),
        **asdict(status.usage), cost=cost(status.usage, prices), currency=prices.currency, tags=dict(tags))


def record(lake: Lake, job: JobCost) -> bool:
    """Put a job into the ledger, in one commit; False where it is there already."""
    application = f"lakehouse/cost/{job.job_id}"

    def attempt() -> bool:
        table = _ledger(lake)
        if table.transaction(application) is not None:
            return False
        table.append(lake.engine.frame(pa.Table.from_pylist([_row(job)], schema=lake.engine.schema(COLUMNS))),
                     Commit("cost.append", {application: 1}))
        return True

    return replanned(f"the cost of {job.job_id}", attempt)


def recorded(lake: Lake) -> tuple[JobCost, ...]:
    """Every job of the ledger, in the order in which they ended; none where there is no ledger."""
    table = opened(lake.engine, _uri(lake))
    if table is None:
        return ()
    rows = lake.engine.collect(table.scan().select(*COLUMNS)).to_pylist()
    return tuple(sorted(map(_job, rows), key=lambda job: (job.ended, job.job_id)))


def summed(jobs: Iterable[JobCost], by: str) -> tuple[CostSum, ...]:
    """Sums by an attribute of the jobs (`domain`, `table_name`, `month`, …) and currency, the dearest first; months in order."""
    def key(job: JobCost) -> tuple[str, str]:
        return str(getattr(job, by)), job.currency

    sums = [_sum(*name, list(group)) for name, group in groupby(sorted(jobs, key=key), key)]
    return tuple(sums if by == "month" else sorted(sums, key=lambda found: (-found.cost, found.name)))


def _sum(name: str, currency: str, jobs: list[JobCost]) -> CostSum:
    return CostSum(name, currency, len(jobs), sum(job.seconds for job in jobs), sum((job.cost for job in jobs), Decimal(0)))


def _uri(lake: Lake) -> str:
    return f"{lake.root}/{cost_path()}"


def _ledger(lake: Lake) -> Table:
    return lake.engine.create(TableSpec(_uri(lake), COLUMNS, append_only=True, comment="What jobs cost: one row a job"))


def _row(job: JobCost) -> dict[str, Any]:
    return {**asdict(job), "partitions": json.dumps(job.partitions), "tags": json.dumps(dict(job.tags or {}), sort_keys=True)}


def _job(row: Mapping[str, Any]) -> JobCost:
    return JobCost(**{**row, "partitions": tuple(json.loads(row["partitions"])), "tags": json.loads(row["tags"])})
