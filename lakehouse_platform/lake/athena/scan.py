"""What a query would read: the columns that it names, of the files and row groups that its conditions leave over.

The Delta log tells the files, their sizes and the least and greatest values of some columns. Sizes of single columns are in the files'
footers only, so whole files are an upper bound, and footers are asked where that bound does not settle the matter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from lakehouse_platform.lake.athena.errors import AthenaError
from lakehouse_platform.lake.athena.names import DIALECT, Relation, by_name, one_select, read_tables

Columns: TypeAlias = Mapping[str, str]
"""Name to type, as SQL says it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a condition says of a column. None: nothing on that side; values at the edges count as inside."""

    column: str
    least: object = None
    greatest: object = None

    def allows(self, least: object, greatest: object) -> bool:
        """Whether values from `least` to `greatest` may meet the condition; so they may where nothing is known."""
        return not (_below(greatest, self.least) or _below(self.greatest, least))


def _below(one: object, other: object) -> bool:
    if one is None or other is None:
        return False
    try:
        return bool(one < other)  # type: ignore[operator]
    except TypeError:
        return False


@dataclass(frozen=True, slots=True)
class Read:
    """A place of a query that reads a table."""

    table: str
    """`zone.domain.table`."""
    columns: frozenset[str]
    bounds: tuple[Bound, ...]
    """All of them hold for the rows that the query wants."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """An active file of a table, as the log has it."""

    path: str
    bytes: int
    partition: Mapping[str, object] = field(default_factory=dict)
    least: Mapping[str, object] = field(default_factory=dict)
    """Least value of the columns that the log has statistics of."""
    greatest: Mapping[str, object] = field(default_factory=dict)

    def may_hold(self, bounds: Iterable[Bound]) -> bool:
        """Whether a row that meets every condition may be in the file."""
        return all(self._may_meet(bound) for bound in bounds)

    def _may_meet(self, bound: Bound) -> bool:
        if bound.column in self.partition:
            value = self.partition[bound.column]
            return value is not None and bound.allows(value, value)
        return bound.allows(self.least.get(bound.column), self.greatest.get(bound.column))


Measure: TypeAlias = Callable[[Read, DataFile], int]
"""Bytes of the columns of a file that a query reads, by the file's footer."""


@dataclass(frozen=True, slots=True)
class ScanEstimate:
    """What a query would read."""

    bytes: int
    files: int
    """Active files of the tables that it names, as often as it names them."""
    files_read: int
    by_column: bool
    """Whether only the columns that it needs are counted; else whole files, which is more than Athena reads."""


def plan_reads(sql: str, columns: Mapping[str, Columns]) -> tuple[Read, ...]:
    """The tables that a query reads, which columns and under which conditions; `columns` are of every table, by name.

    A common table expression that is used twice is read twice, as Athena does. Raises AthenaError, UnknownName.
    """
    relations = by_name(Relation(*name.split(".")) for name in columns)  # type: ignore[arg-type]
    tree = one_select(sql)
    read_tables(tree, relations)
    schema = MappingSchema(dialect=DIALECT)
    for relation in relations.values():
        schema.add_table(relation.name, dict(columns[relation.name]), dialect=DIALECT)
    try:
        qualified = qualify(_inlined(tree), schema=schema, dialect=DIALECT)
        pushed = pushdown_predicates(pushdown_projections(qualified), dialect=DIALECT)
    except SqlglotError as error:
        raise AthenaError(f"It cannot be told what the query reads: {error}") from error
    return tuple(read for scope in traverse_scope(pushed) for read in _reads(scope))


def scan_estimate(reads: Iterable[Read], files: Mapping[str, Iterable[DataFile]], measure: Measure | None = None) -> ScanEstimate:
    """What a query would read of the tables' active files; by whole files unless `measure` knows better."""
    size, every, kept = 0, 0, 0
    for read in reads:
        active = tuple(files[read.table])
        left = [file for file in active if file.may_hold(read.bounds)]
        size += sum(measure(read, file) if measure is not None else file.bytes for file in left)
        every, kept = every + len(active), kept + len(left)
    return ScanEstimate(size, every, kept, by_column=measure is not None)


def _inlined(tree: exp.Query) -> exp.Query:
    """The query with the text of each common table expression where its name was."""
    while (found := tree.find(exp.With)) is not None:
        if found.recursive:
            raise AthenaError("It cannot be told what a recursive query reads. Write it without WITH RECURSIVE.")
        owner, expressions = found.parent, list(found.expressions)
        found.pop()
        for place, expression in enumerate(expressions):
            for inside in (*(later.this for later in expressions[place + 1:]), owner):
                _put_in(inside, expression)
    return tree


def _put_in(tree: exp.Expr, expression: exp.CTE) -> None:
    named = expression.alias.lower()
    for table in list(tree.find_all(exp.Table)):
        if len(table.parts) == 1 and table.name.lower() == named:
            alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name), columns=expression.args["alias"].args.get("columns"))
            table.replace(exp.Subquery(this=expression.this.copy(), alias=alias.copy()))


def _reads(scope: Scope) -> Iterator[Read]:
    where = _conjuncts(scope.expression.args.get("where"))
    for alias, source in scope.sources.items():
        if isinstance(source, exp.Table):
            columns = frozenset(column.name for column in scope.columns if column.table == alias)
            bounds = tuple(bound for condition in (*where, *_joined(scope, alias)) if (bound := _bound(condition, alias)) is not None)
            yield Read(".".join(part.name for part in source.parts), columns, bounds)


def _conjuncts(clause: exp.Expr | None) -> list[exp.Expr]:
    """What a clause asks for, each by itself."""
    condition = clause.this if isinstance(clause, exp.Where) else clause
    if condition is None:
        return []
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def _joined(scope: Scope, alias: str) -> Iterator[exp.Expr]:
    """Conditions of joins without which a row of the table does not count: an outer join keeps rows of its other side."""
    for join in scope.expression.args.get("joins") or []:
        if not join.side or (join.side == "LEFT" and join.alias_or_name == alias):
            yield from _conjuncts(join.args.get("on"))


def _bound(condition: exp.Expr, alias: str) -> Bound | None:
    """What one condition says of one column of the table `alias`, if that is all it says."""
    if isinstance(condition, exp.Paren):
        return _bound(condition.this, alias)
    if isinstance(condition, exp.Column) and condition.table == alias:
        return Bound(condition.name, least=True, greatest=True)
    if isinstance(condition, exp.Not) and isinstance(condition.this, exp.Column) and condition.this.table == alias:
        return Bound(condition.this.name, least=False, greatest=False)
    column = condition.this
    if isinstance(condition, exp.In) and isinstance(column, exp.Column) and column.table == alias:
        return _among(column.name, [_value(value) for value in condition.expressions])
    if isinstance(condition, exp.Between) and isinstance(column, exp.Column) and column.table == alias:
        return Bound(column.name, _value(condition.args["low"]), _value(condition.args["high"]))
    return _compared(condition, alias)


def _among(column: str, values: list[object]) -> Bound | None:
    try:
        return Bound(column, min(values), max(values)) if values and None not in values else None  # type: ignore[type-var]
    except TypeError:
        return None


_SIDES: dict[type[exp.Expr], tuple[bool, bool]] = {
    exp.EQ: (True, True), exp.GT: (True, False), exp.GTE: (True, False), exp.LT: (False, True), exp.LTE: (False, True),
}
"""Whether `column <comparison> value` bounds the column from below and from above."""


def _compared(condition: exp.Expr, alias: str) -> Bound | None:
    sides = _SIDES.get(type(condition))
    if sides is None:
        return None
    one, other = condition.this, condition.args["expression"]
    if not isinstance(one, exp.Column):
        one, other, sides = other, one, (sides[1], sides[0])
    value = _value(other)
    if not isinstance(one, exp.Column) or one.table != alias or value is None:
        return None
    return Bound(one.name, value if sides[0] else None, value if sides[1] else None)


def _value(expression: exp.Expr) -> object:
    """A literal's value; None for anything that is none."""
    if isinstance(expression, exp.Neg) and isinstance(inner := _value(expression.this), int | Decimal):
        return -inner
    if isinstance(expression, exp.Boolean):
        return bool(expression.this)
    if isinstance(expression, exp.Cast) and isinstance(expression.this, exp.Literal) and expression.this.is_string:
        return _cast(expression)
    if isinstance(expression, exp.Literal):
        text = str(expression.this)
        return text if expression.is_string else int(text) if text.isdigit() else Decimal(text)
    return None


def _cast(expression: exp.Cast) -> object:
    """A date; instants are left out, for the log cuts them to milliseconds."""
    if not expression.is_type(exp.DType.DATE):
        return None
    try:
        return dt.date.fromisoformat(expression.this.name)
    except ValueError:
        return None
