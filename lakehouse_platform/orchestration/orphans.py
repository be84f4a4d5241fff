"""Runs whose process was killed: Dagster would show them as running for ever, and keep the pools that they held."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

RUNNING = "running"
"""Folder of the instance's root with a locked file for each run of the command line that is going on."""


@contextmanager
def alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Say that this process works on the run; the lock ends with the process, however it ends."""
    file = _folder(instance) / run_id
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    file.unlink(missing_ok=True)


def end_orphans(instance: dg.DagsterInstance) -> list[str]:
    """Mark the runs as failed whose process is gone, and free their pools; their ids. What they had committed stays."""
    return [file.name for file in sorted(_folder(instance).iterdir()) if _end(instance, file)]


def _end(instance: dg.DagsterInstance, file: Path) -> bool:
    with file.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        run = instance.get_run_by_id(file.name)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, "Its process was killed. What it had committed stays; run it again for the rest.")
        instance.event_log_storage.free_concurrency_slots_for_run(file.name)
        file.unlink(missing_ok=True)
        return True


def _folder(instance: dg.DagsterInstance) -> Path:
    folder = Path(instance.root_directory) / RUNNING
    folder.mkdir(parents=True, exist_ok=True)
    return folder
