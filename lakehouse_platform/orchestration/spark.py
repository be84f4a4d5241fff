"""Spark on this machine as a Dagster resource: a session that starts when a step first needs it, and serves all steps of the process."""

# Dagster reads the annotations of a resource as they are: no postponed annotations here.

from pathlib import Path
from typing import Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pydantic import Field

from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.spark.engine import SparkEngine
from lakehouse_platform.engines.spark.jars import fetch_jars, log_store_jar
from lakehouse_platform.engines.spark.session import local_config, started
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.places import SPARK


class LocalSpark(LazyPySparkResource):
    """Dagster's lazy Spark session, with the settings that the platform's tables need; they are made when it starts."""

    folder: str
    """Of the project."""
    environment: str
    spark_config: dict[str, Any] = Field(default={})
    """Settings beyond the platform's own."""

    def engine(self) -> Engine:
        """An engine on the session. Raises TransientError where the jars cannot be had."""
        return SparkEngine(self.spark_session)

    def _init_session(self) -> None:
        if self._spark_session is None:
            environment = Project.open(Path(self.folder), self.environment).environment
            block, store = environment.compute.spark, environment.lake.store
            config = local_config([*fetch_jars(), log_store_jar()], cores=block.cores, memory_gb=block.memory_gb, store=store)
            self._spark_session = started({**config, **self.spark_config}, store)  # type: ignore[assignment]


def build_spark(project: Project) -> LocalSpark:
    """The resource of a project."""
    return LocalSpark(folder=str(project.folder), environment=project.environment_name)


def spark_engine(context: dg.AssetExecutionContext) -> Engine:
    """The engine of the run's resource."""
    found: LocalSpark = getattr(context.resources, SPARK)
    return found.engine()
