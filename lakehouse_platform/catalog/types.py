"""Delta's column types in the words of Hive, which are the catalog's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lakehouse_platform.errors import TerminalError, did_you_mean

HIVE: Mapping[str, str] = {
    "boolean": "boolean", "byte": "tinyint", "short": "smallint", "integer": "int", "long": "bigint",
    "float": "float", "double": "double", "string": "string", "binary": "binary", "date": "date",
    "timestamp": "timestamp", "timestamp_ntz": "timestamp",
}
"""Delta's primitive types; decimals are spelt alike."""

_DECIMAL = re.compile(r"decimal\(\s*\d+\s*,\s*\d+\s*\)")


def hive_type(column: str, delta: object) -> str:
    """The catalog's word for a column's Delta type. Raises TerminalError for one that no table of the platform has."""
    if isinstance(delta, str):
        if delta in HIVE:
            return HIVE[delta]
        if _DECIMAL.fullmatch(delta):
            return normal_type(delta)
    known = did_you_mean(str(delta), [*HIVE, "decimal(p,s)"], noun="types")
    raise TerminalError(f"column {column} has Delta type {delta}, which is not the platform's: another writer changed the table. {known}")


def normal_type(hive: str) -> str:
    """One spelling of a catalog type, so that equal ones compare equal: crawlers write `int`, others `integer` or blanks."""
    plain = re.sub(r"\s+", "", hive.lower())
    return {"integer": "int", "long": "bigint", "short": "smallint"}.get(plain, plain)
