"""SQL over the lake: DuckDB reads its Delta tables where they lie, as `zone.domain.table`, also while a run is writing them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import duckdb
import pyarrow as pa

from lakehouse_platform.errors import TerminalError, UnknownName, did_you_mean
from lakehouse_platform.lake.access import access_to
from lakehouse_platform.lake.extension import sql_name, sql_text
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import ObjectStore

BATCH_ROWS = 65_536
NO_DOWNLOADS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False, "autoload_known_extensions": False,
}
_SYSTEM = ("information_schema", "pg_catalog")
_RAW = "select * exclude (_header) from {scan} where _kind = 'change'"
"""Raw without the header rows of batches, which are the platform's own."""


class QueryError(TerminalError):
    """A query that DuckDB cannot run, or that is more than one SELECT."""


class Relation(NamedTuple):
    """A table that may be queried, whether or not it has been materialized."""

    zone: str
    domain: str
    table: str
    path: str
    """Folder or S3 address of the Delta table."""

    @property
    def name(self) -> str:
        """`zone.domain.table`."""
        return f"{self.zone}.{self.domain}.{self.table}"


class LakeQuery:
    """A read-only session over the lake. Every query sees each table at one version, the newest when the query began."""

    def __init__(self, root: str, relations: Iterable[tuple[str, str, str, str]], store: ObjectStore | None = None) -> None:
        """`root` is the lake's; no file outside it can be read. `relations` are zone, domain, table and path.

        `store` says how a lake on S3 is reached.
        """
        self._relations = {found.name: found for found in (Relation(*relation) for relation in relations)}
        self._connection = duckdb.connect(":memory:", config=NO_DOWNLOADS)
        self._access = access_to(store)
        self._access.prepare(self._connection)
        for zone in Zone:
            self._connection.execute(f"attach ':memory:' as {sql_name(zone)}")
        for schema in sorted({f"{sql_name(r.zone)}.{sql_name(r.domain)}" for r in self._relations.values()}):
            self._connection.execute(f"create schema {schema}")
        self._lock(root)

    def run(self, sql: str) -> pa.Table:
        """Result of one SELECT. Instants are UTC."""
        return self.stream(sql).read_all()

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Result of one SELECT, batch by batch; read it before the next query begins."""
        names = _tables(self._connection, sql)
        self._access.renew(self._connection)
        for relation in self._mentioned(names):
            self._pin(relation)
        try:
            return self._connection.execute(sql).to_arrow_reader(BATCH_ROWS)
        except duckdb.Error as error:
            raise QueryError(str(error)) from error

    def tables(self) -> tuple[str, ...]:
        """Names of the tables that have been materialized, in order."""
        return tuple(name for name, relation in sorted(self._relations.items()) if self._version(relation) is not None)

    def close(self) -> None:
        """Free what the session holds."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _lock(self, root: str) -> None:
        folder = root if "://" in root else str(Path(root).resolve())
        self._connection.execute("set TimeZone = 'UTC'")
        self._connection.execute(f"set allowed_directories = ['{sql_text(folder.rstrip('/'))}/']")
        self._connection.execute("set enable_external_access = false")
        self._connection.execute("set lock_configuration = true")

    def _mentioned(self, names: frozenset[str]) -> list[Relation]:
        """The relations that a query names; all that exist where it names none, so that `show all tables` shows them."""
        if not names:
            return [self._relations[name] for name in self.tables()]
        for name in sorted(names - self._relations.keys()):
            raise UnknownName(f'There is no table "{name}". {did_you_mean(name, self.tables(), noun="tables")}')
        return [self._relations[name] for name in sorted(names)]

    def _pin(self, relation: Relation) -> None:
        version = self._version(relation)
        if version is None:
            asset = f"{relation.zone}/{relation.domain}/{relation.table}"
            raise UnknownName(f'{relation.name} holds nothing yet: materialize it first, as in `lakehouse materialize "{asset}"`.')
        scan = f"delta_scan('{sql_text(_address(relation))}', version => {version})"
        rows = _RAW.format(scan=scan) if relation.zone == Zone.RAW else f"select * from {scan}"
        place = ".".join(sql_name(part) for part in (relation.zone, relation.domain, relation.table))
        self._connection.execute(f"create or replace view {place} as {rows}")

    def _version(self, relation: Relation) -> int | None:
        return self._access.newest(_address(relation))


def _address(relation: Relation) -> str:
    return relation.path if "://" in relation.path else str(Path(relation.path).resolve())


def _tables(connection: duckdb.DuckDBPyConnection, sql: str) -> frozenset[str]:
    """Qualified names of the tables that a query reads. Raises QueryError unless it is one SELECT."""
    row = connection.execute("select json_serialize_sql(?)", [sql]).fetchone()
    tree: dict[str, object] = json.loads(row[0]) if row else {}
    if tree.get("error"):
        wrong = "" if tree.get("error_type") == "not implemented" else f"{tree.get('error_message')}. "  # DuckDB's words for no SELECT
        raise QueryError(f"{wrong}A query is one SELECT; nothing can be changed through it.")
    statements = tree.get("statements")
    if not isinstance(statements, list) or len(statements) != 1:
        raise QueryError("A query is one SELECT, without a second statement after it.")
    return frozenset(name for name in _names(statements) if name.split(".")[0] not in _SYSTEM)


def _names(node: object) -> Iterator[str]:
    """Names with at least two parts; a single part is a common table expression."""
    if isinstance(node, Mapping):
        parts = [str(node.get(part) or "").lower() for part in ("catalog_name", "schema_name", "table_name")]
        if node.get("type") == "BASE_TABLE" and parts[1]:
            yield ".".join(filter(None, parts))
        for value in node.values():
            yield from _names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _names(value)
