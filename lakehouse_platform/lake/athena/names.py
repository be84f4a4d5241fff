"""The lake's names in SQL, `zone.domain.table`, and the catalog's, `"<prefix>_<domain>"."<zone>_<table>"`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lakehouse_platform.errors import UnknownName, did_you_mean
from lakehouse_platform.lake.athena.errors import AthenaError
from lakehouse_platform.naming import Zone, catalog_database, catalog_table

DIALECT = "athena"
ONE_SELECT = "A query is one SELECT; nothing can be changed through it."
_SYSTEM = "information_schema"


class Relation(NamedTuple):
    """A table of the lake that may be queried."""

    zone: str
    domain: str
    table: str
    columns: tuple[str, ...] = ()
    """Those that readers see, in order; needed of a Raw table, whose batches have headers that they do not see."""

    @property
    def name(self) -> str:
        """`zone.domain.table`."""
        return f"{self.zone}.{self.domain}.{self.table}"

    def catalogued(self, prefix: str) -> str:
        """The catalog's name, quoted."""
        return f"{quoted(catalog_database(prefix, self.domain))}.{quoted(catalog_table(self.zone, self.table))}"


class Translated(NamedTuple):
    """A query in the catalog's names."""

    sql: str
    domains: tuple[str, ...]
    """Of the tables that it reads, in the order in which they are named."""


Relations: TypeAlias = Mapping[str, Relation]


def quoted(name: str) -> str:
    """An identifier, quoted for Athena."""
    return '"' + name.replace('"', '""') + '"'


def by_name(relations: Iterable[Relation]) -> dict[str, Relation]:
    """Relations by `zone.domain.table`."""
    return {relation.name: relation for relation in relations}


def one_select(sql: str) -> exp.Query:
    """The tree of one SELECT. Raises AthenaError for anything else."""
    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect=DIALECT) if statement is not None]
    except SqlglotError as error:
        raise AthenaError(f"{error}. {ONE_SELECT}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query) or statements[0].find(exp.Into) is not None:
        raise AthenaError(f"This is not a query that reads. {ONE_SELECT}")
    return statements[0]


def read_tables(tree: exp.Query, relations: Relations) -> list[tuple[exp.Table, Relation]]:
    """The places of a query that name tables of the lake. Raises UnknownName, AthenaError."""
    local = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    return [(table, _relation(table, relations)) for table in tree.find_all(exp.Table) if not _is_apart(table, local)]


def translate(sql: str, relations: Relations, prefix: str) -> Translated:
    """A query in the catalog's names; whatever else it says stays as it is written. Raises UnknownName, AthenaError."""
    text = sql.rstrip("; \n\t")
    found = read_tables(one_select(text), relations)
    _check_apart(found)
    edits = sorted({*(_table_edit(table, relation, prefix) for table, relation in found), *_column_edits(found)})
    pieces, end = [], 0
    for first, last, replacement in edits:
        pieces += [text[end:first], replacement]
        end = last + 1
    ordered = sorted(found, key=lambda pair: _start(pair[0]))
    return Translated("".join([*pieces, text[end:]]), tuple(dict.fromkeys(relation.domain for _, relation in ordered)))


def _is_apart(table: exp.Table, local: set[str]) -> bool:
    """Whether the name is a common table expression's, or the information schema's."""
    if not isinstance(table.this, exp.Identifier):
        raise AthenaError(f"{table.this.sql(DIALECT)} is a table function, and those are not allowed. {ONE_SELECT}")
    return (len(table.parts) == 1 and table.name.lower() in local) or (len(table.parts) == 2 and table.db.lower() == _SYSTEM)


def _relation(table: exp.Table, relations: Relations) -> Relation:
    name = ".".join(part.name.lower() for part in table.parts)
    if name not in relations:
        raise UnknownName(f'There is no table "{name}". {did_you_mean(name, relations, noun="tables")}')
    return relations[name]


def _check_apart(found: Iterable[tuple[exp.Table, Relation]]) -> None:
    """Tables of two zones have one name: where a SELECT reads both, an alias has to tell them apart."""
    seen = Counter((id(table.parent_select), table.alias_or_name.lower()) for table, _ in found)
    twice = sorted({table.name for table, _ in found if seen[id(table.parent_select), table.alias_or_name.lower()] > 1})
    if twice:
        raise AthenaError(f"{', '.join(twice)}: two tables have this name in one SELECT. Give them aliases, as in `… as now`.")


def _table_edit(table: exp.Table, relation: Relation, prefix: str) -> tuple[int, int, str]:
    place = relation.catalogued(prefix)
    if relation.zone == Zone.RAW:
        columns = ", ".join(map(quoted, relation.columns)) or "*"
        place = f"""(select {columns} from {place} where "_kind" = 'change')"""
    alias = "" if table.alias else f" as {quoted(table.name)}"
    return _start(table), _end(table.this), f"{place}{alias}"


def _column_edits(found: Iterable[tuple[exp.Table, Relation]]) -> Iterator[tuple[int, int, str]]:
    """Columns that are written with their table's whole name."""
    names = {relation.name for _, relation in found}
    for select in {id(s): s for table, _ in found if (s := table.parent_select) is not None}.values():
        for column in select.find_all(exp.Column):
            owner = column.parts[:-1]
            if len(owner) == 3 and ".".join(part.name.lower() for part in owner) in names:
                yield int(owner[0].meta["start"]), _end(owner[-1]), quoted(owner[-1].name)


def _start(table: exp.Table) -> int:
    return int(table.parts[0].meta["start"])


def _end(identifier: exp.Expr) -> int:
    return int(identifier.meta["end"])
