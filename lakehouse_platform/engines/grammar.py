"""How values are written as text, for all engines alike: what does not match does not fit. For regular expressions of Rust and Java."""

from __future__ import annotations

import datetime as dt

WHITESPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""What is stripped from both ends: Unicode's White_Space."""
TRUTH = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
"""Boolean values, in lower case."""
WHOLE = r"^[+-]?[0-9]+$"
FLOAT = r"^(?:[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?i:inf|infinity|nan))$"
_DAY = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{1,2}-[0-9]{1,2}"
DATE = f"^{_DAY}$"
TIMESTAMP = (
    rf"^({_DAY})[T ]"
    r"([0-9]{1,2}:[0-9]{1,2}:[0-5]?[0-9])(?:\.([0-9]+))? ?"
    r"(?:[Zz]|([+-])(0[0-9]|1[0-7])(?::?([0-5][0-9]))?)$"
)
"""Date, time, fraction of a second, and sign, hours and minutes of the offset. Digits beyond microseconds are cut."""
FIRST, LAST = dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
"""Instants that every reader of the lake can hold."""
HEX = r"^[0-9A-Fa-f]*$"


def decimal(precision: int, scale: int) -> str:
    """Only digits that the type has room for: engines' own casts round."""
    whole = precision - scale
    digits = rf"[0-9]{{1,{whole}}}" if whole else "0"
    return rf"^[+-]?0*{digits}(?:\.[0-9]{{0,{scale}}}0*)?$"
