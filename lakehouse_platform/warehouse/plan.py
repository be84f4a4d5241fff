"""How a table gets from the version that a warehouse holds to the one that is wanted."""

from __future__ import annotations

from lakehouse_platform.warehouse.base import Loaded, LoadPlan, Mode, Snapshot, WarehouseTable

WORTH = 0.5
"""Share of a table's bytes up to which reading what changed costs less than reading everything: changed keys are looked up, too."""


def is_settled(table: WarehouseTable, loaded: Loaded, snapshot: Snapshot) -> LoadPlan | None:
    """Why nothing is to be loaded, None where something is."""
    if loaded.lake_id != snapshot.lake_id or loaded.version < snapshot.version:
        return None
    if loaded.version > snapshot.version:
        return LoadPlan(Mode.NOTHING, f"version {loaded.version} is loaded, which is newer than {snapshot.version}")
    if loaded.shape != table.shape:
        return None
    return LoadPlan(Mode.NOTHING, f"version {snapshot.version} is loaded already")


def plan_load(table: WarehouseTable, loaded: Loaded, before: Snapshot | None, snapshot: Snapshot) -> LoadPlan:
    """The load. `before` is the version that is held, None where the log no longer has it or there is none."""
    settled = is_settled(table, loaded, snapshot)
    if settled is not None:
        return settled
    if loaded.version < 0:
        return _full(snapshot, "nothing was loaded before")
    if loaded.lake_id != snapshot.lake_id:
        return _full(snapshot, "the lake's table was made anew")
    if loaded.shape != table.shape:
        return _full(snapshot, "its columns or its key are others since")
    if before is None:
        return _full(snapshot, f"the lake's log no longer has version {loaded.version}, which is loaded")
    return _changed(table, before, snapshot)


def plan_again(snapshot: Snapshot, why: str) -> LoadPlan:
    """Everything, after an incremental load was given up."""
    return _full(snapshot, why)


def _changed(table: WarehouseTable, before: Snapshot, snapshot: Snapshot) -> LoadPlan:
    held, wanted = {f.path: f for f in before.files}, {f.path: f for f in snapshot.files}
    added = tuple(f for path, f in wanted.items() if path not in held)
    removed = tuple(f for path, f in held.items() if path not in wanted)
    if removed and not table.key:
        return _full(snapshot, "files were rewritten, and there is no key to tell their rows by")
    touched = sum(f.bytes for f in (*added, *removed))
    if added and touched > WORTH * snapshot.bytes and removed:
        return _full(snapshot, f"{touched:,} bytes of files came and went, of {snapshot.bytes:,} in all")
    reason = f"{len(added)} files came and {len(removed)} went since version {before.version}"
    return LoadPlan(Mode.INCREMENTAL, reason, added, removed)


def _full(snapshot: Snapshot, why: str) -> LoadPlan:
    return LoadPlan(Mode.FULL, why, snapshot.files)
