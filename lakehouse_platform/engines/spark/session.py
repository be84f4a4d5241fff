"""Spark sessions that read and write the lake as the other engine does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark import SparkContext
from pyspark.sql import SparkSession

from lakehouse_platform.engines.spark.jars import choose_java
from lakehouse_platform.engines.spark.logstore import conditional_put_config, install
from lakehouse_platform.settings import ObjectStore

_ALWAYS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Instants are UTC, whatever clock the machine has; casts give NULL and never raise.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    # Years 1 to 9999 in microseconds, in the calendar that everyone else has.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # Rows that Java sees have its exact dates and instants.
    "spark.sql.datetime.java8API.enabled": "true",
    # A commit that changes no row still says what it has taken in.
    "spark.databricks.delta.skipRecordingEmptyCommits": "false",
    # The engine has computed the source of a merge already.
    "spark.databricks.delta.merge.materializeSource": "none",
    # A backslash in a literal begins an escape, as `text_literal` writes them.
    "spark.sql.parser.escapedStringLiterals": "false",
}


def session_config(*, store: ObjectStore | None = None, partitions: int | None = None) -> dict[str, str]:
    """Settings that every session of the platform needs, on one machine and in a job.

    `partitions` are those of a shuffle; Spark's own choice, made for large tables, without.
    """
    few = {} if partitions is None else {
        "spark.sql.shuffle.partitions": str(partitions), "spark.databricks.delta.snapshotPartitions": str(partitions),
        "spark.default.parallelism": str(partitions),
    }
    return {**_ALWAYS, **few, **(_objects(store) if store is not None else {})}


def _objects(store: ObjectStore) -> dict[str, str]:
    """S3A, also for addresses that begin with s3://; credentials come from the default chain."""
    settings = {
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "fs.s3a.endpoint.region": store.region,
        "fs.s3a.aws.credentials.provider": "com.amazonaws.auth.DefaultAWSCredentialsProviderChain",
        "fs.s3a.attempts.maximum": "10",
        "fs.s3a.retry.limit": "7",
    }
    if store.address is not None:
        settings |= {"fs.s3a.endpoint": store.address, "fs.s3a.path.style.access": "true",
                     "fs.s3a.connection.ssl.enabled": str(store.address.startswith("https:")).lower()}
    if store.kms_key is not None:
        settings |= {"fs.s3a.encryption.algorithm": "SSE-KMS", "fs.s3a.encryption.key": store.kms_key}
    return {f"spark.hadoop.{name}": value for name, value in settings.items()}


def local_config(
    jars: Sequence[Path], *, cores: int = 2, memory_gb: int = 2, store: ObjectStore | None = None
) -> dict[str, str]:
    """Settings of a session in a JVM of this machine; the log store's jar is among `jars`."""
    return {
        "spark.master": f"local[{cores}]", "spark.driver.memory": f"{memory_gb}g", "spark.jars": ",".join(map(str, jars)),
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        **session_config(store=store, partitions=cores), **conditional_put_config(),
    }


def started(config: Mapping[str, str], store: ObjectStore | None) -> SparkSession:
    """The process's session, started where there is none, which may write. It ends with the process."""
    choose_java()
    builder: Any = SparkSession.builder
    session: SparkSession = builder.config(map=dict(config)).getOrCreate()
    install(session, store)
    return session


@contextmanager
def local_session(
    jars: Sequence[Path], *, cores: int = 2, memory_gb: int = 2, store: ObjectStore | None = None, more: Mapping[str, str] | None = None,
) -> Iterator[SparkSession]:
    """A session in a JVM of this machine, which ends with it. One at a time in a process. `more` settings win."""
    session = started({**local_config(jars, cores=cores, memory_gb=memory_gb, store=store), **(more or {})}, store)
    try:
        yield session
    finally:
        session.stop()
        _end_java()


def _end_java() -> None:
    """PySpark keeps its JVM for the next session; the settings of the JVM itself would be the old ones."""
    context: Any = SparkContext
    gateway, context._gateway, context._jvm = context._gateway, None, None  # noqa: SLF001
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()
