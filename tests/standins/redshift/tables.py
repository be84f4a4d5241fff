"""CREATE TABLE: what Redshift says about the layout is taken out and kept, the rest is PostgreSQL's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.standins.redshift.backend import Backend, RefusedError, syntax, unsupported
from tests.standins.redshift.tokens import Name, Reader, Word, literal, split

UNSUPPORTED = frozenset({"JSON", "JSONB", "BYTEA", "UUID", "SERIAL", "BIGSERIAL", "TINYINT", "MONEY", "XML", "INET", "HSTORE", "UINT"})
STYLES = frozenset({"AUTO", "EVEN", "KEY", "ALL"})
BARE_TYPES = {"TEXT": "varchar(256)", "VARCHAR": "varchar(256)", "NUMERIC": "numeric(18,0)", "DECIMAL": "numeric(18,0)"}
"""What a type without its bracket means in a table."""


@dataclass
class Layout:
    """How a table lies on the cluster, by the names of its columns."""

    style: str | None = None
    dist_key: str | None = None
    sort: str = "AUTO"
    sort_keys: list[str] = field(default_factory=list)
    backup: bool = True
    primary_key: list[str] = field(default_factory=list)
    encodings: dict[str, str] = field(default_factory=dict)
    like: str | None = None

    def key(self, column: str) -> None:
        """Distribute by a column."""
        if self.style not in (None, "KEY"):
            raise RefusedError("42601", "DISTKEY can only be defined for DISTSTYLE KEY tables")
        if self.dist_key not in (None, column):
            raise RefusedError("42601", "cannot specify more than one distribution key")
        self.style, self.dist_key = "KEY", column

    def record(self, relation: str) -> str:
        """The statement that keeps it."""
        if self.style == "KEY" and self.dist_key is None:
            raise RefusedError("42601", "DISTSTYLE KEY must specify a distkey")
        keys = ", ".join(map(literal, self.sort_keys))
        primary = ", ".join(map(literal, self.primary_key))
        return (
            f"select pg_catalog.standin_lay({literal(relation)}::regclass, {literal(self.style or 'AUTO')}, {literal(self.dist_key)}, "
            f"{literal(self.sort)}, array[{keys}]::text[], {self.backup}, array[{primary}]::text[], {literal(json.dumps(self.encodings))})"
        )


@dataclass(frozen=True, slots=True)
class CreateTable:
    """A table to make."""

    name: Name
    sql: str
    layout: Layout
    guarded: bool
    """IF NOT EXISTS."""

    def run(self, backend: Backend) -> str:
        """Make it; the command's tag."""
        relation = self.name.sql
        if self.guarded and backend.run(f"select 1 where to_regclass({literal(relation)}) is not null"):
            return "CREATE TABLE"
        with backend.atomic():
            backend.run(self.sql)
            tag = backend.tag
            if self.layout.like:
                oids = f"{literal(relation)}::regclass, {literal(self.layout.like)}::regclass"
                backend.run(f"select pg_catalog.standin_lay_like({oids})")
            else:
                backend.run(self.layout.record(relation))
        return tag


def create_table(sql: str, words: Sequence[Word]) -> CreateTable:
    """Read a CREATE TABLE whose expressions are PostgreSQL's already."""
    reader, layout = Reader(words), Layout()
    reader.takes("CREATE")
    temporary = reader.takes("LOCAL") | reader.takes("TEMPORARY") | reader.takes("TEMP")
    reader.takes("TABLE")
    guarded = reader.takes("IF", "NOT", "EXISTS")
    name = reader.name()
    if name.first.text.startswith("#"):
        raise unsupported("a temporary table is named without # here")
    head = f"create {'temporary ' if temporary else ''}table {'if not exists ' if guarded else ''}{_told(name)}"
    bracket = reader.bracket() if reader.sees("(") else None
    attributes(reader, layout)
    if reader.takes("AS"):
        columns = "" if bracket is None else "(" + sql[bracket[0].start : bracket[-1].end] + ")"
        query = sql[reader.rest[0].start :]
        return CreateTable(name, f"{head} {columns} as {query}", layout, guarded)
    if reader.here or bracket is None:
        raise syntax(reader.here.text if reader.here else "end of input")
    return CreateTable(name, f"{head} ({_definitions(sql, bracket, layout, name)})", layout, guarded)


def _told(name: Name) -> str:
    return ".".join('"' + part + '"' for part in name.parts)


def attributes(reader: Reader, layout: Layout) -> None:
    """Pass what is said about the whole table."""
    while reader.here:
        if reader.takes("DISTSTYLE"):
            _style(reader.next().upper, layout)
        elif reader.takes("DISTKEY"):
            layout.key(_only(reader.bracket() if reader.sees("(") else [reader.next()]))
        elif reader.sees("COMPOUND") or reader.sees("INTERLEAVED") or reader.sees("SORTKEY"):
            _sort(reader, layout)
        elif reader.takes("ENCODE", "AUTO"):
            continue
        elif reader.takes("BACKUP"):
            layout.backup = reader.next() == "YES"
        else:
            return


def _style(style: str, layout: Layout) -> None:
    if style not in STYLES:
        raise syntax(style.lower())
    if layout.dist_key and style != "KEY":
        raise RefusedError("42601", "DISTKEY can only be defined for DISTSTYLE KEY tables")
    layout.style = style


def _sort(reader: Reader, layout: Layout) -> None:
    layout.sort = "INTERLEAVED" if reader.takes("INTERLEAVED") else "COMPOUND"
    reader.takes("COMPOUND")
    if not reader.takes("SORTKEY"):
        raise syntax(reader.next().text)
    if reader.takes("AUTO") or reader.takes("NONE"):
        layout.sort = "AUTO"
    else:
        layout.sort_keys = [_only(part) for part in split(reader.bracket())]


def _only(words: Sequence[Word]) -> str:
    if len(words) != 1:
        raise syntax(words[1].text)
    return words[0].name


def _definitions(sql: str, words: Sequence[Word], layout: Layout, table: Name) -> str:
    parts = (_definition(sql, part, layout, table) for part in split(words))
    return ", ".join(part for part in parts if part)


def _definition(sql: str, words: Sequence[Word], layout: Layout, table: Name) -> str:
    reader = Reader(words)
    if reader.takes("LIKE"):
        layout.like = reader.name().sql
        return sql[words[0].start : words[-1].end]
    if reader.takes("CONSTRAINT"):
        reader.next()
    if reader.takes("PRIMARY", "KEY"):
        layout.primary_key = [_only(part) for part in split(reader.bracket())]
        return ""
    if reader.sees("UNIQUE") or reader.sees("FOREIGN", "KEY"):
        return ""
    return column(sql, words, layout, table)


def column(sql: str, words: Sequence[Word], layout: Layout, table: Name) -> str:
    """One column in PostgreSQL's words; what it says about the layout is kept."""
    reader = Reader(words, 1)
    name, kind = words[0].name, reader.next()
    if kind.upper in UNSUPPORTED:
        raise RefusedError("0A000", f'Column "{table.table}.{name}" has unsupported type "{kind.text.lower()}".')
    bare = kind.upper in BARE_TYPES and not reader.sees("(")
    kept = [f'"{name}"', BARE_TYPES[kind.upper] if bare else kind.text]
    while reader.here:
        kept.append(_constraint(sql, reader, layout, name))
    return " ".join(filter(None, kept))


def _constraint(sql: str, reader: Reader, layout: Layout, name: str) -> str:
    if reader.takes("ENCODE"):
        layout.encodings[name] = reader.next().name
    elif reader.takes("DISTKEY"):
        layout.key(name)
    elif reader.takes("SORTKEY"):
        layout.sort, layout.sort_keys = "COMPOUND", [name]
    elif reader.takes("PRIMARY", "KEY"):
        layout.primary_key = [name]
        return "not null"
    elif reader.takes("GENERATED", "BY", "DEFAULT", "AS", "IDENTITY"):
        return _identity(reader, "by default")
    elif reader.takes("IDENTITY"):
        return _identity(reader, "always")
    elif reader.takes("REFERENCES"):
        reader.name()
        if reader.sees("("):
            reader.bracket()
    elif not reader.takes("UNIQUE"):
        first = reader.here
        last = reader.next() if not reader.sees("(") else (reader.bracket(), reader.words[reader.at - 1])[1]
        return sql[first.start : last.end] if first else ""
    return ""


def _identity(reader: Reader, kind: str) -> str:
    seed, step = (_number(part) for part in split(reader.bracket()))
    return f"generated {kind} as identity (start with {seed} increment by {step})"


def _number(words: Sequence[Word]) -> int:
    return int("".join(word.text for word in words))


