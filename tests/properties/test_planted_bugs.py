"""The law's tests can fail: each planted bug is caught by one of the small cases."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import narwhals as nw
import pytest

from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.zones import hds, law, ods, progress
from tests.properties import wide
from tests.properties.feeds import KEY
from tests.properties.test_history_law import CASES, DAYS, Warehouse, in_instants, truth
from tests.properties.wide import versions

BUGS = {
    "the older observation decides a tie": (
        law, 'rows.unique([*key, *ORDER], keep="any"), key)', 'rows.unique([*key, "_seq"], keep="first", order_by="_seen_at"), key)',
        "the older observation of a tie arrives last"),
    "effective times are not clamped": (
        law, '_at=nw.col("_effective_at").cum_max().over(*key, order_by=ORDER)', '_at=nw.col("_effective_at")',
        "effective time goes back"),
    "a presence is no sign of life": (
        law, 'alive = rows.filter((nw.col("_op") == UPSERT) | (nw.col("_op") == PRESENT))', 'alive = rows.filter(nw.col("_op") == UPSERT)',
        "a key that is there, is gone, and comes back"),
    "what an image lacks lives on": (
        law, "return nw.concat([states, _deletes(gone, key)], how=\"diagonal\")", "return states",
                                     "a late image re-derives its successor"),
    "an image that was delivered again still counts": (
        law, 'kept = rows.filter(nw.col("_snapshot")).join(winners.select("_seq", "_seen_at"), on=["_seq", "_seen_at"], how="semi")',
        'kept = rows.filter(nw.col("_snapshot"))', "an image delivered again without a key"),
    "equal neighbours stay apart": (
        law, 'starts = nw.col("_hash") != nw.col("_before").fill_null(ABSENT)',
                                    'starts = nw.col("_at") == nw.col("_at")', "a state left and taken back in one instant"),
    "a late row extends the head": (
        progress, 'nw.col("_seq") <= work.high', 'nw.col("_seq").is_null()', "a collapsed repeat hides a late row"),
    "the head's clamp is forgotten": (
        progress, 'within = (nw.col("_effective_at") <= nw.col("_h_clamp"))', 'within = (nw.col("_effective_at").is_null())',
        "valid_from of the head is not its clamp"),
    "a version that vanished is forgotten": (
        progress, '(nw.col("_h_clamp").is_null() & (nw.col("_effective_at") <= instant))', 'nw.col("_effective_at").is_null()',
        "a version vanished, its clock did not"),
    "an absorbed clock is not written down": (
        hds, '| (nw.col("_clamp") > nw.col("_was_clamp"))', "", "the head has absorbed a later clock"),
}


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType, str, str], None]:
    """Replace a piece of a module's source, everywhere its functions are used."""

    def _plant(module: ModuleType, right: str, wrong: str) -> None:
        source = inspect.getsource(module)
        assert source.count(right) == 1, "the law's text moved: plant the bug anew"
        own = {name: f for name, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__}
        twin = ModuleType(module.__name__)
        twin.__dict__.update(__file__=module.__file__)
        exec(compile(source.replace(right, wrong), str(module.__file__), "exec"), twin.__dict__)
        for name, function in own.items():
            for user in (module, hds, ods):
                if getattr(user, name, None) is function:
                    monkeypatch.setattr(user, name, vars(twin)[name])

    return _plant


def equal(case: str, folder: Path) -> bool:
    warehouse = Warehouse(str(folder))
    for number, delivery in enumerate(CASES[case]):
        warehouse.deliver(delivery, DAYS[0], f"run{number}")
        warehouse.merge(DAYS[0])
    return warehouse.versions() == in_instants(truth(CASES[case]))


@pytest.mark.parametrize(("module", "right", "wrong", "case"), BUGS.values(), ids=BUGS.keys())
def test_a_planted_bug_is_caught(
    plant: Callable[[ModuleType, str, str], None], module: ModuleType, right: str, wrong: str, case: str, tmp_path: Path,
) -> None:
    assert equal(case, tmp_path / "right")
    plant(module, right, wrong)
    try:
        caught = not equal(case, tmp_path / "wrong")
    except AssertionError:
        caught = True
    assert caught


IN_THE_LAW = {name: (right, wrong) for name, (module, right, wrong, _) in BUGS.items() if module is law}


@pytest.mark.parametrize(("right", "wrong"), IN_THE_LAW.values(), ids=IN_THE_LAW.keys())
def test_many_histories_at_once_catch_it_too(plant: Callable[[ModuleType, str, str], None], right: str, wrong: str) -> None:
    told, engine = wide.deliveries(random.Random(0), 12), PolarsEngine()

    def found() -> object:
        rows, snapshots = engine.frame(wide.change_rows(told)), engine.frame(wide.snapshots(told))
        return versions(engine.collect(law.history(rows, snapshots, KEY).filter(nw.col("_op") == "upsert")))

    assert found() == in_instants(truth(told))
    plant(law, right, wrong)
    assert found() != in_instants(truth(told))
