"""The demo's contracts against the demo's business: valid by the standard, and broken by the planned rows alone."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from jsonschema import Draft201909Validator
from psycopg import sql
from ruamel.yaml import YAML

from lakehouse_platform.contracts import load
from lakehouse_platform.contracts.contract import Column, Contract, Metric, OnFailure, Rule, SourceTable
from lakehouse_platform.contracts.reading import APPROVALS, DEFAULTS
from resources.legacy import Business, Legacy, broken_after
from resources.legacy.business.broken import dated

CONTRACTS = Path(__file__).parents[2] / "assets" / "contracts"
START = dt.date(2026, 3, 2)
FILES = sorted(path for path in CONTRACTS.rglob("*.yaml") if path.name != DEFAULTS and not path.name.endswith(APPROVALS))
SOURCES = [contract for contract in load(CONTRACTS) if contract.source is not None]
TRANSFORMS = {"trim": "btrim({})", "upper": "upper({})", "lower": "lower({})", "null_if_empty": "nullif({}, '')",
              "collapse_spaces": "regexp_replace({}, ' +', ' ', 'g')"}
Held = set[tuple[str, tuple[object, ...], str]]


@pytest.fixture(scope="module")
def evenings(server_folder: Callable[[str], Path]) -> Iterator[list[Held]]:
    """For each day the contract, key and rule of what breaks a rule in the evening, day 1 first."""
    legacy = Legacy(server_folder("rules") / "pg")
    seen = []
    with Business(legacy, start=START) as business:
        for day in range(1, 6):
            business.play(day)
            seen.append({item for contract in SOURCES for item in _held(legacy, contract)})
    yield seen
    legacy.stop()


def _held(legacy: Legacy, contract: Contract) -> Iterator[tuple[str, tuple[object, ...], str]]:
    assert isinstance(contract.source, SourceTable)
    implied = tuple(Rule(f"{c.name}_present", Metric.NULL_VALUES, OnFailure.QUARANTINE, (c.name,)) for c in contract.columns if c.required)
    with legacy.connect(contract.source.connection) as connection:
        for rule in (*implied, *contract.rules):
            if rule.by_row and rule.on_failure is not OnFailure.WARN:
                for key in _breaking(connection, contract, rule):
                    yield contract.name, key, rule.name


def _breaking(connection: psycopg.Connection, contract: Contract, rule: Rule) -> list[tuple[object, ...]]:
    key = sql.SQL(", ").join(map(sql.Identifier, contract.key or ("entity_name",)))
    columns = ", ".join(map(_column, contract.columns))
    assert isinstance(contract.source, SourceTable)
    source = f"(select {columns} from {contract.source.schema}.{contract.source.table}) as rows"
    return connection.execute(sql.SQL("select {} from {} where {}").format(key, sql.SQL(source), sql.SQL(_broken(rule)))).fetchall()


def _column(column: Column) -> str:
    value = column.physical_name
    for transform in column.transforms:
        value = TRANSFORMS[transform].format(value)
    return f"{value} as {column.name}"


def _broken(rule: Rule) -> str:
    if rule.expression is not None:
        return f"not coalesce(({rule.expression}), true)"
    column = rule.columns[0]
    if rule.metric is Metric.NULL_VALUES:
        return f"{column} is null"
    values = ", ".join(f"'{value}'" for value in rule.valid_values)
    parts = [f"{column} not in ({values})" if values else None, f"{column} !~ '^(?:{rule.pattern})$'" if rule.pattern else None,
             f"{column} < {rule.minimum}" if rule.minimum else None, f"{column} > {rule.maximum}" if rule.maximum else None]
    return " or ".join(filter(None, parts))


@pytest.mark.parametrize("day", range(1, 6))
def test_rules_are_broken_by_the_planned_rows_alone(evenings: list[Held], day: int) -> None:
    assert evenings[day - 1] == {(b.contract, dated(b.key, START, b.contract), b.rule) for b in broken_after(day)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_contract_file_is_valid_by_the_standard_as_it_stands(path: Path) -> None:
    standard = importlib.util.find_spec("open_data_contract_standard")
    assert standard is not None
    assert standard.origin is not None
    schema = json.loads((Path(standard.origin).parent / "schema.json").read_text(encoding="utf-8"))
    document = YAML(typ="safe").load(path)
    assert [error.message for error in Draft201909Validator(schema).iter_errors(document)] == []


def test_contracts_cover_what_the_demo_shows() -> None:
    assert len(SOURCES) == 13
    assert sum(c.model is not None for c in load(CONTRACTS)) >= 6
    assert all(column.description for c in load(CONTRACTS) for column in c.columns)
    assert all(c.freshness and c.retention and len(c.rules) >= 2 for c in load(CONTRACTS))
