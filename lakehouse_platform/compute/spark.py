"""Spark configuration that jobs have on every service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
JARS = "spark.jars"


def properties(service: Mapping[str, str], jars: Sequence[str], asked: Mapping[str, str]) -> dict[str, str]:
    """Delta's configuration, the service's, and what a request asks for, which wins; jars are joined."""
    merged = {**DELTA, **service, **asked}
    listed = [jar for jar in (*jars, *asked.get(JARS, "").split(",")) if jar]
    return {**merged, JARS: ",".join(dict.fromkeys(listed))} if listed else merged
