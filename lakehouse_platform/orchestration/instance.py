"""The project's Dagster instance: one home for the command line, the interface and the daemon, so that each sees the other's runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from lakehouse_platform.jobs.project import Project

CONFIGURATION = "dagster.yaml"


@contextmanager
def open_instance(project: Project) -> Iterator[dg.DagsterInstance]:
    """The instance in the project's home, configured by the project's `dagster.yaml`."""
    project.home.mkdir(parents=True, exist_ok=True)
    wanted, held = project.folder / CONFIGURATION, project.home / CONFIGURATION
    if wanted.is_file() and (not held.is_file() or held.read_bytes() != wanted.read_bytes()):
        held.write_bytes(wanted.read_bytes())
    os.environ["DAGSTER_HOME"] = str(project.home)  # dagster.yaml refers to it
    with dg.DagsterInstance.from_config(str(project.home)) as instance:
        yield instance
