"""Servers as child processes that end with their parent, however it ends.

They are no threads of the test: a client in the test's process may hold the interpreter's lock while it waits for an answer.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 20


@contextmanager
def child(module: str, *arguments: str) -> Iterator[int]:
    """A running module that announces a port; gives it."""
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    # A session of its own: Ctrl-C in the terminal reaches the parent alone, which then ends this one in order.
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )  # fmt: skip
    with process:
        try:
            yield _port(process)
        finally:
            _end(process)


def _port(process: subprocess.Popen[str]) -> int:
    line = process.stdout.readline().strip() if process.stdout else ""
    if not line.isdigit():
        raise RuntimeError(f"a stand-in did not start; it said {line!r}")
    return int(line)


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def announce(port: int) -> None:
    """Say the port, and return once the parent is gone."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
