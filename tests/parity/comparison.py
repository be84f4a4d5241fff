"""What a case found, in a form that two engines can be compared by: row by row, types included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pyarrow as pa

from lakehouse_platform.engines.base import Engine

Found = Any
"""A frame, an Arrow table, a value, or a mapping of such."""


@dataclass(frozen=True)
class Rows:
    """A table without an order: names, types and rows are sorted. NaN equals NaN, and -0.0 is not 0.0."""

    types: tuple[str, ...]
    rows: tuple[str, ...]


def compared(engine: Engine, found: Found) -> Any:
    """The found, computed; every frame as its types and rows."""
    if isinstance(found, nw.LazyFrame):
        return _rows(engine.collect(found))
    if isinstance(found, pa.Table):
        return _rows(found)
    if isinstance(found, Mapping):
        return {name: compared(engine, value) for name, value in found.items()}
    return found


def _rows(table: pa.Table) -> Rows:
    names = sorted(table.column_names)
    types = tuple(f"{name}: {_type(table.schema.field(name).type)}" for name in names)
    return Rows(types, tuple(sorted(repr(tuple(row.values())) for row in table.select(names).to_pylist())))


def _type(kind: pa.DataType) -> str:
    """Arrow has two names for text and bytes, by how long a column may be."""
    return str(kind).removeprefix("large_")


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """What is in one and not in the other; empty where they are equal."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping) and found.keys() == expected.keys():
        return [line for name in found for line in differences(found[name], expected[name], f"{where}{name}: ")]
    if isinstance(found, Rows) and isinstance(expected, Rows):
        one, other = (Counter((*f.types, *f.rows)) for f in (found, expected))
        return [*(f"{where}+ {line}" for line in (one - other)), *(f"{where}- {line}" for line in (other - one))]
    return [] if found == expected else [f"{where}{found!r} is not {expected!r}"]


def size(found: Any) -> int:
    """Number of rows that were compared, a value counting as one."""
    if isinstance(found, Rows):
        return len(found.rows)
    return sum(map(size, found.values())) if isinstance(found, Mapping) else int(found is not None)
