"""Whether a table of the warehouse holds what the lake's does, told from figures that do not depend on the order of rows.

Figures are exact: no sum of floating-point numbers is among them. Only they leave either side, and only names of columns are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lakehouse_platform.contracts.types import Kind, LakeType

FRACTION = 2**52
"""A double's fraction times this is a whole number, as far as its bits go."""
LARGEST = 9_000_000_000_000_000
"""Doubles below it have a whole part that a bigint holds; larger ones are only counted."""

_NUMBER = "sum(cast({} as decimal(38, {})))"


@dataclass(frozen=True, slots=True)
class Words:
    """What an engine says its own way, of a column `{}`."""

    hash: str
    """32 bits of a text, as a whole number."""
    days: str
    """Days of a date since 1970."""
    microseconds: str
    """Of an instant since 1970."""


REDSHIFT = Words(
    "strtol(left(md5({}), 8), 16)", "({} - date '1970-01-01')", "datediff(microsecond, timestamp '1970-01-01', {} at time zone 'UTC')")
DUCKDB = Words("cast('0x' || left(md5({}), 8) as bigint)", "({} - date '1970-01-01')", "epoch_us({})")


def figures_query(table: str, columns: Mapping[str, LakeType], words: Words) -> str:
    """SELECT of one row: how many rows there are, and the figures of each column. `table` is quoted already."""
    figures = [figure for name, lake in columns.items() for figure in _figures(f'"{name}"', lake, words)]
    return f"select {', '.join(['count(*)', *(f'coalesce({figure}, 0)' for figure in figures)])} from {table}"


def _figures(column: str, lake: LakeType, words: Words) -> list[str]:
    return [f"count({column})", *_sums(column, lake, words)]


def _sums(column: str, lake: LakeType, words: Words) -> list[str]:
    match lake.kind:
        case Kind.DECIMAL:
            return [_NUMBER.format(column, lake.scale or 0)]
        case Kind.INT16 | Kind.INT32 | Kind.INT64:
            return [_NUMBER.format(column, 0)]
        case Kind.BOOLEAN:
            return [f"sum(case when {column} then 1 else 0 end)"]
        case Kind.FLOAT32 | Kind.FLOAT64:
            return _double(f"cast({column} as double precision)")
        case Kind.STRING:
            return [_NUMBER.format(words.hash.format(column), 0)]
        case Kind.DATE:
            return [_NUMBER.format(words.days.format(column), 0)]
        case Kind.TIMESTAMP:
            return [_NUMBER.format(words.microseconds.format(column), 0)]
        case Kind.BINARY:
            return []


def _double(value: str) -> list[str]:
    whole, fraction = f"floor({value})", f"floor(({value} - floor({value})) * {FRACTION})"
    return [_NUMBER.format(f"cast(case when abs({value}) < {LARGEST} then {part} end as bigint)", 0) for part in (whole, fraction)]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of holding two tables against each other."""

    rows: int
    """Of the first."""
    other_rows: int
    columns: tuple[str, ...]
    """Those whose figures differ."""

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return self.rows == self.other_rows and not self.columns


def compare(columns: Mapping[str, LakeType], one: Sequence[object], other: Sequence[object]) -> Comparison:
    """Hold the figures of two tables against each other."""
    mine, theirs = ([Decimal(str(value)) for value in row] for row in (one, other))
    at, differing = 1, []
    for name, lake in columns.items():
        end = at + len(_figures(name, lake, DUCKDB))
        if mine[at:end] != theirs[at:end]:
            differing.append(name)
        at = end
    return Comparison(int(mine[0]), int(theirs[0]), tuple(differing))
