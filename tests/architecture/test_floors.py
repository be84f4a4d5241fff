"""Imports go down the floors, wherever in a file they stand."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture.house import FLOORS, INSTANCE, LIBRARY, RESERVED, ROOT, SHARED, broken_imports, imports, sources, unit_of

FORMS = {
    "at the top": "import {name}\n",
    "from": "from {parent} import {last}\n",
    "in a function": "def reach() -> None:\n    import {name}\n",
    "for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {name}\n",
    "as a call": "from importlib import import_module\nmodule = import_module('{name}')\n",
}

UPWARD = [(low, f"{LIBRARY}.{high}.planted") for low in FLOORS for high in FLOORS if FLOORS[low] < FLOORS[high]]
SIDEWAYS = [
    (one, f"{LIBRARY}.{other}.planted") for one in FLOORS for other in FLOORS if one != other and FLOORS[one] == FLOORS[other] == 1
]
HEAVY = [(unit, f"{library}.planted") for library, allowed in RESERVED.items() for unit in FLOORS if unit not in allowed]
INTEGRATIONS = [(unit, "dagster_dbt.planted") for unit in FLOORS if unit != "orchestration"]
TO_THE_INSTANCE = [(unit, f"{room}.planted") for unit in FLOORS for room in (*INSTANCE, "definitions")]
BETWEEN_ROOMS = [(one, f"{other}.planted") for one in INSTANCE for other in (*INSTANCE, "definitions") if one != other]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house, to plant imports in."""
    root = tmp_path_factory.mktemp("house")
    for folder in (LIBRARY, *INSTANCE):
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
    return root


@contextmanager
def planted(root: Path, unit: str, text: str) -> Iterator[Path]:
    """A module of `unit` that ends in `text`, put right again afterwards: one of its own where `unit` is a package."""
    folder = root / unit if unit in INSTANCE else root / LIBRARY / unit
    module = folder.with_suffix(".py")
    path = module if module.exists() or unit.startswith("__") else folder / "inner" / "planted.py"
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before or ''}\n{text}")
    yield path
    path.unlink() if before is None else path.write_text(before)


def test_every_package_has_a_floor() -> None:
    present = {path.stem for path in (ROOT / LIBRARY).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert present <= FLOORS.keys()


def test_imports_go_down() -> None:
    assert broken_imports(ROOT, sources(ROOT, LIBRARY, *INSTANCE)) == []


def test_packages_of_one_floor_do_not_import_each_other_in_a_circle() -> None:
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for path in sources(ROOT, LIBRARY):
        names = (found.name.split(".") for found in imports(path, ROOT))
        graph[unit_of(path, ROOT)] |= {name[1] for name in names if name[0] == LIBRARY and len(name) > 1 and name[1] in FLOORS}
    try:
        TopologicalSorter({unit: targets - {unit} for unit, targets in graph.items()}).prepare()
    except CycleError as error:
        pytest.fail(f"These import each other: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize(("unit", "name"), [*UPWARD, *SIDEWAYS, *HEAVY, *INTEGRATIONS, *TO_THE_INSTANCE, *BETWEEN_ROOMS])
def test_a_forbidden_import_is_found_in_every_form(copy: Path, unit: str, name: str) -> None:
    parent, _, last = name.rpartition(".")
    for form, text in FORMS.items():
        with planted(copy, unit, text.format(name=name, parent=parent, last=last)) as path:
            assert len(broken_imports(copy, [path])) == 1, form


def test_a_planted_import_turns_the_check_of_the_whole_house_red(copy: Path) -> None:
    with planted(copy, "zones", "def late() -> None:\n    import polars\n"):
        found = broken_imports(copy, sources(copy, LIBRARY, *INSTANCE))
    who = "aws, catalog, compute, domo, engines, lake, slack, sources, warehouse"
    assert found == [f"{LIBRARY}/zones/inner/planted.py:3: zones imports polars: that is for {who}"]


def test_a_relative_import_is_resolved(copy: Path) -> None:
    with planted(copy, "zones", "from ...orchestration import checks\n") as path:
        assert [line.partition(": ")[2] for line in broken_imports(copy, [path])] == [
            "zones (floor 2) imports orchestration (floor 4): imports go down"
        ]


def test_a_neighbour_may_be_seen_by_its_interface(copy: Path) -> None:
    with planted(copy, "lake", f"from {LIBRARY}.engines.{SHARED} import Engine\n") as path:
        assert broken_imports(copy, [path]) == []
