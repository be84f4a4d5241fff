"""How a column travels: the SQL that makes it exact and carriable, and its Arrow type on this side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, DOUBLE_PRECISION, JSONB, TIMESTAMP, array

from lakehouse_platform.contracts.contract import Column
from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.sources.postgres.catalog import type_name

Expression: TypeAlias = sa.ColumnElement[Any]
"""SQL whose type only the database knows; SQLAlchemy's parameter is invariant, so `object` would exclude all."""
Condition: TypeAlias = sa.ColumnElement[bool]

TIMESTAMPTZ = TIMESTAMP(timezone=True)
INSTANT = pa.timestamp("us", "UTC")
WALL_CLOCK, ABSOLUTE = "timestamp without time zone", "timestamp with time zone"
TIMES = frozenset({"date", WALL_CLOCK, ABSOLUTE})
"""Types that stand for an instant."""

_ARROW: dict[Kind, pa.DataType] = {
    Kind.BOOLEAN: pa.bool_(), Kind.INT16: pa.int16(), Kind.INT32: pa.int32(), Kind.INT64: pa.int64(),
    Kind.FLOAT32: pa.float32(), Kind.FLOAT64: pa.float64(), Kind.STRING: pa.string(), Kind.BINARY: pa.binary(),
    Kind.DATE: pa.date32(), Kind.TIMESTAMP: INSTANT,
}
_PLAIN: dict[tuple[Kind, str], sa.types.TypeEngine[Any]] = {
    (Kind.BOOLEAN, "boolean"): sa.Boolean(), (Kind.BINARY, "bytea"): BYTEA(),
    (Kind.INT16, "smallint"): sa.SmallInteger(), (Kind.INT32, "smallint"): sa.Integer(), (Kind.INT32, "integer"): sa.Integer(),
    (Kind.INT64, "smallint"): sa.BigInteger(), (Kind.INT64, "integer"): sa.BigInteger(), (Kind.INT64, "bigint"): sa.BigInteger(),
    (Kind.FLOAT32, "real"): sa.REAL(), (Kind.FLOAT64, "double precision"): DOUBLE_PRECISION(),
}
"""Pairs that the driver carries as they are; the cast turns a domain into its base and widens integers."""


@dataclass(frozen=True, slots=True)
class Found:
    """A column that the source has."""

    expression: Expression
    type: str
    """As the source spells it."""
    zone: str
    """What its wall-clock times mean."""

    @property
    def family(self) -> str:
        """Name of its type without arguments."""
        return type_name(self.type)[0]


@dataclass(frozen=True, slots=True)
class Cell:
    """A column on its way."""

    expression: Expression | None
    """None: NULL in every row."""
    type: pa.DataType
    uncarriable: Condition | None = None
    """When a value is there that the type cannot carry; `expression` is NULL then."""
    original: Expression | None = None
    """That value as text."""


def arrow_type(lake: LakeType) -> pa.DataType:
    """Arrow type of a lake type."""
    if lake.kind is Kind.DECIMAL:
        return pa.decimal128(lake.precision or 38, lake.scale or 0)
    return _ARROW[lake.kind]


def instant(found: Found) -> Expression:
    """A date, wall-clock time or absolute time as an instant; NULL where that is not between the years 1 and 9999."""
    return sa.case((_is_instant(found), _moment(found)))


def text_of(found: Found) -> Expression:
    """A value as the text that is kept where no column can hold it: a wall-clock time as the instant it means."""
    if found.family in (WALL_CLOCK, ABSOLUTE):
        return sa.func.coalesce(_iso(instant(found)), _plain_text(found))
    return _plain_text(found)


def cell(column: Column, found: Found | None) -> Cell:
    """How a declared column travels, given what the source has of it; as text where that is of another kind."""
    wanted = arrow_type(column.type)
    if found is None:
        return Cell(None, wanted)
    plain = _PLAIN.get((column.type.kind, found.family))
    if plain is not None:
        return Cell(sa.cast(found.expression, plain), wanted)
    guarded = _GUARDED.get((column.type.kind, found.family))
    return guarded(column.type, found) if guarded else Cell(_plain_text(found), pa.string())


def parked(cells: Sequence[tuple[str, Cell]], undeclared: Sequence[tuple[str, Expression]]) -> Expression | None:
    """The JSON object of what no column of the batch holds; None where that cannot happen."""
    guarded = [(name, c.uncarriable, c.original) for name, c in cells if c.uncarriable is not None]
    values = [*((name, sa.case((condition, original))) for name, condition, original in guarded), *undeclared]
    if not values:
        return None
    names: Expression = array([sa.literal(name) for name, _ in values], type_=sa.Text)
    texts: Expression = array([value for _, value in values], type_=sa.Text)
    packed = sa.func.jsonb_strip_nulls(sa.func.jsonb_object(names, texts), type_=JSONB)
    if undeclared:
        return sa.cast(sa.func.nullif(packed, _literal("{}", JSONB())), sa.Text)
    return sa.case((sa.or_(*(condition for _, condition, _ in guarded)), sa.cast(packed, sa.Text)))


def _literal(text: str, kind: sa.types.TypeEngine[Any]) -> Expression:
    return sa.cast(sa.literal(text, sa.Text), kind)


def _plain_text(found: Found) -> Expression:
    """The database's own text. A cast of char(n) would drop its padding; one of money would add a currency."""
    if found.family == "character":
        return sa.case((found.expression.is_not(None), sa.func.concat(found.expression)))
    bare = sa.cast(found.expression, sa.Numeric) if found.family == "money" else found.expression
    return sa.cast(bare, sa.Text)


def _iso(value: Expression) -> Expression:
    return sa.func.to_jsonb(value).op("#>>")(_literal("{}", ARRAY(sa.Text)))


def _moment(found: Found) -> Expression:
    if found.family == ABSOLUTE:
        return found.expression
    return sa.func.timezone(found.zone, sa.cast(found.expression, TIMESTAMP()), type_=TIMESTAMPTZ)


def _is_instant(found: Found) -> Condition:
    """Tested before the zone is applied, which fails on times near the ends of PostgreSQL's own range."""
    first, last = (_literal(end, TIMESTAMPTZ) for end in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"))
    if found.family != ABSOLUTE:
        first, last = (sa.func.timezone(found.zone, end, type_=TIMESTAMP()) for end in (first, last))
    return found.expression.between(first, last)


def _decimal(wanted: LakeType, found: Found) -> Cell:
    """Exact by way of text: as cheap as scaled integers, at any precision, where the driver's own numerics cost twice that."""
    _, arguments = type_name(found.type)
    precision, scale = (*arguments, 0)[:2] if arguments else (1000, 1000)
    whole = (wanted.precision or 0) - (wanted.scale or 0)
    if scale > (wanted.scale or 0) or precision - scale > whole:
        return Cell(_plain_text(found), pa.string())
    nan = _literal("NaN", sa.Numeric())
    number = sa.cast(sa.func.nullif(found.expression, nan), sa.Text)
    return Cell(number, arrow_type(wanted), found.expression == nan, sa.cast(found.expression, sa.Text))


def _date(wanted: LakeType, found: Found) -> Cell:
    fits = found.expression.between(_literal("0001-01-01", sa.Date()), _literal("9999-12-31", sa.Date()))
    return Cell(sa.cast(sa.case((fits, found.expression)), sa.Date), arrow_type(wanted), sa.not_(fits), sa.cast(found.expression, sa.Text))


def _time(wanted: LakeType, found: Found) -> Cell:
    uncarriable = sa.not_(_is_instant(found))
    return Cell(sa.cast(instant(found), TIMESTAMPTZ), arrow_type(wanted), uncarriable, sa.cast(found.expression, sa.Text))


_GUARDED: dict[tuple[Kind, str], Callable[[LakeType, Found], Cell]] = {
    (Kind.DECIMAL, "numeric"): _decimal,
    (Kind.DATE, "date"): _date,
    (Kind.TIMESTAMP, WALL_CLOCK): _time,
    (Kind.TIMESTAMP, ABSOLUTE): _time,
}
