"""Types of columns: what a source calls them, and what the lake stores."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from lakehouse_platform.errors import ContractError, did_you_mean


class Kind(StrEnum):
    """What a lake column holds. Delta has no unsigned, time or interval type."""

    BOOLEAN = "boolean"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    DECIMAL = "decimal"
    STRING = "string"
    BINARY = "binary"
    DATE = "date"
    TIMESTAMP = "timestamp"
    """An instant, UTC, in microseconds."""


@dataclass(frozen=True, slots=True)
class LakeType:
    """Type of a column in the lake."""

    kind: Kind
    precision: int | None = None
    """Digits in all; decimals only, 1 to 38."""
    scale: int | None = None
    """Digits after the point; decimals only."""

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.kind is Kind.DECIMAL else str(self.kind)


@dataclass(frozen=True, slots=True)
class PhysicalType:
    """A source's type, read from `physicalType`."""

    name: str
    """Canonical name: lower case, without arguments, aliases resolved."""
    lake: LakeType
    naive: bool = False
    """A wall-clock time without zone: becomes an instant by the connection's time zone."""
    length: int | None = field(default=None, compare=False)
    """Characters at most of a text, bytes of a binary; None where the type does not say. The lake keeps any length."""


def _plain(kind: Kind) -> Callable[[tuple[int, ...]], LakeType]:
    return lambda _: LakeType(kind)


def _decimal(default: tuple[int, int] | None) -> Callable[[tuple[int, ...]], LakeType]:
    def build(arguments: tuple[int, ...]) -> LakeType:
        if not arguments and default is None:
            raise ContractError("needs a precision and a scale, as in numeric(18,2): an unbounded numeric has no exact lake type")
        precision, scale = (*arguments, 0)[:2] if arguments else default or (0, 0)
        if not 1 <= precision <= 38 or not 0 <= scale <= precision:
            raise ContractError(f"precision must be 1 to 38 and scale 0 to the precision, not ({precision},{scale})")
        return LakeType(Kind.DECIMAL, precision, scale)

    return build


_SMALL, _INT, _BIG = _plain(Kind.INT16), _plain(Kind.INT32), _plain(Kind.INT64)
_TEXT, _BYTES, _INSTANT = _plain(Kind.STRING), _plain(Kind.BINARY), _plain(Kind.TIMESTAMP)

VOCABULARY: dict[str, Callable[[tuple[int, ...]], LakeType]] = {
    "bit": _plain(Kind.BOOLEAN), "boolean": _plain(Kind.BOOLEAN),
    "tinyint": _SMALL, "smallint": _SMALL, "integer": _INT, "bigint": _BIG,
    "numeric": _decimal(None), "decimal": _decimal(None), "money": _decimal((19, 4)), "smallmoney": _decimal((10, 4)),
    "real": _plain(Kind.FLOAT32), "float": _plain(Kind.FLOAT64), "double precision": _plain(Kind.FLOAT64),
    "char": _TEXT, "nchar": _TEXT, "varchar": _TEXT, "nvarchar": _TEXT, "text": _TEXT, "ntext": _TEXT,
    "xml": _TEXT, "json": _TEXT, "jsonb": _TEXT, "uuid": _TEXT, "uniqueidentifier": _TEXT, "hierarchyid": _TEXT,
    "time": _TEXT,
    "date": _plain(Kind.DATE),
    "datetime": _INSTANT, "smalldatetime": _INSTANT, "datetime2": _INSTANT, "timestamp": _INSTANT,
    "datetimeoffset": _INSTANT, "timestamptz": _INSTANT,
    "binary": _BYTES, "varbinary": _BYTES, "image": _BYTES, "bytea": _BYTES, "rowversion": _BYTES,
}
"""Every source type the platform takes, SQL Server's and PostgreSQL's, with the lake type it becomes."""

ALIASES = {
    "int": "integer", "int2": "smallint", "int4": "integer", "int8": "bigint", "bool": "boolean", "float4": "real",
    "float8": "double precision", "character varying": "varchar", "character": "char", "bpchar": "char",
    "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz",
    "time without time zone": "time", "dec": "decimal",
}
NAIVE = frozenset({"datetime", "smalldatetime", "datetime2", "timestamp"})
SIZED = frozenset({"char", "nchar", "varchar", "nvarchar", "binary", "varbinary"})

_SHAPE = re.compile(r"^\s*([a-z0-9_ ]+?)\s*(?:\(\s*(max|\d+(?:\s*,\s*\d+)*)\s*\))?\s*((?:with|without) time zone)?\s*$")


def parse_type(text: str) -> PhysicalType:
    """Read a `physicalType` such as `numeric(18,2)`, `nvarchar(max)` or `timestamp(3) with time zone`.

    Raises ContractError with the nearest known type; the caller adds the place.
    """
    match = _SHAPE.match(text.lower())
    if match is None:
        raise ContractError(f'cannot read the type "{text}". Write a name and its arguments, as in numeric(18,2).')
    name = " ".join(filter(None, (match[1], match[3])))
    name = ALIASES.get(name, name)
    if name not in VOCABULARY:
        raise ContractError(f'unknown column type "{text}". {did_you_mean(name, [*VOCABULARY, *ALIASES], noun="types")}')
    arguments = () if match[2] in (None, "max") else tuple(int(n) for n in match[2].split(","))
    length = arguments[0] if arguments and name in SIZED else None
    return PhysicalType(name, VOCABULARY[name](arguments), naive=name in NAIVE, length=length)
