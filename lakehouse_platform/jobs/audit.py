"""Has AWS's crawlers look at Raw, and holds what they find against what is registered: an audit that shares no code with what it audits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import CheckOutcome, CheckSpec

if TYPE_CHECKING:
    from lakehouse_platform.catalog.audit import Mismatch

AUDITED = CheckSpec("agrees_with_crawler", "What a crawler finds in Raw is what the catalog says of it.", about_now=True)
"""The check of a Raw table in an environment whose catalog has crawlers."""


def raw_tables(project: Project, domains: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Domains and the addresses of their Raw tables; a domain without any has nothing to crawl."""
    for domain in domains:
        places = [project.uri("raw", contract) for contract in project.tables if contract.domain == domain]
        if held := [place for place in places if project.lake.engine.exists(place)]:
            yield domain, held


def audit(project: Project, domain: str, tables: Iterable[str]) -> tuple[Mismatch, ...]:
    """Crawl the Raw tables of a domain, wait, and give what was found otherwise than it is registered.

    Raises TerminalError where the crawler fails, TransientError where it takes too long or AWS does not answer.
    """
    from lakehouse_platform.catalog.audit import audit_raw
    from lakehouse_platform.catalog.crawlers import apply_crawler, crawl, plan_crawler

    settings, glue = project.catalog, project.account.glue
    plan = plan_crawler(settings, domain, tables)
    apply_crawler(glue, plan)
    crawl(glue, plan.name)
    return audit_raw(glue, settings.prefix, domain)


def audit_outcomes(project: Project, domain: str) -> dict[str, CheckOutcome]:
    """How the check of each Raw table of a domain came out, by `domain.table`; tables that are not there yet have none."""
    crawled = dict(raw_tables(project, [domain])).get(domain, [])
    held = [c for c in project.tables if project.uri("raw", c) in crawled]
    found = audit(project, domain, crawled) if crawled else ()
    return {contract.name: _outcome([m for m in found if m.contract == contract.name]) for contract in held}


def _outcome(found: Sequence[Mismatch]) -> CheckOutcome:
    return CheckOutcome(
        AUDITED.name, passed=not found, figures={"findings": len(found), "columns": ", ".join(m.column or "the table" for m in found)},
        description="; ".join(map(str, found)))
