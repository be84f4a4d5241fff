"""The log store's jar is compiled once, and a session that lacks it is refused."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lakehouse_platform.engines.spark.jars import fetch_jars, java
from lakehouse_platform.engines.spark.logstore_jar import compile_log_store
from lakehouse_platform.errors import TerminalError

COMPILE = """
import sys
from pathlib import Path
from lakehouse_platform.engines.spark.logstore_jar import compile_log_store
print(compile_log_store(Path(sys.argv[1]), delta_storage=Path(sys.argv[2]), java=Path(sys.argv[3])))
"""
REFUSE = """
from pyspark.sql import SparkSession
from lakehouse_platform.engines.spark.logstore import conditional_put_config, install
from lakehouse_platform.errors import TerminalError

for settings in ({}, conditional_put_config()):
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config(map=settings).getOrCreate()
    try:
        install(session, None)
    except TerminalError as error:
        print(error)
    session.stop()
"""


@pytest.fixture(scope="module")
def delta_storage() -> Path:
    return next(jar for jar in fetch_jars() if "delta-storage" in jar.name)


def test_processes_that_compile_at_once_end_with_one_jar(tmp_path: Path, delta_storage: Path) -> None:
    def compiled(_: int) -> str:
        command = [sys.executable, "-c", COMPILE, str(tmp_path / "jars"), str(delta_storage), str(java())]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with ThreadPoolExecutor() as pool:
        jars = set(pool.map(compiled, range(2)))
    assert [str(file) for file in (tmp_path / "jars").iterdir()] == list(jars)


def test_a_jar_that_is_there_is_not_compiled_again(tmp_path: Path, delta_storage: Path) -> None:
    jar = compile_log_store(tmp_path, delta_storage=delta_storage, java=java())
    assert compile_log_store(tmp_path, delta_storage=delta_storage, java=Path("/no/java")) == jar


def test_a_jar_that_is_not_delta_s_is_named(tmp_path: Path) -> None:
    other = next(jar for jar in fetch_jars() if "antlr4" in jar.name)
    with pytest.raises(TerminalError, match=r"ConditionalPutLogStore\.java does not compile against .*antlr4.*HadoopFileSystemLogStore"):
        compile_log_store(tmp_path, delta_storage=other, java=java())


def test_a_session_without_the_log_store_is_refused(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", REFUSE], capture_output=True, text=True, check=True, cwd=tmp_path)
    without_settings, without_jar = done.stdout.splitlines()
    assert "spark.delta.logStore.s3.impl is not set" in without_settings
    assert "is not among its classes. Add its jar to spark.jars." in without_jar
