"""Reads where a table comes from and how its changes are taken, and refuses what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable

from lakehouse_platform.contracts.block import CaptureBlock, LakehouseBlock, LogBlock
from lakehouse_platform.contracts.columns import Columns
from lakehouse_platform.contracts.contract import Capture, CaptureSpec, ChangeLog, SnapshotGuard, SourceTable
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.contracts.types import Kind
from lakehouse_platform.errors import did_you_mean

_NEEDS = {Capture.WINDOW: "column", Capture.CHANGE_LOG: "log"}
_TAKES = {
    "column": (Capture.WINDOW,),
    "effective_at": (Capture.SNAPSHOT, Capture.ROW_VERSION),
    "deletes": (Capture.ROW_VERSION,),
    "log": (Capture.CHANGE_LOG,),
    "guard": (Capture.SNAPSHOT, Capture.ROW_VERSION),
}
"""Which modes know a key of `capture`."""
_MEANINGLESS_FOR_MARTS = ("capture", "drift", "history", "steps")


def read_source(block: LakehouseBlock, node: Node, findings: Findings) -> SourceTable | None:
    """The source table; None for a mart. Notes where there is both or neither."""
    source, model = node.get("source"), node.get("model")
    if source is not None and model is not None:
        findings.add(model, "a contract has a source or a model, not both.")
    elif source is None and model is None:
        findings.missing(node, "source", "say where the rows come from, or give the model of a mart.")
    elif source is None:
        _have_no_effect(node, _MEANINGLESS_FOR_MARTS, "on a mart: its dbt model says what it holds", findings)
    else:
        _have_no_effect(node, ("domo", "athena"), "on a source table: publish a mart made of it", findings)
    if block.source is None:
        return None
    parts = _table_name(node.find(("source", "table")), block.source.table, findings)
    return SourceTable(block.source.connection, *parts) if parts else None


def _have_no_effect(node: Node, keys: Iterable[str], why: str, findings: Findings) -> None:
    for key in keys:
        at = node.get(key)
        # What a domain's defaults say for its other tables is no mistake of this one.
        if at is not None and at.file == node.file:
            findings.key(node, key, f'"{key}" has no effect {why}.')


def _table_name(at: Node, text: str, findings: Findings) -> tuple[str, str] | None:
    schema, dot, table = text.partition(".")
    if not dot or not schema.strip() or not table.strip() or "." in table:
        findings.add(at, f'"{text}" is not schema.table, as in finance.gl_journal.')
        return None
    return schema, table


def read_capture(block: LakehouseBlock, node: Node, columns: Columns, findings: Findings) -> CaptureSpec | None:
    """How changes are taken; None where that could not be read."""
    capture, at = block.capture, node.get("capture")
    if at is None:
        findings.missing(node, "capture", f"say how changes are taken. Valid modes: {', '.join(sorted(Capture))}.")
    if capture is None or at is None:
        return None
    _check_mode(capture, at, findings)
    _check_key(block, capture, at, node, columns, findings)
    _check_time(capture.column, at, "column", columns, findings)
    _check_time(capture.effective_at, at, "effective_at", columns, findings)
    guard = SnapshotGuard(capture.guard.min_rows, capture.guard.max_shrink) if capture.guard else SnapshotGuard()
    return CaptureSpec(
        mode=capture.mode, column=capture.column, effective_at=capture.effective_at, reconcile_deletes=capture.deletes is not None,
        log=_log(capture.log, at.find(("log",)), columns, findings) if capture.log else None, guard=guard,
    )  # fmt: skip


def _check_mode(capture: CaptureBlock, at: Node, findings: Findings) -> None:
    needed = _NEEDS.get(capture.mode)
    if needed is not None and at.get(needed) is None:
        findings.missing(at, needed, f"mode {capture.mode} needs it.")
    for key, modes in _TAKES.items():
        if capture.mode not in modes:
            _have_no_effect(at, [key], f"with mode {capture.mode}: it belongs to {' and '.join(modes)}", findings)
    if capture.mode is Capture.ROW_VERSION and capture.guard is not None and capture.deletes is None:
        _have_no_effect(at, ["guard"], "with mode row_version unless deletes: reconcile reads a full image", findings)


def _check_key(block: LakehouseBlock, capture: CaptureBlock, at: Node, node: Node, columns: Columns, findings: Findings) -> None:
    if columns.key or not columns.complete:
        return
    if capture.mode is not Capture.SNAPSHOT:
        findings.add(at.find(("mode",)), f"mode {capture.mode} needs a key: mark its columns primaryKey: true, or take snapshots.")
    if block.history == "scd2":
        findings.add(node.find(("history",)), "history scd2 needs a key: mark its columns primaryKey: true, or say history: none.")


def _check_time(name: str | None, at: Node, key: str, columns: Columns, findings: Findings) -> None:
    if name is None:
        return
    column = columns.physically_named(name)
    if column is not None and column.type.kind not in (Kind.TIMESTAMP, Kind.DATE):
        findings.add(at.find((key,)), f'"{name}" is {column.type}; {key} must name a timestamp or a date.')
    elif column is None and columns.complete:
        known = did_you_mean(name, [c.physical_name for c in columns.columns], noun="columns")
        findings.add(at.find((key,)), f'{key} names an unknown column "{name}". {known}', absent=True)


def _log(log: LogBlock, at: Node, columns: Columns, findings: Findings) -> ChangeLog | None:
    own = {"position": log.position, "operation": log.operation, "changed_at": log.changed_at}
    seen: dict[str, str] = {}
    for key, name in own.items():
        first = seen.setdefault(name, key)
        if first != key:
            findings.add(at.find((key,)), f'{key} names "{name}", and so does {first}: the log has a column for each.')
        elif columns.physically_named(name) is not None:
            findings.add(at.find((key,)), f'{key} names "{name}", a column of the table: the log has one of its own beside them.')
    parts = _table_name(at.find(("table",)), log.table, findings)
    return ChangeLog(*parts, **own, delete_values=tuple(log.delete_values)) if parts else None
