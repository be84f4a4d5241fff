"""What is submitted to Spark: it finds the library in a wheel beside it, wherever the service puts what a job is given."""

import sys
from pathlib import Path


def _run() -> int:
    sys.path[:0] = [str(wheel) for wheel in sorted(Path.cwd().glob("lakehouse_platform-*.whl"))]
    from lakehouse_platform.jobs.entry import main

    return main(sys.argv[1:])


if (_code := _run()) != 0:  # Glue takes an exit for a failure, whatever its code.
    sys.exit(_code)
