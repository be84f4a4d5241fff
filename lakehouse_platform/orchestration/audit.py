"""The audit of Raw by AWS's crawlers, as checks of the Raw assets that a daily schedule runs."""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

from collections.abc import Iterator

import dagster as dg

from lakehouse_platform.jobs.audit import AUDITED, audit_outcomes
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import Zone
from lakehouse_platform.orchestration.describe import figures, key_of

NAME = "crawler_audit"
EVERY_DAY = "0 5 * * *"


def build_audit(project: Project) -> list[dg.AssetChecksDefinition]:
    """One definition with a check for each Raw table; none where the environment's catalog has no crawlers."""
    catalog = project.environment.catalog
    if catalog is None or catalog.crawler_role is None:
        return []
    tables = {key_of(Zone.RAW, contract): contract for contract in project.tables}

    @dg.multi_asset_check(
        name=NAME, specs=[dg.AssetCheckSpec(AUDITED.name, asset=key, description=AUDITED.description) for key in tables], can_subset=True)
    def crawler_audit(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        asked = {key.asset_key for key in context.selected_asset_check_keys}
        for domain in sorted({tables[key].domain for key in asked}):
            outcomes = audit_outcomes(project, domain)
            for key in sorted(key for key in asked if tables[key].domain == domain):
                if (found := outcomes.get(tables[key].name)) is not None:
                    yield dg.AssetCheckResult(
                        passed=found.passed, asset_key=key, check_name=AUDITED.name, metadata=figures(found.figures),
                        severity=dg.AssetCheckSeverity.WARN, description=found.description or None)

    return [crawler_audit]


def build_audit_schedule(project: Project, checks: list[dg.AssetChecksDefinition]) -> list[dg.ScheduleDefinition]:
    """Runs the audit once a day; switched on in the interface."""
    zone = project.environment.partitions.time_zone
    return [dg.ScheduleDefinition(
        name=f"{NAME}_daily", target=dg.AssetSelection.checks(found), cron_schedule=EVERY_DAY, execution_timezone=zone) for found in checks]
