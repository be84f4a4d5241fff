"""Backfills from the command line: real ones, as the interface shows and lists them, driven in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.asset_backfill import AssetBackfillData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.utils import make_new_backfill_id

from lakehouse_platform.orchestration.materialize import Progress, RunResult, materialize

BACKFILL_TAG = "dagster/backfill"


@dataclass(frozen=True, slots=True)
class BackfillResult:
    """What a backfill came to."""

    backfill_id: str
    runs: tuple[RunResult, ...]

    @property
    def success(self) -> bool:
        """Whether every run succeeded."""
        return all(run.success for run in self.runs)


def backfill(
    defs: dg.Definitions, instance: dg.DagsterInstance, keys: Collection[dg.AssetKey], partitions: Sequence[str], *,
    single_run: bool = False, reverse: bool = False, progress: Callable[[Progress], None] | None = None, title: str | None = None,
) -> BackfillResult:
    """Materialize the assets for all the business days: a run a day in the order asked for, or one run for the whole range.

    A day that fails does not keep the others from being tried.
    """
    record = _Record(defs, instance, keys, partitions, title)
    days = sorted(partitions, reverse=reverse)
    groups = [sorted(partitions)] if single_run else [[day] for day in days]
    runs: list[RunResult] = []
    try:
        for group in groups:
            record.request(group)
            runs.append(materialize(defs, instance, keys, group, progress=progress, tags={BACKFILL_TAG: record.id}))
            record.report(group, runs[-1])
    except BaseException:
        record.end(BulkActionStatus.CANCELED)
        raise
    record.end(BulkActionStatus.COMPLETED_SUCCESS if all(run.success for run in runs) else BulkActionStatus.COMPLETED_FAILED)
    return BackfillResult(record.id, tuple(runs))


class _Record:
    """The backfill as the instance keeps it."""

    def __init__(
        self, defs: dg.Definitions, instance: dg.DagsterInstance, keys: Collection[dg.AssetKey], partitions: Sequence[str],
        title: str | None,
    ) -> None:
        self.id = make_new_backfill_id()
        self._graph, self._instance, self._keys = defs.resolve_asset_graph(), instance, sorted(keys)
        began = time.time()
        data = AssetBackfillData.empty(self._subset(partitions), began, instance).with_requested_runs_for_target_roots(
            requested_runs_for_target_roots=True)
        self._held = PartitionBackfill(
            self.id, BulkActionStatus.REQUESTED, from_failure=False, tags={}, backfill_timestamp=began, asset_selection=self._keys,
            title=title, asset_backfill_data=data)
        # A daemon takes up every backfill that is in progress: where one is alive, this one is shown once it has ended.
        self._shown = not _daemon_lives(instance)
        if self._shown:
            instance.add_backfill(self._held)

    def _subset(self, partitions: Sequence[str]) -> AssetGraphSubset:
        pairs = {AssetKeyPartitionKey(key, day) for key in self._keys for day in partitions}
        return AssetGraphSubset.from_asset_partition_set(pairs, self._graph)

    @property
    def _data(self) -> AssetBackfillData:
        return self._held.get_asset_backfill_data(self._graph)

    def request(self, partitions: Sequence[str]) -> None:
        self._update(self._data.replace_requested_subset(self._data.requested_subset | self._subset(partitions)))

    def report(self, partitions: Sequence[str], run: RunResult) -> None:
        pairs = {AssetKeyPartitionKey(dg.AssetKey.from_user_string(asset), day) for asset, day in run.materialized}
        made = AssetGraphSubset.from_asset_partition_set(pairs, self._graph)
        failed = self._subset(partitions) - made
        self._update(self._data._replace(
            materialized_subset=self._data.materialized_subset | made,
            failed_and_downstream_subset=self._data.failed_and_downstream_subset | failed))

    def _update(self, data: AssetBackfillData) -> None:
        self._held = self._held.with_asset_backfill_data(data, self._instance, self._graph)
        if self._shown:
            self._instance.update_backfill(self._held)

    def end(self, status: BulkActionStatus) -> None:
        self._held = self._held._replace(status=status).with_end_timestamp(time.time())
        if self._shown:
            self._instance.update_backfill(self._held)
        else:
            self._instance.add_backfill(self._held)


def _daemon_lives(instance: dg.DagsterInstance) -> bool:
    from dagster._daemon.controller import get_daemon_statuses
    from dagster._daemon.types import DaemonStatus

    found: DaemonStatus | None = get_daemon_statuses(instance, ["BACKFILL"]).get("BACKFILL")
    return found is not None and bool(found.healthy)
