"""ALTER TABLE: what Redshift can change in place, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.standins.redshift.backend import Backend, RefusedError, syntax, unsupported
from tests.standins.redshift.tables import Layout, attributes, column
from tests.standins.redshift.tokens import Name, Reader, Word, identifier, literal, split

FIXED = frozenset({"bytedict", "runlength", "text255", "text32k"})
"""Encodings whose columns cannot be widened."""


@dataclass(frozen=True, slots=True)
class AlterTable:
    """A change of one table."""

    table: Name
    change: Callable[[Backend], None]

    def run(self, backend: Backend) -> str:
        """Do it; the command's tag."""
        self.change(backend)
        return "ALTER TABLE"


def alter_table(sql: str, words: Sequence[Word]) -> AlterTable:
    """Read an ALTER TABLE whose expressions are PostgreSQL's already."""
    reader = Reader(words, 2)
    table = reader.name()
    if len(list(split(reader.rest))) > 1 and not reader.sees("APPEND"):
        raise syntax(",")
    return AlterTable(table, _change(sql, reader, table))


def _change(sql: str, reader: Reader, table: Name) -> Callable[[Backend], None]:
    if reader.takes("APPEND", "FROM"):
        return _append(table, reader.name())
    if reader.takes("ALTER"):
        return _alter(reader, table)
    if reader.sees("ADD"):
        return _add(sql, reader, table)
    if reader.takes("DROP"):
        return _drop(sql, reader, table)
    if reader.sees("RENAME") or reader.sees("OWNER"):
        return _as_told(sql)
    raise syntax(reader.next().text)


def _as_told(sql: str) -> Callable[[Backend], None]:
    def change(backend: Backend) -> None:
        backend.run(sql)

    return change


def _nothing(backend: Backend) -> None:
    """Accepted, and of no effect."""


def _outside(backend: Backend, what: str) -> None:
    if not backend.idle:
        raise RefusedError("25001", f"{what} cannot run inside a transaction block")


def _alter(reader: Reader, table: Name) -> Callable[[Backend], None]:
    if reader.takes("COLUMN"):
        name = reader.next().name
        if reader.takes("ENCODE"):
            encoding = reader.next().name
            return _laid_out(table, Layout(encodings={name: encoding}), "ALTER TABLE ALTER ENCODE")
        if reader.takes("TYPE") or reader.takes("SET", "DATA", "TYPE"):
            return _retype(table, name, reader.rest)
        raise syntax(reader.next().text)
    layout = Layout()
    attributes(reader, layout)
    if reader.here:
        raise syntax(reader.here.text)
    return _laid_out(table, layout, "ALTER TABLE ALTER DISTSTYLE or SORTKEY")


def _laid_out(table: Name, layout: Layout, what: str) -> Callable[[Backend], None]:
    def change(backend: Backend) -> None:
        _outside(backend, what)
        _relay_out(backend, table, layout)

    return change


def _relay_out(backend: Backend, table: Name, asked: Layout) -> None:
    """Keep the parts of the layout that were asked for, over what the table has."""
    relation = f"{literal(table.sql)}::regclass"
    names = f"array(select attname::text from unnest(%s) k(n) join pg_attribute on attrelid = {relation} and attnum = k.n)"
    found = backend.run(
        f"select diststyle, array_to_string({names % 'array[distkey]'}, ','), sort, array_to_string({names % 'sortkeys'}, ',') "
        f"from pg_catalog.standin_layout where relation = {relation}"
    )
    style, key, sort, keys = found[0] if found else ("AUTO", "", "AUTO", "")
    layout = Layout(encodings=asked.encodings)
    layout.style, layout.dist_key = (asked.style, asked.dist_key) if asked.style else (style, key or None)
    told = asked.sort_keys or asked.sort != "AUTO" or not (asked.style or asked.encodings)
    layout.sort, layout.sort_keys = (asked.sort, asked.sort_keys) if told else (str(sort), (keys or "").split(",") if keys else [])
    backend.run(layout.record(table.sql))


def _retype(table: Name, name: str, kind: Sequence[Word]) -> Callable[[Backend], None]:
    told = " ".join(word.text for word in kind)

    def change(backend: Backend) -> None:
        _outside(backend, "ALTER TABLE ALTER COLUMN")
        _refuse_key(backend, table, name, "alter")
        if kind[0].upper not in ("VARCHAR", "CHARACTER"):
            raise unsupported(f'target data type "{told.strip()}" is not supported')
        was = backend.run(
            "select a.atttypid::regtype::text, coalesce(e.encoding, '') from pg_attribute a left join pg_catalog.standin_encoding e "
            "on e.relation = a.attrelid and e.attribute = a.attnum "
            f"where a.attrelid = {literal(table.sql)}::regclass and a.attname = {literal(name)}"
        )
        if was and was[0][0] != "character varying":
            raise unsupported(f'cannot alter column "{name}" of type {was[0][0]}: only the size of VARCHAR changes')
        if was and was[0][1] in FIXED:
            raise unsupported(f'cannot alter column "{name}" with encoding {was[0][1]}')
        backend.run(f"alter table {table.sql} alter column {identifier(name)} type {told}")

    return change


def _refuse_key(backend: Backend, table: Name, name: str, verb: str) -> None:
    found = backend.run(f"select pg_catalog.standin_sort_column({literal(table.sql)}::regclass, {literal(name)})")
    if found and found[0][0]:
        raise RefusedError("0A000", f'cannot {verb} {found[0][0]} column "{name}"')


def _add(sql: str, reader: Reader, table: Name) -> Callable[[Backend], None]:
    reader.takes("ADD")
    if reader.takes("CONSTRAINT"):
        reader.next()
    if reader.sees("PRIMARY") or reader.sees("UNIQUE") or reader.sees("FOREIGN"):
        return _nothing  # Accepted and not enforced.
    reader.takes("COLUMN")
    layout = Layout()
    added = column(sql, reader.rest, layout, table)

    def change(backend: Backend) -> None:
        with backend.atomic():
            backend.run(f"alter table {table.sql} add column {added}")
            if layout.encodings:
                _relay_out(backend, table, layout)

    return change


def _drop(sql: str, reader: Reader, table: Name) -> Callable[[Backend], None]:
    if reader.takes("CONSTRAINT"):
        return _nothing
    reader.takes("COLUMN")
    name = reader.next().name

    def change(backend: Backend) -> None:
        _refuse_key(backend, table, name, "drop")
        backend.run(sql)

    return change


def _append(table: Name, source: Name) -> Callable[[Backend], None]:
    columns = (
        "select attname, pg_catalog.standin_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = {}::regclass and attnum > 0 and not attisdropped order by attname"
    )

    def change(backend: Backend) -> None:
        _outside(backend, "ALTER TABLE APPEND")
        mine, theirs = (backend.run(columns.format(literal(name.sql))) for name in (table, source))
        if mine != theirs:
            raise RefusedError("0A000", f"Columns of {source.table} and {table.table} must be the same for ALTER TABLE APPEND")
        names = ", ".join(identifier(str(name)) for name, _ in mine)
        with backend.atomic():
            backend.run(f"insert into {table.sql} ({names}) select {names} from {source.sql}; truncate {source.sql}")

    return change
