"""Reads where a table comes from and how its changes are taken, and refuses what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable

from lakehouse_platform.contracts.block import CaptureBlock, FilesBlock, LakehouseBlock, LogBlock, SourceBlock
from lakehouse_platform.contracts.columns import Columns
from lakehouse_platform.contracts.contract import Capture, CaptureSpec, ChangeLog, FileFormat, Landing, SnapshotGuard, SourceTable
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.contracts.types import Kind
from lakehouse_platform.errors import did_you_mean

_NEEDS = {Capture.WINDOW: "column", Capture.CHANGE_LOG: "log"}
_TAKES = {
    "column": (Capture.WINDOW,),
    "effective_at": (Capture.SNAPSHOT, Capture.ROW_VERSION, Capture.CHANGES),
    "deletes": (Capture.ROW_VERSION,),
    "log": (Capture.CHANGE_LOG,),
    "guard": (Capture.SNAPSHOT, Capture.ROW_VERSION),
    "operation": (Capture.CHANGES,),
    "delete_values": (Capture.CHANGES,),
}
"""Which modes know a key of `capture`."""
_OF_FILES = (Capture.SNAPSHOT, Capture.CHANGES)
"""Modes that files may hold."""
_MEANINGLESS_FOR_MARTS = ("capture", "drift", "history", "steps")


def read_source(block: LakehouseBlock, node: Node, findings: Findings) -> SourceTable | Landing | None:
    """Where the rows come from; None for a mart. Notes where there is both or neither."""
    source, model = node.get("source"), node.get("model")
    if source is not None and model is not None:
        findings.add(model, "a contract has a source or a model, not both.")
    elif source is None and model is None:
        findings.missing(node, "source", "say where the rows come from, or give the model of a mart.")
    elif source is None:
        _have_no_effect(node, _MEANINGLESS_FOR_MARTS, "on a mart: its dbt model says what it holds", findings)
    else:
        _have_no_effect(node, ("domo", "athena", "certification"), "on a source table: publish a mart made of it", findings)
    if block.source is None:
        return None
    at = node.find(("source",))
    if at.get("landing") is None:
        return _source_table(block.source, at, findings)
    return _landing(block.source.landing, node, at, findings) if block.source.landing is not None else None


def _source_table(source: SourceBlock, at: Node, findings: Findings) -> SourceTable | None:
    for key in ("connection", "table"):
        if at.get(key) is None:
            findings.missing(at, key, "or say `landing`, where other systems leave files." if key == "connection" else "")
    if source.connection is None or source.table is None:
        return None
    parts = _table_name(at.get("table") or at, source.table, findings)
    return SourceTable(source.connection, *parts) if parts else None


def _landing(files: FilesBlock, node: Node, at: Node, findings: Findings) -> Landing:
    _have_no_effect(at, ("connection", "table"), "with landing: files are read, and no table", findings)
    if files.format is not FileFormat.CSV:
        _have_no_effect(at.find(("landing",)), ("delimiter",), f"with format {files.format}: it belongs to csv", findings)
    steps = node.get("steps")
    if steps is not None:
        _have_no_effect(steps, ("extract",), "with landing: files are read, and no database is asked", findings)
    return Landing(files.format, files.pattern or "*", files.delimiter or ",", files.time_zone)


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
    _check_source(capture, at, node, findings)
    _check_operation(capture, at, columns, findings)
    _check_key(block, capture, at, node, columns, findings)
    _check_time(capture.column, at, "column", columns, findings)
    _check_time(capture.effective_at, at, "effective_at", columns, findings)
    guard = SnapshotGuard(capture.guard.min_rows, capture.guard.max_shrink) if capture.guard else SnapshotGuard()
    return CaptureSpec(
        mode=capture.mode, column=capture.column, effective_at=capture.effective_at, reconcile_deletes=capture.deletes is not None,
        log=_log(capture.log, at.find(("log",)), columns, findings) if capture.log else None, guard=guard,
        operation=capture.operation, delete_values=tuple(capture.delete_values or ("D",)),
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


def _check_source(capture: CaptureBlock, at: Node, node: Node, findings: Findings) -> None:
    mode = at.find(("mode",))
    landed = node.find(("source",)).get("landing") is not None
    if not landed and capture.mode is Capture.CHANGES:
        findings.add(mode, "mode changes belongs to files that land: give the source a `landing`, or read the table another way.")
    elif landed and capture.mode not in _OF_FILES:
        findings.add(mode, f"mode {capture.mode} asks a database, and files land. Valid modes: {', '.join(sorted(_OF_FILES))}.")


def _check_operation(capture: CaptureBlock, at: Node, columns: Columns, findings: Findings) -> None:
    if capture.operation is None and capture.mode is Capture.CHANGES:
        _have_no_effect(at, ["delete_values"], "without operation, the column that it speaks of", findings)
    if capture.operation is not None and columns.physically_named(capture.operation) is not None:
        findings.add(at.find(("operation",)), f'operation names "{capture.operation}", a column of the table: files have one beside them.')


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
