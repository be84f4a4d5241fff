"""Certificates at work: a sensor that judges them, mirrors them to Domo's badges and tells of changes, and a check that anybody can run."""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.definitions.metadata import RawMetadataValue

from lakehouse_platform.certify import evidence as ledger
from lakehouse_platform.certify.badge import Mirrored, Waiting, mirror
from lakehouse_platform.certify.gates import shown
from lakehouse_platform.certify.state import Certificate, next_step
from lakehouse_platform.certify.subject import Subject
from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.jobs.certificates import (
    CERTIFIED,
    Certified,
    badges_wanted,
    instance_of,
    observe,
    observe_domo,
    watched,
)
from lakehouse_platform.jobs.marts import Mart, read_marts
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.evidence import ENDED, Position, gather

NAME = "certificates"
AHEAD = dt.timedelta(hours=1)
"""How far the clock of another machine may be ahead, or this one's be set back: what was seen by it counts at once."""
Clock = Callable[[], dt.datetime]


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one look at the certificates came to."""

    certificates: Mapping[str, Certificate]
    position: Position
    mirrored: Mirrored = field(default_factory=Mirrored)
    told: tuple[str, ...] = ()
    """Certificates whose check was reported anew."""
    recorded: int = 0
    """Observations that were new."""
    trouble: tuple[str, ...] = ()
    """What could not be read, or asked for; the next look is as good."""


def build_certification_sensor(
    project: Project, *, every: dt.timedelta = dt.timedelta(minutes=1), clock: Clock = _now
) -> dg.SensorDefinition:
    """Judges every certificate on each tick. Contracts and approvals are read anew, so that a change counts before a reload."""
    known = ledger.Ledger()

    @dg.sensor(
        name=NAME, minimum_interval_seconds=int(every.total_seconds()), default_status=dg.DefaultSensorStatus.RUNNING,
        description="Keeps the evidence for certificates, judges them, mirrors them to badges, and tells of those that were lost.")
    def certification(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        done = look(project, context.instance, Position.from_cursor(context.cursor), clock(), known)
        for text in done.trouble:
            context.log.warning(text)
        context.update_cursor(done.position.cursor)
        active = sum(found.active for found in done.certificates.values())
        return dg.SkipReason(f"{active} of {len(done.certificates)} certificates active, {len(done.told)} changed, "
                             f"{len(done.mirrored.changes)} badges changed, {done.recorded} observations")

    return certification


def look(project: Project, instance: dg.DagsterInstance, position: Position, now: dt.datetime, known: ledger.Ledger) -> Ticked:
    """Gather evidence, judge, tell, mirror. Whatever is interrupted is done again by the next look, and nothing twice."""
    found, trouble = _reread(project)
    held = known.recorded(found.project.lake)
    if not found.subjects and not held:
        return Ticked({}, position)
    seen, position = gather(instance, watched(found.subjects), position)
    new, unasked = _observations(found, held, now)
    recorded = known.record(found.project.lake, [*seen, *new])
    evidence = [*held, *seen, *new]
    moment = max([now, *(one.at for one in evidence if one.at <= now + AHEAD)])
    approvals, unread = found.readable_approvals()
    certificates = found.judged(moment, evidence, approvals)
    told = _tell(instance, found.subjects, certificates)
    mirrored = _mirror(found, badges_wanted(found, certificates, evidence))
    problems = (*trouble, *unread, *unasked, *(f"badge of {name}: {why}" for name, why in mirrored.failed.items()))
    return Ticked(certificates, position, mirrored, told, recorded, problems)


def _reread(project: Project) -> tuple[Certified, tuple[str, ...]]:
    """The project as its files are now; as they were when the definitions were loaded, where they are wrong now."""
    try:
        return Certified.of(Project(project.folder, project.environment_name, project.engine)), ()
    except LakehouseError as error:
        return Certified(project, read_marts(project)), (f"contracts and marts are judged as they were loaded: {error}",)


def _observations(found: Certified, held: Sequence[ledger.Evidence], now: dt.datetime) -> tuple[list[ledger.Evidence], list[str]]:
    served, failed = observe_domo(found, held, now)
    return [*observe(found, held, now), *served], [f"Domo was not asked for {name}: {why}" for name, why in failed.items()]


def _mirror(found: Certified, wanted: Mapping[str, bool]) -> Mirrored:
    try:
        badges = instance_of(found.project)
    except LakehouseError as error:
        return Mirrored(failed={"every dataset": str(error)})
    if badges is None:
        return Mirrored()
    try:
        return mirror(badges, wanted, Waiting())
    finally:
        badges.close()


def _tell(instance: dg.DagsterInstance, subjects: Sequence[Subject], certificates: Mapping[str, Certificate]) -> tuple[str, ...]:
    """Report each certificate whose state or causes are not those that were reported last."""
    told = []
    for subject in subjects:
        found, before = certificates[subject.name], _told(instance, asset_of(subject))
        if _worth_telling(found, before) and (before is None or _standing(before) != (str(found.state), _causes(found))):
            instance.report_runless_asset_event(_evaluation(subject, found))
            told.append(found.name)
    return tuple(told)


def _told(instance: dg.DagsterInstance, key: dg.AssetKey) -> dg.AssetCheckEvaluation | None:
    """What was reported last; a check that was planned and not made says nothing."""
    check = dg.AssetCheckKey(key, CERTIFIED.name)
    records = instance.event_log_storage.get_asset_check_execution_history(check, limit=1, status=ENDED)
    said = records[0].evaluation if records else None
    return said if isinstance(said, dg.AssetCheckEvaluation) else None


def _worth_telling(found: Certificate, before: dg.AssetCheckEvaluation | None) -> bool:
    """A certificate that was never active is not lost."""
    return found.active or before is not None


def _standing(said: dg.AssetCheckEvaluation) -> tuple[object, object]:
    return tuple(said.metadata[name].value if name in said.metadata else "" for name in ("state", "causes"))  # type: ignore[return-value]


def _causes(found: Certificate) -> str:
    return ", ".join(sorted({str(reason.cause) for reason in found.causes}))


def _evaluation(subject: Subject, found: Certificate) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_of(subject), CERTIFIED.name, passed=found.active, metadata=metadata_of(found, subject.fingerprint),
        severity=dg.AssetCheckSeverity.WARN, description=describe(found), blocking=False)


def asset_of(subject: Subject) -> dg.AssetKey:
    """The asset that carries the certificate: the dataset, or the mart where it has none."""
    return dg.AssetKey.from_user_string((subject.dataset or subject.mart).key)


def describe(found: Certificate) -> str:
    """The certificate in words: its state, since when, until when, and why it is not active."""
    since = f" since {shown(found.since)}" if found.since is not None else ""
    until = f", until {shown(found.until)}" if found.active and found.until is not None else ""
    why = "; ".join(f"{reason.cause}: {reason.text}" for reason in found.causes)
    return f"{found.name}: {found.state}{since}{until}.{f' {why}.' if why else ''}"


def metadata_of(found: Certificate, fingerprint: str) -> dict[str, RawMetadataValue]:
    """The certificate as the interface shows it."""
    gates = "\n".join(f"| {gate.gate} | {gate.verdict} | {gate.text} |" for gate in found.gates)
    said: dict[str, RawMetadataValue] = {
        "state": str(found.state), "causes": _causes(found),
        "gates": dg.MetadataValue.md(f"| gate | verdict | |\n|---|---|---|\n{gates}"), "next": next_step(found, fingerprint)}
    times = {"since": found.since, "until": found.until}
    return said | {name: dg.TimestampMetadataValue(at.timestamp()) for name, at in times.items() if at is not None}


def build_certificates(project: Project, marts: Sequence[Mart], *, clock: Clock = _now) -> list[dg.AssetChecksDefinition]:
    """One definition with the check `certified` of each dataset that is to be certified; none where none is."""
    subjects = {asset_of(subject): subject.name for subject in Certified(project, tuple(marts)).subjects}
    if not subjects:
        return []

    specs = [dg.AssetCheckSpec(CERTIFIED.name, asset=key, description=CERTIFIED.description) for key in subjects]

    @dg.multi_asset_check(name=NAME, specs=specs, can_subset=True)
    def certificates(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        found, _ = _reread(project)
        held, now = found.evidence(), clock()
        new, _ = _observations(found, held, now)
        standing = found.at(now, [*held, *new])
        current = {asset_of(subject): subject for subject in found.subjects}
        for key in sorted(check.asset_key for check in context.selected_asset_check_keys):
            # Dagster runs the check with each run of the asset, long before anybody has approved it.
            if key in current and _worth_telling(standing[current[key].name], _told(context.instance, key)):
                said = _evaluation(current[key], standing[current[key].name])
                yield dg.AssetCheckResult(
                    passed=said.passed, asset_key=key, check_name=CERTIFIED.name, metadata=said.metadata, severity=said.severity,
                    description=said.description)

    return [certificates]
