"""Batches of Raw against a real PostgreSQL: what a past day's reading may and may not do to the next one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, Metric, OnFailure, Rule
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.errors import NotExtractable
from lakehouse_platform.zones import gate, ods, raw
from lakehouse_platform.zones.lake import Lake
from tests.core.postgres_cases import ROW_VERSION, SNAPSHOT, contract_of, run, source_of

TIMED = {"id": "int", "at": "timestamp"}
EVENTS = contract_of(TIMED, CaptureSpec(Capture.WINDOW, column="at"))
FIRST, SECOND, THIRD = "2026-11-02", "2026-11-03", "2026-11-04"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), PolarsEngine())


@pytest.fixture
def events(postgres_uri: str) -> str:
    """Address of a database with an event a day, for two days."""
    run(postgres_uri, "create table thing (id int, at timestamp)",
        "insert into thing values (1, '2026-11-02 12:00'), (2, '2026-11-03 12:00')")
    return postgres_uri


def keys(lake: Lake) -> list[int]:
    rows = lake.engine.collect(lake.raw(EVENTS).scan(partitions={"_kind": ["change"]}).select("c0").unique().sort("c0"))
    return [int(key) for key in rows.column("c0").to_numpy()]


def test_reading_a_past_day_again_does_not_move_the_cursor_past_late_events(events: str, lake: Lake) -> None:
    source = source_of(events)
    for day in (FIRST, SECOND):
        raw.extract(lake, EVENTS, source, day, run=day)
    run(events, "insert into thing values (3, '2026-11-03 13:00')")
    raw.extract(lake, EVENTS, source, FIRST, run="again")
    raw.extract(lake, EVENTS, source, THIRD, run=THIRD)
    assert keys(lake) == [1, 2, 3]


def test_a_past_day_read_by_position_is_taken_from_raw_or_refused(events: str, lake: Lake) -> None:
    source, contract = source_of(events), replace(EVENTS, capture=ROW_VERSION)
    taken = raw.extract(lake, contract, source, SECOND, run="one")
    raw.extract(lake, contract, source, THIRD, run="two")
    assert raw.extract(lake, contract, source, SECOND, run="three") == raw.Extraction(taken.batch, new=False)
    with pytest.raises(NotExtractable, match=f"what changed on {FIRST} came in with {SECOND}"):
        raw.extract(lake, contract, source, FIRST, run="four")


def test_a_halted_image_that_a_good_one_replaced_holds_nothing_back(events: str, lake: Lake) -> None:
    positive = Rule("positive", Metric.EXPRESSION, OnFailure.HALT, expression="c0 > 0")
    source, contract = source_of(events), replace(EVENTS, capture=SNAPSHOT, rules=(positive,))
    run(events, "insert into thing values (-1, '2026-11-02 12:00')")
    raw.extract(lake, contract, source, FIRST, run="bad")
    assert gate.judge(lake, contract, FIRST).halted == ("positive",)
    run(events, "delete from thing where id < 0")
    mended = raw.extract(lake, contract, source, FIRST, run="good")
    assert gate.judge(lake, contract, FIRST).halted == ()
    assert ods.merge(lake, contract, FIRST).complete_through == mended.batch.complete_through


def test_rules_that_are_taken_back_judge_again(events: str, lake: Lake) -> None:
    loose = replace(EVENTS, capture=SNAPSHOT, rules_version="loose")
    strict = replace(loose, rules_version="strict", rules=(Rule("first", Metric.EXPRESSION, OnFailure.QUARANTINE, expression="c0 < 2"),))
    raw.extract(lake, loose, source_of(events), FIRST, run="one")
    seen = []
    for contract in (loose, strict, loose):
        gate.judge(lake, contract, FIRST)
        ods.merge(lake, contract, FIRST)
        seen.append(lake.ods(contract).count())
    assert seen == [2, 1, 2]
