"""An extraction into Raw holds a batch at a time, however long the table is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.core.postgres_cases import run

EXTRACT = """
import resource, sys
from tests.core.postgres_cases import contract_of, source_of
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.zones import raw
from lakehouse_platform.zones.lake import Lake

columns = {"id": "bigint", "amount": "numeric(19,4)", "rate": "numeric(38,9)", "at": "timestamp", "day": "date", "note": "text"}
contract = contract_of(columns, table=sys.argv[2])
done = raw.extract(Lake(sys.argv[3], PolarsEngine()), contract, source_of(sys.argv[1]), "2026-03-02", run="r")
print(done.batch.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
ROWS = 500_000


def extracted(uri: str, table: str, lake: Path) -> tuple[int, int]:
    """Rows committed and peak memory, in kB, of a process that extracts a table."""
    done = subprocess.run([sys.executable, "-c", EXTRACT, uri, table, str(lake)], capture_output=True, text=True, check=True)
    rows, peak = done.stdout.split()
    return int(rows), int(peak)


def test_extracting_four_times_the_rows_takes_no_more_memory(postgres_uri: str, tmp_path: Path) -> None:
    for table, rows in (("small", ROWS), ("large", 4 * ROWS)):
        run(
            postgres_uri,
            f"create unlogged table {table} as select g::bigint as id, "
            "(g * 1.2345)::numeric(19,4) as amount, (g * 1.5)::numeric(38,9) as rate, "
            "timestamp '2026-01-01' + g * interval '1 second' as at, date '2026-01-01' as day, repeat('x', 60) || g as note "
            f"from generate_series(1, {rows}) g",
        )
    (few, low), (many, high) = extracted(postgres_uri, "small", tmp_path / "a"), extracted(postgres_uri, "large", tmp_path / "b")
    assert (few, many) == (ROWS, 4 * ROWS)
    print(f"peak memory {low} kB for {few} rows, {high} kB for {many}: x{high / low:.2f}")  # noqa: T201 - the figure is what people ask for
    assert high <= 1.2 * low, f"peak memory went from {low} to {high} kB"
