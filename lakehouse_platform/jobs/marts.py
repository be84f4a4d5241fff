"""Marts: what they are made of, how they are built and published, and how their datasets are."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse_platform.contracts.contract import Contract, OnFailure
from lakehouse_platform.errors import ContractError, TerminalError
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.registration import register_table
from lakehouse_platform.jobs.scans import scan_outcomes, scan_specs
from lakehouse_platform.jobs.steps import (
    CheckOutcome,
    CheckSpec,
    Figure,
    Outcome,
    complete_through_of,
    describe_rule,
    fresh_outcomes,
    freshness_spec,
)
from lakehouse_platform.naming import Zone
from lakehouse_platform.publish.project import Build, MartProject
from lakehouse_platform.publish.project import Outcome as Built
from lakehouse_platform.quality.rules import RuleResult

if TYPE_CHECKING:
    from lakehouse_platform.publish.curated import PublishedMart

SHAPE = "matches_contract"
READS = 5
"""Tries to read a manifest that dbt may be writing."""


@dataclass(frozen=True, slots=True)
class MartTest:
    """A test of the dbt project, under the name that its asset check has."""

    node: str
    """dbt's name."""
    check: str
    description: str
    halting: bool


@dataclass(frozen=True, slots=True)
class Mart:
    """A mart and what it is made of."""

    contract: Contract
    upstream: tuple[tuple[str, Contract], ...]
    """Zone and contract of each table that it reads."""
    tests: tuple[MartTest, ...]

    @property
    def checks(self) -> tuple[CheckSpec, ...]:
        """The checks that it promises."""
        shape = CheckSpec(SHAPE, "Columns, key and required columns are those of the contract.", halting=True)
        tests = [CheckSpec(t.check, t.description, t.halting) for t in self.tests]
        rules = [CheckSpec(r.name, describe_rule(r), r.on_failure is not OnFailure.WARN) for r in self.contract.rules]
        fresh = (freshness_spec(self.contract),) if self.contract.freshness is not None else ()
        return (shape, *tests, *rules, *scan_specs(self.contract), *fresh)


def mart_project(project: Project) -> MartProject:
    """The project's dbt project, bound to its lake."""
    found, scratch = project.environment, project.state / "marts.duckdb"
    reached = found.path if found.lake.store is not None else None
    return MartProject(project.marts_folder, found.lake.root, scratch, found.partitions.time_zone, environment=reached)


def prepare_marts(project: Project) -> bool:
    """Have dbt parse the project where its manifest is missing or older than a file of it. Returns whether it was parsed."""
    if not (project.marts_folder / "dbt_project.yml").is_file():
        return False
    found = mart_project(project)
    if found.manifest.is_file() and found.manifest.stat().st_mtime >= max(f.stat().st_mtime for f in _files(project.marts_folder)):
        return False
    found.parse()
    return True


def _files(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.is_file():
            yield entry
        elif entry.name not in ("target", "logs", "dbt_packages"):
            yield from (f for f in entry.rglob("*") if f.suffix in (".sql", ".yml", ".yaml"))


def read_marts(project: Project) -> tuple[Mart, ...]:
    """The project's marts as dbt's manifest has them. Raises ContractError for a contract whose model there is not."""
    if not project.marts:
        return ()
    manifest = _read_manifest(mart_project(project).manifest)
    models = {n["name"]: n for n in manifest["nodes"].values() if n["resource_type"] == "model"}
    missing = [f'{c.path}: there is no dbt model "{c.model}"' for c in project.marts if c.model not in models]
    if missing:
        raise ContractError("; ".join(missing) + f". Models: {', '.join(sorted(models))}.")
    return tuple(_mart(project, manifest, contract, models[str(contract.model)]) for contract in project.marts)


def _read_manifest(file: Path) -> dict[str, Any]:
    for attempt in range(READS):
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            if attempt == READS - 1:
                raise
            time.sleep(0.2)
        else:
            return found
    raise TerminalError(f"{file}: cannot be read")


def _mart(project: Project, manifest: Mapping[str, Any], contract: Contract, model: Mapping[str, Any]) -> Mart:
    by_model = {c.model: c for c in project.marts}
    upstream = []
    for name in model["depends_on"]["nodes"]:
        if name in manifest["sources"]:
            source = manifest["sources"][name]
            meta = source["config"]["meta"]
            upstream.append((str(meta["zone"]), project.contract(f"{meta['domain']}.{source['name']}")))
        elif (used := by_model.get(name.split(".")[-1])) is not None:
            upstream.append((Zone.CURATED.value, used))
    tests = [_test(node, model["name"]) for node in manifest["nodes"].values() if _tested(node) == model["name"]]
    return Mart(contract, tuple(upstream), tuple(sorted(tests, key=lambda test: test.check)))


def _tested(node: Mapping[str, Any]) -> str | None:
    """Model that a test judges: the one it is attached to, or the one it names for Dagster."""
    if node["resource_type"] != "test":
        return None
    if node.get("attached_node"):
        return str(node["attached_node"]).split(".")[-1]
    named = node["config"].get("meta", {}).get("dagster", {}).get("ref", {}).get("name")
    return str(named) if named else None


def _test(node: Mapping[str, Any], model: str) -> MartTest:
    name = str(node["name"])
    check = re.sub(rf"(^{model}_|_{model}$)", "", name)
    metadata = node.get("test_metadata") or {}
    said = node.get("description") or f"{metadata.get('name', name)} {node.get('column_name') or ''}".strip()
    return MartTest(name, check, str(said), str(node["config"]["severity"]).upper() == "ERROR")


def run_marts(project: Project, marts: Sequence[Mart], wanted: Collection[str]) -> dict[str, Outcome]:
    """Build, test and publish the wanted marts (`domain.table`) in one go. A mart with a failed check, or made of one, stays as it was."""
    from lakehouse_platform.publish.curated import publish_marts

    found = mart_project(project)
    asked = [mart for mart in marts if mart.contract.name in wanted]
    build = found.build(*(f"+{mart.contract.model}" for mart in asked))
    fit = set(build.publishable(str(mart.contract.model) for mart in asked))
    audits = {mart.contract.name: _audit(project, found.scratch, mart) for mart in asked if mart.contract.model in fit}
    held = {mart.contract.name for mart in asked if mart.contract.name not in audits or _refusal(audits[mart.contract.name])}
    held = _with_dependents(marts, held)
    passed = [mart.contract for mart in asked if mart.contract.name not in held]
    published = {p.contract.name: p for p in publish_marts(project.lake, found.scratch, passed)}
    return {
        mart.contract.name: _outcome(project, mart, build, audits.get(mart.contract.name, ()), published.get(mart.contract.name), marts)
        for mart in asked
    }


def _audit(project: Project, scratch: Path, mart: Mart) -> tuple[RuleResult, ...] | str:
    from lakehouse_platform.lake.scratch import Scratch
    from lakehouse_platform.publish.curated import audit_mart

    try:
        with Scratch(scratch) as opened:
            return audit_mart(project.lake.engine, opened, mart.contract)
    except TerminalError as error:
        return str(error)


def _refusal(audit: tuple[RuleResult, ...] | str) -> str | None:
    if isinstance(audit, str):
        return audit
    broken = [r.rule for r in audit if not r.passed and r.on_failure is OnFailure.HALT]
    return f"broken: {', '.join(broken)}" if broken else None


def _with_dependents(marts: Sequence[Mart], held: set[str]) -> set[str]:
    """The held marts and all that are made of them."""
    grown = held | {m.contract.name for m in marts if any(zone == Zone.CURATED and c.name in held for zone, c in m.upstream)}
    return grown if grown == held else _with_dependents(marts, grown)


def _outcome(
    project: Project, mart: Mart, build: Build, audit: tuple[RuleResult, ...] | str, published: PublishedMart | None, marts: Sequence[Mart]
) -> Outcome:
    contract = mart.contract
    through = mart_complete_through(project, mart, marts)
    scans, fresh = scan_outcomes(project, contract), fresh_outcomes(contract, through)
    checks = (*checks_of_tests(mart, build), *_audit_checks(contract, audit), *scans, *fresh)
    if published is None:
        return Outcome(checks, halted=f"{contract.name} was not published: {_why_not(contract, build, audit)}")
    figures: dict[str, Figure] = {
        "delta_version": published.version, "rows_changed": published.committed, **register_table(project, Zone.CURATED, contract)}
    return Outcome(checks, published.rows, published.rows, figures, through)


def _why_not(contract: Contract, build: Build, audit: tuple[RuleResult, ...] | str) -> str:
    failed = [b for b in build.failed if contract.model in b.of]
    refusal = _refusal(audit)
    said = [f"{b.name} {b.status}: {masked(b.message)}" for b in failed] + ([refusal] if refusal else [])
    return "; ".join(said) or "a mart that it is made of was held back"


def masked(text: str) -> str:
    """dbt's message without what stands in quotes: a conversion error quotes the value."""
    return re.sub(r"'[^']*'", "'***'", " ".join(text.split()))


def checks_of_tests(mart: Mart, build: Build) -> tuple[CheckOutcome, ...]:
    """How a mart's tests came out; one that did not run has not passed."""
    ran: dict[str, Built] = {outcome.name: outcome for outcome in build.outcomes}
    return tuple(_test_check(test, ran.get(test.node)) for test in mart.tests)


def _test_check(test: MartTest, ran: Built | None) -> CheckOutcome:
    status = ran.status if ran is not None else "not run"
    message = masked(ran.message) if ran is not None else ""
    return CheckOutcome(test.check, status in ("pass", "success"), test.halting, {"status": status}, message)


def _audit_checks(contract: Contract, audit: tuple[RuleResult, ...] | str) -> tuple[CheckOutcome, ...]:
    if isinstance(audit, str) or not audit:
        why = audit if isinstance(audit, str) and audit else "The model was not built, or a test of it failed."
        missing = [CheckOutcome(r.name, passed=False, halting=r.on_failure is not OnFailure.WARN, description=why) for r in contract.rules]
        return (CheckOutcome(SHAPE, passed=False, halting=True, description=why), *missing)
    said = {r.rule: r for r in audit}
    own = {rule.name for rule in contract.rules}
    broken: dict[str, Figure] = {r.rule: r.failed for r in audit if r.rule not in own and not r.passed}
    rows = max((r.evaluated for r in audit), default=0)
    shape = CheckOutcome(SHAPE, not broken, halting=True, figures={"evaluated": rows, **broken})
    rules = [
        CheckOutcome(n, said[n].passed, said[n].on_failure is OnFailure.HALT, {"evaluated": said[n].evaluated, "failed": said[n].failed})
        for n in (rule.name for rule in contract.rules)
    ]
    return (shape, *rules)


def mart_complete_through(project: Project, mart: Mart, marts: Sequence[Mart]) -> dt.datetime | None:
    """The least of what the mart is made of; None where that is not known of one table."""
    by_name = {m.contract.name: m for m in marts}
    ends = [
        mart_complete_through(project, by_name[contract.name], marts) if zone == Zone.CURATED
        else complete_through_of(project.lake, contract, Zone(zone))
        for zone, contract in mart.upstream
    ]
    known = [end for end in ends if end is not None]
    return min(known) if ends and len(known) == len(ends) else None
