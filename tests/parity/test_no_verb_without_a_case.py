"""A verb of the zones without a case fails, and so does an exemption that has lost its reason."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.parity.cases import CASES
from tests.parity.matrix import lines
from tests.parity.verbs import EXEMPT, modules, touches_tables, verbs, without_a_case

PLANTED = """
from typing import Any
import narwhals as nw
Frame = nw.LazyFrame[Any]

def doubled(rows: Frame) -> Frame:
    return nw.concat([rows, rows])

def _private(rows: Frame) -> Frame:
    return rows

class Work:
    def halved(self) -> Frame: ...
    def _hidden(self) -> Frame: ...
    @property
    def day(self) -> str: ...
    @classmethod
    def made(cls, rows: Frame) -> "Work": ...
"""


def planted() -> ModuleType:
    module = ModuleType("lakehouse_platform.zones.planted")
    exec(PLANTED, module.__dict__)
    return module


def test_every_verb_has_a_case() -> None:
    assert without_a_case(modules(), CASES) == set()


def test_no_case_or_exemption_is_of_a_verb_that_is_gone() -> None:
    assert (set(CASES) | set(EXEMPT)) - set(verbs(modules())) == set()


def test_no_verb_has_both_a_case_and_an_exemption() -> None:
    assert not set(CASES) & set(EXEMPT)


@pytest.mark.parametrize("verb", EXEMPT)
def test_an_exempt_verb_touches_no_table(verb: str) -> None:
    assert not touches_tables(verbs(modules())[verb])


def test_a_planted_verb_is_missed() -> None:
    assert without_a_case([*modules(), planted()], CASES) == {"planted.doubled", "planted.Work.halved", "planted.Work.made"}
    assert touches_tables(verbs([planted()])["planted.doubled"])


def test_the_list_counts_cases_of_each_verb_and_engine() -> None:
    said = lines([("law.history", "polars"), ("law.history", "spark"), ("law.history", "spark"), ("ods.merge", "duckdb")])
    assert [line.split() for line in said] == [
        ["verb", "polars", "spark", "duckdb"], ["law.history", "1", "2", "0"], ["ods.merge", "0", "0", "1"], ["2", "verbs", "1", "2", "1"]]
    assert lines([]) == []
