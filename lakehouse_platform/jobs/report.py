"""What a job says of its work, as JSON: the outcome of each business day, what failed, and what it took."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lakehouse_platform.errors import TerminalError
from lakehouse_platform.jobs.steps import CheckOutcome, Figure, Outcome

FORMAT = 1
"""Version of the JSON; a reader refuses others, since job and reader are uploaded and installed apart."""
INSTANT = "instant"
"""Key that marks a figure which is a date and time."""


class Failed(StrEnum):
    """Why a job ended without its work."""

    TERMINAL = "terminal"
    TRANSIENT = "transient"
    """Trying again may help."""
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class DayReport:
    """What became of one business day: it has an outcome, or the reason why it has none."""

    day: str
    seconds: float = 0.0
    outcome: Outcome | None = None
    error: str | None = None
    """Why trying the day again would not help."""


@dataclass(frozen=True, slots=True)
class JobReport:
    """All that a job did."""

    zone: str
    table: str
    """`domain.table`."""
    run: str
    """Root run."""
    days: tuple[DayReport, ...] = ()
    """Those that were done, in order; fewer than were asked for where the job failed."""
    seconds: float = 0.0
    """From the start of the entry point."""
    peak_memory_mb: int = 0
    """Of the driver: Python, and the Java process that started it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of what ran it, by name."""
    failed: Failed | None = None
    """None where the job itself worked, even if days halted."""
    why: str = ""

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Outcomes by day; halted days are among them."""
        return {report.day: report.outcome for report in self.days if report.outcome is not None}

    @property
    def errors(self) -> dict[str, str]:
        """Why, by day, for days that cannot succeed by being tried again; a halted day is among the outcomes too."""
        said = {report.day: report.error or (report.outcome.halted if report.outcome else None) for report in self.days}
        return {day: why for day, why in said.items() if why is not None}


def write_report(report: JobReport) -> str:
    """The report as JSON."""
    return json.dumps({
        "format": FORMAT, "zone": report.zone, "table": report.table, "run": report.run, "days": [day_to_json(day) for day in report.days],
        "seconds": report.seconds, "peak_memory_mb": report.peak_memory_mb, "versions": dict(report.versions),
        "failed": report.failed, "why": report.why,
    })  # fmt: skip


def read_report(text: str | bytes) -> JobReport:
    """The report that a job wrote. Raises TerminalError where it is none, or one of another version."""
    try:
        return _report(_mapping(json.loads(text)))
    except (ValueError, KeyError) as error:
        raise TerminalError(f"a job's report cannot be read: {type(error).__name__} {error}.") from error


def _report(found: Mapping[str, object]) -> JobReport:
    if found["format"] != FORMAT:
        raise TerminalError(
            f"a job's report has format {found['format']}, and this version reads {FORMAT}. The job ran another version: run it again.")
    failed = found["failed"]
    return JobReport(
        str(found["zone"]), str(found["table"]), str(found["run"]), tuple(day_from_json(day) for day in _list(found["days"])),
        _number(found["seconds"]), int(_number(found["peak_memory_mb"])),
        {name: str(version) for name, version in _mapping(found["versions"]).items()},
        None if failed is None else Failed(str(failed)), str(found["why"]))


def day_to_json(report: DayReport) -> dict[str, object]:
    """A day's report as values that JSON has."""
    outcome = None if report.outcome is None else _outcome_to_json(report.outcome)
    return {"day": report.day, "seconds": report.seconds, "outcome": outcome, "error": report.error}


def day_from_json(value: object) -> DayReport:
    """The day's report that `day_to_json` made. Raises KeyError or ValueError for anything else."""
    found = _mapping(value)
    outcome = None if found["outcome"] is None else _outcome_from_json(_mapping(found["outcome"]))
    return DayReport(str(found["day"]), _number(found["seconds"]), outcome, _text(found["error"]))


def _outcome_to_json(outcome: Outcome) -> dict[str, object]:
    through = outcome.complete_through
    return {
        "checks": [_check_to_json(check) for check in outcome.checks], "rows": outcome.rows, "table_rows": outcome.table_rows,
        "figures": _figures_to_json(outcome.figures), "complete_through": None if through is None else through.isoformat(),
        "halted": outcome.halted,
    }  # fmt: skip


def _outcome_from_json(found: Mapping[str, object]) -> Outcome:
    through = _text(found["complete_through"])
    return Outcome(
        tuple(_check_from_json(_mapping(check)) for check in _list(found["checks"])), int(_number(found["rows"])),
        int(_number(found["table_rows"])), _figures_from_json(found["figures"]),
        None if through is None else dt.datetime.fromisoformat(through), _text(found["halted"]))


def _check_to_json(check: CheckOutcome) -> dict[str, object]:
    return {
        "name": check.name, "passed": check.passed, "halting": check.halting, "figures": _figures_to_json(check.figures),
        "description": check.description,
    }  # fmt: skip


def _check_from_json(found: Mapping[str, object]) -> CheckOutcome:
    return CheckOutcome(
        str(found["name"]), bool(found["passed"]), bool(found["halting"]), _figures_from_json(found["figures"]), str(found["description"]))


def _figures_to_json(figures: Mapping[str, Figure]) -> dict[str, object]:
    return {name: {INSTANT: value.isoformat()} if isinstance(value, dt.datetime) else value for name, value in figures.items()}


def _figures_from_json(value: object) -> dict[str, Figure]:
    return {name: _figure(figure) for name, figure in _mapping(value).items()}


def _figure(value: object) -> Figure:
    if isinstance(value, bool | int | float | str):
        return value
    return dt.datetime.fromisoformat(str(_mapping(value)[INSTANT]))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{type(value).__name__} stands where an object should")
    return value


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise ValueError(f"{type(value).__name__} stands where a list should")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{type(value).__name__} stands where a number should")
    return value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
