"""Spark's columns for what narwhals has no word for; they give what Polars' of `engines/casts.py` give, to the last character."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as fn
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    FractionalType,
    IntegerType,
    IntegralType,
    LongType,
    ShortType,
    StringType,
    TimestampType,
)

from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines import grammar
from lakehouse_platform.engines.spark.sql import quoted

_SPARK: dict[Kind, DataType] = {
    Kind.BOOLEAN: BooleanType(), Kind.INT16: ShortType(), Kind.INT32: IntegerType(), Kind.INT64: LongType(),
    Kind.FLOAT32: FloatType(), Kind.FLOAT64: DoubleType(), Kind.STRING: StringType(), Kind.BINARY: BinaryType(),
    Kind.DATE: DateType(), Kind.TIMESTAMP: TimestampType(),
}
HASH_DIGITS = 32
"""Hex digits of sha256 that are kept: 128 bits."""
_WHOLE = (Kind.INT16, Kind.INT32, Kind.INT64)
_FLOATS = (Kind.FLOAT32, Kind.FLOAT64)
_UPPER = "\x0b\x0e\x0f\x1a\x1b\x1c\x1d\x1e\x1f"
"""Characters that Spark's JSON writes with a capital, `\\u000B`, and everyone else without."""


def spark_type(lake: LakeType) -> DataType:
    """Spark's word for a lake type."""
    return DecimalType(lake.precision or 38, lake.scale or 0) if lake.kind is Kind.DECIMAL else _SPARK[lake.kind]


def fingerprint(columns: Mapping[str, LakeType]) -> Column:
    """sha256 of `name=length:text;` for the non-null columns in order of their names."""
    parts = []
    for name in sorted(columns):
        text = as_text(name, columns[name])
        said = fn.concat(fn.lit(f"{name}="), fn.octet_length(text).cast("string"), fn.lit(":"), text, fn.lit(";"))
        parts.append(fn.coalesce(said, fn.lit("")))
    return fn.substring(fn.sha2(fn.concat(*parts), 256), 1, HASH_DIGITS)


def as_text(name: str, lake: LakeType) -> Column:
    """A value's canonical text: the same for equal values, different for different ones of its type."""
    column = fn.col(quoted(name)).cast(spark_type(lake))
    if lake.kind is Kind.TIMESTAMP:
        return fn.unix_micros(column).cast("string")
    if lake.kind is Kind.DATE:
        return fn.unix_date(column).cast("string")
    if lake.kind is Kind.BINARY:
        return fn.lower(fn.hex(column))
    if lake.kind in _FLOATS:
        return _bits(column)
    return _decimal_text(column, lake.scale or 0) if lake.kind is Kind.DECIMAL else column.cast("string")


def _bits(column: Column) -> Column:
    """IEEE bits as a number; Java's function knows one NaN, and adding zero one zero. It is given no NULL, which it refuses."""
    given = fn.coalesce(column.cast("double"), fn.lit(0.0)) + fn.lit(0.0)
    return fn.when(column.isNotNull(), fn.java_method(fn.lit("java.lang.Double"), fn.lit("doubleToLongBits"), given))


def _decimal_text(column: Column, scale: int) -> Column:
    """All digits of the scale: Java writes values below 10^-6 as 1E-9, and zero as 0E-9."""
    text = column.cast("string")
    if scale <= 6:
        return text
    digits = fn.regexp_replace(fn.substring_index(text, "E", 1), "[-.]", "")
    plain = fn.concat(fn.when(column < 0, "-").otherwise(""), fn.lit("0."), fn.lpad(digits, scale, "0"))
    return fn.when(fn.instr(text, "E") > 0, plain).otherwise(text)


def conform(frame: DataFrame, columns: Mapping[str, LakeType], *, parked: str) -> DataFrame:
    """Cast each column to its type; values that do not fit exactly become NULL and go as text into `parked`."""
    held = {field.name: field.dataType for field in frame.schema}
    wrong = {n: lake for n, lake in columns.items() if held[n] != spark_type(lake)}
    if not wrong:
        return frame
    cast = {name: _soft(name, held[name], lake) for name, lake in wrong.items()}
    entries = [_entry(name, held[name], cast[name]) for name in wrong]
    kept = fn.col(quoted(parked)).substr(fn.lit(2), fn.length(quoted(parked)) - 2)
    body = fn.concat_ws(",", kept, *entries)
    merged = fn.when(body != "", fn.concat(fn.lit("{"), body, fn.lit("}")))
    return frame.withColumns({parked: merged, **cast})


def parked_text(parked: str, key: str) -> Column:
    """A parked value's text, NULL where there is none."""
    schema = json.dumps({"type": "struct", "fields": [{"name": key, "type": "string", "nullable": True, "metadata": {}}]})
    return fn.from_json(fn.col(quoted(parked)), schema).getField(key)


def _entry(name: str, held: DataType, value: Column) -> Column:
    """`"name":"text"` where the value does not fit."""
    column = fn.col(quoted(name))
    said = fn.concat(fn.lit(f"{json.dumps(name, ensure_ascii=False)}:"), _json_text(_text(column, held)))
    return fn.when(column.isNotNull() & value.isNull(), said)


def _json_text(text: Column) -> Column:
    """A JSON string, its control characters in lower case."""
    whole = fn.to_json(fn.struct(text.alias("v")))
    said = whole.substr(fn.lit(6), fn.length(whole) - 6)
    lowered = said
    for character in _UPPER:
        number = f"{ord(character):04X}"
        lowered = fn.regexp_replace(lowered, rf"(?<!\\)((?:\\\\)*)\\u{number}", rf"$1\\u{number.lower()}")
    return fn.when(text.rlike(f"[{_UPPER}]"), lowered).otherwise(said)


def _soft(name: str, held: DataType, lake: LakeType) -> Column:
    """The value in the type of the lake, NULL where it does not fit exactly."""
    column = fn.col(quoted(name))
    if isinstance(held, FractionalType) and lake.kind in _FLOATS and not isinstance(held, DecimalType):
        return column.cast(spark_type(lake))
    if isinstance(held, StringType | FractionalType) or lake.kind in (Kind.DECIMAL, Kind.STRING):
        return _from_text(_text(column, held), lake)
    if isinstance(held, IntegralType) and lake.kind in (Kind.DATE, Kind.TIMESTAMP):
        function = "timestamp_micros" if lake.kind is Kind.TIMESTAMP else "date_from_unix_date"
        return fn.expr(f"{function}(try_cast({quoted(name)} AS {'BIGINT' if lake.kind is Kind.TIMESTAMP else 'INT'}))")
    if lake.kind in _WHOLE and isinstance(held, DateType | TimestampType):
        number = fn.unix_date(column) if isinstance(held, DateType) else fn.unix_micros(column)
        return _try(number, lake)
    return _try(column, lake)


def _try(column: Column, lake: LakeType) -> Column:
    """Spark's own cast where it would lose nothing; the plain one wraps numbers that are too large."""
    if lake.kind not in _WHOLE:
        return column.cast(spark_type(lake))
    number, bits = column.cast("long"), {Kind.INT16: 15, Kind.INT32: 31, Kind.INT64: 63}[lake.kind]
    return fn.when(number.between(-(2**bits), 2**bits - 1), number.cast(spark_type(lake)))


def _text(column: Column, held: DataType) -> Column:
    """A value as Polars writes it."""
    if isinstance(held, DecimalType):
        return _decimal_text(column, held.scale)
    if isinstance(held, TimestampType):
        return fn.concat(fn.date_format(column, "yyyy-MM-dd HH:mm:ss.SSSSSS"), fn.lit("+00:00"))
    return _float_text(column) if isinstance(held, DoubleType | FloatType) else column.cast("string")


def _float_text(column: Column) -> Column:
    """Java's digits in Polars' notation: an exponent from 1e16 up and below 1e-4."""
    text = column.cast("string")
    mantissa, exponent = fn.regexp_replace(fn.substring_index(text, "E", 1), r"\.0$", ""), fn.substring_index(text, "E", -1)
    signed = fn.concat(mantissa, fn.lit("e"), fn.when(exponent.startswith("-"), "").otherwise("+"), exponent)
    digits = fn.regexp_replace(text.cast(DecimalType(38, 21)).cast("string"), r"(\.[0-9]+?)0*$", "$1")
    plain = fn.when((fn.abs(column) < fn.lit(1e16)) & (fn.abs(column) >= fn.lit(1e-4)), digits).otherwise(signed)
    special = fn.when(fn.isnan(column), "NaN").when(column == float("inf"), "inf").when(column == float("-inf"), "-inf")
    return fn.coalesce(special, fn.when(fn.instr(text, "E") > 0, plain).otherwise(text))


def _from_text(column: Column, lake: LakeType) -> Column:
    if lake.kind is Kind.STRING:
        return column
    text, target = fn.btrim(column, fn.lit(grammar.WHITESPACE)), spark_type(lake)
    if lake.kind is Kind.BOOLEAN:
        lowered = fn.lower(text)
        yes, no = ([word for word, truth in grammar.TRUTH.items() if truth is wanted] for wanted in (True, False))
        return fn.when(lowered.isin(yes), fn.lit(True)).when(lowered.isin(no), fn.lit(False))  # noqa: FBT003 - literals
    if lake.kind is Kind.TIMESTAMP:
        return _instant(text)
    if lake.kind is Kind.BINARY:
        digits = fn.when(text.startswith("\\x"), text.substr(fn.lit(3), fn.length(text))).otherwise(text)
        return fn.when(digits.rlike(grammar.HEX) & (fn.length(digits) % 2 == 0), fn.unhex(digits))
    if lake.kind in _FLOATS:
        special = fn.regexp_replace(fn.lower(text), r"^([+-]?)inf.*", "$1infinity")
        number = fn.when(text.rlike("[nN]"), fn.when(text.rlike("(?i)nan"), fn.lit("NaN")).otherwise(special)).otherwise(text)
        return fn.when(text.rlike(grammar.FLOAT), number.cast(target))
    pattern = {Kind.DATE: grammar.DATE, Kind.DECIMAL: grammar.decimal(lake.precision or 38, lake.scale or 0)}.get(lake.kind, grammar.WHOLE)
    return fn.when(text.rlike(pattern), text.cast(target))


def _instant(text: Column) -> Column:
    """Spark's cast takes more forms than the grammar, and fewer: it is given the one that both know."""
    date, time, fraction, sign, hours, minutes = (fn.regexp_extract(text, grammar.TIMESTAMP, n) for n in range(1, 7))
    offset = fn.when(hours == "", "+00:00").otherwise(fn.concat(sign, hours, fn.lit(":"), fn.when(minutes == "", "00").otherwise(minutes)))
    spelt = fn.concat(date, fn.lit(" "), time, fn.lit("."), fn.substring(fn.rpad(fraction, 6, "0"), 1, 6), offset)
    instant = fn.when(text.rlike(grammar.TIMESTAMP), spelt.cast("timestamp"))
    first, last = (fn.lit(end.isoformat()).cast("timestamp") for end in (grammar.FIRST, grammar.LAST))
    return fn.when(instant.between(first, last), instant)
