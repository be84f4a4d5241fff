"""What a job reports is what its reader gets, to the last figure."""

from __future__ import annotations

import datetime as dt
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_platform.errors import TerminalError
from lakehouse_platform.jobs.report import DayReport, Failed, JobReport, day_from_json, day_to_json, read_report, write_report
from lakehouse_platform.jobs.steps import CheckOutcome, Figure, Outcome

TEXTS = st.text(max_size=20)
NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
ZONES = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=45)), dt.timezone(dt.timedelta(hours=-4))])
INSTANTS = st.datetimes(timezones=ZONES)
FIGURES: st.SearchStrategy[dict[str, Figure]] = st.dictionaries(
    NAMES, st.booleans() | st.integers() | TEXTS | INSTANTS | st.datetimes(), max_size=4)
SECONDS = st.floats(min_value=0, max_value=1e6)
CHECKS = st.builds(CheckOutcome, NAMES, st.booleans(), st.booleans(), FIGURES, TEXTS)
OUTCOMES = st.builds(
    Outcome, st.lists(CHECKS, max_size=3).map(tuple), st.integers(), st.integers(), FIGURES, st.none() | INSTANTS, st.none() | TEXTS)
DAYS = st.builds(DayReport, NAMES, SECONDS, st.none() | OUTCOMES, st.none() | TEXTS)
REPORTS = st.builds(
    JobReport, NAMES, NAMES, NAMES, st.lists(DAYS, max_size=3).map(tuple), SECONDS, st.integers(min_value=0, max_value=10**6),
    st.dictionaries(NAMES, TEXTS, max_size=2), st.none() | st.sampled_from(Failed), TEXTS)


def typed(figures: dict[str, Figure]) -> dict[str, tuple[type, Figure]]:
    """With the types, since True equals 1."""
    return {name: (type(value), value) for name, value in figures.items()}


@given(REPORTS)
def test_a_report_that_was_written_reads_the_same(report: JobReport) -> None:
    assert read_report(write_report(report).encode()) == report


@given(FIGURES)
def test_figures_keep_their_types(figures: dict[str, Figure]) -> None:
    read = day_from_json(json.loads(json.dumps(day_to_json(DayReport("d", outcome=Outcome((), figures=figures))))))
    assert read.outcome is not None
    assert typed(dict(read.outcome.figures)) == typed(figures)


def test_a_halted_day_is_an_outcome_and_an_error() -> None:
    halted, failed = Outcome((), halted="the gate halted"), "no such batch"
    report = JobReport("ods", "finance.ledger", "r", (DayReport("2026-11-01", outcome=halted), DayReport("2026-11-02", error=failed)))
    assert report.outcomes == {"2026-11-01": halted}
    assert report.errors == {"2026-11-01": "the gate halted", "2026-11-02": failed}


@pytest.mark.parametrize(("text", "why"), [
    ("", "JSONDecodeError"), ("[]", "list stands where an object should"), ("{}", "'format'"), ('{"format": 2}', "format 2"),
    (write_report(JobReport("ods", "t", "r")).replace('"days": []', '"days": [1]'), "int stands where an object should"),
    (write_report(JobReport("ods", "t", "r")).replace('"seconds": 0.0', '"seconds": "long"'), "str stands where a number should"),
])  # fmt: skip
def test_what_is_no_report_of_this_version_is_refused(text: str, why: str) -> None:
    with pytest.raises(TerminalError, match=why):
        read_report(text)
