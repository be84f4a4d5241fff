"""Has the Glue catalog know a table as its Delta log has it, after each commit."""

from __future__ import annotations

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import Figure


def register_table(project: Project, zone: str, contract: Contract) -> dict[str, Figure]:
    """Register a zone's table, and say as what; nothing happens in an environment without a catalog.

    Raises TerminalError where a table of somebody else has the name, TransientError where the catalog does not answer.
    """
    settings, uri = project.environment.catalog, project.uri(zone, contract)
    if settings is None or not project.lake.engine.exists(uri):
        return {}
    from lakehouse_platform.catalog.glue import register

    done = register(project.account, settings, contract, zone, uri, project.lake.engine.open(uri))
    return {"catalog_table": f"{done.database}.{done.table}", "catalog": str(done.applied)}
