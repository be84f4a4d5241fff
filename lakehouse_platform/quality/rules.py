"""Rules of the gate: which rows of a batch break which rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import narwhals as nw

from lakehouse_platform.contracts.contract import Contract, Metric, OnFailure, Rule
from lakehouse_platform.contracts.types import Kind
from lakehouse_platform.engines.base import Engine

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How one rule fared on the batches that were judged."""

    rule: str
    on_failure: OnFailure
    failed: int
    """Rows that broke it; for rowCount 1 where the count is out of bounds."""
    evaluated: int
    """Rows that it looked at."""

    @property
    def passed(self) -> bool:
        """Whether nothing broke it."""
        return self.failed == 0


def rules_of(contract: Contract) -> tuple[Rule, ...]:
    """The contract's rules after those that every table has: keys and required columns are never NULL."""
    needed = [c.name for c in contract.columns if c.required or c.name in contract.key]
    implied = [Rule(f"{name}_present", Metric.NULL_VALUES, OnFailure.QUARANTINE, columns=(name,),
                    description=f"{name} is {'part of the key' if name in contract.key else 'required'}") for name in needed]
    stated = {(r.metric, r.columns) for r in contract.rules}
    return (*(r for r in implied if (r.metric, r.columns) not in stated), *contract.rules)


def demand(rule: Rule) -> str:
    """What a rule asks for, in words; none of them comes from a row."""
    what = ", ".join(rule.columns)
    if rule.metric is Metric.EXPRESSION:
        return rule.expression or ""
    if rule.metric is Metric.NULL_VALUES:
        return f"{what} must be given"
    if rule.metric is Metric.MISSING_VALUES:
        return f"{what} must be given, and none of: {', '.join(rule.missing_values)}"
    if rule.metric is Metric.DUPLICATE_VALUES:
        return f"{what} must be unique"
    bounds = [f"{word} {bound}" for word, bound in (("at least", rule.minimum), ("at most", rule.maximum)) if bound is not None]
    if rule.metric is Metric.ROW_COUNT:
        return f"there must be {' and '.join(bounds)} rows"
    listed = [f"one of {', '.join(rule.valid_values)}"] if rule.valid_values else []
    shaped = [f"like {rule.pattern}"] if rule.pattern is not None else []
    return f"{what} must be {' and '.join((*listed, *shaped, *bounds))}"


def flag(name: str) -> str:
    """Column that says whether a row breaks the rule called `name`."""
    return f"_breaks_{name}"


def evaluated(engine: Engine, contract: Contract, rows: Frame, rules: Sequence[Rule]) -> Frame:
    """Add one boolean column a rule, `flag(rule.name)`; never NULL. Rules that judge a whole batch have none."""
    flags: list[nw.Expr] = []
    for rule in rules:
        if rule.metric is Metric.EXPRESSION:
            rows = engine.satisfies(rows, rule.expression or "true", into=flag(rule.name))
            flags.append((~nw.col(flag(rule.name))).alias(flag(rule.name)))
        elif rule.metric is not Metric.ROW_COUNT:
            flags.append(_broken(contract, rule).fill_null(value=False).alias(flag(rule.name)))
    return rows.with_columns(*flags) if flags else rows


def _broken(contract: Contract, rule: Rule) -> nw.Expr:
    if rule.metric is Metric.DUPLICATE_VALUES:
        return nw.len().over(*rule.columns, "_batch_id") > 1
    column, kind = nw.col(rule.columns[0]), contract.column(rule.columns[0]).type.kind
    if rule.metric is Metric.NULL_VALUES:
        return column.is_null()
    if rule.metric is Metric.MISSING_VALUES:
        return column.is_null() | _among(column, rule.missing_values, kind)
    return _invalid(rule, column, kind)


def _invalid(rule: Rule, column: nw.Expr, kind: Kind) -> nw.Expr:
    broken = nw.lit(value=False)
    if rule.valid_values:
        broken = broken | ~_among(column, rule.valid_values, kind)
    if rule.pattern is not None:
        broken = broken | ~column.str.contains(rf"^(?:{rule.pattern})\z")  # to some engines `$` is also before a last line break
    for bound, below in ((rule.minimum, True), (rule.maximum, False)):
        if bound is not None:
            limit = _literal(bound, kind)
            broken = broken | ((column < limit) if below else (column > limit))
    return broken


def _among(column: nw.Expr, texts: Sequence[str], kind: Kind) -> nw.Expr:
    """Whether the value is one of the texts, which are read as its type is: each engine writes numbers and instants its own way."""
    if kind in (Kind.STRING, Kind.BOOLEAN, Kind.BINARY):
        return column.cast(nw.String).is_in(list(texts))
    same = [column == literal for text in texts if (literal := _read(text, kind)) is not None]
    return nw.any_horizontal(*same, ignore_nulls=False) if same else nw.lit(value=False)


def _read(text: str, kind: Kind) -> nw.Expr | None:
    try:
        return _literal(text, kind)
    except (ValueError, ArithmeticError):
        return None


def _literal(text: str, kind: Kind) -> nw.Expr:
    """A bound in the column's type; decimals compare with decimals, never by way of floats."""
    if kind in (Kind.INT16, Kind.INT32, Kind.INT64):
        return nw.lit(int(text))
    if kind is Kind.DECIMAL:
        return nw.lit(Decimal(text))
    if kind in (Kind.FLOAT32, Kind.FLOAT64):
        return nw.lit(float(text))
    if kind is Kind.DATE:
        return nw.lit(dt.date.fromisoformat(text))
    if kind is Kind.TIMESTAMP:
        moment = dt.datetime.fromisoformat(text)
        return nw.lit(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))
    return nw.lit(text)
