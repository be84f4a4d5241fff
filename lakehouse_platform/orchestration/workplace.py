"""A project at work: its definitions and its instance, for those who name assets and days as texts."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from lakehouse_platform.errors import UnknownName
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.backfill import BackfillResult, backfill
from lakehouse_platform.orchestration.definitions import build_definitions, partitions_of
from lakehouse_platform.orchestration.instance import open_instance
from lakehouse_platform.orchestration.materialize import Progress, RunResult, materialize, partitions_between, select
from lakehouse_platform.orchestration.ticks import Tick, sensors_of, tick

DEFINITIONS = "definitions.py"
Watcher = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Checks:
    """How checks came out when they last ran."""

    passed: int
    failed: tuple[str, ...]
    """As `asset:check`."""


@dataclass(frozen=True)
class Workplace:
    """A project with its Dagster definitions and instance."""

    project: Project
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    def assets(self, patterns: Sequence[str]) -> list[str]:
        """Names of the assets that match. Raises UnknownName for a pattern that matches none."""
        return [key.to_user_string() for key in select(self.definitions, patterns)]

    def days(self, first: str, last: str | None = None) -> list[str]:
        """Business days, both ends included. Raises UnknownName for a day that there is no partition for."""
        return partitions_between(self.definitions, first, last)

    @property
    def newest_day(self) -> str:
        """The last business day that has ended. Raises UnknownName before there is one."""
        day = partitions_of(self.project).get_last_partition_key()
        if day is None:
            environment = self.project.environment
            raise UnknownName(f"{environment.path}: no business day has ended since {environment.partitions.start}")
        return day

    def materialize(self, assets: Sequence[str], days: Sequence[str], *, progress: Watcher | None = None) -> RunResult:
        """One run over the assets for the days."""
        return materialize(self.definitions, self.instance, self._keys(assets), days, progress=progress)

    def backfill(
        self, assets: Sequence[str], days: Sequence[str], *, single_run: bool = False, reverse: bool = False,
        progress: Watcher | None = None, title: str | None = None,
    ) -> BackfillResult:
        """A backfill of the assets for the days."""
        return backfill(self.definitions, self.instance, self._keys(assets), days, single_run=single_run, reverse=reverse,
                        progress=progress, title=title)

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of the sensors that `tick` takes."""
        return sensors_of(self.definitions)

    def tick(self, sensor: str) -> Tick:
        """Evaluate a sensor once, as the daemon would. Raises UnknownName."""
        return tick(self.definitions, self.instance, sensor)

    def checks(self) -> Checks:
        """How every check came out when it last ran."""
        known = list(self.definitions.resolve_asset_graph().asset_check_keys)
        latest = self.instance.event_log_storage.get_latest_asset_check_execution_by_key(known)
        states = {key: record.status for key, record in latest.items()}
        failed = (key for key, state in states.items() if state is AssetCheckExecutionRecordStatus.FAILED)
        return Checks(
            sum(state is AssetCheckExecutionRecordStatus.SUCCEEDED for state in states.values()),
            tuple(sorted(f"{key.asset_key.to_user_string()}:{key.name}" for key in failed)))

    def _keys(self, assets: Sequence[str]) -> list[dg.AssetKey]:
        return [dg.AssetKey.from_user_string(asset) for asset in assets]


@contextmanager
def open_workplace(project: Project) -> Iterator[Workplace]:
    """The project's definitions and its instance, the one that the interface shows."""
    _ = project.contracts, project.environment  # what is wrong with them is said before Dagster begins
    definitions = load_definitions(project)
    with open_instance(project) as instance:
        yield Workplace(project, definitions, instance)


def load_definitions(project: Project) -> dg.Definitions:
    """What the project's `definitions.py` joins; the contracts' assets alone where it has none."""
    file = project.folder / DEFINITIONS
    if not file.is_file():
        return build_definitions(project)
    os.environ["LAKEHOUSE_ENV"] = project.environment_name
    if str(project.folder) not in sys.path:
        sys.path.insert(0, str(project.folder))
    return cast("dg.Definitions", runpy.run_path(str(file))["defs"])
