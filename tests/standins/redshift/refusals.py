"""What PostgreSQL can do and Redshift cannot: refused, so that nothing is written for the wrong database."""

from __future__ import annotations

from collections.abc import Sequence

from tests.standins.redshift.backend import RefusedError, syntax, unsupported
from tests.standins.redshift.tokens import Word

UNKNOWN_FUNCTIONS = frozenset({
    "STRING_AGG", "ARRAY_AGG", "JSONB_BUILD_OBJECT", "JSON_BUILD_OBJECT", "JSONB_AGG", "JSON_AGG", "TO_JSONB", "ROW_TO_JSON", "MAKE_DATE",
    "MAKE_INTERVAL", "FORMAT", "UNNEST", "STRING_TO_ARRAY", "STRING_TO_TABLE", "REGEXP_MATCH", "REGEXP_MATCHES", "ARRAY_LENGTH",
    "NUM_NONNULLS", "GEN_RANDOM_UUID", "DATE_BIN", "TO_JSON", "JSONB_EACH", "JSONB_ARRAY_ELEMENTS", "ENCODE",
})  # fmt: skip
NO_COMMANDS = frozenset({
    "INDEX", "TRIGGER", "TYPE", "SEQUENCE", "DOMAIN", "EXTENSION", "RULE", "TABLESPACE", "AGGREGATE", "OPERATOR", "UNLOGGED", "CAST",
})  # fmt: skip
PHRASES = (
    ("DISTINCT", "ON", "("), ("(", "VALUES"), ("IS", "DISTINCT", "FROM"), ("IS", "NOT", "DISTINCT", "FROM"), ("ON", "CONFLICT"),
    ("FILTER", "(", "WHERE"), ("JOIN", "LATERAL"), (",", "LATERAL"), ("GENERATED", "ALWAYS"),
)  # fmt: skip
NO_RETURNING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})


def check(words: Sequence[Word]) -> None:
    """Raise RefusedError for what Redshift does not know."""
    keywords = [word.upper for word in words]
    made = sorted(NO_COMMANDS & set(keywords[1:3])) if keywords[0] == "CREATE" else []
    if made:
        raise unsupported(f'SQL command "CREATE {made[0]}" not supported on Redshift tables.')
    if keywords[0] in NO_RETURNING and "RETURNING" in keywords:
        raise syntax("returning")
    for at, keyword in enumerate(keywords):
        if keyword in UNKNOWN_FUNCTIONS and keywords[at + 1 : at + 2] == ["("] and keywords[at - 1] != ".":
            raise RefusedError("42883", f"function {keyword.lower()}() does not exist")
        for phrase in PHRASES:
            if keyword == phrase[0] and tuple(keywords[at : at + len(phrase)]) == phrase:
                raise syntax(phrase[-1].lower() if phrase[-1] != "(" else phrase[-2].lower())
