"""What is wrong with a file, where, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.errors import ContractError, did_you_mean


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file.as_posix()}:{self.line}: {self.message}"


class ContractErrors(ContractError):
    """Everything that is wrong with a folder of contracts."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(slots=True)
class Findings:
    """Collects problems while a document is read."""

    partial: bool = False
    """Part of the document could not be read, so nothing may be called missing."""
    found: list[Problem] = field(default_factory=list)
    _unknown: dict[int, list[str]] = field(default_factory=dict)

    def add(self, node: Node, message: str, *, absent: bool = False) -> None:
        """Note a problem where the node stands; `absent` says that it is about something that is not there."""
        self.at(node.file, node.place, message, absent=absent)

    def at(self, file: Path, line: int, message: str, *, absent: bool = False) -> None:
        """Note a problem at a line of a file."""
        if not (absent and self.partial):
            self.found.append(Problem(file, line, message))

    def key(self, node: Node, key: str, message: str) -> None:
        """Note a problem with a key itself, below the node."""
        child = node.mapping[key]
        self.at(child.file, child.key_line or child.line, message)

    def unknown(self, node: Node, key: str, allowed: Iterable[str]) -> None:
        """Note a key that the node may not have."""
        self._unknown.setdefault(id(node), []).append(key)
        self.key(node, key, f'unknown key "{key}". {did_you_mean(key, allowed, noun="keys")}')

    def missing(self, node: Node, key: str, why: str = "") -> None:
        """Note a key that the node lacks, unless it is there in another spelling, which was noted already."""
        if not get_close_matches(key, self._unknown.get(id(node), []), n=1, cutoff=0.6):
            self.add(node, f'"{key}" is missing here{": " + why if why else "."}', absent=True)
