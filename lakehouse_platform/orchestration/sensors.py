"""Sensors that an instance may run: automation, and what goes wrong with data without a run."""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

import datetime as dt
import json
from collections.abc import Iterator
from itertools import chain

import dagster as dg

from lakehouse_platform.jobs.marts import mart_complete_through, prepare_marts, read_marts
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import FRESH, CheckOutcome, freshness
from lakehouse_platform.naming import Zone
from lakehouse_platform.orchestration.describe import key_of
from lakehouse_platform.orchestration.gaps import busy_assets, gaps_now
from lakehouse_platform.orchestration.steps import evaluation
from lakehouse_platform.zones.status import status


def build_automation_sensor() -> dg.SensorDefinition:
    """Starts what the automation conditions ask for; runs from the start."""
    return dg.AutomationConditionSensorDefinition(
        "automation", target=dg.AssetSelection.all(), default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30,
        description="Carries each business day that was materialized further down, also a late one; not where a blocking check failed.")


def build_freshness_sensor(project: Project, *, every: dt.timedelta = dt.timedelta(minutes=10)) -> dg.SensorDefinition:
    """Judges the age of every table's data again, and what days it lacks: both come about without a run. Reports only what has changed."""

    @dg.sensor(
        name="data_freshness", minimum_interval_seconds=int(every.total_seconds()), default_status=dg.DefaultSensorStatus.RUNNING,
        description="Holds each table's complete-through against the freshness that its contract promises, and Raw against the calendar.")
    def data_freshness(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        known: dict[str, bool | str] = json.loads(context.cursor or "{}")
        changed, now = 0, dt.datetime.now(tz=dt.UTC)
        busy = busy_assets(context.instance, {key_of(Zone.RAW, contract) for contract in project.tables}, now)
        for key, check in chain(freshness_now(project, now), gaps_now(project, now, busy)):
            said = check.passed if check.name == FRESH else check.description  # another day that is missing is news
            if known.get(key.to_user_string()) != said:
                context.instance.report_runless_asset_event(evaluation(key, check, None))
                known[key.to_user_string()] = said
                changed += 1
        context.update_cursor(json.dumps(known))
        return dg.SkipReason(f"{changed} of {len(known)} checks changed")

    return data_freshness


def freshness_now(project: Project, now: dt.datetime) -> Iterator[tuple[dg.AssetKey, CheckOutcome]]:
    """The freshness check of every table and mart that there is."""
    for contract in project.tables:
        if contract.freshness is not None:
            for found in status(project.lake, contract).zones:
                if found.zone != Zone.RAW:
                    yield key_of(found.zone, contract), freshness(contract, found.complete_through, now)
    prepare_marts(project)
    marts = read_marts(project)
    for mart in marts:
        built = project.lake.engine.exists(project.lake.uri(Zone.CURATED, mart.contract))
        if mart.contract.freshness is not None and built:
            through = mart_complete_through(project, mart, marts)
            yield key_of(Zone.CURATED, mart.contract), freshness(mart.contract, through, now)
