"""What Redshift writes otherwise than PostgreSQL within any statement: functions, types, names in quotes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.standins.redshift.backend import RefusedError
from tests.standins.redshift.tokens import Edits, Word, closing, identifier, literal, split, words_of

DATE_FUNCTIONS = frozenset({"DATEADD", "DATEDIFF", "DATE_PART", "DATE_TRUNC", "DATE_ADD", "DATE_DIFF"})
MAX_VARCHAR = 65535
MAX_PRECISION = 38
STRING_TYPES = frozenset({"VARCHAR", "NVARCHAR", "VARYING", "TEXT", "CHAR", "CHARACTER", "NCHAR"})
ALONE = {"SYSDATE": "sysdate()", "NVARCHAR": "varchar", "MINUS": "except"}
CALLED = {
    "NVL": "coalesce", "VERSION": "version_redshift", "DATE_ADD": "dateadd", "DATE_DIFF": "datediff", "NVARCHAR": "varchar",
    "JSON_SERIALIZE": "json_serialized",
}  # fmt: skip


def expressions(sql: str) -> str:
    """The statement in PostgreSQL's words. Raises RefusedError for types that Redshift refuses."""
    words, edits = words_of(sql), Edits(sql)
    for at, word in enumerate(words):
        bracket = at + 1 < len(words) and words[at + 1] == "("
        if word.quoted and word.value != word.name:
            edits.replace(word, word, identifier(word.name))
        elif at == 0 or words[at - 1] != ".":
            _said_otherwise(edits, words, at, bracket)
        if bracket:
            _bracketed(edits, words, at)
    return edits.result


def _said_otherwise(edits: Edits, words: Sequence[Word], at: int, bracket: bool) -> None:
    word, keyword = words[at], words[at].upper
    follows = words[at + 1].upper if at + 1 < len(words) else ""
    if keyword in (ALONE if not bracket else CALLED):
        edits.replace(word, word, (ALONE if not bracket else CALLED)[keyword])
    elif keyword == "APPROXIMATE" and follows == "COUNT":
        edits.remove([word])
    elif keyword == "LISTAGG" and bracket:
        _listagg(edits, words, at)
    elif keyword == "BINARY" and follows == "VARYING":
        edits.replace(word, _type_end(words, at + 1), "varbyte")
    elif keyword in ("VARBYTE", "VARBINARY"):
        edits.replace(word, _type_end(words, at), "varbyte")


def _type_end(words: Sequence[Word], at: int) -> Word:
    """The last word of a type that may have a bracket."""
    return words[closing(words, at + 1)] if at + 1 < len(words) and words[at + 1] == "(" else words[at]


def _bracketed(edits: Edits, words: Sequence[Word], at: int) -> None:
    word, first = words[at], words[at + 2]
    if word.upper in DATE_FUNCTIONS and first.is_name and words[at + 3] == ",":
        edits.replace(first, first, literal(first.name))
    elif word.upper in STRING_TYPES and first == "MAX":
        edits.replace(first, first, str(MAX_VARCHAR))
    elif word.upper in STRING_TYPES and first.text.isdigit() and int(first.text) > MAX_VARCHAR and words[at + 3] == ")":
        raise RefusedError("22023", f"length for type varchar cannot exceed {MAX_VARCHAR}")
    elif word.upper in ("DECIMAL", "NUMERIC") and first.text.isdigit() and int(first.text) > MAX_PRECISION:
        raise RefusedError("22023", f"DECIMAL precision {first.text} must be between 1 and {MAX_PRECISION}")


def _listagg(edits: Edits, words: Sequence[Word], at: int) -> None:
    """`listagg(x, ',') within group (order by y)` is `string_agg(x::text, ',' order by y)`."""
    end = closing(words, at + 1)
    parts = list(split(words[at + 2 : end]))
    value = parts[0][1:] if parts[0][0] == "DISTINCT" else parts[0]
    edits.replace(words[at], words[at], "string_agg")
    edits.before(value[0], "(")
    edits.after(value[-1], ")::text" + ("" if len(parts) > 1 else ", ''"))
    if [word.upper for word in words[end + 1 : end + 4]] == ["WITHIN", "GROUP", "("]:
        edits.replace(words[end], words[end + 3], " ")
        _ordered_by_value(edits, [word.text for word in value], words[end + 6 : closing(words, end + 3)])


def _ordered_by_value(edits: Edits, value: Sequence[str], order: Sequence[Word]) -> None:
    """With DISTINCT, PostgreSQL wants the same expression in both places."""
    if [word.text for word in order[: len(value)]] == value:
        edits.before(order[0], "(")
        edits.after(order[len(value) - 1], ")::text")
