"""Glue crawlers over Raw: an eye of AWS's own on the lake, in databases of its own, so that it never touches our registration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_platform import naming
from lakehouse_platform.aws.base import asking
from lakehouse_platform.catalog.glue import DOMAIN, Applied, ensure_database
from lakehouse_platform.errors import SettingsError, TerminalError, TransientError
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import CatalogBlock

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import CrawlerTypeDef, DeltaTargetOutputTypeDef, DeltaTargetTypeDef, UpdateCrawlerRequestTypeDef

POLL_SECONDS, PATIENCE_SECONDS = 10.0, 1800.0
_ENDED_WELL = frozenset({"SUCCEEDED", "COMPLETED"})
"""GetCrawler's word and ListCrawls'."""


@dataclass(frozen=True, slots=True)
class CrawlerPlan:
    """A crawler over the Raw tables of a domain."""

    name: str
    domain: str
    database: str
    """Where it writes; nobody else does."""
    role: str
    tables: tuple[str, ...]
    """Addresses of Delta tables, sorted."""


def plan_crawler(settings: CatalogBlock, domain: str, tables: Iterable[str]) -> CrawlerPlan:
    """The crawler of a domain's Raw tables. Raises SettingsError where the environment has no role for it."""
    if settings.crawler_role is None:
        raise SettingsError("crawlers need a role that reads Raw and writes the audit's databases. Add `catalog: {crawler_role: …}`.")
    name = naming.audit_database(settings.prefix, domain)
    return CrawlerPlan(name, domain, name, settings.crawler_role, tuple(sorted(f"{uri.rstrip('/')}/" for uri in tables)))


def crawler_request(plan: CrawlerPlan) -> UpdateCrawlerRequestTypeDef:
    """What Glue is told. The audit's tables follow what is found, so that their versions are what was found when; nothing is deleted."""
    return {
        "Name": plan.name, "Role": plan.role, "DatabaseName": plan.database, "TablePrefix": f"{Zone.RAW}_",
        "Description": f"Audit of the Raw tables of the domain {plan.domain}: what AWS finds there, held against the catalog.",
        "Targets": {"DeltaTargets": [_target(plan)]},
        "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
    }  # fmt: skip


def _target(plan: CrawlerPlan) -> DeltaTargetTypeDef:
    return {"DeltaTables": list(plan.tables), "CreateNativeDeltaTable": True, "WriteManifest": False}


def apply_crawler(glue: GlueClient, plan: CrawlerPlan) -> Applied:
    """Make Glue have the crawler and its database. Raises TransientError while it is running, TerminalError."""
    tags = {"domain": plan.domain}
    ensure_database(
        glue, plan.database, description=f"What the crawler of the domain {plan.domain} finds in Raw. Nothing reads from here.",
        parameters={DOMAIN: plan.domain}, tags=tags)
    with asking(f"crawler {plan.name}"):
        held = _find(glue, plan.name)
        if held is None:
            try:
                glue.create_crawler(**crawler_request(plan), Tags=tags)
            except glue.exceptions.AlreadyExistsException:
                return Applied.UNCHANGED
            return Applied.CREATED
        if not _differs(held, plan):
            return Applied.UNCHANGED
        glue.update_crawler(**crawler_request(plan))
        return Applied.UPDATED


def _find(glue: GlueClient, name: str) -> CrawlerTypeDef | None:
    try:
        return glue.get_crawler(Name=name)["Crawler"]
    except glue.exceptions.EntityNotFoundException:
        return None


def _differs(held: CrawlerTypeDef, plan: CrawlerPlan) -> bool:
    wanted = crawler_request(plan)
    same = ("DatabaseName", "TablePrefix", "Description", "SchemaChangePolicy", "RecrawlPolicy")
    if any(held.get(name) != wanted.get(name) for name in same) or _role(held.get("Role", "")) != _role(plan.role):
        return True
    return _targets(held.get("Targets", {}).get("DeltaTargets", [])) != _targets([_target(plan)])


def _role(role: str) -> str:
    """Glue takes an ARN and answers what stands behind `role/`."""
    return role.partition(":role/")[2] or role


def _targets(targets: Iterable[DeltaTargetTypeDef | DeltaTargetOutputTypeDef]) -> list[tuple[object, ...]]:
    return sorted((table, t.get("CreateNativeDeltaTable"), t.get("WriteManifest")) for t in targets for table in t.get("DeltaTables", []))


def crawl(
    glue: GlueClient, name: str, *, pause: Callable[[float], None] = time.sleep,
    poll_seconds: float = POLL_SECONDS, patience_seconds: float = PATIENCE_SECONDS,
) -> None:  # fmt: skip
    """Run a crawler and wait for its end; a crawl that is going on is waited for instead.

    Raises TerminalError where it failed, TransientError where it was cancelled or takes longer than `patience_seconds`.
    """
    with asking(f"crawler {name}"):
        before = glue.get_crawler(Name=name)["Crawler"]
        if before.get("State") == "READY":
            try:
                glue.start_crawler(Name=name)
            except glue.exceptions.CrawlerRunningException:
                before = glue.get_crawler(Name=name)["Crawler"]
        for _ in range(max(1, round(patience_seconds / poll_seconds))):
            now = glue.get_crawler(Name=name)["Crawler"]
            if now.get("State") == "READY" and _crawled_since(before, now):
                return _judge(name, now)
            pause(poll_seconds)
    raise TransientError(f"crawler {name} is still {now.get('State', 'running').lower()} after {patience_seconds:.0f} s")


def _crawled_since(before: CrawlerTypeDef, now: CrawlerTypeDef) -> bool:
    """A crawler may look ready for a moment after it was started."""
    return before.get("State") != "READY" or before.get("LastCrawl", {}).get("StartTime") != now.get("LastCrawl", {}).get("StartTime")


def _judge(name: str, crawler: CrawlerTypeDef) -> None:
    last = crawler.get("LastCrawl", {})
    status = str(last.get("Status", ""))
    if status in _ENDED_WELL:
        return
    where = f"Its log: {last.get('LogGroup', '?')}, stream {last.get('LogStream', '?')}."
    if status == "FAILED":
        raise TerminalError(f"crawler {name} failed: {last.get('ErrorMessage', 'it does not say why')}. {where}")
    raise TransientError(f"crawler {name} ended as {status or 'unknown'}: it was stopped before it had seen everything. {where}")
