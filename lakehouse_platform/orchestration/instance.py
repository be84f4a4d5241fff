"""The project's Dagster instance: one home for the command line, the interface and the daemon, so that each sees the other's runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.orphans import end_orphans


@contextmanager
def open_instance(project: Project) -> Iterator[dg.DagsterInstance]:
    """The instance in the project's home, configured by the project's `dagster.yaml`; runs of killed processes are ended."""
    home = str(project.prepare_home())
    os.environ["DAGSTER_HOME"] = home  # dagster.yaml refers to it
    with dg.DagsterInstance.from_config(home) as instance:
        end_orphans(instance)
        yield instance
