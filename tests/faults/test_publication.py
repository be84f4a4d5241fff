"""A publication to Domo disturbed at each of its calls: readers see the old rows or the new ones, under their own columns, and the next try
completes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import pytest

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.serving import RowPolicy, Update
from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.lake.versions import TableVersions
from lakehouse_platform.publish.refresh import Refreshed, refresh_dataset
from lakehouse_platform.settings import ObjectStore
from tests.core.domo_cases import CONTRACT, NAME, Row, Shop, sale, serving, shop
from tests.standins.calls import Call
from tests.standins.faults import Effect, Fault

NORA = "nora@example.com"
POLICY = RowPolicy("north", "region", ("north",), users=(NORA,))
SOLD = (sale(1), sale(2, region="south"), sale(3))
THEN = (sale(1), sale(2, "9.99", region="south"), sale(4, day=3))
MORE = (*THEN, sale(3))


@dataclass(frozen=True, slots=True)
class Case:
    """A publication: what was published before it, and what is to be seen after it."""

    contract: Contract
    before: tuple[Row, ...] | None
    """None where there is no dataset yet."""
    after: tuple[Row, ...]
    mode: str
    earlier: Contract | None = None
    """What it was published by before, where that had other columns."""


NARROW = replace(CONTRACT, columns=CONTRACT.columns[:4])
CASES = {
    "first": Case(serving(row_access=(POLICY,)), None, SOLD, "replace"),
    "replace": Case(CONTRACT, SOLD, THEN, "replace"),
    "other columns": Case(NARROW, SOLD, tuple(row[:4] for row in THEN), "replace", earlier=CONTRACT),
    "upsert": Case(serving(Update.UPSERT), SOLD, MORE, "upsert"),
    "partitions": Case(serving(partition_by="sold_on"), (*SOLD, sale(5, day=5)), THEN, "partitions"),
}
EFFECTS = {
    "reset": Fault(Effect.RESET, "domo*"),
    "answer lost": Fault(Effect.DROP, "domo*"),
    "429": Fault(Effect.REFUSE, "domo*", status=429, delay=2),
    "500": Fault(Effect.REFUSE, "domo*", status=500),
    "401": Fault(Effect.REFUSE, "domo*", status=401),
    "403": Fault(Effect.REFUSE, "domo*", status=403),
}
ONCE = [(case, effect) for case in ("replace", "upsert", "partitions") for effect in EFFECTS]
ONCE += [("first", "answer lost"), ("first", "403"), ("other columns", "answer lost"), ("other columns", "403")]
CUT_OFF = [(case, effect) for case in CASES if case != "other columns" for effect in ("reset", "answer lost")]


class Kept(TableVersions):
    """Versions that many publications read: what DuckDB needs to read Delta tables is loaded once."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stay open."""


@dataclass
class Scene:
    """A case, ready to be published again and again."""

    case: Case
    shop: Shop
    folder: Path
    versions: list[Kept] = field(default_factory=list)
    account: bytes = b""

    def prepare(self) -> None:
        """Publish what was before, and make what comes after."""
        self.shop.domo.add_user("Nora", NORA)
        if self.case.before is not None:
            before = self.case.earlier or self.case.contract
            self.shop.build(*self.case.before, contract=before)
            self.publish(before)
            self.shop.later()
            if self.case.earlier is not None:
                shutil.rmtree(self.folder / "lake" / "curated")
        self.shop.build(*self.case.after, contract=self.case.contract)
        shutil.copytree(self.folder / "lake", self.folder / "kept")
        self.account = self.shop.domo.snapshot()

    def again(self) -> None:
        """Lake and account as they were before the publication."""
        shutil.rmtree(self.folder / "lake")
        shutil.copytree(self.folder / "kept", self.folder / "lake")
        self.shop.domo.restore(self.account)

    def publish(self, contract: Contract | None = None) -> Refreshed:
        """One try."""
        with self.shop.destination() as destination:
            return refresh_dataset(self.shop.lake, destination, contract or self.case.contract, clock=self.shop.now, reading=self._reading)

    def calls(self) -> list[Call]:
        """What an undisturbed publication asks."""
        self.again()
        done = self.publish()
        assert (done.mode, self.wrong()) == (self.case.mode, [])
        return [entry.call for entry in self.shop.domo.calls()]

    def disturbed(self, fault: Fault) -> list[str]:
        """What is wrong after a try that a fault meets, and after the next one where that failed."""
        self.again()
        number = self.shop.domo.plan(fault)
        try:
            self.publish()
        except LakehouseError:
            found = self._mixed()
            self.shop.domo.clear()
            self.shop.later()
            self.publish()
        else:
            found = []
        return [*found, *self.wrong(), *(["the fault met nothing"] if not self.shop.domo.met(number) else [])]

    def wrong(self) -> list[str]:
        """What is not as it should be after a publication that succeeded."""
        domo = self.shop.domo
        if domo.datasets != [NAME]:
            return [f"datasets: {domo.datasets}"]
        shown = _sorted(tuple(row.values()) for row in domo.reader(NAME))
        return [
            *(["readers do not see the new rows"] if shown != _sorted(self.case.after) else []),
            *([f"open: {domo.open_executions()}"] if domo.open_executions() else []),
            *([f"policies: {domo.policies(NAME)}"] if len(domo.policies(NAME)) != len(self._policies) else []),
            *self._mixed(),
        ]

    @property
    def _policies(self) -> tuple[RowPolicy, ...]:
        return self.case.contract.publication.row_access if self.case.contract.publication else ()

    def _mixed(self) -> list[str]:
        """States that readers saw and that are neither the old rows nor the new ones."""
        known = (_sorted(self.case.before or ()), _sorted(self.case.after))
        empty = 0 if self.case.before is None else 1
        seen = [state for name in self.shop.domo.datasets for state in _states(self.shop.domo.seen(name))[empty:]]
        wrong = [f"seen: {state}" for state in seen if state not in known]
        return [*wrong, *(f"columns over other rows: {name}" for name in self.shop.domo.datasets if not self._agrees(name))]

    def _agrees(self, name: str) -> bool:
        """Whether a dataset's columns are those of the rows that readers see."""
        columns = list(self.shop.domo.about(name)["schema"])
        return all(list(row) == columns for row in self.shop.domo.reader(name))

    def _reading(self, place: str, store: ObjectStore | None) -> Kept:
        if not self.versions:
            self.versions.append(Kept(place, store))
        return self.versions[0]


def _states(seen: list[list[dict[str, object]]]) -> list[list[Row]]:
    return [_sorted(tuple(row.values()) for row in rows) for rows in seen]


def _sorted(rows: Iterator[Row] | tuple[Row, ...]) -> list[Row]:
    """Rows in the order of their ids, without the instant, which Domo has without its zone."""
    return sorted((row[:4] for row in rows), key=lambda row: int(str(row[0])))


@contextmanager
def scene_of(name: str, folder: Path) -> Iterator[Scene]:
    with shop(folder) as found:
        scene = Scene(CASES[name], found, folder)
        scene.prepare()
        yield scene
        for versions in scene.versions:
            TableVersions.__exit__(versions, None, None, None)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client need not look through the environment for a proxy, at each of thousands of calls."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scene]]:
    """Each case once; what a test does with it is undone before the next."""
    with (
        scene_of("first", tmp_path_factory.mktemp("first")) as first, scene_of("replace", tmp_path_factory.mktemp("replace")) as replace,
        scene_of("upsert", tmp_path_factory.mktemp("upsert")) as upsert,
        scene_of("partitions", tmp_path_factory.mktemp("partitions")) as partitions,
        scene_of("other columns", tmp_path_factory.mktemp("columns")) as columns,
    ):  # fmt: skip
        yield {"first": first, "replace": replace, "other columns": columns, "upsert": upsert, "partitions": partitions}


def at_each_call(scene: Scene, effect: str, *, times: int | None) -> list[str]:
    """What is wrong, with the call that was disturbed."""
    found, planned = [], EFFECTS[effect]
    for number, call in enumerate(scene.calls()):
        # A lost answer to a call that changes nothing is to the client what a reset is.
        if planned.effect is not Effect.DROP or call.method != "GET":
            wrong = scene.disturbed(replace(planned, skip=number, times=times))
            found += [f"{number} {call.method} {call.key}: {text}" for text in wrong]
    return found


@pytest.mark.parametrize(("case", "effect"), ONCE)
def test_publication_survives_one_disturbed_call_wherever_it_is(scenes: dict[str, Scene], case: str, effect: str) -> None:
    assert at_each_call(scenes[case], effect, times=1) == []


@pytest.mark.parametrize(("case", "effect"), CUT_OFF)
def test_publication_that_is_cut_off_from_a_call_on_is_completed_by_the_next(scenes: dict[str, Scene], case: str, effect: str) -> None:
    assert at_each_call(scenes[case], effect, times=None) == []
