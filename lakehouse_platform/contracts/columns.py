"""Reads a table's columns and its key."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse_platform.contracts.contract import Column
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.contracts.types import Kind, PhysicalType, parse_type
from lakehouse_platform.errors import ContractError, did_you_mean
from lakehouse_platform.naming import check_name

TRANSFORMS = ("trim", "upper", "lower", "null_if_empty", "collapse_spaces")
"""Standard transforms of a text column, for `transformLogic`: `trim | upper`."""
HISTORY_COLUMNS = frozenset({"valid_from", "valid_to", "is_current"})
RAW_COLUMNS = frozenset({"_batch_id", "_effective_at", "_hash", "_op", "_parked", "_row", "_seen_at", "_seq", "_snapshot"})
_INSTEAD = {
    "unique": "Write a quality rule with metric duplicateValues",
    "enum": "Write a quality rule with metric invalidValues and validValues",
    "logicalTypeOptions": "Write a quality rule with metric invalidValues, or a precise physicalType",
    "partitioned": "The platform lays its tables out itself",
    "encryptedName": "Classify the column instead",
}
"""Keys of the standard that would promise what nobody keeps."""

_TEXT, _WHOLE = frozenset({"string"}), frozenset({"integer", "number"})
_LOGICAL: dict[Kind, frozenset[str]] = {
    Kind.BOOLEAN: frozenset({"boolean"}),
    Kind.INT16: _WHOLE, Kind.INT32: _WHOLE, Kind.INT64: _WHOLE,
    Kind.FLOAT32: frozenset({"number"}), Kind.FLOAT64: frozenset({"number"}),
    Kind.STRING: _TEXT, Kind.BINARY: _TEXT,
    Kind.DATE: frozenset({"date"}), Kind.TIMESTAMP: frozenset({"timestamp"}),
}  # fmt: skip
_OWN_LOGICAL = {
    "time": frozenset({"time", "string"}), "json": frozenset({"object", "array", "map", "string"}),
    "jsonb": frozenset({"object", "array", "map", "string"}), "rowversion": frozenset({"string", "integer"}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """What a table's `properties` say."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    nodes: tuple[Node, ...]
    """The nodes of `columns`, in the same order."""
    complete: bool
    """Every declared column could be read, so a name that is not among them does not exist."""

    def named(self, name: str) -> Column | None:
        """The column called `name`."""
        return next((column for column in self.columns if column.name == name), None)

    def physically_named(self, name: str) -> Column | None:
        """The column that the source calls `name`."""
        return next((column for column in self.columns if column.physical_name == name), None)


def read_columns(table: Node, findings: Findings, *, mart: bool) -> Columns:
    """The columns under `properties`, in order, and the key's names in key order."""
    section = table.get("properties")
    nodes = section.items if section is not None else []
    if not nodes:
        findings.add(section or table, "a table needs columns: list them under properties.", absent=True)
    read = [(node, _column(node, findings, mart=mart)) for node in nodes]
    whole = [(node, column) for node, column in read if column is not None]
    _check_twice(whole, findings)
    key = _key([node for node in nodes if node.text_of("name")], findings)
    return Columns(tuple(c for _, c in whole), key, tuple(n for n, _ in whole), complete=len(whole) == len(nodes))


def logical_types(physical: PhysicalType) -> frozenset[str]:
    """The standard's logical types that agree with a physical one."""
    if physical.lake.kind is Kind.DECIMAL:
        return frozenset({"number"} if physical.lake.scale else {"number", "integer"})
    return _OWN_LOGICAL.get(physical.name, _LOGICAL[physical.lake.kind])


def _column(node: Node, findings: Findings, *, mart: bool) -> Column | None:
    name = _name(node, findings, mart=mart)
    physical = _physical_type(node, findings)
    transforms = _transforms(node, physical, findings, mart=mart)
    for key, instead in _INSTEAD.items():
        if (unkept := node.get(key)) is not None and unkept.value is not False:
            findings.key(node, key, f'"{key}" has no effect here. {instead}.')
    physical_name = _physical_name(node, findings)
    if name is None or physical is None:
        return None
    primary = _flag(node, "primaryKey")
    return Column(
        name=name, physical_name=physical_name or name, physical=physical, required=primary or _flag(node, "required"),
        classification=node.text_of("classification"), transforms=transforms, description=node.text_of("description") or "",
    )  # fmt: skip


def _name(node: Node, findings: Findings, *, mart: bool) -> str | None:
    at = node.get("name")
    if at is None or at.string is None:
        return None
    try:
        if (at.string in HISTORY_COLUMNS and not mart) or at.string.startswith("_"):
            reserved = ", ".join(sorted(HISTORY_COLUMNS))
            raise ContractError(f'the column name "{at.string}" is reserved: {reserved} and names with a leading _ are the platform\'s.')
        check_name(at.string, noun="column name")
    except ContractError as error:
        findings.add(at, str(error))
    return at.string


def _physical_name(node: Node, findings: Findings) -> str | None:
    at = node.get("physicalName")
    if at is None or at.string is None:
        return None
    if not at.string.strip() or at.string.lower() in RAW_COLUMNS:
        findings.add(at, f'"{at.string}" cannot be a physicalName: raw tables have columns {", ".join(sorted(RAW_COLUMNS))} of their own.')
    return at.string


def _physical_type(node: Node, findings: Findings) -> PhysicalType | None:
    at = node.get("physicalType")
    if at is None:
        findings.missing(node, "physicalType", "the source's type, as in numeric(18,2).")
    if at is None or at.string is None:
        return None
    try:
        physical = parse_type(at.string)
    except ContractError as error:
        message = str(error)
        named = message.startswith(("unknown", "cannot"))
        findings.add(at, message if named else f'column type "{at.string}": {message}.')
        return None
    logical = node.get("logicalType")
    allowed = logical_types(physical)
    if logical is not None and logical.string in _ALL_LOGICAL and logical.string not in allowed:
        wanted = " or ".join(sorted(allowed))
        findings.add(logical, f'logicalType "{logical.string}" contradicts physicalType "{at.string}", which is {wanted}.')
    return physical


_ALL_LOGICAL = frozenset({"string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean", "map", "vector"})


def _transforms(node: Node, physical: PhysicalType | None, findings: Findings, *, mart: bool) -> tuple[str, ...]:
    at = node.get("transformLogic")
    if at is None or at.string is None:
        return ()
    if mart:
        findings.add(at, "transformLogic has no effect on a mart: its dbt model transforms.")
        return ()
    names = tuple(name.strip() for name in at.string.split("|"))
    for name in names:
        if name not in TRANSFORMS:
            findings.add(at, f'unknown transform "{name}". {did_you_mean(name, TRANSFORMS, noun="transforms")}')
    if physical is not None and physical.lake.kind is not Kind.STRING:
        findings.add(at, f"transforms are for texts, and this column is {physical.lake}.")
    return names


def _flag(node: Node, key: str) -> bool:
    at = node.get(key)
    return at is not None and at.value is True


def _check_twice(read: list[tuple[Node, Column]], findings: Findings) -> None:
    """Names must differ even without regard to case: Delta and SQL Server do not tell `A` from `a`."""
    names: dict[str, int] = {}
    sources: dict[str, int] = {}
    for node, column in read:
        at = node.mapping["name"]
        first = names.setdefault(column.name.lower(), at.line)
        if first != at.line:
            findings.add(at, f'column "{column.name}" is declared twice; the first is on line {first}.')
            continue
        at = node.mapping.get("physicalName", at)
        first = sources.setdefault(column.physical_name.lower(), at.line)
        if first != at.line:
            findings.add(at, f'the source\'s column "{column.physical_name}" is declared twice; the first is on line {first}.')


def _key(nodes: list[Node], findings: Findings) -> tuple[str, ...]:
    parts = [node for node in nodes if _flag(node, "primaryKey")]
    for node in nodes:
        position = node.get("primaryKeyPosition")
        if position is not None and node not in parts and position.value != -1:
            findings.add(position, "primaryKeyPosition has no effect without primaryKey: true.")
    positions = {id(node): position for node in parts if (position := node.get("primaryKeyPosition")) is not None}
    if positions:
        _check_positions(parts, positions, findings)
    ordered = sorted(parts, key=lambda node: _position(positions.get(id(node))))
    return tuple(node.mapping["name"].text for node in ordered)


def _check_positions(parts: list[Node], positions: dict[int, Node], findings: Findings) -> None:
    taken: dict[int, str] = {}
    for node in parts:
        at, name = positions.get(id(node)), node.mapping["name"].text
        if at is None:
            findings.add(node, f'"{name}" needs a primaryKeyPosition too: the other key columns have one.', absent=True)
            continue
        if not isinstance(at.value, int) or isinstance(at.value, bool):
            continue
        first = taken.setdefault(at.value, name)
        if first != name:
            findings.add(at, f'primaryKeyPosition {at.value} is taken by "{first}". Number the key columns 1 to {len(parts)}.')
        elif not 1 <= at.value <= len(parts):
            findings.add(at, f"primaryKeyPosition {at.value} is out of range. Number the key columns 1 to {len(parts)}.")


def _position(node: Node | None) -> int:
    return node.value if node is not None and isinstance(node.value, int) else 0
