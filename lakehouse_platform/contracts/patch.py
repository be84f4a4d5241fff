"""Proposes the lines that bring a contract back to what its source has become."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lakehouse_platform.contracts.columns import HISTORY_COLUMNS, logical_types
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.document import write_scalar
from lakehouse_platform.contracts.types import PhysicalType, parse_type
from lakehouse_platform.errors import ContractError

_MARGIN = "      "
_PREFERRED = ("string", "integer", "number", "boolean", "date", "timestamp", "time")


@dataclass(frozen=True, slots=True)
class Patch:
    """A change to a contract's file, for a person to take over."""

    file: Path
    column: str
    """The column to change, or the new one, which goes below the last."""
    lines: tuple[str, ...]
    """YAML, indented as under `properties`."""

    def __str__(self) -> str:
        return "\n".join((f"# {self.file.as_posix()}, under properties", *self.lines))


def propose_column(contract: Contract, physical_name: str, source_type: str) -> Patch:
    """Declare a column that the source has gained. Never required: the rows from before have no value for it."""
    name = _lake_name(physical_name, {column.name for column in contract.columns})
    lines = [f"{_MARGIN}- name: {name}"]
    if name != physical_name:
        lines.append(f"{_MARGIN}  physicalName: {write_scalar(physical_name)}")
    return Patch(contract.path, name, (*lines, *_type_lines(source_type)))


def propose_type(contract: Contract, name: str, source_type: str) -> Patch:
    """Give a declared column the type that the source's column has now."""
    return Patch(contract.path, contract.column(name).name, (f"{_MARGIN}- name: {name}", *_type_lines(source_type)))


def _type_lines(source_type: str) -> tuple[str, ...]:
    try:
        physical: PhysicalType | None = parse_type(source_type)
    except ContractError:
        physical = None
    if physical is None:
        note = f"the source says {source_type!r}, which has no exact lake type"
        return (f"{_MARGIN}  logicalType: string", f"{_MARGIN}  physicalType: text  # {note}")
    logical = min(logical_types(physical), key=_PREFERRED.index)
    return (f"{_MARGIN}  logicalType: {logical}", f"{_MARGIN}  physicalType: {write_scalar(source_type)}")


def _lake_name(physical: str, taken: set[str]) -> str:
    """A valid name near the source's own: `OrderDate` becomes `order_date`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", physical).lower()
    name = re.sub(r"[^a-z0-9]+", "_", words).strip("_")[:56]
    name = name if name[:1].isalpha() else f"column_{name}"
    return name if name not in taken | HISTORY_COLUMNS else f"{name}_source"
