"""The law of history in plain Python, written from its words: imports nothing of the platform."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

Values = tuple[Any, ...]
PRESENT = ("present",)


class Row(NamedTuple):
    """A change row: `value` is the whole row, None for a delete, PRESENT where an image has the key and says no more."""

    key: Values
    seq: int
    snapshot: bool
    seen: int
    value: Values | None
    effective: int


def history(rows: Iterable[Row], snapshots: Iterable[tuple[int, int]], order_of: dict[tuple[Values, Values | None], str]) -> set[Values]:
    """Versions (key, value, from, to) of the rows; `snapshots` are (position, seen), effective when seen.

    `order_of` gives a value's place among rows that are equal in everything before it.
    """
    winner = dict(sorted(snapshots))
    facts = defaultdict(set)
    for row in rows:
        if not row.snapshot or winner[row.seq] == row.seen:
            facts[row.key].add(row)
    out: set[Values] = set()
    for key, mine in facts.items():
        there = {row.seq for row in mine if row.snapshot}
        gone = {Row(key, p, True, seen, None, seen) for p, seen in winner.items() if p not in there}
        out |= _versions(key, sorted(mine | gone, key=lambda r: _place(r, order_of)))
    return out


def _place(row: Row, order_of: dict[tuple[Values, Values | None], str]) -> Values:
    alive = row.value is not None
    return (row.seq, row.snapshot, row.seen, alive, order_of.get((row.key, row.value), ""), row.effective)


def _versions(key: Values, rows: list[Row]) -> set[Values]:
    state: Values | None = None
    clock: int | None = None
    timeline: list[tuple[int, Values | None]] = []
    for row in rows:
        if row.value in (state, PRESENT):
            continue
        state, clock = row.value, row.effective if clock is None else max(clock, row.effective)
        if timeline and timeline[-1][0] == clock:
            timeline.pop()
        timeline.append((clock, row.value))
    merged = [point for n, point in enumerate(timeline) if point[1] != (timeline[n - 1][1] if n else None)]
    ends = [*(point[0] for point in merged[1:]), None][: len(merged)]
    return {(key, value, start, end) for (start, value), end in zip(merged, ends, strict=True) if value is not None}
