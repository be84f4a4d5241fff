"""Business days that are asked for, and the count of a run's steps."""

from __future__ import annotations

import dagster as dg
import pytest

from lakehouse_platform.errors import UnknownName
from lakehouse_platform.orchestration.materialize import Progress, materialize, partitions_between

DAYS = dg.StaticPartitionsDefinition(["2026-11-18", "2026-11-19", "2026-11-20"])


@dg.asset(partitions_def=DAYS)
def mart() -> None:
    """A mart."""


@dg.asset_check(asset=mart)
def certified() -> dg.AssetCheckResult:
    """A check that is a step of its own."""
    return dg.AssetCheckResult(passed=True)


DEFS = dg.Definitions(assets=[mart], asset_checks=[certified])


def test_days_that_run_backwards_are_refused() -> None:
    assert partitions_between(DEFS, "2026-11-18", "2026-11-19") == ["2026-11-18", "2026-11-19"]
    with pytest.raises(UnknownName, match="the first day has to come before the last"):
        partitions_between(DEFS, "2026-11-20", "2026-11-18")


def test_a_step_that_only_checks_is_counted_from_the_start() -> None:
    heard: list[Progress] = []
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialize(DEFS, instance, [mart.key], ["2026-11-18"], progress=heard.append).success
    assert {progress.steps for progress in heard} == {2}
    assert heard[-1].ended == 2
