"""Measures one piece of work in a process of its own: CPU-seconds, peak memory, bytes written.

CPU-seconds, not the clock: on a shared machine only they can be compared. A process a measurement, so that peaks are its own.
`python -m tests.bench.measure MODULE:FUNCTION JSON` calls the function with a Meter and the JSON's values.
"""

from __future__ import annotations

import importlib
import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
STATUS = Path("/proc/self/status")
CONSOLE = Console(width=140)


@dataclass
class Meter:
    """What the child measures: only what stands in its `with` block, not imports and preparations."""

    cpu: float = 0.0

    def __enter__(self) -> None:
        self.cpu -= _cpu(resource.getrusage(resource.RUSAGE_SELF))

    def __exit__(self, *_: object) -> None:
        self.cpu += _cpu(resource.getrusage(resource.RUSAGE_SELF))


@dataclass(frozen=True)
class Figures:
    """What one method took."""

    name: str
    cpu: float
    server: float
    """CPU-seconds of the database."""
    peak: float
    """MB."""
    written: float
    """MB of data files that are new."""

    @property
    def total(self) -> float:
        """CPU-seconds of both sides."""
        return self.cpu + self.server


def measured(
    name: str, function: Callable[..., None], *, folder: Path | None = None, server: int | None = None, **values: object
) -> Figures:
    """`function(meter, **values)` in a process of its own; `server` is the PostgreSQL that works for it, `folder` where it writes."""
    arguments = {**values, "folder": str(folder)} if folder is not None else values
    before, spent = _data_files(folder), _spent(server)
    command = [sys.executable, "-m", "tests.bench.measure", f"{function.__module__}:{function.__name__}", json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr}")
    child = json.loads(done.stdout.splitlines()[-1])
    written = sum(size for file, size in _data_files(folder).items() if file not in before)
    return Figures(name, child["cpu"], _spent(server) - spent, child["peak"], written / 1e6)


def least(figures: Sequence[Figures]) -> Figures:
    """Of several rounds, the cheapest: whatever disturbs only adds."""
    return min(figures, key=lambda f: f.total)


def show(title: str, figures: Sequence[Figures], *, limit: float, limit_name: str) -> None:
    """Print the table: ours, the peers and the limit side by side."""
    table = Table(title=title, title_justify="left")
    table.add_column("method")
    for column in ("CPU-s", "of it server", f"× {limit_name}", "peak MB", "MB written"):
        table.add_column(column, justify="right")
    for f in figures:
        table.add_row(f.name, f"{f.total:.2f}", f"{f.server:.2f}", f"{f.total / limit:.2f}", f"{f.peak:.0f}", f"{f.written:.1f}")
    CONSOLE.print()
    CONSOLE.print(table)


def _cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _spent(server: int | None) -> float:
    """CPU-seconds of a PostgreSQL: its own, of its living backends, and of those that have ended."""
    if server is None:
        return 0.0
    main = psutil.Process(server)
    times = [process.cpu_times() for process in (main, *main.children())]
    return sum(t.user + t.system for t in times) + times[0].children_user + times[0].children_system


def _data_files(folder: Path | None) -> dict[Path, int]:
    return {file: file.stat().st_size for file in folder.rglob("*.parquet")} if folder is not None and folder.exists() else {}


def _peak() -> float:
    """MB. Not `ru_maxrss` where there is better: a process inherits its parent's."""
    if STATUS.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
        return int(found[1]) / 1024 if found else 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    module, function = sys.argv[1].split(":")
    meter = Meter()
    getattr(importlib.import_module(module), function)(meter, **json.loads(sys.argv[2]))
    print(json.dumps({"cpu": meter.cpu, "peak": _peak()}))
