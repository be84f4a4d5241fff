"""Spark for the tests: one session a process, on the jars that `make` has fetched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from lakehouse_platform.engines.spark.jars import fetch_jars, log_store_jar
from lakehouse_platform.engines.spark.session import local_session

QUICK = {
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN", "spark.sql.adaptive.enabled": "false",
    "spark.sql.constraintPropagation.enabled": "false",
}
"""For tables of a few rows: compiling a plan takes longer than to interpret it."""


@contextmanager
def spark_session() -> Iterator[SparkSession]:
    """A small session; use the fixture `spark`, since a process has one at a time."""
    with local_session([*fetch_jars(), log_store_jar()], cores=2, memory_gb=2, more=QUICK) as session:
        yield session
