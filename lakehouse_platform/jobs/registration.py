"""Has the Glue catalog know a table as its Delta log has it, after each commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import opened
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import Figure

if TYPE_CHECKING:
    from lakehouse_platform.catalog.glue import Registration


def register_table(project: Project, zone: str, contract: Contract) -> dict[str, Figure]:
    """Register a zone's table, and say as what; nothing happens in an environment without a catalog. Raises as `registered` does."""
    done = registered(project, zone, contract) if project.environment.catalog is not None else None
    return {"catalog_table": f"{done.database}.{done.table}", "catalog": str(done.applied)} if done is not None else {}


def registered(project: Project, zone: str, contract: Contract) -> Registration | None:
    """What became of a zone's table in the catalog; None where there is no table yet.

    Raises SettingsError in an environment without a catalog, TerminalError where a table of somebody else has the name, TransientError
    where the catalog does not answer.
    """
    from lakehouse_platform.catalog.glue import register

    settings, uri = project.catalog, project.uri(zone, contract)
    table = opened(project.lake.engine, uri)
    return register(project.account, settings, contract, zone, uri, table) if table is not None else None
