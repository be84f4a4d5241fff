"""The jars that the images of EMR Serverless and Glue hold, and Spark from the package index does not."""

from __future__ import annotations

from pathlib import Path

from lakehouse_platform.engines.spark.jars import FOLDER, fetch_jars


def image_jars() -> Path:
    """Their folder; they are fetched where they are not there yet."""
    fetch_jars()
    return FOLDER
