"""A Delta log as Spark's driver has it: what SQL cannot ask for, through the JVM's own classes. Delta's Python package is not needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from py4j.java_gateway import JavaObject, java_import
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn
from pyspark.sql.types import StructType

NOWHERE = -1
"""Version of a table that is not there."""
CLASSES = ("org.apache.spark.sql.functions", "org.apache.spark.sql.Column", "org.apache.spark.sql.types.DataType",
           "org.apache.spark.sql.api.python.PythonSQLUtils", "org.apache.spark.api.python.PythonUtils",
           "org.apache.spark.sql.SparkSession", "org.apache.spark.sql.delta.DeltaLog")
"""Of Spark and Delta, that Python asks the JVM for again and again."""


def name_classes(session: SparkSession) -> None:
    """Tell Py4J where the classes are that PySpark asks for by their short names, with every column that it makes: else Java looks through
    all jars for each of the packages that they might be in.
    """
    for name in CLASSES:
        java_import(session._jvm, name)  # noqa: SLF001 - the only way to the driver's JVM


class Snapshot:
    """A Delta table at one version."""

    def __init__(self, session: SparkSession, snapshot: JavaObject) -> None:
        self._session, self._snapshot = session, snapshot

    @property
    def version(self) -> int:
        """The Delta version, NOWHERE where there is no table."""
        return int(self._snapshot.version())

    @property
    def schema_text(self) -> str:
        """Delta's own JSON of the columns."""
        return str(self._snapshot.schema().json())

    @property
    def schema(self) -> StructType:
        """The columns."""
        return StructType.fromJson(json.loads(self.schema_text))

    @property
    def partition_by(self) -> tuple[str, ...]:
        """Partition columns."""
        names = str(self._snapshot.metadata().partitionColumns().mkString("\0"))
        return tuple(names.split("\0")) if names else ()

    def transaction(self, application: str) -> int | None:
        """Version last committed by an application, None when it never was."""
        found = self._snapshot.transactions().get(application)
        return None if found.isEmpty() else int(found.get())

    def files(self, partitions: Mapping[str, Sequence[str]] | None) -> DataFrame:
        """`rows` and `bytes` of each file; `rows` is NULL where the log does not say."""
        found = DataFrame(self._snapshot.allFiles().toDF(), self._session)
        for name, values in (partitions or {}).items():
            found = found.filter(fn.lower(fn.col("partitionValues")[name]).isin([v.lower() for v in values]))
        return found.select(fn.get_json_object("stats", "$.numRecords").cast("long").alias("rows"), fn.col("size").alias("bytes"))


class Log:
    """The log of one table."""

    def __init__(self, session: SparkSession, uri: str) -> None:
        self._session = session
        jvm: Any = session._jvm  # noqa: SLF001 - the only way to the driver's JVM
        self._none = jvm.scala.Option.empty()
        self._log = jvm.DeltaLog.forTable(session._jsparkSession, uri)  # noqa: SLF001

    def newest(self) -> Snapshot:
        """The newest version, asked of the storage."""
        return Snapshot(self._session, self._log.update(False, self._none, self._none))  # noqa: FBT003 - a Scala method has no keywords here

    def commit_file(self, version: int) -> JavaObject:
        """Hadoop's path of a commit."""
        jvm: Any = self._session._jvm  # noqa: SLF001
        return jvm.org.apache.hadoop.fs.Path(self._log.logPath(), f"{version:020}.json")

    def version_with(self, mark: str, *, after: int) -> int | None:
        """Version above `after` whose commit carries `mark` in its user metadata, None where there is none."""
        store, settings = self._log.store(), self._log.newDeltaHadoopConf()
        for version in range(after + 1, self.newest().version + 1):
            if mark in str(store.read(self.commit_file(version), settings).head()):  # Spark writes what is said of a commit first
                return version
        return None
