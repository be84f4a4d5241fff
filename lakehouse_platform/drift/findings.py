"""Drift: where the source's schema left the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.errors import ContractError
from lakehouse_platform.sources.base import SourceColumn


class Change(StrEnum):
    """What happened to a column."""

    ADDED = "added"
    REMOVED = "removed"
    RETYPED = "retyped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One column that is not as the contract says."""

    change: Change
    column: str
    """Name at the source."""
    declared: str | None
    """Type in the contract; None for an added column."""
    found: str | None
    """Type at the source; None for a removed column."""

    def __str__(self) -> str:
        if self.change is Change.ADDED:
            return f"column {self.column} ({self.found}) was added at the source"
        if self.change is Change.REMOVED:
            return f"column {self.column} ({self.declared}) is gone from the source"
        return f"column {self.column} was {self.declared} and is {self.found} at the source"


def compare(contract: Contract, columns: Sequence[SourceColumn], *, ignore: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """Findings in the source's column order, removed columns last. `ignore` names source columns that are not data."""
    declared = {c.physical_name: c for c in contract.columns}
    found = {c.name: c for c in columns}
    added = [Finding(Change.ADDED, c.name, None, c.type) for c in columns if c.name not in declared and c.name not in ignore]
    removed = [Finding(Change.REMOVED, n, str(c.type), None) for n, c in declared.items() if n not in found]
    retyped = [
        Finding(Change.RETYPED, n, str(declared[n].type), c.type)
        for n, c in found.items() if n in declared and not _fits(declared[n].physical.lake, c.type)
    ]
    return (*added, *retyped, *removed)


def _fits(declared: object, found: str) -> bool:
    try:
        return parse_type(found).lake == declared
    except ContractError:
        return False
