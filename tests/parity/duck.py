"""DuckDB relations as an engine: proof that no engine leaks into the zones. Commits are delta-rs's, by way of Polars' table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import duckdb
import narwhals as nw
import pyarrow as pa
from duckdb.sqltypes import BIGINT, BOOLEAN, DOUBLE, VARCHAR

from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.engines.arrow import arrow_schema
from lakehouse_platform.engines.base import Commit, MergeFigures, Shape, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine, PolarsTable
from tests.parity import duck_casts as casts

POLARS = PolarsEngine()
Rows = pa.RecordBatchReader | nw.LazyFrame[Any]


class DuckTable:
    """A Delta table at one version, its rows as a relation."""

    def __init__(self, engine: DuckEngine, table: PolarsTable) -> None:
        self._engine, self._table = engine, table

    @property
    def uri(self) -> str:
        return self._table.uri

    @property
    def version(self) -> int:
        return self._table.version

    @property
    def shape(self) -> Shape:
        return self._table.shape

    def transaction(self, application: str) -> int | None:
        return self._table.transaction(application)

    def scan(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> nw.LazyFrame[Any]:
        return self._engine.frame(POLARS.collect(self._table.scan(partitions=partitions)))

    def batches(self, columns: Sequence[str]) -> pa.RecordBatchReader:
        return self._engine.collect(self.scan().select(*columns)).to_reader()

    def count(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> int:
        return self._table.count(partitions=partitions)

    def size(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> int:
        return self._table.size(partitions=partitions)

    def append(self, rows: Rows, commit: Commit) -> None:
        self._table.append(self._given(rows), commit)

    def merge(self, changes: nw.LazyFrame[Any], *, key: Sequence[str], commit: Commit, bounded: bool = True) -> MergeFigures:
        return self._table.merge(POLARS.frame(self._engine.collect(changes)), key=key, commit=commit, bounded=bounded)

    def replace(self, rows: Rows, commit: Commit) -> None:
        self._table.replace(self._given(rows), commit)

    def _given(self, rows: Rows) -> Rows:
        return rows if isinstance(rows, pa.RecordBatchReader) else POLARS.frame(self._engine.collect(rows))


class DuckEngine:
    """Frames are relations of one connection."""

    name = "duckdb"

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.create_function("float_bits", casts.float_bits, [DOUBLE], BIGINT)
        self._connection.create_function("float_text", casts.float_text, [DOUBLE, BOOLEAN], VARCHAR)
        self._connection.create_function("json_text", casts.json_text, [VARCHAR], VARCHAR)

    def exists(self, uri: str) -> bool:
        return POLARS.exists(uri)

    def create(self, spec: TableSpec) -> DuckTable:
        return DuckTable(self, POLARS.create(spec))

    def open(self, uri: str) -> DuckTable:
        return DuckTable(self, POLARS.open(uri))

    def schema(self, columns: Mapping[str, LakeType]) -> pa.Schema:
        return arrow_schema(columns)

    def frame(self, table: pa.Table) -> nw.LazyFrame[Any]:
        return nw.from_native(self._connection.from_arrow(table))

    def collect(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        """DuckDB's sums are 128 bits wide, which Arrow has no integer for."""
        native = _native(frame)
        wide = [f"CAST({casts.quoted(n)} AS BIGINT) AS {casts.quoted(n)}"
                for n, kind in zip(native.columns, native.types, strict=True) if str(kind) == "HUGEINT"]
        return (native.project(f"* REPLACE ({', '.join(wide)})") if wide else native).to_arrow_table()

    def persist(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        return self.frame(_native(frame).to_arrow_table())

    def fingerprint(self, frame: nw.LazyFrame[Any], columns: Mapping[str, LakeType], *, into: str) -> nw.LazyFrame[Any]:
        return _with(frame, {into: casts.fingerprint(columns)})

    def conform(self, frame: nw.LazyFrame[Any], columns: Mapping[str, LakeType], *, parked: str) -> nw.LazyFrame[Any]:
        native = _native(frame)
        held = dict(zip(native.columns, map(str, native.types), strict=True))
        return _with(frame, casts.conform(held, columns, parked=parked))

    def unpark(self, frame: nw.LazyFrame[Any], names: Mapping[str, str], *, parked: str) -> nw.LazyFrame[Any]:
        return _with(frame, {name: casts.parked_text(parked, key) for name, key in names.items()})

    def satisfies(self, frame: nw.LazyFrame[Any], expression: str, *, into: str) -> nw.LazyFrame[Any]:
        return _with(frame, {into: f"coalesce({expression}, true)"})


def _native(frame: nw.LazyFrame[Any]) -> duckdb.DuckDBPyRelation:
    return cast("duckdb.DuckDBPyRelation", nw.to_native(frame))


def _with(frame: nw.LazyFrame[Any], columns: Mapping[str, str]) -> nw.LazyFrame[Any]:
    """All at once: an expression sees the columns as they were."""
    native = _native(frame)
    own = [f"({columns[n]}) AS {casts.quoted(n)}" if n in columns else casts.quoted(n) for n in native.columns]
    new = [f"({sql}) AS {casts.quoted(n)}" for n, sql in columns.items() if n not in native.columns]
    return nw.from_native(native.project(", ".join((*own, *new))))
