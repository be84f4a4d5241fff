"""DuckDB's SQL for what narwhals has no word for; it gives what the engines of the library give, to the last character."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping

import numpy

from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines import grammar

NAMES = {
    Kind.BOOLEAN: "BOOLEAN", Kind.INT16: "SMALLINT", Kind.INT32: "INTEGER", Kind.INT64: "BIGINT", Kind.FLOAT32: "FLOAT",
    Kind.FLOAT64: "DOUBLE", Kind.STRING: "VARCHAR", Kind.BINARY: "BLOB", Kind.DATE: "DATE", Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
}
WHOLE = {"SMALLINT", "INTEGER", "BIGINT"}
FLOATS = (Kind.FLOAT32, Kind.FLOAT64)
NAN = 0x7FF8000000000000


def duck_type(lake: LakeType) -> str:
    """DuckDB's word for a lake type."""
    return f"DECIMAL({lake.precision or 38},{lake.scale or 0})" if lake.kind is Kind.DECIMAL else NAMES[lake.kind]


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string."""
    return "'" + text.replace("'", "''") + "'"


def float_bits(number: float) -> int:
    """IEEE bits as a number: what DuckDB's SQL cannot say; registered as a function of the connection."""
    return NAN if number != number else int(struct.unpack("<q", struct.pack("<d", number + 0.0))[0])


def float_text(number: float, is_single: bool) -> str:
    """A float as the engines of the library write it: DuckDB has an exponent elsewhere. Registered as a function of the connection."""
    shortest = numpy.float32(number) if is_single else number
    return re.sub("e([+-])0", r"e\1", str(shortest)).replace("nan", "NaN")


def _text(column: str, held: str) -> str:
    if held in {"FLOAT", "DOUBLE"}:
        return f"float_text({column}, {held == 'FLOAT'})"
    return f"strftime({column}, '%Y-%m-%d %H:%M:%S.%f+00:00')" if held == NAMES[Kind.TIMESTAMP] else f"CAST({column} AS VARCHAR)"


def json_text(text: str) -> str:
    """A JSON string; DuckDB's own has its control characters in capitals. Registered as a function of the connection."""
    return json.dumps(text, ensure_ascii=False)


def fingerprint(columns: Mapping[str, LakeType]) -> str:
    """sha256 of `name=length:text;` for the non-null columns in order of their names."""
    parts = []
    for name in sorted(columns):
        text = _canonical(quoted(name), columns[name])
        parts.append(f"coalesce({literal(f'{name}=')} || strlen({text}) || ':' || {text} || ';', '')")
    return f"substr(sha256({' || '.join(parts)}), 1, 32)"


def _canonical(column: str, lake: LakeType) -> str:
    if lake.kind is Kind.TIMESTAMP:
        return f"CAST(epoch_us({column}) AS VARCHAR)"
    if lake.kind is Kind.DATE:
        return f"CAST(datediff('day', DATE '1970-01-01', {column}) AS VARCHAR)"
    if lake.kind is Kind.BINARY:
        return f"lower(hex({column}))"
    if lake.kind in FLOATS:
        return f"CAST(float_bits(CAST({column} AS DOUBLE)) AS VARCHAR)"
    # DuckDB writes no zero before the point where the type has room for none.
    return rf"regexp_replace(CAST({column} AS VARCHAR), '^(-?)\.', '\10.')" if lake.kind is Kind.DECIMAL else f"CAST({column} AS VARCHAR)"


def conform(held: Mapping[str, str], columns: Mapping[str, LakeType], *, parked: str) -> dict[str, str]:
    """Expressions for the columns that are not of their type, and for `parked` with the values that do not fit."""
    wrong = {name: lake for name, lake in columns.items() if held[name] != duck_type(lake)}
    if not wrong:
        return {}
    cast = {name: _soft(quoted(name), held[name], lake) for name, lake in wrong.items()}
    entries = [_entry(name, held[name], cast[name]) for name in wrong]
    kept = f"substr({quoted(parked)}, 2, length({quoted(parked)}) - 2)"
    body = f"concat_ws(',', {', '.join((kept, *entries))})"
    return {**cast, parked: f"CASE WHEN {body} <> '' THEN '{{' || {body} || '}}' END"}


def _entry(name: str, held: str, value: str) -> str:
    said = f"{literal(json_text(name) + ':')} || json_text({_text(quoted(name), held)})"
    return f"CASE WHEN {quoted(name)} IS NOT NULL AND ({value}) IS NULL THEN {said} END"


def parked_text(parked: str, key: str) -> str:
    """A parked value's text, NULL where there is none."""
    return f"(CAST({quoted(parked)} AS JSON) ->> {literal('$.' + json_text(key))})"


def _soft(column: str, held: str, lake: LakeType) -> str:
    if held == "VARCHAR":
        return _from_text(column, lake)
    if "DECIMAL" in held or lake.kind in (Kind.DECIMAL, Kind.STRING) or held in {"FLOAT", "DOUBLE"}:
        return _from_text(_text(column, held), lake)
    if held in WHOLE and lake.kind is Kind.TIMESTAMP:
        return f"make_timestamptz({column})"
    if held in WHOLE and lake.kind is Kind.DATE:
        return f"(DATE '1970-01-01' + CAST({column} AS INTEGER))"
    number = _canonical(column, LakeType(Kind.DATE)) if held == "DATE" and duck_type(lake) in WHOLE else column
    return f"TRY_CAST({number} AS {duck_type(lake)})"


def _from_text(column: str, lake: LakeType) -> str:
    if lake.kind is Kind.STRING:
        return column
    text = f"trim({column}, {literal(grammar.WHITESPACE)})"
    if lake.kind is Kind.BOOLEAN:
        return f"CASE lower({text}) {' '.join(f'WHEN {literal(word)} THEN {truth}' for word, truth in grammar.TRUTH.items())} END"
    if lake.kind is Kind.TIMESTAMP:
        return _instant(text)
    if lake.kind is Kind.BINARY:
        digits = rf"regexp_replace({text}, '^\\x', '')"
        return f"CASE WHEN regexp_matches({digits}, {literal(grammar.HEX)}) AND length({digits}) % 2 = 0 THEN unhex({digits}) END"
    pattern = {
        Kind.DATE: grammar.DATE, Kind.DECIMAL: grammar.decimal(lake.precision or 38, lake.scale or 0),
        Kind.FLOAT32: grammar.FLOAT, Kind.FLOAT64: grammar.FLOAT,
    }.get(lake.kind, grammar.WHOLE)
    return f"CASE WHEN regexp_matches({text}, {literal(pattern)}) THEN TRY_CAST({text} AS {duck_type(lake)}) END"


def _instant(text: str) -> str:
    """The grammar's parts, put together as DuckDB reads them; it knows an hour 24."""
    date, time, fraction, sign, hours, minutes = (f"regexp_extract({text}, {literal(grammar.TIMESTAMP)}, {n})" for n in range(1, 7))
    offset = f"CASE WHEN {hours} = '' THEN '+00' ELSE {sign} || {hours} || ':' || CASE {minutes} WHEN '' THEN '00' ELSE {minutes} END END"
    spelt = f"{date} || ' ' || {time} || '.' || substr(rpad({fraction}, 6, '0'), 1, 6) || {offset}"
    fits = f"regexp_matches({text}, {literal(grammar.TIMESTAMP)}) AND CAST(nullif(split_part({time}, ':', 1), '') AS INTEGER) < 24"
    instant = f"TRY_CAST(CASE WHEN {fits} THEN {spelt} END AS TIMESTAMP WITH TIME ZONE)"
    first, last = (f"TIMESTAMPTZ {literal(end.isoformat(' '))}" for end in (grammar.FIRST, grammar.LAST))
    return f"CASE WHEN {instant} BETWEEN {first} AND {last} THEN {instant} END"
