"""What clients said, and what became of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that was carried out, or refused."""

    text: str
    verb: str
    """COPY, CREATE TABLE, SELECT."""
    outcome: str
    """`done`; the error's SQLSTATE; `cut` (not done), `unanswered` (done)."""
    user: str


@dataclass
class Statements:
    """All, in the order in which they ended."""

    entries: list[Statement] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, statement: Statement) -> None:
        """Keep one."""
        with self.lock:
            self.entries.append(statement)

    def like(self, text: str = "*", verb: str = "*", outcome: str = "*") -> list[Statement]:
        """Those that fit the patterns (`*` for any)."""
        return [
            entry for entry in list(self.entries)
            if fnmatchcase(entry.text, text) and fnmatchcase(entry.verb, verb) and fnmatchcase(entry.outcome, outcome)
        ]  # fmt: skip

    def clear(self) -> None:
        """Forget them."""
        with self.lock:
            self.entries.clear()
