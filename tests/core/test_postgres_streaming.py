"""A read holds a batch at a time, however long the table is."""

from __future__ import annotations

import subprocess
import sys

from tests.core.postgres_cases import run

EXTRACT = """
import resource, sys
from tests.core.postgres_cases import DAY, contract_of, source_of
from lakehouse_platform.sources.base import Request

columns = {"id": "bigint", "amount": "numeric(19,4)", "rate": "numeric(38,9)", "at": "timestamp", "day": "date", "note": "text"}
with source_of(sys.argv[1]).read(Request(contract_of(columns, table=sys.argv[2]), DAY, None)) as reading:
    rows = sum(batch.num_rows for batch in reading.rows)
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
ROWS = 100_000


def extracted(uri: str, table: str) -> tuple[int, int]:
    """Rows read and peak memory of a process that reads a table."""
    done = subprocess.run([sys.executable, "-c", EXTRACT, uri, table], capture_output=True, text=True, check=True)
    rows, peak = done.stdout.split()
    return int(rows), int(peak)


def test_four_times_the_rows_take_no_more_memory(postgres_uri: str) -> None:
    for table, rows in (("small", ROWS), ("large", 4 * ROWS)):
        run(
            postgres_uri,
            f"create unlogged table {table} as select g::bigint as id, "
            "(g * 1.2345)::numeric(19,4) as amount, (g * 1.5)::numeric(38,9) as rate, "
            "timestamp '2026-01-01' + g * interval '1 second' as at, date '2026-01-01' as day, repeat('x', 60) || g as note, "
            f"'extra' as extra from generate_series(1, {rows}) g",
        )
    (few, low), (many, high) = extracted(postgres_uri, "small"), extracted(postgres_uri, "large")
    assert (few, many) == (ROWS, 4 * ROWS)
    assert high <= 1.2 * low, f"peak memory went from {low} to {high} kB"
