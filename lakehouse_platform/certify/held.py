"""The evidence that is held at a moment, and streaks of what it says."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lakehouse_platform.certify.evidence import Evidence, Kind


@dataclass(slots=True)
class Held:
    """The evidence up to a moment, by subject and kind, in the order of time; of what is told at one time the worse comes last."""

    now: dt.datetime
    _by: Mapping[tuple[str, Kind], list[Evidence]] = field(default_factory=dict)
    _streaks: dict[tuple[str, str, bool], list[Streak]] = field(default_factory=dict)
    """Certificates that stand on the same tables ask for the same ones."""

    @classmethod
    def until(cls, now: dt.datetime, evidence: Iterable[Evidence]) -> Held:
        """What is known at `now`: later evidence does not count."""
        found: dict[tuple[str, Kind], list[Evidence]] = defaultdict(list)
        for seen in evidence:
            if seen.at <= now:
                found[seen.subject, seen.kind].append(seen)
        for rows in found.values():
            rows.sort(key=lambda seen: (seen.at, not seen.passed, seen.run, seen.partition, repr(seen.figures)))
        return cls(now, found)

    def of(self, subject: str, kind: Kind) -> Sequence[Evidence]:
        """Observations of a kind."""
        return self._by.get((subject, kind), ())

    def of_check(self, subject: str, name: str) -> list[Evidence]:
        """Results of a check."""
        return [seen for seen in self.of(subject, Kind.CHECK) if seen.name == name]

    def streaks(self, subject: str, name: str, *, by_day: bool) -> list[Streak]:
        """How a check stands: for each business day, or as a whole."""
        key = (subject, name, by_day)
        if key not in self._streaks:
            days: dict[str, list[tuple[dt.datetime, bool]]] = defaultdict(list)
            for seen in self.of_check(subject, name):
                days[seen.partition if by_day else ""].append((seen.at, seen.passed))
            self._streaks[key] = [Streak.of(results, day) for day, results in sorted(days.items())]
        return self._streaks[key]


@dataclass(frozen=True, slots=True)
class Streak:
    """How something stands, and since when without a break."""

    passed: bool
    since: dt.datetime
    day: str = ""

    @classmethod
    def of(cls, results: Sequence[tuple[dt.datetime, bool]], day: str = "") -> Streak:
        """The streak that the last of the results belongs to."""
        passed = results[-1][1]
        since = results[-1][0]
        for at, result in reversed(results):
            if result is not passed:
                break
            since = at
        return cls(passed, since, day)
