"""Folds what was observed into what is wrong. Pure; the same observations folded again change nothing.

Each key (asset, business day, check) holds what its newest observation says, newest by the event log's storage id, so neither order
nor repetition matters. Observations more than `LAG` ids older than the newest one are history, and not news.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lakehouse_platform.incidents.base import Figure, Kind, Observation, Problem, State, Trouble
from lakehouse_platform.incidents.kinds import is_about_now, trouble_of

LAG = 2_000
"""Storage ids by which an observation may come after a newer one: transactions of the log end in another order than they began."""
LONGEST_REASON = 300
"""Characters that are kept of what an observation said."""
JOB = "job/"
"""Prefix of what stands for a run that concerns no asset that is known."""
_NAMES = {Kind.FAILURE: "", Kind.FRESHNESS: "materialized in time", Kind.BEAT: "beats"}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def order_of(observation: Observation) -> int:
    """What is newer: the storage id, or microseconds since 1970 for what is not in the log."""
    if observation.id is not None:
        return observation.id
    return (observation.at - _EPOCH) // dt.timedelta(microseconds=1)


def key_of(observation: Observation) -> str:
    """`asset|partition|check` of the problem that an observation opens or closes; what is not in the log has keys of its own."""
    partition = None if is_about_now(trouble_of(observation), halting=observation.halting) else observation.partition
    name = _NAMES.get(observation.kind, observation.check or "")
    return _key(observation.asset, partition, f"{name}~" if observation.id is None else name)


def _key(asset: str, partition: str | None, check: str) -> str:
    return f"{asset}|{partition or ''}|{check}"


def fold(state: State, observations: Iterable[Observation]) -> State:
    """The state after the observations. A problem that was closed stays in it until it is put to an incident."""
    ledger = _Ledger(dict(state.problems), dict(state.settled))
    newest, floor = state.newest, state.newest - LAG
    for seen in sorted(observations, key=lambda o: (o.id is None, order_of(o))):
        if seen.id is None or seen.id >= floor:
            ledger.take(seen)
            newest = max(newest, seen.id or 0)
    settled = {key: order for key, order in ledger.settled.items() if order >= newest - LAG}
    return replace(state, newest=newest, problems=ledger.problems, settled=settled)


@dataclass(slots=True)
class _Ledger:
    """Problems and settled keys while observations are folded into them."""

    problems: dict[str, Problem]
    settled: dict[str, int]

    def take(self, seen: Observation) -> None:
        if seen.kind is Kind.MATERIALIZED:
            self._commit(seen)
        elif seen.kind is Kind.FAILURE or not seen.passed:
            self._fail(seen)
        else:
            self._settle(key_of(seen), seen)

    def _settle(self, key: str, by: Observation) -> None:
        """Say that a key is in order as of an observation; one that the log does not hold is kept only where it closes something."""
        order, known = order_of(by), self.problems.get(key)
        if known is not None and known.last < order:
            self._close(known, by, order)
        elif by.id is not None:
            self.settled[key] = max(order, self.settled.get(key, 0))

    def _close(self, problem: Problem, by: Observation, order: int) -> None:
        ended = problem if problem.closed is not None else replace(problem, closed=by.at, closed_by=order)
        self.problems[problem.key] = replace(ended, last=order)
        self.settled[problem.key] = max(order, self.settled.get(problem.key, 0))

    def _commit(self, seen: Observation) -> None:
        """A business day was committed: what kept it from being committed before is over."""
        self._settle(_commit_key(seen.asset, seen.partition), seen)
        for problem in [p for p in self.problems.values() if _ends(seen, p)]:
            self._close(problem, seen, max(order_of(seen), problem.last + 1))

    def _fail(self, seen: Observation) -> None:
        key, order = key_of(seen), order_of(seen)
        known = self.problems.get(key)
        if order <= self.settled.get(key, 0) or self._was_committed_later(seen) or (known is not None and order <= known.last):
            return
        if seen.kind is Kind.FAILURE and self._is_echo(seen):
            self.settled[key] = order
            return
        self.problems[key] = _repeated(known, seen) if known is not None and known.closed is None else _opened(key, seen)
        self._absorb(self.problems[key], seen)

    def _was_committed_later(self, seen: Observation) -> bool:
        if seen.id is None or not (seen.kind is Kind.FAILURE or seen.halting):
            return False
        days = {seen.partition, None}
        return any(seen.id < self.settled.get(_commit_key(seen.asset, day), 0) for day in days)

    def _is_echo(self, seen: Observation) -> bool:
        """Whether the failure only says again what another problem of its run says."""
        return bool(seen.run) and any(_echoes(seen.asset, seen.partition, seen.run, p) for p in self.problems.values())

    def _absorb(self, problem: Problem, seen: Observation) -> None:
        """End the problems that turn out to be echoes of this one."""
        for other in list(self.problems.values()):
            failed = other.check is None and other.key != problem.key and other.closed is None
            if failed and other.run and _echoes(other.asset, other.partition, other.run, problem):
                self._close(other, seen, max(order_of(seen), other.last + 1))


def _commit_key(asset: str, partition: str | None) -> str:
    return _key(asset, partition, "+")


def _ends(commit: Observation, problem: Problem) -> bool:
    """Whether a commit shows that a problem is over. A halting check of the committing run itself may have failed after the commit."""
    if problem.asset != commit.asset or problem.closed is not None:
        return False
    if problem.trouble is Trouble.LATE and problem.check == _NAMES[Kind.FRESHNESS]:
        return commit.at > problem.since
    same_day = commit.partition is None or problem.partition is None or commit.partition == problem.partition
    held = problem.check is None or (problem.halting and problem.run != commit.run)
    return same_day and held and problem.last < order_of(commit)


def _echoes(asset: str, partition: str | None, run: str, problem: Problem) -> bool:
    """Whether a failed run of `asset` is the same trouble as `problem`: a halt of it in that run, or anything of a run without assets."""
    if problem.run != run or problem.asset.startswith(JOB):
        return False
    if asset.startswith(JOB):
        return problem.halting or problem.check is None
    same_day = partition is None or problem.partition is None or partition == problem.partition
    return problem.asset == asset and problem.halting and problem.check is not None and same_day


def _opened(key: str, seen: Observation) -> Problem:
    trouble, order = trouble_of(seen), order_of(seen)
    return Problem(
        key=key, asset=seen.asset, partition=None if is_about_now(trouble, halting=seen.halting) else seen.partition,
        check=_NAMES.get(seen.kind, seen.check) or None, trouble=trouble, halting=seen.halting,
        first=order, last=order, since=seen.at, seen=seen.at, run=seen.run, step=seen.step, error=seen.error,
        text=_reason(seen), figures=_numbers(seen))


def _repeated(known: Problem, seen: Observation) -> Problem:
    """The same again. A check that is tried again within its run is no repetition, nor is one outside of runs."""
    again = bool(seen.run) and seen.run != known.run
    return replace(
        known, last=order_of(seen), seen=seen.at, occurrences=known.occurrences + again, run=seen.run or known.run,
        halting=seen.halting, error=seen.error or known.error, text=_reason(seen) or known.text, figures=_numbers(seen) or known.figures)


def _reason(seen: Observation) -> str:
    """The first line, cut: the whole text is in the log."""
    line = seen.text.strip().partition("\n")[0].strip()
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON - 1]}…"


def _numbers(seen: Observation) -> dict[str, Figure]:
    return {name: value for name, value in seen.figures.items() if not isinstance(value, str)}
