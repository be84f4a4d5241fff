"""Polars expressions for what narwhals has no word for: exact casts that never raise, fingerprints, parked values."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import polars_hash as plh

from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines import grammar

_POLARS: dict[Kind, pl.DataType] = {
    Kind.BOOLEAN: pl.Boolean(), Kind.INT16: pl.Int16(), Kind.INT32: pl.Int32(), Kind.INT64: pl.Int64(),
    Kind.FLOAT32: pl.Float32(), Kind.FLOAT64: pl.Float64(), Kind.STRING: pl.String(), Kind.BINARY: pl.Binary(),
    Kind.DATE: pl.Date(), Kind.TIMESTAMP: pl.Datetime("us", "UTC"),
}
_NAN = 0x7FF8000000000000
HASH_DIGITS = 32
"""Hex digits of sha256 that are kept: 128 bits."""


def polars_type(lake: LakeType) -> pl.DataType:
    """Polars' word for a lake type."""
    return pl.Decimal(lake.precision or 38, lake.scale or 0) if lake.kind is Kind.DECIMAL else _POLARS[lake.kind]


def as_text(name: str, lake: LakeType) -> pl.Expr:
    """A value's canonical text: the same for equal values, different for different ones of its type."""
    column = pl.col(name)
    if lake.kind is Kind.TIMESTAMP:
        return column.dt.timestamp("us").cast(pl.String)
    if lake.kind is Kind.DATE:
        return column.to_physical().cast(pl.String)
    if lake.kind is Kind.BINARY:
        return column.bin.encode("hex")
    if lake.kind in (Kind.FLOAT32, Kind.FLOAT64):
        return _bits(column).cast(pl.String)
    return column.cast(pl.String)


def _bits(column: pl.Expr) -> pl.Expr:
    """IEEE bits as a number, which every engine has exactly; there is one zero and one NaN. (Polars takes `+ 0.0` for nothing.)"""
    number = column.cast(pl.Float64)
    return pl.when(number == 0).then(pl.lit(0)).when(number.is_nan()).then(pl.lit(_NAN)).otherwise(number.reinterpret(dtype=pl.Int64))


def fingerprint(columns: Mapping[str, LakeType]) -> pl.Expr:
    """sha256 of `name=length:text;` for the non-null columns in order of their names.

    Names and lengths make it injective; leaving NULL out means that a column added later changes no old row's fingerprint.
    """
    parts = []
    for name in sorted(columns):
        text = as_text(name, columns[name])
        parts.append(pl.format(f"{name}={{}}:{{}};", text.str.len_bytes(), text).fill_null(""))
    return plh.concat_str(parts).chash.sha2_256().str.head(HASH_DIGITS)


def conform(frame: pl.LazyFrame, columns: Mapping[str, LakeType], *, parked: str) -> pl.LazyFrame:
    """Cast each column to its type; values that do not fit exactly become NULL and go as text into `parked`."""
    held = frame.collect_schema()
    wrong = {n: t for n, t in columns.items() if held[n] != polars_type(t)}
    if not wrong:
        return frame
    cast = {name: _soft(name, held[name], lake) for name, lake in wrong.items()}
    entries = [_entry(name, pl.col(name).is_not_null() & value.is_null()) for name, value in cast.items()]
    kept = pl.col(parked).str.slice(1, pl.col(parked).str.len_chars() - 2)
    body = pl.concat_str([kept, *entries], separator=",", ignore_nulls=True)
    merged = pl.when(body != "").then(pl.concat_str([pl.lit("{"), body, pl.lit("}")]))
    return frame.with_columns(merged.alias(parked), *(value.alias(name) for name, value in cast.items()))


def parked_text(parked: str, key: str) -> pl.Expr:
    """A parked value's text, NULL where there is none."""
    return pl.col(parked).str.json_decode(pl.Struct({key: pl.String})).struct.field(key)


def _entry(name: str, misfit: pl.Expr) -> pl.Expr:
    """`"name":"text"` where the value does not fit."""
    text = pl.struct(pl.col(name).cast(pl.String)).struct.json_encode()
    return pl.when(misfit).then(text.str.slice(1, text.str.len_chars() - 2))


def _soft(name: str, held: pl.DataType, lake: LakeType) -> pl.Expr:
    """The value in the type of the lake, NULL where it does not fit exactly."""
    column, target = pl.col(name), polars_type(lake)
    if held == pl.String:
        return _from_text(column, lake)
    if held.is_decimal() or lake.kind is Kind.DECIMAL or held.is_float():
        return _from_text(column.cast(pl.String), lake)
    return column.cast(target, strict=False)


def _from_text(column: pl.Expr, lake: LakeType) -> pl.Expr:
    if lake.kind is Kind.STRING:
        return column
    text = column.str.strip_chars(grammar.WHITESPACE)
    if lake.kind is Kind.BOOLEAN:
        return text.str.to_lowercase().replace_strict(grammar.TRUTH, default=None, return_dtype=pl.Boolean)
    if lake.kind is Kind.DATE:
        return _matching(text, grammar.DATE).str.to_date("%Y-%m-%d", strict=False)
    if lake.kind is Kind.TIMESTAMP:
        return _instant(_matching(text, grammar.TIMESTAMP).str.replace("T", " ", literal=True))
    if lake.kind is Kind.BINARY:
        return text.str.strip_prefix("\\x").str.decode("hex", strict=False)
    if lake.kind in (Kind.FLOAT32, Kind.FLOAT64):
        return _matching(text, grammar.FLOAT).cast(polars_type(lake), strict=False)
    pattern = grammar.decimal(lake.precision or 38, lake.scale or 0) if lake.kind is Kind.DECIMAL else grammar.WHOLE
    return _matching(text, pattern).str.strip_prefix("+").cast(polars_type(lake), strict=False)


def _instant(text: pl.Expr) -> pl.Expr:
    instant = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us", strict=False).dt.convert_time_zone("UTC")
    return pl.when(instant.is_between(grammar.FIRST, grammar.LAST)).then(instant)


def _matching(text: pl.Expr, pattern: str) -> pl.Expr:
    return pl.when(text.str.contains(pattern)).then(text)
