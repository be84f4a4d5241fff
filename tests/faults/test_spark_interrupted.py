"""Spark interrupted at each of its commits, and killed with its JVM: the tables are those of an undisturbed run on Polars."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse_platform import faults
from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.engines.spark.engine import SparkEngine
from tests.faults.road import DAYS, Step, steps
from tests.faults.test_killed import ROOT, state

FIRST, SECOND, *LATER = DAYS
ON_POLARS_ONLY = {"note.before", "note.after"}
"""delta-rs commits nothing for a merge that changes no row, so its engine commits that it was taken in; Spark commits it itself."""


class Interrupted(BaseException):
    """The process stops here, as far as what it was doing can tell."""


class Interruptions:
    """Stops each commit once before it and once after it: where `step` has not been stopped at the point yet."""

    def __init__(self) -> None:
        self.step, self.stopped = "", Counter[tuple[str, str]]()

    def reach(self, point: str) -> None:
        if not self.stopped[self.step, point]:
            self.stopped[self.step, point] += 1
            raise Interrupted(point)


@pytest.fixture
def interruptions() -> Iterator[Interruptions]:
    found = Interruptions()
    faults.install(found.reach)
    yield found
    faults.install(None)


def walked(folder: Path, engine: Engine, day: str) -> Path:
    for step in steps(folder, engine, day):
        step()
    return folder


@pytest.fixture(scope="module")
def one_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The road's first day, by Polars."""
    return walked(tmp_path_factory.mktemp("first"), PolarsEngine(), FIRST)


@pytest.fixture(scope="module")
def polars(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], set[str]]:
    """What the whole road on Polars leaves, and the points that it reaches."""
    folder, points = tmp_path_factory.mktemp("whole"), set[str]()
    faults.install(points.add)
    for day in DAYS:
        walked(folder, PolarsEngine(), day)
    faults.install(None)
    return state(folder), points


def until_done(begun: Callable[[], Step]) -> None:
    """Try again after each interruption, as a run does."""
    for _ in range(20):
        try:
            begun()()
        except Interrupted:
            continue
        return
    raise AssertionError("a step that never ends")


def walked_with_interruptions(folder: Path, spark: SparkSession, day: str, interruptions: Interruptions) -> None:
    for number in range(len(steps(folder, PolarsEngine(), day))):
        interruptions.step = f"{day} {number}"
        # A fresh engine each time: nothing that the interrupted one knew is there.
        until_done(partial(lambda n: steps(folder, SparkEngine(spark), day)[n], number))


def test_interrupted_at_each_of_its_commits(
    spark: SparkSession, tmp_path: Path, polars: tuple[dict[str, Any], set[str]], interruptions: Interruptions,
) -> None:
    for day in (FIRST, SECOND):
        walked_with_interruptions(tmp_path, spark, day, interruptions)
    faults.install(None)
    for day in LATER:
        walked(tmp_path, PolarsEngine(), day)
    expected, points = polars
    assert state(tmp_path) == expected
    assert {point for _, point in interruptions.stopped} == points - ON_POLARS_ONLY


def killed(folder: Path, point: str, after: float) -> None:
    """A process goes through the second day on Spark; it and its JVM are killed some seconds after it has reached the point."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.spark_road", str(folder), SECOND], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, start_new_session=True)
    with process:
        assert process.stdout is not None
        assert any(line.strip() == point for line in process.stdout), point
        time.sleep(after)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("point", "after"), [("ods.merge.before", 0.5), ("hds.merge.after", 0.0)])
def test_killed_with_its_jvm(
    one_day: Path, polars: tuple[dict[str, Any], set[str]], tmp_path: Path, point: str, after: float,
) -> None:
    folder = copytree(one_day, tmp_path / "road")
    killed(folder, point, after)
    for day in (SECOND, *LATER):
        walked(folder, PolarsEngine(), day)
    assert state(folder) == polars[0]
