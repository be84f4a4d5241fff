"""Run in a copy of this repository's lakehouse on stand-ins, a process a step: the CRM's log of customers is gone, still gone, back.

`break` takes it away and takes the newest day in; `look` only ticks, as a daemon that was started again; `mend` brings it back and takes
the day in again.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import dagster as dg

from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.certification import build_certification_sensor
from lakehouse_platform.orchestration.incidents import build_incident_sensor
from lakehouse_platform.orchestration.workplace import Workplace, open_workplace
from resources.aws_local import LEGACY

RENAME = {
    "break": "alter table audit.customer_log rename to customer_log_gone",
    "mend": "alter table audit.customer_log_gone rename to customer_log",
}
CHAIN = ("*/customer/*customer*", "curated/finance/*", "warehouse/finance/*revenue*", "domo/customer/*", "domo/finance/*")


def tick(work: Workplace) -> None:
    """Judge certificates, then tell of incidents; what is new is told at once."""
    for sensor in (build_certification_sensor(work.project), build_incident_sensor(work.project, settle=dt.timedelta())):
        with dg.build_sensor_context(work.instance, definitions=work.definitions, sensor_name=sensor.name) as context:
            sys.stdout.write(f"{sensor.name}: {sensor.evaluate_tick(context).skip_message}\n")


def main(step: str) -> None:
    """One step."""
    with open_workplace(Project.open(Path.cwd(), "aws-local")) as work:
        if step in RENAME:
            with LEGACY.connect("crm") as connection:
                connection.execute(RENAME[step].encode())
            result = work.materialize(work.assets(CHAIN), [work.newest_day])
            sys.stdout.write(f"{len(result.materialized)} materialized, failed: {', '.join(result.failures)}\n")
        tick(work)


if __name__ == "__main__":
    main(sys.argv[1])
