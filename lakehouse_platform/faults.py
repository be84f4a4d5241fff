"""Named points around every commit, where a test may stop the process to see what a reader is left with."""

from __future__ import annotations

from collections.abc import Callable

_hook: Callable[[str], None] | None = None


def install(hook: Callable[[str], None] | None) -> None:
    """Call `hook` with the name of each point that is reached; None takes it away."""
    global _hook
    _hook = hook


def reach(point: str) -> None:
    """Say that `point` was reached: a no-op unless a hook is installed."""
    if _hook is not None:
        _hook(point)
