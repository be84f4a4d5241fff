"""What a job is given: the same content gives the same bytes, and the packed Python needs nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from lakehouse_platform.compute.artifacts import Artifact, Artifacts
from lakehouse_platform.errors import SettingsError, TerminalError
from lakehouse_platform.jobs.packing import artifacts_of
from lakehouse_platform.jobs.packing.archives import Member, sha256_of, write_tar_gz, zip_of
from lakehouse_platform.jobs.packing.closure import closure
from lakehouse_platform.jobs.packing.library import library_wheel
from lakehouse_platform.jobs.project import Project
from tests.core.packed_python import packed_python

ROOT = Path(__file__).resolve().parents[2]
USED = ["boto3", "dagster_pipes", "narwhals", "pyarrow", "pyarrow.dataset", "pydantic", "ssl", "lakehouse_platform.jobs.entry"]
LOOK = f"""
import importlib, json, sys
for name in {USED}:
    importlib.import_module(name)
import boto3
boto3.client("s3", region_name="eu-west-1")
import lakehouse_platform.contracts as contracts
from pathlib import Path
tables = contracts.load(Path("project/assets/contracts"))
files = [str(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
maps = sorted({{line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}})
print(json.dumps({{"path": sys.path, "files": files, "maps": maps, "prints": {{t.name: t.fingerprint for t in tables}}}}))
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of this repository's contracts and environment."""
    shutil.copytree(ROOT / "assets/contracts", tmp_path / "lakehouse/assets/contracts")
    (tmp_path / "lakehouse/resources").mkdir()
    shutil.copy(ROOT / "resources/local.yaml", tmp_path / "lakehouse/resources/local.yaml")
    return Project.open(tmp_path / "lakehouse")


def part(artifact: Artifact | str) -> Artifact:
    assert isinstance(artifact, Artifact)
    return artifact


def prints(artifacts: Artifacts) -> dict[str, str]:
    return {p.name: p.fingerprint for p in (part(artifacts.python), artifacts.wheel, artifacts.entry, artifacts.project, *artifacts.jars)}


def test_archives_of_the_same_content_have_the_same_bytes(tmp_path: Path) -> None:
    one, other = [Member("b", b"2"), Member("a/c", b"1", executable=True)], [Member("a/c", b"1", executable=True), Member("b", b"2")]
    write_tar_gz(tmp_path / "one.tar.gz", one)
    os.utime(tmp_path)
    write_tar_gz(tmp_path / "other.tar.gz", other)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "other.tar.gz").read_bytes()
    assert zip_of(one) == zip_of(other)


def test_packing_again_changes_nothing(project: Project) -> None:
    first = artifacts_of(project)
    for file in project.contracts_folder.rglob("*.yaml"):
        os.utime(file)
    again = artifacts_of(Project.open(project.folder))
    assert prints(first) == prints(again)
    assert first.fingerprint == again.fingerprint


def test_a_changed_contract_changes_the_project_alone(project: Project) -> None:
    before = artifacts_of(project)
    contract = project.contracts_folder / "finance/invoice.yaml"
    contract.write_text(contract.read_text() + "# seen\n")
    after = artifacts_of(project)
    assert {name for name, value in prints(after).items() if prints(before)[name] != value} == {"project.zip"}
    assert before.fingerprint != after.fingerprint


def test_an_approval_changes_nothing_of_what_jobs_are_given(project: Project) -> None:
    before = artifacts_of(project)
    (project.contracts_folder / "finance/kpi_revenue_daily.approvals.yaml").write_text("# approved meanwhile\n")
    assert artifacts_of(project).fingerprint == before.fingerprint


def test_a_jar_is_part_of_the_whole(project: Project, tmp_path: Path) -> None:
    (tmp_path / "log-store.jar").write_bytes(b"classes")
    assert artifacts_of(project, jars=[tmp_path / "log-store.jar"]).fingerprint != artifacts_of(project).fingerprint


def test_the_project_holds_contracts_and_one_environment(project: Project) -> None:
    (project.folder / "resources/other.yaml").write_text("secret: x\n")
    (project.contracts_folder / "finance/__pycache__").mkdir()
    (project.contracts_folder / "finance/__pycache__/x.pyc").write_bytes(b"")
    names = zipfile.ZipFile(artifacts_of(project).project.file()).namelist()
    held = [f for f in (ROOT / "assets/contracts").rglob("*") if f.is_file() and not f.name.endswith((".pyc", ".approvals.yaml"))]
    assert set(names) == {*(str(f.relative_to(ROOT)) for f in held), "resources/local.yaml"}


def test_the_wheel_is_one(tmp_path: Path) -> None:
    name, content = library_wheel()
    (tmp_path / name).write_bytes(content)
    folder = tmp_path / "installed"
    subprocess.run([sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--target", str(folder), str(tmp_path / name)],
                   check=True, capture_output=True)
    files = {str(f.relative_to(folder)) for f in (folder / "lakehouse_platform").rglob("*") if f.is_file() and f.suffix != ".pyc"}
    assert files == {str(f.relative_to(ROOT)) for f in (ROOT / "lakehouse_platform").rglob("*") if f.is_file() and f.suffix != ".pyc"}


def test_jobs_need_neither_an_orchestrator_nor_another_engine() -> None:
    assert {"boto3", "dagster-pipes", "narwhals", "pyarrow", "pydantic"} <= closure().keys()
    assert not {"dagster", "deltalake", "duckdb", "polars", "pyspark", "lakehouse-platform"} & closure().keys()


def test_what_is_not_installed_cannot_be_packed() -> None:
    with pytest.raises(TerminalError, match=r'no-such-distribution is not installed.*pip install "lakehouse-platform\[job\]"'):
        closure("no-such-distribution")


def test_an_archive_made_elsewhere_takes_the_place_of_this_python(project: Project) -> None:
    (project.folder / "theirs.tar.gz").write_bytes(b"packed in the service's image")
    given = part(artifacts_of(project, python="theirs.tar.gz").python)
    assert (given.name, given.fingerprint) == ("theirs.tar.gz", sha256_of(b"packed in the service's image"))
    assert artifacts_of(project, python="s3://artifacts/python.tar.gz").python == "s3://artifacts/python.tar.gz"
    with pytest.raises(SettingsError, match=r"mine\.tar\.gz: there is no such file"):
        artifacts_of(project, python="mine.tar.gz")


def test_the_packed_python_starts_in_an_empty_environment_and_sees_nothing_else(project: Project, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    with tarfile.open(packed_python()) as packed:
        packed.extractall(place / "environment", filter="data")
    name, wheel = library_wheel()
    (place / name).write_bytes(wheel)
    with zipfile.ZipFile(artifacts_of(project).project.file()) as zipped:
        zipped.extractall(place / "project")
    command = ["./environment/bin/python", "-W", "error", "-c", LOOK]
    done = subprocess.run(command, cwd=place, env={"PYTHONPATH": name}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert [file for file in (*seen["files"], *filter(None, seen["path"])) if not file.startswith(str(place))] == []
    system = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", str(place))
    assert [file for file in seen["maps"] if not file.startswith(system)] == []
    assert not [file for file in seen["maps"] if "libpython" in file and not file.startswith(str(place))]
    assert seen["prints"] == {contract.name: contract.fingerprint for contract in project.contracts}
