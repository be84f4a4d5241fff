"""Scan budgets: what a typical query of a mart would read on Athena, held against what the mart's contract allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse_platform.contracts.contract import Contract, ScanBudget
from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import CheckOutcome, CheckSpec, Figure
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones.rows import declared, hds_columns, ods_columns, raw_columns

if TYPE_CHECKING:
    from lakehouse_platform.lake.athena.layout import TableLayout
    from lakehouse_platform.lake.athena.scan import ScanEstimate

WITHIN_BUDGET = "scan_within_budget"
MEGABYTE = 1_000_000


def scan_specs(contract: Contract) -> tuple[CheckSpec, ...]:
    """The check of a mart's scan budget, where its contract declares one."""
    if contract.scan_budget is None:
        return ()
    allowed = contract.scan_budget.bytes // MEGABYTE
    return (CheckSpec(WITHIN_BUDGET, f"The contract's typical query reads at most {allowed} MB on Athena.", about_now=True),)


def scan_outcomes(project: Project, contract: Contract) -> tuple[CheckOutcome, ...]:
    """What the contract's query would read of the tables as they lie, held against its budget.

    A table that is not there, or a query that cannot be read, fails the check and says why.
    """
    budget = contract.scan_budget
    if budget is None:
        return ()
    try:
        return (judge(budget, estimate_scan(project, budget)),)
    except LakehouseError as error:
        return (CheckOutcome(WITHIN_BUDGET, passed=False, description=f"{contract.path.name}: {error}"),)


def judge(budget: ScanBudget, estimate: ScanEstimate) -> CheckOutcome:
    """Whether the estimate is within the budget, in figures."""
    figures: dict[str, Figure] = {
        "bytes": estimate.bytes, "budget_bytes": budget.bytes, "files_read": estimate.files_read, "files": estimate.files,
        "counted": "columns" if estimate.by_column else "whole files",
    }
    passed = estimate.bytes <= budget.bytes
    advice = "" if passed else (
        f"The query would read {estimate.bytes / MEGABYTE:,.1f} MB of {estimate.files_read} of {estimate.files} files, and may read "
        f"{budget.bytes // MEGABYTE} MB. Sort or partition the table by what the query asks for, or raise the budget.")
    return CheckOutcome(WITHIN_BUDGET, passed, figures=figures, description=advice)


def estimate_scan(project: Project, budget: ScanBudget) -> ScanEstimate:
    """What the budget's query would read: by whole files where those are within the budget, else by columns, from the files' footers.

    Raises AthenaError for a query that is not one SELECT over the lake's tables, UnknownName for a table that is not there.
    """
    from lakehouse_platform.lake.athena.scan import plan_reads, scan_estimate

    tables = {f"{zone}.{contract.name}": (zone, contract) for contract in project.contracts for zone in _zones(contract)}
    reads = plan_reads(budget.query, {name: _columns(zone, contract) for name, (zone, contract) in tables.items()})
    layouts = {name: _layout(project, *tables[name]) for name in {read.table for read in reads}}
    files = {name: layout.files() for name, layout in layouts.items()}
    bound = scan_estimate(reads, files)
    return bound if bound.bytes <= budget.bytes else scan_estimate(reads, files, lambda read, file: layouts[read.table].measure(read, file))


def _zones(contract: Contract) -> tuple[Zone, ...]:
    if contract.model is not None:
        return (Zone.CURATED,)
    return (Zone.RAW, Zone.ODS, Zone.HDS) if contract.keeps_history else (Zone.RAW, Zone.ODS)


def _columns(zone: Zone, contract: Contract) -> dict[str, str]:
    made = {Zone.RAW: raw_columns, Zone.ODS: ods_columns, Zone.HDS: hds_columns, Zone.CURATED: declared}[zone](contract)
    return dict.fromkeys(made, "varchar")


def _layout(project: Project, zone: Zone, contract: Contract) -> TableLayout:
    from lakehouse_platform.lake.athena.layout import TableLayout

    store = project.environment.lake.store
    if store is None:
        return TableLayout(project.uri(zone, contract))
    from lakehouse_platform.engines.storage import delta_options

    return TableLayout(project.uri(zone, contract), delta_options(store))
