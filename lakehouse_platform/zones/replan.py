"""Plans that lost to another writer are made anew from the newest version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lakehouse_platform.errors import CommitConflict

T = TypeVar("T")

ATTEMPTS = 5
"""How often a plan is made before it is given up."""


def replanned(what: str, attempt: Callable[[], T]) -> T:
    """Result of `attempt`, which plans from the newest version and commits; again where another writer was faster.

    Raises CommitConflict, naming `what`, when other writers always win.
    """
    for _ in range(ATTEMPTS):
        try:
            return attempt()
        except CommitConflict:
            continue
    raise CommitConflict(f"{what} lost to other writers {ATTEMPTS} times in a row")
