"""The session of a job that a service has started."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from lakehouse_platform.engines.spark.engine import SparkEngine
from lakehouse_platform.engines.spark.logstore import conditional_put_config, install
from lakehouse_platform.engines.spark.session import session_config
from lakehouse_platform.settings import ObjectStore


def job_engine(store: ObjectStore | None) -> SparkEngine:
    """The engine of the process's job. Raises TerminalError where the job was submitted without the log store's jar."""
    builder: Any = SparkSession.builder
    session = builder.config(map={**session_config(store=store), **conditional_put_config()}).getOrCreate()
    install(session, store)
    return SparkEngine(session)
