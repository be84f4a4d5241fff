"""Holds values that a contract writes down against the type of their column."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from lakehouse_platform.contracts.contract import Column
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.contracts.types import Kind, LakeType

_BITS = {Kind.INT16: 15, Kind.INT32: 31, Kind.INT64: 63}
_NOT_REGULAR = re.compile(r"(?<!\\)(?:\\\\)*(\(\?(?:[=!>]|<[=!]|P=|\()|\\[1-9])")
"""Look-around, back-references and atomic groups: the engines' regular expressions run in linear time and have none."""

Comparable = int | float | Decimal | dt.date | dt.datetime | str


def check_value(node: Node, column: Column, findings: Findings) -> None:
    """Note a value that the column can never have."""
    if isinstance(node.value, (dict, list)) or node.value is None:
        return
    if read_value(node.text, column.type) is None:
        findings.add(node, f'"{node.text}" is not a value of column {column.name}, which is {column.type}.')


def check_range(arguments: Node, column: Column, findings: Findings) -> None:
    """Note a minimum above the maximum, and bounds on what has no order."""
    low, high = arguments.get("minimum"), arguments.get("maximum")
    bounded = low or high
    if bounded is not None and column.type.kind in (Kind.BOOLEAN, Kind.BINARY):
        findings.add(bounded, f"column {column.name} is {column.type}, which has no minimum or maximum.")
    if low is None or high is None:
        return
    least, most = read_value(low.text, column.type), read_value(high.text, column.type)
    if least is not None and most is not None and _above(least, most):
        findings.add(low, f"minimum {low.text} is above maximum {high.text}.")


def check_pattern(node: Node, column: Column | None, findings: Findings) -> None:
    """Note a pattern that is no regular expression, or that the engines cannot run."""
    if column is not None and column.type.kind is not Kind.STRING:
        findings.add(node, f"a pattern is for texts, and column {column.name} is {column.type}.")
    try:
        re.compile(node.text)
    except (re.error, RecursionError, OverflowError) as error:
        findings.add(node, f'"{node.text}" is not a regular expression: {error}.')
        return
    if (found := _NOT_REGULAR.search(node.text)) is not None:
        findings.add(node, f'"{found[1]}" is not taken: the engines know no look-around and no back-references.')


def read_value(text: str, type_: LakeType) -> Comparable | None:
    """The text as a value of the type; None where it is not one."""
    try:
        return _READERS.get(type_.kind, _integer)(text, type_)
    except (ValueError, InvalidOperation, OverflowError):
        return None


def _above(low: Comparable, high: Comparable) -> bool:
    try:
        return low > high  # type: ignore[operator]
    except TypeError:  # one timestamp has an offset, the other has not
        return False


def _integer(text: str, type_: LakeType) -> Comparable | None:
    number = int(text) if len(text) < 100 and "_" not in text else None
    limit = 1 << _BITS[type_.kind]
    return number if number is not None and -limit <= number < limit else None


def _decimal(text: str, type_: LakeType) -> Comparable | None:
    number = Decimal(text) if "_" not in text else Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 100:
        return None
    whole = Decimal(10) ** ((type_.precision or 0) - (type_.scale or 0))
    exact = number == 0 or -int(number.normalize().as_tuple().exponent) <= (type_.scale or 0)
    return number if exact and abs(number) < whole else None


def _instant(text: str, _: LakeType) -> Comparable | None:
    return dt.datetime.fromisoformat(text)


_READERS: dict[Kind, Callable[[str, LakeType], Comparable | None]] = {
    Kind.STRING: lambda text, _: text,
    Kind.BINARY: lambda *_: None,
    Kind.BOOLEAN: lambda text, _: {"true": 1, "false": 0}.get(text.lower()),
    Kind.FLOAT32: lambda text, _: float(text),
    Kind.FLOAT64: lambda text, _: float(text),
    Kind.DECIMAL: _decimal,
    Kind.DATE: lambda text, _: dt.date.fromisoformat(text),
    Kind.TIMESTAMP: _instant,
}
