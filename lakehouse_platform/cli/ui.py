"""Command that opens the Dagster UI: dev."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from lakehouse_platform.cli.place import Place, with_place

GRACE = 15.0
"""Seconds that Dagster gets to end by itself."""
LAST_GRACE = 3.0
"""Seconds that those get who are left then."""


@click.command(short_help="Open the Dagster UI.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the UI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the UI listens on.")
@with_place
def dev(place: Place, port: int, host: str) -> int:
    """Open the Dagster UI on this lakehouse: runs, schedules and checks of the command line and of the demo are there.

    Ctrl-C, or SIGTERM, ends it with every process that it started.

    \b
    Examples:
      lakehouse dev
      lakehouse dev --port 3001 --env dev

    Exit codes: 0 ended by you, 1 it could not start.
    """
    project = place.open()
    _ = project.contracts, project.environment  # what is wrong with them is said here, not by Dagster
    home = project.prepare_home()
    os.environ["DAGSTER_HOME"], os.environ["LAKEHOUSE_ENV"] = str(home), place.environment
    click.echo(f"The UI will be at http://{host}:{port}, in a minute at most. Ctrl-C ends it.", err=True)
    return serve([sys.executable, "-m", "dagster", "dev", "--host", host, "--port", str(port)], place.folder)


def serve(command: Sequence[str], folder: Path) -> int:
    """Run a server until it ends or a signal comes; nothing of its process group is left then."""
    process = subprocess.Popen(command, cwd=folder, start_new_session=True)
    previous = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        return 1 if process.wait() else 0
    except KeyboardInterrupt:
        return 0
    finally:
        end_group(process)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is Python's
    raise KeyboardInterrupt


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End every process of the group that `process` leads: asked first, then made to."""
    with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C: no more patience
        _signal(process, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        if not _signal(process, signal.SIGTERM) or _gone(process):
            return
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Whether there was anybody to hear it."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _gone(process: subprocess.Popen[bytes]) -> bool:
    """Whether the whole group ends in time."""
    deadline = time.monotonic() + LAST_GRACE
    while time.monotonic() < deadline:
        process.poll()
        if not _signal(process, 0):
            return True
        time.sleep(0.05)
    return False
