"""Kinds of trouble: how bad each is, what it can bring about, and whether it is about one business day."""

from __future__ import annotations

from lakehouse_platform.incidents.base import Kind, Observation, Problem, Severity, Trouble

SEVERITIES = {
    Trouble.HALTED: Severity.HIGH,  # the day is missing from everything downstream until somebody decides
    Trouble.FAILED: Severity.HIGH,  # the same, and nobody knows yet whether the data or the machinery is to blame
    Trouble.CERTIFICATE: Severity.HIGH,  # people read the dataset because it had one
    Trouble.WITHDRAWN: Severity.HIGH,  # the same
    Trouble.GAP: Severity.HIGH,  # what the source has dropped cannot be read again later
    Trouble.HEARTBEAT: Severity.HIGH,  # all other trouble goes unseen
    Trouble.LATE: Severity.MEDIUM,  # what readers see is right, and old
    Trouble.MALFORMED: Severity.MEDIUM,  # the rows wait in quarantine for the sender
    Trouble.DRIFT: Severity.LOW,  # values are parked, none is lost, and the day is in
    Trouble.WARNED: Severity.LOW,  # the contract itself says that it stops nothing
}
"""By kind; what halts is high whatever its kind. The reason stands beside each."""

_STOPS = frozenset({Trouble.HALTED, Trouble.FAILED, Trouble.LATE, Trouble.CERTIFICATE, Trouble.WARNED})
BRINGS_ABOUT = {
    Trouble.HALTED: _STOPS,
    Trouble.FAILED: _STOPS,
    Trouble.GAP: _STOPS,
    Trouble.MALFORMED: _STOPS,
    Trouble.LATE: frozenset({Trouble.LATE, Trouble.CERTIFICATE}),
    Trouble.CERTIFICATE: frozenset({Trouble.CERTIFICATE}),
    Trouble.WITHDRAWN: frozenset({Trouble.CERTIFICATE}),
    Trouble.DRIFT: frozenset({Trouble.CERTIFICATE}),
}
"""What each kind can cause downstream. Schema, files and gaps are the source's own and follow from nothing; a warning causes nothing."""

_ABOUT_NOW = frozenset({Trouble.LATE, Trouble.CERTIFICATE, Trouble.WITHDRAWN, Trouble.HEARTBEAT})


def trouble_of(observation: Observation) -> Trouble:
    """What an observation is about, or would be if it failed."""
    if observation.kind is Kind.FAILURE:
        return observation.trouble or Trouble.FAILED
    if observation.kind is Kind.FRESHNESS:
        return Trouble.LATE
    if observation.kind is Kind.BEAT:
        return Trouble.HEARTBEAT
    return observation.trouble or (Trouble.HALTED if observation.halting else Trouble.WARNED)


def is_about_now(trouble: Trouble, *, halting: bool) -> bool:
    """Whether it is about the asset as it stands: then whichever business day was running when it was seen does not matter."""
    return trouble in _ABOUT_NOW or (trouble is Trouble.DRIFT and not halting)


def severity_of(problem: Problem) -> Severity:
    """How bad a problem is."""
    return Severity.HIGH if problem.halting else SEVERITIES[problem.trouble]


def can_cause(cause: Problem, effect: Problem) -> bool:
    """Whether a problem upstream is of a kind that brings the other one about, and of the same business day where both have one."""
    same_day = cause.partition is None or effect.partition is None or cause.partition == effect.partition
    effects = _STOPS if cause.halting else BRINGS_ABOUT.get(cause.trouble, frozenset())
    return same_day and effect.trouble in effects
