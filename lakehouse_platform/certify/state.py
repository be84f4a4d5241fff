"""The state of a certificate: a pure function of the approvals in git, the evidence in the lake, the contracts and the time.

It is active while an approval stands and every gate is open. A contract or a source's schema that changes, and the end of the approval,
end the approval itself: somebody has to approve again. A failed check, lateness and a certificate that is lost upstream take it away
only while they last.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lakehouse_platform.certify.approvals import Entry, Standing, standing_at
from lakehouse_platform.certify.evidence import Evidence, Kind
from lakehouse_platform.certify.gates import Gate, GateResult, Verdict, judge, listed, matters, shown
from lakehouse_platform.certify.held import Held
from lakehouse_platform.certify.subject import Subject


class State(StrEnum):
    """How far a certificate is."""

    DRAFT = "draft"
    """Nobody has asked for it."""
    REQUESTED = "requested"
    APPROVED = "approved"
    """The approval stands, and a gate is not open."""
    ACTIVE = "active"
    """The approval stands, and every gate is open: the dataset has its badge."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    """A person took it back, or what had been approved has changed."""


class Cause(StrEnum):
    """Why a certificate is not active although it was approved."""

    SCHEMA_CHANGE = "schema change"
    FAILED_CHECK = "failed check"
    LATENESS = "lateness"
    EXPIRY = "expiry"
    UPSTREAM = "upstream"
    """A mart upstream has lost its own certificate."""
    REVOCATION = "revocation"
    """A person took it back."""
    NO_EVIDENCE = "no evidence"
    """A gate is not known to be open."""


_OF_GATE = {Gate.FRESHNESS: Cause.LATENESS, Gate.SCHEMA: Cause.SCHEMA_CHANGE, Gate.UPSTREAM: Cause.UPSTREAM}
"""What a failed gate is; the others are failed checks."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A cause, in words, and since when."""

    cause: Cause
    text: str
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate at a moment."""

    name: str
    """The mart, `domain.table`."""
    state: State
    since: dt.datetime | None
    """When it came to be so; None for a draft."""
    until: dt.datetime | None
    """When the approval ends, or ended."""
    gates: tuple[GateResult, ...]
    causes: tuple[Reason, ...] = ()
    """Why it is not active; empty before it was approved."""
    standing: Standing = field(default_factory=Standing)

    @property
    def active(self) -> bool:
        """Whether the dataset has its badge."""
        return self.state is State.ACTIVE

    @property
    def closed(self) -> tuple[GateResult, ...]:
        """Gates that are not open."""
        return tuple(gate for gate in self.gates if not gate.open)


def certificates(
    subjects: Iterable[Subject], approvals: Mapping[str, Iterable[Entry]], evidence: Iterable[Evidence], now: dt.datetime
) -> dict[str, Certificate]:
    """Every subject's certificate by name, those upstream first."""
    held, waiting, found = Held.until(now, evidence), {subject.name: subject for subject in subjects}, dict[str, Certificate]()
    while waiting:
        ready = [name for name, subject in waiting.items() if not waiting.keys() & set(subject.certified_upstream)]
        for name in ready or list(waiting):  # marts that wait for each other: none of them has a certificate upstream
            found[name] = _certificate(waiting.pop(name), standing_at(approvals.get(name, ()), now), held, found)
    return found


def certificate(
    subject: Subject, approvals: Iterable[Entry], evidence: Iterable[Evidence], now: dt.datetime,
    upstream: Mapping[str, Certificate] | None = None,
) -> Certificate:
    """One subject's certificate, given those of the marts upstream."""
    return _certificate(subject, standing_at(approvals, now), Held.until(now, evidence), upstream or {})


def _certificate(subject: Subject, standing: Standing, held: Held, upstream: Mapping[str, Certificate]) -> Certificate:
    gates = (*judge(subject, held), _upstream(subject, upstream))
    approval = standing.approval
    if approval is None:
        return _before(subject, standing, gates)
    end = _end(subject, approval, held)
    if end is not None:
        ended = State.EXPIRED if end.cause is Cause.EXPIRY else State.REVOKED
        state, since = (State.REQUESTED, standing.request.at) if standing.request is not None else (ended, end.since)
        return Certificate(subject.name, state, since, approval.until, gates, (end, *_reasons(gates, approval)), standing)
    causes = _reasons(gates, approval)
    if causes:
        since = min(reason.since for reason in causes)
        return Certificate(subject.name, State.APPROVED, since, approval.until, gates, causes, standing)
    since = max(approval.at, *(gate.since for gate in gates if gate.since is not None))
    return Certificate(subject.name, State.ACTIVE, since, approval.until, gates, (), standing)


def _before(subject: Subject, standing: Standing, gates: tuple[GateResult, ...]) -> Certificate:
    request, revoked = standing.request, standing.revocation
    causes = (Reason(Cause.REVOCATION, f"{revoked.by} took it back: {revoked.why}", revoked.at),) if revoked is not None else ()
    if request is not None:
        return Certificate(subject.name, State.REQUESTED, request.at, None, gates, causes, standing)
    if revoked is not None:
        return Certificate(subject.name, State.REVOKED, revoked.at, None, gates, causes, standing)
    return Certificate(subject.name, State.DRAFT, None, None, gates, (), standing)


def _end(subject: Subject, approval: Entry, held: Held) -> Reason | None:
    """What ended the approval first; nothing brings it back."""
    ends = [*_contract_changed(subject, approval, held), *_schema_changed(subject, approval, held)]
    if approval.until is not None and held.now >= approval.until:
        ends.append(Reason(Cause.EXPIRY, f"the approval ended on {shown(approval.until)}", approval.until))
    return min(ends, key=lambda reason: (reason.since, reason.cause), default=None)


def _contract_changed(subject: Subject, approval: Entry, held: Held) -> list[Reason]:
    """The contract was seen as it was approved, and then otherwise, once is enough; or it is otherwise now."""
    seen = held.of(subject.mart.key, Kind.CONTRACT)
    matched = [found.at for found in seen if found.figures.get("fingerprint") == approval.contract]
    left = [
        found.at for found in seen if found.figures.get("fingerprint") != approval.contract
        and found.at >= approval.at and matched and matched[0] <= found.at]
    if not left and subject.fingerprint == approval.contract:
        return []
    since = left[0] if left else max([approval.at, *(found.at for found in seen[-1:])])
    return [Reason(Cause.SCHEMA_CHANGE, "the contract is not the one that was approved", since)]


def _schema_changed(subject: Subject, approval: Entry, held: Held) -> list[Reason]:
    """Since the approval a source had left its contract, if only once."""
    found = [
        seen for asset in subject.upstream for name in asset.schema_checks for seen in held.of_check(asset.key, name)
        if not seen.passed and seen.at >= approval.at and matters(subject, held, seen)]
    if not found:
        return []
    tables = listed(sorted({seen.subject for seen in found}))
    return [Reason(Cause.SCHEMA_CHANGE, f"a source left its contract: {tables}", min(seen.at for seen in found))]


def _reasons(gates: Iterable[GateResult], approval: Entry) -> tuple[Reason, ...]:
    """Why an approved certificate is not active, the oldest reason first."""
    found = [
        Reason(_cause(gate), f"{gate.gate}: {gate.text}", max(gate.since or approval.at, approval.at)) for gate in gates if not gate.open]
    return tuple(sorted(found, key=lambda reason: reason.since))


def _cause(gate: GateResult) -> Cause:
    return Cause.NO_EVIDENCE if gate.verdict is Verdict.MISSING else _OF_GATE.get(gate.gate, Cause.FAILED_CHECK)


def _upstream(subject: Subject, found: Mapping[str, Certificate]) -> GateResult:
    """The marts upstream that are to be certified have their certificates."""
    wanted = subject.certified_upstream
    if not wanted:
        return GateResult(Gate.UPSTREAM, Verdict.NOT_APPLICABLE, "no mart upstream is to be certified")
    lost = [name for name in wanted if name not in found or not found[name].active]
    if lost:
        since = max((at for name in lost if name in found and (at := found[name].since) is not None), default=None)
        said = listed(f"{name} is {found[name].state if name in found else 'unknown'}" for name in lost)
        return GateResult(Gate.UPSTREAM, Verdict.FAILED, said, since)
    since = max(at for name in wanted if (at := found[name].since) is not None)
    return GateResult(Gate.UPSTREAM, Verdict.PASSED, f"{listed(wanted)} certified", since)


def next_step(found: Certificate, fingerprint: str) -> str:
    """What somebody has to do for the certificate to be active; empty where it is. `fingerprint` is of the contract now."""
    name, request = found.name, found.standing.request
    if found.active:
        return ""
    if request is not None and request.contract == fingerprint:
        return f"somebody else than {request.by}: lakehouse certify approve {name}"
    if found.state is not State.APPROVED:
        return f"lakehouse certify request {name} --why …"
    return "; ".join(dict.fromkeys((_UNSEEN if gate.verdict is Verdict.MISSING else _STEPS)[gate.gate] for gate in found.closed))


_STEPS = {
    Gate.CHECKS: "run the mart until its blocking checks have passed often enough",
    Gate.CONTROL_TOTALS: "find where the mart and its tables disagree, and run it again",
    Gate.LINEAGE: "run the tables upstream that failed or were never run",
    Gate.SCHEMA: "bring the contracts of the sources up to date, and request it again",
    Gate.FRESHNESS: "run the days that are missing",
    Gate.ROWS: "publish the dataset again",
    Gate.OWNER: "give the dataset its owner in Domo",
    Gate.ACCESS: "publish the dataset again, which puts its row policies in place",
    Gate.RECONCILIATION: "reconcile the sources",
    Gate.UPSTREAM: "see to the certificates upstream first",
}
_UNSEEN = {
    **dict.fromkeys(_STEPS, "run what was never run, from the sources to the dataset"), Gate.CHECKS: _STEPS[Gate.CHECKS],
    **dict.fromkeys((Gate.OWNER, Gate.ACCESS), "publish the dataset: the sensor of certificates then asks Domo about it"),
}
"""The same where nothing, or not enough, is known."""
