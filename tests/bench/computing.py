"""One batch into tables of growing size, by each compute that this machine has: what a step costs before its first row, and by the row.

`python -m tests.bench.computing WAY FOLDER ZONE` merges the batch in a process of its own, and prints where its time went.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from lakehouse_platform.engines.base import Engine
from lakehouse_platform.zones import gate, hds, ods, raw
from lakehouse_platform.zones.extent import touched
from lakehouse_platform.zones.lake import Lake
from tests.bench.measure import ROOT
from tests.bench.merging import DAY, lake_of, upserts
from tests.properties.feeds import Delivery, FeedSource, contract

FIRST = "2026-03-01"
SHARE = 20
"""One row in so many changes."""
HEAP_GB = 2
"""Of Spark, beside what it holds outside: where its JVM forks, both halves are counted for a moment."""
POLL = 0.05
MERGES = {"ods": ods.merge, "hds": hds.merge}


@dataclass(frozen=True)
class Run:
    """What one merge took, all of its processes together."""

    rows: int
    """Of the table."""
    touched: float
    """MB of files that it reads at most, as the choice of a compute counts them."""
    start: float
    """CPU-seconds before the merge: imports, and the session where there is one."""
    work: float
    """CPU-seconds of the merge."""
    wall: float
    """Seconds of both; on a shared machine others are in it."""
    peak: float
    """MB of memory."""

    @property
    def cpu(self) -> float:
        """CPU-seconds of both."""
        return self.start + self.work


@dataclass(frozen=True)
class Line:
    """A straight line through runs."""

    fixed: float
    per_million: float
    """Rows of the table."""

    @classmethod
    def through(cls, runs: Sequence[Run], figure: Callable[[Run], float]) -> Line:
        """The nearest one, by least squares."""
        slope, fixed = np.polyfit([run.rows / 1e6 for run in runs], [figure(run) for run in runs], 1)
        return cls(float(fixed), float(slope))

    def meets(self, other: Line) -> float | None:
        """Millions of rows from which this is below the other; None where it never is."""
        gain = other.per_million - self.per_million
        return max(0.0, (self.fixed - other.fixed) / gain) if gain > 0 else None

    def reaches(self, limit: float) -> float:
        """Millions of rows at which it comes to the limit."""
        return (limit - self.fixed) / self.per_million


def build(folder: Path, rows: int) -> None:
    """A lake whose table has so many rows, and a batch with keys from everywhere that is in Raw and judged."""
    lake, table = lake_of(str(folder))
    _take(lake, upserts(np.arange(rows, dtype=np.int64), seq=1), FIRST)
    ods.merge(lake, table, FIRST)
    hds.merge(lake, table, FIRST)
    changed = np.random.default_rng(7).choice(np.arange(rows, dtype=np.int64), rows // SHARE, replace=False)
    _take(lake, upserts(changed, seq=10 * rows), DAY)


def _take(lake: Lake, delivery: Delivery, day: str) -> None:
    source = FeedSource()
    source.next = delivery
    raw.extract(lake, contract(), source, day, run=day)
    gate.judge(lake, contract(), day)


def measured(way: str, folder: Path, zone: str, rows: int) -> Run:
    """The batch's way into the zone, in processes of its own."""
    size = touched(*lake_of(str(folder)), zone, [DAY]) / 1e6
    started = time.monotonic()
    command = [sys.executable, "-m", "tests.bench.computing", way, str(folder), zone]
    with _started(command) as child, _watched(child.pid) as peak:
        out, err = child.communicate()
    if child.returncode:
        raise RuntimeError(f"{way}, {rows:,} rows into {zone}: {err}")
    said = json.loads(out.splitlines()[-1])
    return Run(rows, size, said["start"], said["work"], time.monotonic() - started, max(peak) / 1e6)


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def _watched(pid: int) -> Iterator[list[float]]:
    """Bytes of memory that a process and its children hold, again and again."""
    found, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(POLL):
            found.append(sum(_of(process, lambda p: p.memory_info().rss) for process in _tree(pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def _tree(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _of(process: psutil.Process, figure: Callable[[psutil.Process], float]) -> float:
    try:
        return figure(process)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


def _spent() -> float:
    """CPU-seconds of this process and its children so far."""
    return sum(_of(process, lambda p: sum(p.cpu_times()[:2])) for process in _tree(os.getpid()))


@contextmanager
def _in_process() -> Iterator[Engine]:
    from lakehouse_platform.engines.polars import PolarsEngine

    yield PolarsEngine()


@contextmanager
def _spark() -> Iterator[Engine]:
    """As on a machine of one's own: with the better compiler, for these tables are not small."""
    from lakehouse_platform.engines.spark.engine import SparkEngine
    from lakehouse_platform.engines.spark.jars import fetch_jars, log_store_jar
    from lakehouse_platform.engines.spark.session import local_session

    with local_session([*fetch_jars(), log_store_jar()], cores=2, memory_gb=HEAP_GB) as session:
        yield SparkEngine(session)


WAYS: Mapping[str, Callable[[], AbstractContextManager[Engine]]] = {"in_process": _in_process, "spark": _spark}


def main(way: str, folder: str, zone: str) -> None:
    """Merge, and print CPU-seconds."""
    with WAYS[way]() as engine:
        start = _spent()
        MERGES[zone](Lake(folder, engine), contract(), DAY)
        print(json.dumps({"start": start, "work": _spent() - start}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
