"""A run whose process is killed is not running for ever, and the next one does not wait for its pool."""

from __future__ import annotations

import signal
import subprocess
import sys

import dagster as dg

from lakehouse_platform.orchestration.orphans import alive, end_orphans
from tests.definitions.conftest import FIRST, ROOT, TABLE, Shop

KILLED = f"""
import os, signal, sys
from pathlib import Path
from lakehouse_platform import faults
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.workplace import open_workplace

faults.install(lambda point: os.kill(os.getpid(), signal.SIGKILL) if point == "raw.append.before" else None)
with open_workplace(Project.open(Path(sys.argv[1]))) as work:
    work.materialize(["raw/{TABLE}"], ["{FIRST}"])
"""


def test_after_a_kill_the_run_has_failed_and_the_pool_is_free(shop: Shop) -> None:
    child = subprocess.run([sys.executable, "-c", KILLED, str(shop.project.folder)], cwd=ROOT, check=False, capture_output=True)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    (run,) = shop.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    assert end_orphans(shop.instance) == [run.run_id]
    ended = shop.instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE
    assert shop.materialize(f"raw/{TABLE}", days=(FIRST,)).success


def test_a_run_that_is_going_on_is_left_alone(shop: Shop) -> None:
    with alive(shop.instance, "somebody's"):
        assert end_orphans(shop.instance) == []
    assert end_orphans(shop.instance) == []
