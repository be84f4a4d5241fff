"""The wheel holds the library, whole, and nothing of this instance."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from tests.architecture.house import LIBRARY, ROOT

EXTRAS = {"local", "spark", "aws", "job", "redshift", "domo", "slack", "sqlserver"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built here without a download."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_only_the_library(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {LIBRARY}


def test_the_wheel_holds_all_of_the_library(wheel: zipfile.ZipFile) -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / LIBRARY).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {name for name in wheel.namelist() if name.startswith(f"{LIBRARY}/")} == files


def test_the_core_needs_no_engine_and_no_dagster(wheel: zipfile.ZipFile) -> None:
    record = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_string(wheel.read(record).decode())
    required = [str(line) for line in metadata.get_all("Requires-Dist", [])]
    core = {line.split(">")[0].split("=")[0].split("<")[0] for line in required if "extra ==" not in line}
    assert core == {"click", "jsonschema", "narwhals", "open-data-contract-standard", "pydantic", "rich", "ruamel-yaml", "sqlalchemy"}
    assert set(metadata.get_all("Provides-Extra", [])) == EXTRAS


def test_the_wheel_is_typed() -> None:
    assert (ROOT / LIBRARY / "py.typed").exists()


def test_no_file_of_the_repository_is_packaged_by_accident(wheel: zipfile.ZipFile) -> None:
    assert not [name for name in wheel.namelist() if Path(name).suffix in {".pyc", ".db", ".duckdb", ".parquet", ".log"}]
