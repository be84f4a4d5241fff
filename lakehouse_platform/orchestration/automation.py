"""When an asset follows its upstream by itself."""

from __future__ import annotations

from dagster import AutomationCondition

FOLLOW = (
    AutomationCondition.eager().without(AutomationCondition.in_latest_time_window())
    & AutomationCondition.all_deps_blocking_checks_passed()
).with_label("follow every business day")
"""Whatever day was materialized upstream, also a late one, is materialized here, unless a blocking check upstream failed for it.

Plain `eager` looks at the newest day alone, and does not wait for checks.
"""
