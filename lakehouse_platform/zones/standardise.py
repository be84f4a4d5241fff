"""Standardise: raw rows as the contract reads them today. Names and types are settled in Raw already; this is text and the hatch."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import narwhals as nw

from lakehouse_platform.contracts.contract import Column, Contract
from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.grammar import WHITESPACE
from lakehouse_platform.errors import ContractError
from lakehouse_platform.zones import rows as columns

Frame = nw.LazyFrame[Any]

TRANSFORMS: dict[str, Callable[[nw.Expr], nw.Expr]] = {
    "trim": lambda text: text.str.strip_chars(WHITESPACE),
    "upper": lambda text: text.str.to_uppercase(),
    "lower": lambda text: text.str.to_lowercase(),
    "collapse_spaces": lambda text: text.str.replace_all(f"[{WHITESPACE}]+", " "),
    "null_if_empty": lambda text: nw.when(text != "").then(text),
}
"""Standard transforms, by the name that `transformLogic` calls them. Each engine has whitespace of its own, so it is spelt out."""


def standardised(engine: Engine, contract: Contract, rows: Frame, *, shapes: set[str]) -> Frame:
    """Raw rows with today's columns and standard texts, and with `_hash` over them.

    `shapes` are the shapes that the rows were committed under: where one is older than the contract, values that were
    parked then are taken back out for columns that are declared now.
    """
    older = shapes != {contract.shape}
    if older:
        rows = _unparked(engine, contract, rows)
    read = _hatch(contract)(transformed(contract, rows))
    if not older and not contract.steps and not any(c.transforms for c in contract.columns):
        return read
    hashed = engine.fingerprint(read, columns.declared(contract), into="_hash")
    absent = nw.when(nw.col("_op") == columns.DELETE).then(nw.lit(columns.ABSENT)).otherwise(nw.col("_hash"))
    return hashed.with_columns(_hash=absent)


def transformed(contract: Contract, rows: Frame) -> Frame:
    """The standard transforms of the contract's columns."""
    changes = [_expression(c).alias(c.name) for c in contract.columns if c.transforms]
    return rows.with_columns(*changes) if changes else rows


def _expression(column: Column) -> nw.Expr:
    expression = nw.col(column.name)
    for name in column.transforms:
        expression = TRANSFORMS[name](expression)
    return expression


def _unparked(engine: Engine, contract: Contract, rows: Frame) -> Frame:
    """Values parked under an older contract, in the columns that declare them now; what still does not fit stays parked."""
    names = {f"_was_{c.name}": c.physical_name for c in contract.columns}
    rows = engine.unpark(rows, names, parked="_parked")
    texts = rows.with_columns(_still=nw.lit(None, nw.String)).rename({c.name: f"_typed_{c.name}" for c in contract.columns})
    texts = texts.rename({f"_was_{c.name}": c.name for c in contract.columns})
    cast_rows = engine.conform(texts, columns.declared(contract), parked="_still")
    merged = [nw.coalesce(nw.col(f"_typed_{c.name}"), nw.col(c.name)).alias(c.name) for c in contract.columns]
    return cast_rows.with_columns(*merged).drop("_still", *(f"_typed_{c.name}" for c in contract.columns))


def _hatch(contract: Contract) -> Callable[[Frame], Frame]:
    """The contract's own step, or the identity."""
    path = contract.steps.get("standardise")
    return _load(path) if path is not None else lambda rows: rows


def _load(path: Path) -> Callable[[Frame], Frame]:
    step = runpy.run_path(str(path)).get("standardise")
    if not callable(step):
        raise ContractError(f"{path}: has no function `standardise(rows)`, from a narwhals LazyFrame to one with the same columns")
    return cast("Callable[[Frame], Frame]", step)
