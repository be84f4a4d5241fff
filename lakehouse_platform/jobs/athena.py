"""A project's Athena: its workgroups with their saved queries, and queries over its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_platform.errors import SettingsError
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings.cloud import AthenaBlock

if TYPE_CHECKING:
    from lakehouse_platform.lake.athena.names import Relation
    from lakehouse_platform.lake.athena.query import AthenaQuery
    from lakehouse_platform.lake.athena.saved import SavedPlan
    from lakehouse_platform.lake.athena.workgroups import WorkgroupChange


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was done so that people may query."""

    workgroups: tuple[WorkgroupChange, ...]
    saved: dict[str, SavedPlan]
    """By workgroup."""


def prepare_athena(project: Project) -> Prepared:
    """Make each domain's workgroup and its saved queries as contracts and environment say. Repeated, it does nothing.

    Raises SettingsError where the environment has no Athena.
    """
    from lakehouse_platform.lake.athena.saved import apply_saved, saved_queries
    from lakehouse_platform.lake.athena.workgroups import apply_workgroups, plan_workgroups, workgroup_name

    settings, prefix, store = _settings(project), project.catalog.prefix, project.environment.lake.store
    domains = sorted({contract.domain for contract in project.contracts})
    wanted = plan_workgroups(settings, domains, kms_key=store.kms_key if store else None, tags=project.environment.compute.tags)
    changed = apply_workgroups(project.account, wanted)
    saved = {}
    for domain in domains:
        queries = [q for contract in project.contracts if contract.domain == domain for q in saved_queries(contract, prefix)]
        name = workgroup_name(settings, domain)
        saved[name] = apply_saved(project.account.athena, name, queries)
    return Prepared(changed, saved)


def athena_query(project: Project) -> AthenaQuery:
    """Queries on Athena over the project's tables. Raises SettingsError where the environment has no Athena."""
    from lakehouse_platform.lake.athena.query import AthenaQuery

    return AthenaQuery(project.account.athena, _settings(project), project.catalog.prefix, relations(project))


def relations(project: Project) -> tuple[Relation, ...]:
    """Every table of the project that may be queried."""
    from lakehouse_platform.lake.athena.names import Relation
    from lakehouse_platform.zones.rows import raw_columns

    marts = [Relation(Zone.CURATED, c.domain, c.table) for c in project.marts]
    raws = [Relation(Zone.RAW, c.domain, c.table, tuple(n for n in raw_columns(c) if n != "_header")) for c in project.tables]
    ods = [Relation(Zone.ODS, c.domain, c.table) for c in project.tables]
    hds = [Relation(Zone.HDS, c.domain, c.table) for c in project.tables if c.keeps_history]
    return (*raws, *ods, *hds, *marts)


def _settings(project: Project) -> AthenaBlock:
    if project.environment.athena is None:
        raise SettingsError(f"{project.environment.path}: there is no Athena. Add `athena: {{workgroup: …, results: s3://…}}`.")
    return project.environment.athena
