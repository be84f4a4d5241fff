"""Puts problems together that have one cause. Pure; docs/decisions/0011 says why so."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from lakehouse_platform.incidents.base import Graph, Incident, Problem, Severity, Stage, State
from lakehouse_platform.incidents.graph import Family
from lakehouse_platform.incidents.kinds import can_cause, severity_of

GRACE = dt.timedelta(hours=1)
"""An incident whose problem comes back sooner than this after its end is the same one."""
KEEP = dt.timedelta(days=7)
"""How long ended incidents are remembered; and for how long a low problem goes on that nobody sees again."""
SOURCE = "source/"
"""Prefix of the title of an incident whose root is a source connection."""
_RANK = {Severity.HIGH: 2, Severity.MEDIUM: 1, Severity.LOW: 0}


def relate(state: State, graph: Graph, now: dt.datetime) -> State:
    """The state with each problem in an incident, and each incident with its root, members, severity and stage as of now."""
    state = replace(state, problems={key: _expired(problem, now) for key, problem in state.problems.items()})
    cases = _Cases(Family(graph), now, {i.incident for i in state.intents.values()})
    for incident in state.incidents.values():
        cases.add(_refreshed(incident, state) if cases.is_live(incident) else incident)
    for problem in sorted(state.problems.values(), key=lambda p: (p.since, p.first, p.key)):
        if problem.key not in cases.home:
            cases.place(problem)
    while cases.merge_once() or cases.move_once():
        pass
    incidents = {i.id: i for found in cases.incidents.values() if not cases.is_forgotten(i := cases.settled(found))}
    return replace(state, incidents=incidents, problems={key: p for key, p in state.problems.items() if p.closed is None})


def _expired(problem: Problem, now: dt.datetime) -> Problem:
    """A low problem counts as over where nothing was seen of it for long: a warning about one day is never taken back."""
    if problem.closed is None and severity_of(problem) is Severity.LOW and now - problem.seen > KEEP:
        return replace(problem, closed=now, closed_by=problem.last)
    return problem


def _refreshed(incident: Incident, state: State) -> Incident:
    return replace(incident, problems=tuple(state.problems.get(p.key, p) for p in incident.problems))


def identify(root: Problem) -> str:
    """Id of the incident that a problem opens."""
    return hashlib.sha256(f"{root.key}|{root.first}".encode()).hexdigest()[:10]


@dataclass(slots=True)
class _Cases:
    """Incidents while problems are put to them."""

    family: Family
    now: dt.datetime
    pending: set[str]
    """Incidents of which a message may be in Slack already, its answer lost."""
    incidents: dict[str, Incident] = field(default_factory=dict)
    home: dict[str, str] = field(default_factory=dict)
    """Live incident of each problem, by key."""
    problems: dict[str, Problem] = field(default_factory=dict)
    """Those of live incidents."""
    at: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Keys of an asset's problems."""
    of_run: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Keys of a run's failures."""

    def is_live(self, incident: Incident) -> bool:
        if incident.stage is Stage.RECOVERED and incident.recovered is not None:
            return self.now - incident.recovered <= GRACE
        return incident.stage is not Stage.MERGED

    def add(self, incident: Incident) -> None:
        self.incidents[incident.id] = incident
        if self.is_live(incident):
            for problem in incident.problems:
                self.home[problem.key] = incident.id
                self.problems[problem.key] = problem
                self.at[problem.asset].add(problem.key)
                if problem.check is None and problem.run:
                    self.of_run[problem.run].add(problem.key)

    def place(self, problem: Problem) -> None:
        """Put a problem that is new to the incident that explains it best, or to one of its own."""
        found = {self.home[q.key]: self._closeness(q, problem) for q in self._near(problem) if self._belongs(q, problem)}
        if found:
            chosen = self.incidents[max(found, key=lambda i: (found[i], self.incidents[i].opened, i))]
            self.add(replace(chosen, problems=(*chosen.problems, problem)))
        else:
            self.add(Incident(
                identify(problem), problem.key, (problem,), severity_of(problem), opened=problem.since, noticed=self.now))

    def _near(self, problem: Problem) -> Iterator[Problem]:
        for asset in {problem.asset, *self.family.ancestors(problem.asset)}:
            yield from (self.problems[key] for key in self.at.get(asset, ()))
        yield from (self.problems[key] for key in self.of_run.get(problem.run, ()))

    def _closeness(self, cause: Problem, problem: Problem) -> tuple[bool, bool]:
        same_day = cause.partition is not None and cause.partition == problem.partition
        return (not self.incidents[self.home[cause.key]].is_over, same_day)

    def _belongs(self, cause: Problem, problem: Problem) -> bool:
        return self.explains(cause, problem) or _is_same_again(cause, problem) or self._are_peers(cause, problem)

    def explains(self, cause: Problem, effect: Problem) -> bool:
        """Whether `cause`, at the same asset or upstream, went on when `effect` began, and is of a kind that brings it about."""
        if cause.key == effect.key or not can_cause(cause, effect):
            return False
        above = cause.asset == effect.asset or cause.asset in self.family.ancestors(effect.asset)
        return above and _went_on(cause, effect) and _went_on(effect, cause)

    def _are_peers(self, one: Problem, other: Problem) -> bool:
        """Whether one run failed twice for one reason: several tables of a source, or assets of one step, or of none; or two checks."""
        if not one.run or one.run != other.run:
            return False
        if one.check is not None or other.check is not None:
            return one.asset == other.asset and one.partition == other.partition
        source = self.family.graph.connection(one.asset)
        same_source = bool(source) and source == self.family.graph.connection(other.asset)
        return one.error == other.error and (same_source or one.step == other.step)

    def merge_once(self) -> bool:
        """Put two incidents together where one explains the root of the other; whether there were any."""
        for effect in list(self.incidents.values()):
            root = effect.root_problem if self.is_live(effect) and effect.problems else None
            if root is None or root.closed is not None:
                continue
            for key in [k for asset in sorted(self.family.ancestors(root.asset)) for k in sorted(self.at.get(asset, ()))]:
                cause = self.incidents[self.home[key]]
                if cause.id != effect.id and self.explains(self.problems[key], root):
                    self._merge(cause, effect)
                    return True
        return False

    def _merge(self, cause: Incident, effect: Incident) -> None:
        """The one that was told first stays, with the cause's root; of the other the message remains, if there is one."""
        first, second = sorted((cause, effect), key=lambda i: (not self._is_told(i), i.is_over, i.opened, i.id))
        joined = (*cause.problems, *effect.problems)
        worst = max(cause.severity, effect.severity, key=_RANK.__getitem__)
        self.add(replace(
            first, root=cause.root, problems=joined, severity=worst, opened=min(cause.opened, effect.opened),
            noticed=min(cause.noticed, effect.noticed)))
        del self.incidents[second.id]
        if self._is_told(second):
            self.incidents[second.id] = replace(
                second, stage=Stage.MERGED, merged_into=first.id, problems=(second.root_problem,), recovered=self.now)

    def _is_told(self, incident: Incident) -> bool:
        return incident.told is not None or incident.id in self.pending

    def move_once(self) -> bool:
        """Move a problem whose own incident's root is over to one that explains it now; whether there were any."""
        for incident in list(self.incidents.values()):
            if not self.is_live(incident) or incident.root_problem.closed is None:
                continue
            for problem in incident.open_problems:
                if (target := self._better(incident, problem)) is not None:
                    self.incidents[incident.id] = replace(incident, problems=tuple(p for p in incident.problems if p.key != problem.key))
                    self.add(replace(target, problems=(*target.problems, problem)))
                    return True
        return False

    def _better(self, incident: Incident, problem: Problem) -> Incident | None:
        above = [self.problems[key] for asset in sorted(self.family.ancestors(problem.asset)) for key in sorted(self.at.get(asset, ()))]
        causes = [cause for cause in above if cause.closed is None and self.explains(cause, problem)]
        if not causes or any(self.home[cause.key] == incident.id for cause in causes):
            return None
        return self.incidents[self.home[causes[0].key]]

    def settled(self, incident: Incident) -> Incident:
        """The incident with everything that follows from its problems."""
        if not self.is_live(incident):
            return incident
        root = self._root(incident)
        recent = (p for p in incident.problems if p.closed is None or self.now - p.closed <= KEEP)
        first = (root, *(p for p in recent if p.key != root.key))
        worst = max((incident.severity, *map(severity_of, first)), key=_RANK.__getitem__)
        graph, failed = self.family.graph, {p.asset for p in first}
        fitted = replace(
            incident, root=root.key, problems=first, severity=worst, title=self._title(root, first), owner=graph.owner(root.asset),
            opened=min(p.since for p in first), domain=graph.domain(root.asset),
            affected=tuple(sorted(self.family.descendants(failed))))
        return _staged(fitted, self.now)

    def _root(self, incident: Incident) -> Problem:
        """The root as it was while it explains what goes on; else the problem that explains the most of it."""
        root, going_on = incident.root_problem, incident.open_problems
        unexplained = [p for p in going_on if not any(q.asset != p.asset and self.explains(q, p) for q in going_on)]
        if root in unexplained or not unexplained:
            return root
        if root.closed is not None and any(self.explains(root, p) for p in unexplained):
            return root
        return max(unexplained, key=lambda p: (sum(self.explains(p, q) for q in going_on), -p.since.timestamp(), p.key))

    def _title(self, root: Problem, problems: Iterable[Problem]) -> str:
        graph = self.family.graph
        source = graph.connection(root.asset)
        peers = {p.asset for p in problems if source and p.check is None and graph.connection(p.asset) == source and p.error == root.error}
        return f"{SOURCE}{source}" if root.check is None and len(peers) > 1 else root.asset

    def is_forgotten(self, incident: Incident) -> bool:
        """Whether it need not be remembered any longer: it ended, and that was told."""
        if not incident.is_over:
            return False
        told = incident.told is None or incident.stage is Stage.MERGED or incident.told.recoveries >= incident.openings
        return told and incident.id not in self.pending and self.now - (incident.recovered or self.now) > KEEP


def _is_same_again(one: Problem, other: Problem) -> bool:
    """Whether it is the same check, or the same failure, at the same asset; for another business day, or once more."""
    return (one.asset, one.check, one.error if one.check is None else "") == (
        other.asset, other.check, other.error if other.check is None else "")


def _went_on(one: Problem, when: Problem) -> bool:
    """Whether `one` was not over when `when` began."""
    if one.closed is None or one.closed_by is None:
        return True
    logged = not (one.key.endswith("~") or when.key.endswith("~"))
    return one.closed_by > when.first if logged else one.closed > when.since


def _staged(incident: Incident, now: dt.datetime) -> Incident:
    """Its stage as of now: over, open again, or no longer muted."""
    if not incident.open_problems:
        return incident if incident.stage is Stage.RECOVERED else _recovered(incident, now)
    if incident.stage is Stage.RECOVERED:
        told_over = incident.told is not None and incident.told.recoveries >= incident.openings
        return replace(incident, stage=Stage.OPEN, recovered=None, silent=False, openings=incident.openings + told_over, by="", until=None)
    if incident.stage is Stage.MUTED and incident.until is not None and incident.until <= now:
        return replace(incident, stage=Stage.OPEN, by="", until=None)
    return incident


def _recovered(incident: Incident, now: dt.datetime) -> Incident:
    """Ended. Of a muted one the message changes, and nothing more is said."""
    told, silent = incident.told, incident.stage is Stage.MUTED
    if silent and told is not None:
        told = replace(told, recoveries=incident.openings)
    ended = max((p.closed for p in incident.problems if p.closed is not None), default=now)
    return replace(incident, stage=Stage.RECOVERED, recovered=ended, silent=silent, told=told)
