"""What the house does not do, and that a planted case of each is found."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.habits import Check, bare_asserts, engine_branches, environment_reads, found_habits, nameless_errors
from tests.architecture.house import INSTANCE, LIBRARY, ROOT, sources

READS_THE_ENVIRONMENT = {ROOT / "definitions.py", ROOT / LIBRARY / "settings" / "references.py"}
EVERYWHERE = sources(ROOT, LIBRARY, *INSTANCE, "definitions.py")
NAMELESS_PLACES = {"common", "factory", "helpers", "manager", "misc", "util", "utils"}

PLANTED = [
    (bare_asserts, "assert rows"),
    (nameless_errors, "raise Exception('no')"),
    (nameless_errors, "raise BaseException"),
    (engine_branches, "if engine == 'polars': pass"),
    (engine_branches, "if self._engine.name == 'spark': pass"),
    (engine_branches, "fast = engine.name in ('polars', 'duckdb')"),
    (engine_branches, "fast = 'polars' in str(engine)"),
    (engine_branches, "fast = type(engine) != PolarsEngine"),
    (engine_branches, "fast = isinstance(engine, PolarsEngine)"),
    (engine_branches, "match engine.name:\n    case 'polars': pass"),
    (environment_reads, "import os\nhome = os.environ['HOME']"),
    (environment_reads, "import os\nhome = os.environ.get('HOME')"),
    (environment_reads, "import os\nrun(env={**os.environ})"),
    (environment_reads, "import os\nhome = os.getenv('HOME')"),
    (environment_reads, "from os import environ"),
]

HARMLESS = [
    (nameless_errors, "raise"),
    (nameless_errors, "raise ContractError('no')"),
    (engine_branches, "if engine is None: pass"),
    (engine_branches, "if engine.capabilities.merges and engine.rows > 3: pass"),
    (environment_reads, "import os\nos.environ['DAGSTER_HOME'] = home"),
]


def test_no_assert_outside_tests() -> None:
    assert found_habits(ROOT, EVERYWHERE, bare_asserts) == []


def test_no_error_without_a_name() -> None:
    assert found_habits(ROOT, EVERYWHERE, nameless_errors) == []


def test_no_code_asks_which_engine_it_has() -> None:
    assert found_habits(ROOT, EVERYWHERE, engine_branches) == []


def test_only_definitions_and_references_read_the_environment() -> None:
    assert found_habits(ROOT, [path for path in EVERYWHERE if path not in READS_THE_ENVIRONMENT], environment_reads) == []


def test_modules_are_named_for_what_they_hold() -> None:
    assert [path for path in EVERYWHERE if path.stem in NAMELESS_PLACES or path.parent.name in NAMELESS_PLACES] == []


@pytest.mark.parametrize(("check", "text"), PLANTED)
def test_a_planted_case_is_found(check: Check, text: str) -> None:
    assert list(check(ast.parse(text)))


@pytest.mark.parametrize(("check", "text"), HARMLESS)
def test_what_is_allowed_stays_unreported(check: Check, text: str) -> None:
    assert not list(check(ast.parse(text)))
