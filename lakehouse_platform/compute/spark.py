"""Spark configuration that jobs have on every service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
JARS = "spark.jars"
MOST_PARTITIONS = 50
"""Of a table's state: Spark's Delta takes that many unless told otherwise, and a task costs more than a small table's log."""


def sized(cores: int) -> dict[str, str]:
    """How finely work is divided among so many executors' cores: two tasks each, so that none waits long for another."""
    partitions = max(2, 2 * cores)
    return {"spark.sql.shuffle.partitions": str(partitions),
            "spark.databricks.delta.snapshotPartitions": str(min(MOST_PARTITIONS, partitions))}


def properties(service: Mapping[str, str], jars: Sequence[str], asked: Mapping[str, str]) -> dict[str, str]:
    """Delta's configuration, the service's, and what a request asks for, which wins; jars are joined."""
    merged = {**DELTA, **service, **asked}
    listed = [jar for jar in (*jars, *asked.get(JARS, "").split(",")) if jar]
    return {**merged, JARS: ",".join(dict.fromkeys(listed))} if listed else merged
