"""One table, one zone, one business day: what is done, what was checked and what is said of it, without an orchestrator."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakehouse_platform.contracts.contract import Contract, Drift, Landing, OnFailure, Rule
from lakehouse_platform.contracts.patch import Patch, propose_column, propose_type
from lakehouse_platform.drift.findings import Change, Finding
from lakehouse_platform.errors import DriftError, NotExtractable, UnknownName
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import Zone, landing_path, quarantine_path
from lakehouse_platform.quality.rules import RuleResult, demand, rules_of
from lakehouse_platform.zones import gate, hds, ods, raw
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.ledger import complete_through, read_ledger
from lakehouse_platform.zones.status import status, taken_in

if TYPE_CHECKING:
    from lakehouse_platform.jobs.landing import Intake

Figure = int | float | str | bool | dt.datetime

SCHEMA, REQUIRED, FRESH, AGREES = "schema_matches_contract", "required_columns_present", "data_is_fresh", "agrees_with_ods"
LANDED = "landed_files_taken_in"
"""Checks that every table has in some zone; the others are named after the contract's rules."""


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check that a zone's table promises to make."""

    name: str
    description: str
    halting: bool = False
    """Where it fails, nothing is committed and nothing goes on."""
    about_now: bool = False
    """It is about the table as it stands, not about one business day."""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """How a check came out."""

    name: str
    passed: bool
    halting: bool = False
    figures: Mapping[str, Figure] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did. It never holds values of rows, only figures."""

    checks: tuple[CheckOutcome, ...]
    rows: int = 0
    """Rows of the business day."""
    table_rows: int = 0
    """Rows of the whole table afterwards."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    complete_through: dt.datetime | None = None
    halted: str | None = None
    """Why nothing was committed, where it was not."""


def declared_checks(zone: str, contract: Contract) -> tuple[CheckSpec, ...]:
    """The checks of a contract's table in a zone."""
    fresh = (freshness_spec(contract),) if contract.freshness is not None else ()
    if zone == Zone.RAW:
        frozen = contract.drift is Drift.FREEZE
        files = (CheckSpec(LANDED, "No file that landed had to go to quarantine."),) if isinstance(contract.source, Landing) else ()
        return (CheckSpec(SCHEMA, "The source's columns and types are those of the contract.", halting=frozen), *files)
    if zone == Zone.ODS:
        return (*_rule_specs(contract), *fresh)
    if zone == Zone.HDS:
        return (CheckSpec(AGREES, "As many open versions as ODS has rows, when both have taken in the same days."), *fresh)
    raise UnknownName(f'{contract.name}: no checks are made in zone "{zone}"')


def freshness_spec(contract: Contract) -> CheckSpec:
    """The check that the data is as young as the contract promises."""
    hours = round((contract.freshness or dt.timedelta()).total_seconds() / 3600)
    return CheckSpec(FRESH, f"Everything up to {hours} hours ago is in.", about_now=True)


def _rule_specs(contract: Contract) -> tuple[CheckSpec, ...]:
    stated = {rule.name for rule in contract.rules}
    implied = [r for r in rules_of(contract) if r.name not in stated]
    needed = ", ".join(c for r in implied for c in r.columns)
    specs = [CheckSpec(r.name, describe_rule(r), r.on_failure is OnFailure.HALT) for r in contract.rules]
    return (*([CheckSpec(REQUIRED, f"No NULL in {needed}; rows that have one are held back.")] if implied else []), *specs)


def describe_rule(rule: Rule) -> str:
    """What a rule asks for, and what happens where it is broken."""
    what = (rule.description or demand(rule)).rstrip(".")
    does = {OnFailure.HALT: "halts the day", OnFailure.QUARANTINE: "rows that break it are held back", OnFailure.WARN: "reported"}
    return f"{what} ({does[rule.on_failure]})"


def freshness(contract: Contract, through: dt.datetime | None, now: dt.datetime) -> CheckOutcome:
    """Judge a table's data by the contract's promise."""
    if through is None:
        return CheckOutcome(FRESH, passed=False, description="It is not known up to when the data is complete.")
    age, promised = now - through, contract.freshness or dt.timedelta()
    hours_old, hours_promised = (round(span.total_seconds() / 3600) for span in (age, promised))
    figures: dict[str, Figure] = {"complete_through": through, "hours_old": hours_old, "hours_promised": hours_promised}
    return CheckOutcome(FRESH, passed=age <= promised, figures=figures)


def run_raw(project: Project, contract: Contract, day: str, run: str) -> Outcome:
    """Extract a business day into Raw."""
    if isinstance(contract.source, Landing):
        return _run_landed(project, contract, day)
    lake = project.lake
    try:
        extraction = raw.extract(lake, contract, project.source_of(contract), day, run=run)
    except DriftError as error:
        return Outcome((CheckOutcome(SCHEMA, passed=False, halting=True, description=str(error)),), halted=str(error))
    batch = extraction.batch
    table = lake.raw(contract)
    ledger = read_ledger(lake, table)
    figures: dict[str, Figure] = {
        "batch": batch.batch_id, "rows_read": batch.rows if extraction.new else 0, "rows_with_parked_values": batch.parked}
    if not extraction.new:
        figures["reason"] = (
            "adopted: this run had committed the batch already" if batch.run == run
            else f"derived again from Raw: the source is read by position and has moved on to {ledger.newest}")
    through = complete_through(ledger, [b.batch_id for b in ledger.batches])
    return Outcome(
        (_schema_check(contract, extraction),), batch.rows, table.count(partitions={"_kind": ["change"]}), figures, through)


def _run_landed(project: Project, contract: Contract, day: str) -> Outcome:
    """Take what waits for a business day into Raw. Raises NotExtractable where nothing does, and nothing ever did."""
    from lakehouse_platform.jobs.landing import take_in

    intake, lake = take_in(project, contract, day), project.lake
    table = lake.raw(contract)
    ledger = read_ledger(lake, table)
    if not ledger.of(day) and not intake.refused:
        folder = landing_path(contract.domain, contract.table)
        raise NotExtractable(f"{contract.name}: no file has landed for {day}, and none waits in {folder}.")
    findings = tuple(dict.fromkeys(finding for taken in intake.taken for finding in taken.findings))
    checks = (schema_check(contract, findings), _landed_check(contract, intake))
    batches = [e.batch for e in intake.taken]
    figures: dict[str, Figure] = {
        "files_taken": len(batches), "files_refused": len(intake.refused), "batches": ", ".join(b.batch_id for b in batches),
        "rows_read": sum(e.batch.rows for e in intake.taken if e.new), "rows_with_parked_values": sum(b.parked for b in batches)}
    through = complete_through(ledger, [b.batch_id for b in ledger.batches])
    halted = None if ledger.of(day) else f"no file of {day} could be taken in: {intake.refused[0].reason}"
    rows = sum(b.rows for b in ledger.of(day))
    return Outcome(checks, rows, table.count(partitions={"_kind": ["change"]}), figures, through, halted)


def _landed_check(contract: Contract, intake: Intake) -> CheckOutcome:
    refused = intake.refused
    figures: dict[str, Figure] = {"files_taken": len(intake.taken), "files_refused": len(refused)}
    if refused:
        figures |= {"files": ", ".join(r.file for r in refused), "quarantine": quarantine_path(contract.domain, contract.table)}
    return CheckOutcome(LANDED, not refused, figures=figures, description="\n".join(f"{r.file}: {r.reason}" for r in refused))


def _schema_check(contract: Contract, extraction: raw.Extraction) -> CheckOutcome:
    if extraction.new:
        return schema_check(contract, extraction.findings)
    parked = extraction.batch.parked
    passed = parked == 0 or contract.drift is Drift.DISCARD
    held = "The batch was in Raw already; nothing was read."
    return CheckOutcome(SCHEMA, passed, figures={"rows_with_parked_values": parked}, description=held)


def schema_check(contract: Contract, findings: tuple[Finding, ...]) -> CheckOutcome:
    """What drift means under the contract; a discarding contract does not mind."""
    figures: dict[str, Figure] = {"findings": len(findings), "policy": str(contract.drift)}
    if findings:
        patches = [str(patch) for finding in findings if (patch := proposed_patch(contract, finding)) is not None]
        figures |= {"columns": ", ".join(f.column for f in findings), "owner": contract.owner, "proposed_patch": "\n".join(patches)}
    frozen = contract.drift is Drift.FREEZE
    passed = not findings or contract.drift is Drift.DISCARD
    return CheckOutcome(SCHEMA, passed, halting=frozen, figures=figures, description="; ".join(map(str, findings)))


def proposed_patch(contract: Contract, finding: Finding) -> Patch | None:
    """The lines that bring the contract back to its source; None for a column that is gone."""
    if finding.found is None:
        return None
    if finding.change is Change.ADDED:
        return propose_column(contract, finding.column, finding.found)
    name = next(c.name for c in contract.columns if c.physical_name == finding.column)
    return propose_type(contract, name, finding.found)


def run_ods(project: Project, contract: Contract, day: str, run: str) -> Outcome:  # noqa: ARG001 (steps have one signature)
    """Judge a business day, and merge what the gate lets through into ODS."""
    lake = project.lake
    judgement = gate.judge(lake, contract, day)
    checks = _rule_checks(contract, judgement.results)
    if judgement.halted:
        through = complete_through_of(lake, contract, Zone.ODS)
        why = f"the gate halted {day}: {', '.join(judgement.halted)} failed, and nothing of it was committed beyond Raw"
        return Outcome((*checks, *fresh_outcomes(contract, through)), halted=why)
    merged = ods.merge(lake, contract, day)
    figures: dict[str, Figure] = {
        "rows_accepted": merged.rows, "rows_held_back": merged.held, "inserted": merged.inserted, "updated": merged.updated,
        "deleted": merged.deleted, "delta_version": merged.version}
    checks = (*checks, *fresh_outcomes(contract, merged.complete_through))
    return Outcome(checks, merged.rows, lake.ods(contract).count(), figures, merged.complete_through)


def _rule_checks(contract: Contract, results: tuple[RuleResult, ...]) -> tuple[CheckOutcome, ...]:
    said, stated = {r.rule: r for r in results}, {rule.name for rule in contract.rules}
    stated_checks = [_rule_check(rule, said[rule.name]) for rule in contract.rules]
    implied = [said[r.name] for r in rules_of(contract) if r.name not in stated]
    if not implied:
        return tuple(stated_checks)
    figures: dict[str, Figure] = {"evaluated": max(r.evaluated for r in implied), "failed": sum(r.failed for r in implied)}
    figures |= {r.rule: r.failed for r in implied if r.failed}
    return (CheckOutcome(REQUIRED, all(r.passed for r in implied), figures=figures), *stated_checks)


def _rule_check(rule: Rule, result: RuleResult) -> CheckOutcome:
    figures: dict[str, Figure] = {"evaluated": result.evaluated, "failed": result.failed, "on_failure": str(rule.on_failure)}
    return CheckOutcome(rule.name, result.passed, rule.on_failure is OnFailure.HALT, figures)


def run_hds(project: Project, contract: Contract, day: str, run: str) -> Outcome:  # noqa: ARG001 (steps have one signature)
    """Merge a judged business day into the history."""
    lake = project.lake
    merged = hds.merge(lake, contract, day)
    figures: dict[str, Figure] = {
        "rows_accepted": merged.rows, "rows_held_back": merged.held, "versions_opened": merged.opened, "versions_closed": merged.closed,
        "versions_retracted": merged.retracted, "delta_version": merged.version}
    checks = (agreement(lake, contract), *fresh_outcomes(contract, merged.complete_through))
    return Outcome(checks, merged.rows, lake.hds(contract).count(), figures, merged.complete_through)


def agreement(lake: Lake, contract: Contract) -> CheckOutcome:
    """Whether HDS has as many open versions as ODS has rows."""
    current, history = lake.ods(contract), lake.hds(contract)
    given = gate.verdicts(lake, lake.gate(contract))
    ahead = set(taken_in(current, Zone.ODS, given).items()) ^ set(taken_in(history, Zone.HDS, given).items())
    if ahead:
        days = ", ".join(sorted({day for day, _ in ahead}))
        return CheckOutcome(AGREES, passed=True, description=f"Not compared: {days} is not in both.")
    live, opened = current.count(), history.count(partitions={"is_current": ["true"]})
    return CheckOutcome(AGREES, live == opened, figures={"ods_rows": live, "open_versions": opened})


def complete_through_of(lake: Lake, contract: Contract, zone: Zone) -> dt.datetime | None:
    """Source instant up to which a zone's table holds everything now; None where there is no table yet."""
    found = status(lake, contract).zone(zone)
    return found.complete_through if found is not None else None


def fresh_outcomes(contract: Contract, through: dt.datetime | None) -> tuple[CheckOutcome, ...]:
    """The freshness check, where the contract promises any."""
    return (freshness(contract, through, dt.datetime.now(tz=dt.UTC)),) if contract.freshness is not None else ()


STEPS: Mapping[str, Callable[[Project, Contract, str, str], Outcome]] = {Zone.RAW: run_raw, Zone.ODS: run_ods, Zone.HDS: run_hds}
"""Project, contract, business day and root run to an outcome, by zone."""
