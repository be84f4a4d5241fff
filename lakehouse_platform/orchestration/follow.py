"""Runs automation in this process, as Dagster's daemon does: what follows from what was materialized, until nothing does."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster_shared.serdes import deserialize_value, serialize_value

from lakehouse_platform.orchestration.materialize import Progress, RunResult, materialize

TICKS = 20
"""Evaluations in a row before it is given up that an end will come."""
AUTOMATION_TAG = "lakehouse/automation"


def follow(
    defs: dg.Definitions, instance: dg.DagsterInstance, cursor_file: Path, *, progress: Callable[[Progress], None] | None = None,
    launch: bool = True,
) -> list[RunResult]:
    """Evaluate every asset's automation condition and run what it asks for, again and again until nothing is asked for.

    What has changed is what changed since the cursor was written; without one, only what is missing counts. With `launch`
    False nothing is run, and the cursor is at now.
    """
    runs: list[RunResult] = []
    for _ in range(TICKS):
        cursor = deserialize_value(cursor_file.read_text(), AssetDaemonCursor) if cursor_file.exists() else None
        result = _evaluate(defs, instance, cursor)
        cursor_file.parent.mkdir(parents=True, exist_ok=True)
        cursor_file.write_text(serialize_value(result.cursor))
        if not launch or result.total_requested == 0:
            break
        asked: defaultdict[str, set[dg.AssetKey]] = defaultdict(set)
        for key in defs.resolve_asset_graph().materializable_asset_keys:
            for partition in result.get_requested_partitions(key):
                asked[partition or ""].add(key)
        runs += [materialize(defs, instance, asked[day], [day], progress=progress, tags={AUTOMATION_TAG: "true"}) for day in sorted(asked)]
    return runs


def _evaluate(
    defs: dg.Definitions, instance: dg.DagsterInstance, cursor: AssetDaemonCursor | None
) -> dg.EvaluateAutomationConditionsResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # of a parameter that Dagster itself passes
        return dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
