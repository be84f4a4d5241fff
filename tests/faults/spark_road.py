"""A day of the road on Spark, as a process with a JVM that a test kills.

`python -m tests.faults.spark_road FOLDER DAY` goes through DAY, which Polars has left to it, and prints each fault point that it reaches.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lakehouse_platform import faults
from lakehouse_platform.engines.spark.engine import SparkEngine
from tests.faults.road import steps
from tests.sparks import spark_session

if __name__ == "__main__":
    with spark_session() as session:
        faults.install(lambda point: print(point, flush=True))  # noqa: T201 - the test reads it
        for step in steps(Path(sys.argv[1]), SparkEngine(session), sys.argv[2]):
            step()
