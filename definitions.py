"""This lakehouse, as Dagster loads it: its assets, the environment it is bound to and what it watches."""

import os
from pathlib import Path

import assets
import sensors
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration import build_definitions

project = Project.open(Path(__file__).parent, os.getenv("LAKEHOUSE_ENV", "local"))
defs = build_definitions(project, assets=assets.WRITTEN_BY_HAND, sensors=sensors.watching(project))
