"""MERGE within the limits that Redshift sets to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.standins.redshift.backend import Backend, RefusedError, syntax
from tests.standins.redshift.tokens import Name, Reader, Word, identifier, literal

TWICE = "Found multiple matches to update the same tuple."


@dataclass(frozen=True, slots=True)
class Merge:
    """A MERGE."""

    target: Name
    source: Name
    sql: str
    alias: str
    on: str
    remove_duplicates: bool

    def run(self, backend: Backend) -> str:
        """Do it; the command's tag."""
        self._check_source(backend)
        if not self.remove_duplicates:
            try:
                backend.run(self.sql)
            except RefusedError as error:
                raise RefusedError("21000", TWICE) if error.code == "21000" else error from error
            return backend.tag
        target, source = self.target.sql, self.source.sql
        with backend.atomic():
            backend.run(f"create temp table standin_distinct on commit drop as select distinct * from {source}")
            backend.run(f"delete from {target} using {source} {self.alias} where {self.on}")
            backend.run(f"insert into {target} select * from standin_distinct; drop table standin_distinct")
        return "MERGE"

    def _check_source(self, backend: Backend) -> None:
        for name, part in ((self.source, "Source"), (self.target, "Target")):
            if backend.run(f"select 1 from pg_class where oid = to_regclass({literal(name.sql)}) and relkind <> 'r'"):
                raise RefusedError("0A000", f"{part} of MERGE cannot be a view")


def merge(sql: str, words: Sequence[Word]) -> Merge:
    """Read a MERGE whose expressions are PostgreSQL's already."""
    reader = Reader(words)
    reader.takes("MERGE")
    reader.takes("INTO")
    target = reader.name()
    if not reader.takes("USING"):
        raise syntax(reader.next().text)  # An alias.
    if reader.sees("("):
        raise syntax("(")
    source = reader.name()
    reader.takes("AS")
    alias = "" if reader.sees("ON") else identifier(reader.next().name)
    if not reader.takes("ON"):
        raise syntax(reader.next().text)
    first = reader.rest[0]
    clauses = _clauses(reader.rest)
    duplicates = [word.upper for word in words[-2:]] == ["REMOVE", "DUPLICATES"]
    if not duplicates and (not any("NOT" in clause for clause in clauses) or len(clauses) < 2):
        raise syntax("end of input")
    end = words[-2].start if duplicates else words[-1].end
    return Merge(target, source, sql, alias, sql[first.start : end], duplicates)


def _clauses(words: Sequence[Word]) -> list[list[str]]:
    """What stands between each WHEN and its THEN, outside of CASE."""
    found: list[list[str]] = []
    depth = 0
    for at, word in enumerate(words):
        depth += (word == "CASE") - (word == "END")
        if word == "WHEN" and depth == 0:
            clause = [later.upper for later in words[at + 1 : at + 4]]
            condition = clause[: clause.index("THEN")] if "THEN" in clause else clause
            for keyword in ("AND", "BY"):
                if keyword in condition:
                    raise syntax(keyword.lower())
            found.append(condition)
    return found
