"""Taking a file in holds a piece of it at a time, however long it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.core.landing_cases import DAY, Shop, shop

TAKE = """
import sys
from pathlib import Path
from lakehouse_platform.jobs.landing import take_in
from lakehouse_platform.jobs.project import Project

project = Project.open(Path(sys.argv[1]))
(extraction,) = take_in(project, project.tables[0], sys.argv[2]).taken
# Unlike the usage that the system keeps of a process, this does not begin with what its parent had.
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(extraction.batch.rows, peak)
"""
ROWS = 250_000


def written(rows: int, path: Path, kind: str) -> bytes:
    """A file of so many rows."""
    table = pa.table({
        "order_id": range(rows), "amount": [f"{n}.25" for n in range(rows)], "status": [f"{'x' * 60}{n}" for n in range(rows)],
        "changed_at": ["2026-11-02 10:00:00"] * rows,
    })  # fmt: skip
    if kind == "csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path, row_group_size=1 << 20)
    return path.read_bytes()


def taken(made: Shop) -> tuple[int, int]:
    """Rows committed and peak memory, in kB, of a process that takes the file in."""
    done = subprocess.run([sys.executable, "-c", TAKE, str(made.project.folder), DAY], capture_output=True, text=True, check=True)
    rows, peak = done.stdout.split()
    return int(rows), int(peak)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_taking_in_four_times_the_rows_takes_little_more_memory(tmp_path: Path, kind: str) -> None:
    figures = {}
    for name, rows in (("small", ROWS), ("large", 4 * ROWS)):
        (tmp_path / name).mkdir()
        made = shop(tmp_path / name, landing=f"{{format: {kind}}}")
        made.land("a", written(rows, tmp_path / "written", kind))
        figures[name] = taken(made)
    (few, low), (many, high) = figures["small"], figures["large"]
    assert (few, many) == (ROWS, 4 * ROWS)
    print(f"peak memory {low} kB for {few} rows, {high} kB for {many}: x{high / low:.2f}")  # noqa: T201 - the figure is what people ask for
    assert high <= 1.2 * low, f"peak memory went from {low} to {high} kB"
