"""dev: a server that is stopped leaves no process behind, and its home follows the project's configuration."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lakehouse_platform.cli.start import make_project
from lakehouse_platform.jobs.project import Project

WORKER = "import time; time.sleep(600)"
DEAF = "signal.signal({}, signal.SIG_IGN)"
STUBBORN = f"import signal, time; {DEAF.format('signal.SIGINT')}; {DEAF.format('signal.SIGTERM')}; time.sleep(600)"
SERVER = """
import pathlib, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", {worker!r}])
time.sleep(0.3)
pathlib.Path("worker").write_text(str(worker.pid))
{ends}
"""
SERVE = """
import sys, pathlib
from lakehouse_platform.cli import ui
ui.GRACE = ui.LAST_GRACE = 1.0
sys.exit(ui.serve([sys.executable, "-c", {server!r}], pathlib.Path({folder!r})))
"""


def serving(folder: Path, *, worker: str, ends: str) -> tuple[subprocess.Popen[bytes], psutil.Process]:
    """A process in `serve`, and the process that its server has started."""
    server = SERVER.format(worker=worker, ends=ends)
    process = subprocess.Popen([sys.executable, "-c", SERVE.format(server=server, folder=str(folder))])
    deadline = time.monotonic() + 30
    while not (folder / "worker").exists() or not (folder / "worker").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process, psutil.Process(int((folder / "worker").read_text()))


def is_gone(process: psutil.Process) -> bool:
    """Whether the process has ended, reaped or not."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_server_and_what_it_started(tmp_path: Path, number: signal.Signals) -> None:
    process, worker = serving(tmp_path, worker=WORKER, ends="worker.wait()")
    process.send_signal(number)
    assert process.wait(30) == 0
    assert is_gone(worker)


def test_a_worker_that_does_not_listen_is_ended(tmp_path: Path) -> None:
    process, worker = serving(tmp_path, worker=STUBBORN, ends="worker.wait()")
    process.terminate()
    assert process.wait(30) == 0
    assert is_gone(worker)


def test_a_server_that_fails_is_a_failure_and_its_worker_ends(tmp_path: Path) -> None:
    process, worker = serving(tmp_path, worker=WORKER, ends="sys.exit(3)")
    assert process.wait(30) == 1
    assert is_gone(worker)


def test_the_home_follows_the_projects_configuration(tmp_path: Path) -> None:
    make_project(tmp_path)
    project = Project.open(tmp_path)
    home = project.prepare_home()
    assert (home / "dagster.yaml").read_bytes() == (tmp_path / "dagster.yaml").read_bytes()
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    project.prepare_home()
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
