"""What a certificate asks for, judged from the evidence up to a moment. What nothing is known of never passes."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lakehouse_platform.certify.evidence import Evidence, Kind
from lakehouse_platform.certify.held import Held, Streak
from lakehouse_platform.certify.subject import Asset, Subject, access_digest

SHOWN = 3
"""Names that a text lists before it counts the rest."""


class Gate(StrEnum):
    """What has to hold."""

    CHECKS = "checks"
    """The mart's blocking checks passed in its last runs."""
    CONTROL_TOTALS = "control_totals"
    """The mart agrees with the tables that it is made of."""
    LINEAGE = "lineage"
    """Everything that the mart is made of, down to the source, is known, was materialized, and passes its blocking checks."""
    SCHEMA = "schema"
    """The sources look as their contracts say."""
    FRESHNESS = "freshness"
    """The mart's data is as young as its contract promises."""
    ROWS = "rows"
    """The dataset holds the mart's rows."""
    OWNER = "owner"
    """The dataset belongs in Domo to whom the contract names."""
    ACCESS = "access"
    """Domo shows rows to those whom the contract names."""
    RECONCILIATION = "reconciliation"
    """The lake agrees with the source, where the two are reconciled."""
    UPSTREAM = "upstream"
    """The marts that it is made of and that are to be certified are."""


class Verdict(StrEnum):
    """How a gate came out."""

    PASSED = "passed"
    FAILED = "failed"
    MISSING = "missing"
    """Nothing, or not enough, is known. It does not pass."""
    NOT_APPLICABLE = "not applicable"
    """The platform itself says that there is nothing to judge."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """How a gate came out, and since when."""

    gate: Gate
    verdict: Verdict
    text: str
    since: dt.datetime | None = None
    """Since when it is so; None where that is not known."""

    @property
    def open(self) -> bool:
        """Whether it lets the certificate be active."""
        return self.verdict in (Verdict.PASSED, Verdict.NOT_APPLICABLE)


def judge(subject: Subject, held: Held) -> tuple[GateResult, ...]:
    """Every gate but that of the marts upstream, which is about their certificates."""
    return tuple(gate(subject, held) for gate in GATES)


def checks(subject: Subject, held: Held) -> GateResult:
    """The last runs of the mart, as many as its certificate asks for, passed every blocking check."""
    wanted, runs = subject.green_runs, _runs(subject.mart, held)
    last = runs[-wanted:]
    red = [run for run in last if run.failed]
    if red:
        return GateResult(Gate.CHECKS, Verdict.FAILED, f"failed in the last {_runs_text(wanted)}: {listed(red[-1].failed)}", red[0].at)
    if len(last) < wanted or not subject.mart.checks:
        return GateResult(Gate.CHECKS, Verdict.MISSING, f"runs that passed every blocking check: {len(last)} of {wanted} so far")
    broken = max((number for number, run in enumerate(runs) if run.failed), default=-1)
    return GateResult(Gate.CHECKS, Verdict.PASSED, f"the last {_runs_text(wanted)} passed every blocking check", runs[broken + wanted].at)


@dataclass(frozen=True, slots=True)
class _Run:
    at: dt.datetime
    failed: tuple[str, ...]


def _runs(mart: Asset, held: Held) -> list[_Run]:
    """Runs of the mart that judged it whole, or found something wrong, in the order of time; one that is still at it is neither."""
    by_run: dict[str, list[Evidence]] = defaultdict(list)
    for seen in held.of(mart.key, Kind.CHECK):
        if seen.name in mart.checks:
            by_run[seen.run].append(seen)
    found = [
        _Run(max(seen.at for seen in rows), tuple(sorted({seen.name for seen in rows if not seen.passed})))
        for rows in by_run.values() if {seen.name for seen in rows} >= mart.checks or not all(seen.passed for seen in rows)
    ]
    return sorted(found, key=lambda run: (run.at, bool(run.failed), run.failed))


def control_totals(subject: Subject, held: Held) -> GateResult:
    """The mart's control totals agreed when they were last computed."""
    if not subject.control_totals:
        return GateResult(Gate.CONTROL_TOTALS, Verdict.NOT_APPLICABLE, "the dbt project has no control total of this mart")
    asset = Asset(subject.mart.key, subject.control_totals)
    return _of_assets(Gate.CONTROL_TOTALS, [asset], held, "the mart agrees with the tables that it is made of")


def lineage(subject: Subject, held: Held) -> GateResult:
    """What the mart is made of is known down to its sources; each table was materialized and passes its blocking checks."""
    if subject.unknown:
        return GateResult(Gate.LINEAGE, Verdict.FAILED, f"made of what has no contract: {listed(subject.unknown)}")
    if not subject.upstream:
        return GateResult(Gate.LINEAGE, Verdict.MISSING, "it is not known what the mart is made of")
    never = [asset.key for asset in subject.upstream if not held.of(asset.key, Kind.RUN)]
    good = f"{len(subject.upstream)} tables down to the source are materialized and pass"
    judged = _of_assets(Gate.LINEAGE, subject.upstream, held, good)
    if never and judged.verdict is not Verdict.FAILED:
        return GateResult(Gate.LINEAGE, Verdict.MISSING, f"never seen materialized: {listed(never)}")
    return judged


def schema(subject: Subject, held: Held) -> GateResult:
    """No source differed, when it was last read, from its contract in what the mart is made of."""
    checks = [(asset.key, name) for asset in subject.upstream for name in sorted(asset.schema_checks)]
    seen = {f"{key}:{name}": held.of_check(key, name) for key, name in checks}
    never = [name for name, results in seen.items() if not results]
    if never or not seen:
        return GateResult(Gate.SCHEMA, Verdict.MISSING, f"never held against its contract: {listed(never) or 'any source'}")
    streaks = {name: Streak.of([(s.at, s.passed or not matters(subject, held, s)) for s in results]) for name, results in seen.items()}
    red = {name: streak for name, streak in streaks.items() if not streak.passed}
    if red:
        return GateResult(Gate.SCHEMA, Verdict.FAILED, f"failed: {listed(red)}", min(streak.since for streak in red.values()))
    since = max(streak.since for streak in streaks.values())
    return GateResult(Gate.SCHEMA, Verdict.PASSED, "the sources look as their contracts say, in what the mart is made of", since)


def matters(subject: Subject, held: Held, seen: Evidence) -> bool:
    """Whether the mart is made of a column in which a source was found to differ; where one of both is not known, it is."""
    columns = set(filter(None, str(seen.figures.get("columns") or "").split(", ")))
    told = held.of(subject.mart.key, Kind.READS)
    in_force = next((reads for reads in reversed(told) if reads.at <= seen.at), told[0] if told else None)
    reads = in_force.figures.get(seen.subject) if in_force is not None else None
    return not columns or not isinstance(reads, list) or bool(columns & set(reads))


def freshness(subject: Subject, held: Held) -> GateResult:
    """The mart's data is as young at this moment as its contract promises."""
    promised = subject.freshness
    if promised is None:
        return GateResult(Gate.FRESHNESS, Verdict.NOT_APPLICABLE, "the contract promises no freshness")
    ends = [(seen.at, _instant(seen.figures.get("complete_through"))) for seen in _lowest_last(held.of(subject.mart.key, Kind.COMPLETE))]
    if not ends or ends[-1][1] is None:
        return GateResult(Gate.FRESHNESS, Verdict.MISSING, "it is not known up to when the data is complete", ends[-1][0] if ends else None)
    deadline = ends[-1][1] + promised
    through = f"complete through {shown(ends[-1][1])}, {_hours(promised)} promised"
    if held.now > deadline:
        return GateResult(Gate.FRESHNESS, Verdict.FAILED, f"late: {through}", max(deadline, ends[-1][0]))
    return GateResult(Gate.FRESHNESS, Verdict.PASSED, through, _fresh_since(ends, promised))


def _lowest_last(rows: Sequence[Evidence]) -> list[Evidence]:
    """In the order of time; of what was seen at once, the least comes last, and nothing known after all."""
    return sorted(rows, key=lambda seen: (seen.at, not seen.figures.get("complete_through"), _falling(seen)))


def _falling(seen: Evidence) -> float:
    through = _instant(seen.figures.get("complete_through"))
    return -through.timestamp() if through is not None else 0.0


def _fresh_since(ends: Sequence[tuple[dt.datetime, dt.datetime | None]], promised: dt.timedelta) -> dt.datetime:
    since = ends[-1][0]
    for (at, through), (following, _) in zip(reversed(ends[:-1]), reversed(ends[1:]), strict=True):
        if through is None or through + promised < following:
            break
        since = at
    return since


def rows(subject: Subject, held: Held) -> GateResult:
    """The dataset was published, and its blocking checks passed: it has the mart's rows."""
    if subject.dataset is None:
        return GateResult(Gate.ROWS, Verdict.NOT_APPLICABLE, "the mart has no dataset")
    if not subject.dataset.checks:
        return GateResult(Gate.ROWS, Verdict.MISSING, "no check compares the dataset with the mart")
    return _of_assets(Gate.ROWS, [subject.dataset], held, "the dataset holds the mart's rows")


def owner(subject: Subject, held: Held) -> GateResult:
    """Domo names the owner whom the contract names."""
    if subject.dataset is None or subject.owner is None:
        return GateResult(Gate.OWNER, Verdict.NOT_APPLICABLE, "no dataset of it is in Domo")
    seen = held.of(subject.dataset.key, Kind.OWNER)
    return _as_wanted(Gate.OWNER, seen, subject.owner.casefold(), f"owned by {subject.owner}", f"not owned by {subject.owner}")


def access(subject: Subject, held: Held) -> GateResult:
    """Domo applies the contract's row policies, and no others."""
    if subject.dataset is None or subject.row_access is None:
        return GateResult(Gate.ACCESS, Verdict.NOT_APPLICABLE, "no dataset of it is in Domo")
    seen, number = held.of(subject.dataset.key, Kind.ACCESS), len(subject.row_access)
    good, bad = f"{number} row policies are in place", "Domo's row policies are not those of the contract"
    return _as_wanted(Gate.ACCESS, seen, access_digest(subject.row_access), good, bad)


def reconciliation(subject: Subject, held: Held) -> GateResult:  # noqa: ARG001 (gates have one signature)
    """Nothing reconciles the lake with its sources yet."""
    return GateResult(Gate.RECONCILIATION, Verdict.NOT_APPLICABLE, "the sources of this mart are not reconciled")


def _as_wanted(gate: Gate, seen: Sequence[Evidence], wanted: str, good: str, bad: str) -> GateResult:
    if not seen:
        return GateResult(gate, Verdict.MISSING, "Domo was not asked yet")
    streak = Streak.of([(found.at, found.passed and found.figures.get("found") == wanted) for found in seen])
    return GateResult(gate, Verdict.PASSED if streak.passed else Verdict.FAILED, good if streak.passed else bad, streak.since)


def _of_assets(gate: Gate, assets: Sequence[Asset], held: Held, good: str) -> GateResult:
    """Whether every blocking check of the assets passed when it last ran, for each business day where that counts."""
    found = {f"{a.key}:{name}": held.streaks(a.key, name, by_day=a.by_day) for a in assets for name in sorted(a.checks)}
    red = [(name, streak) for name, streaks in found.items() for streak in streaks if not streak.passed]
    if red:
        failed = listed(dict.fromkeys(f"{name}{f' {streak.day}' if streak.day else ''}" for name, streak in red))
        return GateResult(gate, Verdict.FAILED, f"failed: {failed}", min(streak.since for _, streak in red))
    never = [name for name, streaks in found.items() if not streaks]
    if never:
        return GateResult(gate, Verdict.MISSING, f"never seen: {listed(never)}")
    return GateResult(gate, Verdict.PASSED, good, max((streak.since for streaks in found.values() for streak in streaks), default=None))


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = list(names)
    more = len(every) - SHOWN
    return ", ".join(every[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def shown(moment: dt.datetime) -> str:
    """An instant as people read it, in UTC to the minute."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%MZ")


def _instant(value: object) -> dt.datetime | None:
    return dt.datetime.fromisoformat(value) if isinstance(value, str) and value else None


def _hours(span: dt.timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} h"


def _runs_text(number: int) -> str:
    return "run" if number == 1 else f"{number} runs"


GATES: tuple[Callable[[Subject, Held], GateResult], ...] = (
    checks, control_totals, lineage, schema, freshness, rows, owner, access, reconciliation)
"""In the order in which people read them."""
