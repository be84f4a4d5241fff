"""What people run all day starts without the heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.architecture.house import ROOT

HEAVY = ["adbc_driver_manager", "boto3", "dagster", "dbt", "deltalake", "duckdb", "narwhals", "pandas", "polars", "pyarrow", "pyspark"]
THEN_REPORT = f"import json, sys; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
COMMAND = f"""
import sys
from lakehouse_platform.cli import main
sys.argv = ["lakehouse", *{{arguments!r}}]
try:
    main()
finally:
    print()
    {THEN_REPORT}
"""


def loaded(code: str) -> list[str]:
    """Heavy libraries that a new process has imported after `code`."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("module", ["lakehouse_platform", "lakehouse_platform.contracts", "lakehouse_platform.settings"])
def test_the_ground_floor_imports_nothing_heavy(module: str) -> None:
    assert loaded(f"import {module}; {THEN_REPORT}") == []


@pytest.mark.parametrize("arguments", [["--help"], ["validate"], ["explain", "finance.gl_journal"], ["dev", "--help"]])
def test_a_light_command_imports_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(COMMAND.format(arguments=arguments)) == []


def test_a_job_needs_no_library_of_the_machine_that_submits_it() -> None:
    imported = "import lakehouse_platform.jobs.entry, lakehouse_platform.engines.spark.job"
    absent = {"adbc_driver_manager", "dagster", "dbt", "deltalake", "duckdb", "pandas", "polars"}
    assert absent.isdisjoint(loaded(f"{imported}; {THEN_REPORT}"))


def test_a_heavy_import_is_seen() -> None:
    assert loaded(f"import narwhals; {THEN_REPORT}") == ["narwhals"]
