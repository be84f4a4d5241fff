"""A YAML document as a tree that remembers where everything stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Scalar = str | int | float | bool | None


@dataclass(slots=True, eq=False)
class Node:
    """One value of a document."""

    file: Path
    line: int
    """Where the value begins, counted from 1."""
    value: Scalar | dict[str, Node] | list[Node]
    text: str = ""
    """A scalar as it was written, so that `0.10` keeps its zero."""
    key_line: int | None = None
    """Where the key stands that leads to this value."""

    @property
    def place(self) -> int:
        """The line to name when something is wrong with the value as a whole."""
        if self.key_line is not None and isinstance(self.value, (dict, list)):
            return self.key_line
        return self.line

    @property
    def mapping(self) -> dict[str, Node]:
        """Children by key; empty where the value is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """Children in order; empty where the value is no list."""
        return self.value if isinstance(self.value, list) else []

    @property
    def string(self) -> str | None:
        """The value where it is a string, None where it is anything else."""
        return self.value if isinstance(self.value, str) else None

    def get(self, *keys: str) -> Node | None:
        """The node below the keys; None where there is none or it says null."""
        node: Node | None = self
        for key in keys:
            node = node.mapping.get(key) if node is not None else None
        return None if node is None or node.value is None else node

    def text_of(self, *keys: str) -> str | None:
        """The string below the keys, if there is one."""
        node = self.get(*keys)
        return node.string if node is not None else None

    def find(self, path: Iterable[str | int]) -> Node:
        """The deepest node on the path that exists."""
        node = self
        for part in path:
            node = dict(enumerate(node.items)).get(part, node) if isinstance(part, int) else node.mapping.get(part, node)
        return node

    def plain(self) -> object:
        """The value as dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value
