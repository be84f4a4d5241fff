"""Views, and those that bind late: their text is kept, and stands in their place whenever they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.standins.redshift.backend import Backend, RefusedError
from tests.standins.redshift.expressions import expressions
from tests.standins.redshift.tokens import Edits, Name, Reader, Word, identifier, literal, words_of

Late = Mapping[tuple[str, str], str]
"""The texts of the late-binding views, by schema and name."""
NO_BINDING = ["WITH", "NO", "SCHEMA", "BINDING"]
BEFORE_TABLES = frozenset({"FROM", "JOIN", "USING", ","})
MOST_NESTED = 20


@dataclass(frozen=True, slots=True)
class CreateView:
    """A view to make."""

    name: Name
    head: str
    query: str
    late: bool

    def run(self, backend: Backend) -> str:
        """Make it; the command's tag."""
        oid = f"{literal(self.name.sql)}::regclass"
        with backend.atomic():
            if self.late:
                backend.run(f"{self.head} as select from pg_catalog.standin_late_bound()")
                backend.run(f"select pg_catalog.standin_late_is({oid}, {literal(self.query)})")
            else:
                backend.run(f"{self.head} as {self.query}")
                backend.run(f"select pg_catalog.standin_bound_is({oid})")
        return "CREATE VIEW"


def create_view(sql: str, words: Sequence[Word]) -> CreateView:
    """Read a CREATE VIEW whose expressions are PostgreSQL's already."""
    late = [word.upper for word in words[-4:]] == NO_BINDING
    reader = Reader(words[:-4] if late else words)
    reader.takes("CREATE")
    replaced = reader.takes("OR", "REPLACE")
    reader.takes("VIEW")
    name = reader.name()
    columns = ", ".join(identifier(word.name) for word in reader.bracket() if word.is_name) if reader.sees("(") else ""
    reader.takes("AS")
    query = sql[reader.rest[0].start : reader.rest[-1].end]
    if late:
        _check_qualified(query)
        text = f"select * from ({query}) as listed ({columns})" if columns else query
        return CreateView(name, f"create {'or replace ' * replaced}view {name.sql}", text, late)
    return CreateView(name, f"create {'or replace ' * replaced}view {name.sql}" + f" ({columns})" * bool(columns), query, late)


def _check_qualified(query: str) -> None:
    words = words_of(query)
    queries = {words[at - 1].name for at, word in enumerate(words) if word == "AS" and at and words[at + 1 : at + 2] == ["("]}
    for at, word in enumerate(words[:-1]):
        following = words[at + 1]
        named = word.upper in ("FROM", "JOIN") and following.is_name and following.name not in queries and not _in_function(words, at)
        if named and words[at + 2 : at + 3] not in (["."], ["("]):
            raise RefusedError("0A000", "All the relation names inside should be qualified when creating VIEW WITH NO SCHEMA BINDING.")


def _in_function(words: Sequence[Word], at: int) -> bool:
    """`extract(year from day)` and its like: no SELECT stands between the bracket and FROM."""
    depth = 0
    for word in reversed(words[:at]):
        depth += (word == ")") - (word == "(")
        if depth < 0:
            return True
        if word == "SELECT" and depth == 0:
            return False
    return False


def resolved(sql: str, late: Late, nested: int = 0) -> str:
    """The statement with the text of each late-binding view in the place of its name."""
    words, edits = words_of(sql), Edits(sql)
    for at, word in enumerate(words):
        if not word.is_name or not at or words[at - 1].upper not in BEFORE_TABLES:
            continue
        reader = Reader(words, at)
        name = reader.name()
        text = late.get((name.parts[-2], name.parts[-1])) if len(name.parts) > 1 else None
        if text is not None:
            alias = "" if _has_alias(reader) else f" as {identifier(name.table)}"
            inner = resolved(expressions(text), late, nested + 1) if nested < MOST_NESTED else text
            edits.replace(name.first, name.last, f"({inner}\n){alias}")
    return edits.result


NO_ALIAS = frozenset({
    "WHERE", "JOIN", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "NATURAL", "ON", "USING", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET",
    "UNION", "INTERSECT", "EXCEPT", "WINDOW", "SET", "WITH", "FETCH", "FOR", "WHEN", "QUALIFY", "OUTER",
})  # fmt: skip


def _has_alias(reader: Reader) -> bool:
    here = reader.here
    return here is not None and here.is_name and here.upper not in NO_ALIAS
