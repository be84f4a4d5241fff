"""The list that a run ends in: verbs × engines, and how many cases of each were found equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

RAN = "parity"
"""Property of a passed test's report: the verb and the engine that it ran."""
ENGINES = ("polars", "spark", "duckdb")


def lines(ran: Iterable[Sequence[str]]) -> list[str]:
    """The matrix as text; nothing where nothing was run."""
    counts = Counter((verb, engine) for verb, engine in ran)
    verbs = sorted({verb for verb, _ in counts})
    if not verbs:
        return []
    width = max(map(len, verbs))
    table = [_line("verb", ENGINES, width), *(_line(verb, [counts[verb, engine] for engine in ENGINES], width) for verb in verbs)]
    totals = [sum(n for (_, ran_by), n in counts.items() if ran_by == engine) for engine in ENGINES]
    return [*table, _line(f"{len(verbs)} verbs", totals, width)]


def _line(name: str, cells: Iterable[object], width: int) -> str:
    return f"{name:<{width}}" + "".join(f"{cell:>8}" for cell in cells)
