"""Loads: which tables the warehouse holds, and how one of them is brought to the lake's newest version and held against it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines.storage import delta_options, reaching
from lakehouse_platform.jobs.marts import Mart, mart_complete_through
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import CheckOutcome, CheckSpec, Figure, Outcome, complete_through_of
from lakehouse_platform.naming import Zone
from lakehouse_platform.warehouse.base import Load, LoadDiverged, Loaded, LoadPlan, Mode, Place, Snapshot, Warehouse, WarehouseTable
from lakehouse_platform.warehouse.columns import key_of, place_of, warehouse_table
from lakehouse_platform.warehouse.layout import Facts, Joins, joins_of, plan_layout
from lakehouse_platform.warehouse.plan import plan_again, plan_load
from lakehouse_platform.warehouse.snapshot import DeltaFiles, FilesGone, VersionGone
from lakehouse_platform.zones.rows import declared, hds_columns, ods_columns

WAREHOUSE = "warehouse"
"""First part of the asset keys of what is in the warehouse."""
ROWS_MATCH, SUMS_AGREE = "rows_match", "sums_agree"
MOST_DIGITS = 28
"""Of decimals whose sums are compared: ten thousand million rows of them add up to 38 digits, which Redshift has."""

_COLUMNS: Mapping[Zone, Callable[[Contract], Mapping[str, LakeType]]] = {
    Zone.ODS: ods_columns, Zone.HDS: hds_columns, Zone.CURATED: declared}
_WHOLE = (Kind.INT16, Kind.INT32, Kind.INT64)


@dataclass(frozen=True, slots=True)
class TableLoad:
    """A zone's table that the warehouse holds."""

    contract: Contract
    zone: Zone

    @property
    def place(self) -> Place:
        """Where it is in the warehouse."""
        return place_of(self.zone, self.contract)

    @property
    def columns(self) -> Mapping[str, LakeType]:
        """Its columns."""
        return _COLUMNS[self.zone](self.contract)


def table_loads(project: Project) -> tuple[TableLoad, ...]:
    """Every table that the environment's warehouse holds a load of; none where it has no warehouse."""
    if project.environment.warehouse is None:
        return ()
    return tuple(
        TableLoad(contract, Zone(zone)) for contract in project.contracts if contract.warehouse is not None
        for zone in contract.warehouse.zones)


def load_checks() -> tuple[CheckSpec, ...]:
    """The checks of a load."""
    return (
        CheckSpec(ROWS_MATCH, "As many rows as the lake's table at the version that was loaded.", halting=True),
        CheckSpec(SUMS_AGREE, "Whole numbers and decimals add up to the same as in the lake, to the last digit.", halting=True),
    )


def run_load(project: Project, contract: Contract, zone: str, run: str, marts: Sequence[Mart] = ()) -> Outcome:
    """Bring a zone's table to the version that is the lake's newest now, and hold it against that version.

    `run` is written into the warehouse's ledger; `marts` tell up to when a mart is complete.
    """
    begun, wanted = time.monotonic(), TableLoad(contract, Zone(zone))
    uri = project.uri(zone, contract)
    with reaching(uri):
        files = _files(project, uri)
        snapshot = files.snapshot()
        table = plan_table(wanted, snapshot, _joins(project), project.warehouse)
        changed = project.warehouse.prepare(table)
        plan = _bring(project.warehouse, table, files, snapshot, run)
        granted = project.warehouse.grant(table)
        held = project.warehouse.loaded(wanted.place) or NEVER
        checks = _checks(project.warehouse, wanted, files, snapshot, held)
    figures = {**_figures(table, plan, snapshot, held), "seconds": round(time.monotonic() - begun, 3)}
    figures |= {"table_changed": "; ".join(changed)} if changed else {}
    figures |= {"grants_changed": len(granted)} if granted else {}
    broken = [check.name for check in checks if check.halting and not check.passed]
    halted = f"{wanted.place} is not what the lake holds at version {held.version}: {', '.join(broken)}" if broken else None
    return Outcome(checks, held.rows, held.rows, figures, _complete_through(project, wanted, marts), halted)


def plan_table(wanted: TableLoad, snapshot: Snapshot, joins: Joins, warehouse: Warehouse) -> WarehouseTable:
    """The table as the warehouse should have it, laid out for the rows that the lake has."""
    contract, zone = wanted.contract, wanted.zone
    facts = Facts(zone, wanted.columns, key_of(zone, contract), snapshot.rows or 0, joins, warehouse.distribution(wanted.place))
    return warehouse_table(zone, contract, wanted.columns, plan_layout(contract.warehouse, facts, contract.name))


def _joins(project: Project) -> Joins:
    return joins_of(c for c in project.contracts if c.warehouse is not None or c.model is not None)


def _files(project: Project, uri: str) -> DeltaFiles:
    store = project.environment.lake.store
    return DeltaFiles(uri, delta_options(store) if store is not None else None)


def _bring(warehouse: Warehouse, table: WarehouseTable, files: DeltaFiles, snapshot: Snapshot, run: str) -> LoadPlan:
    """Do what the plan says; where an incremental load cannot be right, all rows are loaded instead."""
    held = warehouse.loaded(table.place) or NEVER
    plan = plan_load(table, held, _earlier(files, held, snapshot), snapshot)
    if plan.mode is Mode.NOTHING:
        return plan
    try:
        warehouse.load(_load(table, plan, files, snapshot, held, run), files)
    except LoadDiverged as error:
        plan = plan_again(snapshot, str(error))
    except FilesGone as error:
        if plan.mode is Mode.FULL:
            raise
        plan = plan_again(snapshot, str(error))
    else:
        return plan
    warehouse.load(_load(table, plan, files, snapshot, held, run), files)
    return plan


NEVER = Loaded(0, -1, "", "", "", 0, Mode.NOTHING, "")
"""What a warehouse holds of a table before its first load."""


def _earlier(files: DeltaFiles, held: Loaded, snapshot: Snapshot) -> Snapshot | None:
    if held.lake_id != snapshot.lake_id or not 0 <= held.version < snapshot.version:
        return None
    try:
        return files.snapshot(held.version)
    except VersionGone:
        return None


def _load(table: WarehouseTable, plan: LoadPlan, files: DeltaFiles, snapshot: Snapshot, held: Loaded, run: str) -> Load:
    added, removed = files.groups(plan.added), files.groups(plan.removed)
    return Load(table, plan, snapshot, held, added, removed, files.rows(snapshot), run)


def _checks(warehouse: Warehouse, wanted: TableLoad, files: DeltaFiles, snapshot: Snapshot, held: Loaded) -> tuple[CheckOutcome, ...]:
    """Held against the version that is loaded: the newest one, unless another run has loaded a newer one meanwhile."""
    if held.lake_id == snapshot.lake_id and held.version != snapshot.version:
        snapshot = files.snapshot(held.version)
    if held.lake_id != snapshot.lake_id:
        why = "Not compared: the lake's table was made anew, and another run has loaded it."
        return tuple(CheckOutcome(spec.name, passed=False, description=why) for spec in load_checks())
    rows, counted = files.rows(snapshot), warehouse.count(wanted.place)
    count = CheckOutcome(ROWS_MATCH, rows == counted, halting=True, figures={"lake_rows": rows, "warehouse_rows": counted})
    return count, _sums(warehouse, wanted, files, snapshot)


def _sums(warehouse: Warehouse, wanted: TableLoad, files: DeltaFiles, snapshot: Snapshot) -> CheckOutcome:
    columns = summed(wanted.columns)
    ours: dict[str, Decimal] = files.sums(snapshot, columns)
    theirs = warehouse.sums(wanted.place, columns)
    other = [name for name in columns if ours[name] != theirs[name]]
    figures: dict[str, Figure] = {"columns": len(columns), "differing": len(other)}
    return CheckOutcome(SUMS_AGREE, not other, halting=True, figures=figures, description=", ".join(other))


def summed(columns: Mapping[str, LakeType]) -> tuple[str, ...]:
    """Columns whose sums are compared: exact numbers whose sum fits everywhere."""
    return tuple(
        name for name, lake in columns.items()
        if lake.kind in _WHOLE or (lake.kind is Kind.DECIMAL and (lake.precision or MOST_DIGITS + 1) <= MOST_DIGITS))


def _figures(table: WarehouseTable, plan: LoadPlan, snapshot: Snapshot, held: Loaded) -> dict[str, Figure]:
    layout = table.layout
    return {
        "warehouse_table": str(table.place), "delta_version": snapshot.version, "loaded_version": held.version,
        "mode": plan.mode.value, "reason": plan.reason, "files_added": len(plan.added), "files_removed": len(plan.removed),
        "bytes_read": sum(file.bytes for file in (*plan.added, *plan.removed)), "table_bytes": snapshot.bytes,
        "distribution": f"{layout.distribution} {layout.dist_key or ''}".strip(), "sort_key": ", ".join(layout.sort_key),
        "layout_reason": "; ".join(layout.reasons),
    }  # fmt: skip


def _complete_through(project: Project, wanted: TableLoad, marts: Sequence[Mart]) -> dt.datetime | None:
    if wanted.zone is not Zone.CURATED:
        return complete_through_of(project.lake, wanted.contract, wanted.zone)
    found = next((mart for mart in marts if mart.contract.name == wanted.contract.name), None)
    return mart_complete_through(project, found, marts) if found is not None else None
