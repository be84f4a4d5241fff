"""A Delta table at one version, read and written by Spark."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import narwhals as nw
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as fn
from pyspark.sql.types import BooleanType, DataType, DateType, IntegralType, StringType, StructType

from lakehouse_platform import faults
from lakehouse_platform.engines.base import Commit, MergeFigures, Shape
from lakehouse_platform.engines.spark.conflicts import conflicts, lost
from lakehouse_platform.engines.spark.frames import computed, frame_of, table_of
from lakehouse_platform.engines.spark.log import Log
from lakehouse_platform.engines.spark.sql import at, quoted, text_literal
from lakehouse_platform.errors import TerminalError

DROP = "_drop"
MARK = "lakehouse.commit"
"""Key of the user metadata by which a commit is known again: Delta passes over a write that it takes for a repetition, silently."""
PLANNED = "lakehouse.commit.planned"
"""Setting that tells the log store which file a commit must become, for Delta moves one behind those it finds."""
BOUNDED = (IntegralType, DateType, StringType)
"""Types of key columns that files have exact statistics of."""

_settings = threading.RLock()
"""A merge takes its transaction from the session's settings, so a session commits one at a time."""


@dataclass(frozen=True, slots=True)
class _Note:
    """What a commit says beside its rows, in Spark's words."""

    mark: str
    application: tuple[str, int] | None
    notes: Mapping[str, str]

    @property
    def options(self) -> dict[str, str]:
        """As options of a write."""
        said = {"userMetadata": json.dumps({MARK: self.mark, **self.notes})}
        return said if self.application is None else {**said, "txnAppId": self.application[0], "txnVersion": str(self.application[1])}

    @property
    def settings(self) -> dict[str, str]:
        """As settings of the session, for SQL has no options."""
        names = {"userMetadata": "spark.databricks.delta.commitInfo.userMetadata",
                 "txnAppId": "spark.databricks.delta.write.txnAppId", "txnVersion": "spark.databricks.delta.write.txnVersion"}
        return {names[name]: value for name, value in self.options.items()}


def _note(uri: str, commit: Commit) -> _Note:
    if len(commit.transactions) > 1:
        raise TerminalError(f"{uri}: {commit.point} names {len(commit.transactions)} transactions ({', '.join(commit.transactions)}); "
                            "Spark commits one at most. Commit them one after the other.")
    return _Note(uuid4().hex, next(iter(commit.transactions.items()), None), commit.notes)


class SparkTable:
    """A Delta table at the version it was opened at."""

    def __init__(self, session: SparkSession, uri: str, log: Log) -> None:
        self._session, self._uri, self._log = session, uri, log
        self._snapshot = log.newest()

    @property
    def uri(self) -> str:
        """Where the table lies."""
        return self._uri

    @property
    def version(self) -> int:
        """Delta version that this handle reads and commits against."""
        return self._snapshot.version

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""
        return self._snapshot.schema.names

    @property
    def shape(self) -> Shape:
        """Columns of this version."""
        return Shape(self._snapshot.schema_text, self._snapshot.partition_by)

    def transaction(self, application: str) -> int | None:
        """Version last committed by a Delta transaction's application."""
        return self._snapshot.transaction(application)

    def scan(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> nw.LazyFrame[Any]:
        """Rows of this version; `partitions` prunes by the values, as text, of partition columns."""
        frame = self._session.read.format("delta").option("versionAsOf", self.version).load(self._uri)
        for name, values in (partitions or {}).items():
            is_flag = isinstance(frame.schema[name].dataType, BooleanType)
            frame = frame.filter(fn.col(quoted(name)).isin([v == "true" for v in values] if is_flag else list(values)))
        return nw.from_native(frame)

    def batches(self, columns: Sequence[str]) -> pa.RecordBatchReader:
        """The rows of this version, gathered by Spark's driver, which holds them."""
        rows = self._session.read.format("delta").option("versionAsOf", self.version).load(self._uri)
        return table_of(rows.select(*(fn.col(quoted(name)) for name in columns))).to_reader()

    def count(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> int:
        """Number of rows of this version, from the log; where a file has no figure, the rows are counted."""
        silent = fn.count(fn.when(fn.isnull("rows"), 1))
        found = table_of(self._snapshot.files(partitions).agg(fn.sum("rows").alias("rows"), silent.alias("silent"))).to_pylist()[0]
        return found["rows"] or 0 if not found["silent"] else cast("DataFrame", nw.to_native(self.scan(partitions=partitions))).count()

    def size(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> int:
        """Bytes of this version's files, from the log."""
        found = table_of(self._snapshot.files(partitions).agg(fn.sum("bytes").alias("bytes")))
        return found.column("bytes")[0].as_py() or 0

    def append(self, rows: pa.RecordBatchReader | nw.LazyFrame[Any], commit: Commit) -> None:
        """Add rows in one commit. A reader is bounded in this process; Spark's driver holds what it gave."""
        writer, note = self._aligned(self._frame(rows)).write.format("delta").mode("append"), _note(self._uri, commit)
        with _settings:
            faults.reach(f"{commit.point}.before")
            with self._against(note, commit, alone=False):
                writer.options(**note.options).save(self._uri)
            faults.reach(f"{commit.point}.after")

    def merge(self, changes: nw.LazyFrame[Any], *, key: Sequence[str], commit: Commit, bounded: bool = True) -> MergeFigures:
        """Upsert `changes` by `key`; rows whose `_drop` is true delete instead. Raises TerminalError where a key comes twice.

        Files are pruned by the key's bounds, which the commit then shows, unless `bounded` is false.
        """
        source = self._source(cast("DataFrame", nw.to_native(changes)))
        bounds = self._bounds(source, key, bounded=bounded)
        note, view = _note(self._uri, commit), f"lakehouse_{uuid4().hex}"
        statement = _merge_statement(self._uri, view, source.columns, key, bounds)
        source.createOrReplaceTempView(view)
        try:
            with _settings, self._set(note.settings):
                faults.reach(f"{commit.point}.before")
                with self._against(note, commit, alone=True):
                    found = table_of(self._session.sql(statement))
                faults.reach(f"{commit.point}.after")
        finally:
            self._session.catalog.dropTempView(view)
        return MergeFigures(*(found.column(f"num_{what}_rows")[0].as_py() for what in ("inserted", "updated", "deleted")))

    def replace(self, rows: pa.RecordBatchReader | nw.LazyFrame[Any], commit: Commit) -> None:
        """All rows anew in one commit. A reader's schema becomes the table's; a frame is put into the table's schema."""
        given = self._frame(rows)
        frame = given if isinstance(rows, pa.RecordBatchReader) else self._aligned(given)
        writer, note = frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true"), _note(self._uri, commit)
        if self._snapshot.partition_by:
            writer = writer.partitionBy(*self._snapshot.partition_by)
        with _settings:
            faults.reach(f"{commit.point}.before")
            with self._against(note, commit, alone=True):
                writer.options(**note.options).save(self._uri)
            faults.reach(f"{commit.point}.after")

    @contextmanager
    def _against(self, note: _Note, commit: Commit, *, alone: bool) -> Iterator[None]:
        """Delta plans from the newest version: raise CommitConflict where that is not this one, or the commit did not land.

        With `alone` any commit since is a conflict; without, one of the same transaction's application.
        """
        newest = self._log.newest()
        moved = newest.version != self.version if alone else (
            note.application is not None and newest.transaction(note.application[0]) != self.transaction(note.application[0]))
        if moved:
            raise lost(self._uri, commit, self.version)
        planned = {PLANNED: self._log.commit_file(self.version + 1).toString()} if alone else {}
        with self._set(planned), conflicts(self._uri, commit, self.version):
            yield
        self._landed(note, commit)

    def _landed(self, note: _Note, commit: Commit) -> None:
        if self._log.version_with(note.mark, after=self.version) is None:
            raise lost(self._uri, commit, self.version)
        self._snapshot = self._log.newest()

    @contextmanager
    def _set(self, settings: Mapping[str, str]) -> Iterator[None]:
        for name, value in settings.items():
            self._session.conf.set(name, value)
        try:
            yield
        finally:
            for name in settings:
                self._session.conf.unset(name)

    def _frame(self, rows: pa.RecordBatchReader | nw.LazyFrame[Any]) -> DataFrame:
        if isinstance(rows, pa.RecordBatchReader):
            return frame_of(self._session, rows)
        return cast("DataFrame", nw.to_native(rows))

    def _aligned(self, rows: DataFrame) -> DataFrame:
        """The rows in the table's own column order and types, absent columns NULL."""
        return rows.select(*_typed(rows, self._snapshot.schema, absent=True))

    def _source(self, changes: DataFrame) -> DataFrame:
        """Changes in the table's types, computed once: a merge reads them several times, and they must not differ."""
        typed = _typed(changes, self._snapshot.schema, absent=False)
        return computed(changes.select(*typed, fn.col(DROP)))

    def _bounds(self, source: DataFrame, key: Sequence[str], *, bounded: bool) -> dict[str, tuple[str, str]]:
        """SQL literals of the least and greatest value of the key's columns. Raises TerminalError where a key comes twice."""
        kinds = {f.name: f.dataType for f in self._snapshot.schema}
        wanted = [name for name in key if isinstance(kinds[name], BOUNDED)] if bounded else []
        ends = [end(fn.col(quoted(name))).cast("string") for name in wanted for end in (fn.min, fn.max)]
        whole = fn.struct(*(fn.col(quoted(name)) for name in key))
        found = table_of(source.agg(fn.count(fn.lit(1)), fn.countDistinct(whole), *ends).toDF(*map(str, range(2 + len(ends)))))
        rows, distinct, *values = (column[0].as_py() for column in found.columns)
        if rows != distinct:
            raise TerminalError(f"{self._uri}: a merge by {', '.join(key)} was given {rows} rows for {distinct} keys; a key comes once.")
        pairs = zip(wanted, values[::2], values[1::2], strict=True)
        return {name: (_literal(low, kinds[name]), _literal(high, kinds[name])) for name, low, high in pairs if low is not None}


def _typed(rows: DataFrame, schema: StructType, *, absent: bool) -> list[Column]:
    present = set(rows.columns)
    found = {f.name: fn.col(quoted(f.name)) if f.name in present else fn.lit(None) for f in schema if absent or f.name in present}
    return [column.cast(schema[name].dataType).alias(name) for name, column in found.items()]


def _literal(text: str, kind: DataType) -> str:
    if isinstance(kind, IntegralType):
        return text
    return f"DATE {text_literal(text)}" if isinstance(kind, DateType) else text_literal(text)


def _merge_statement(uri: str, view: str, columns: Sequence[str], key: Sequence[str], bounds: Mapping[str, tuple[str, str]]) -> str:
    kept = [quoted(name) for name in columns if name != DROP]
    same = [f"t.{quoted(name)} = s.{quoted(name)}" for name in key]
    within = [f"t.{quoted(name)} BETWEEN {low} AND {high}" for name, (low, high) in bounds.items()]
    return (
        f"MERGE INTO {at(uri)} AS t USING {view} AS s ON {' AND '.join((*same, *within))} "
        f"WHEN MATCHED AND s.{DROP} THEN DELETE "
        f"WHEN MATCHED AND NOT s.{DROP} THEN UPDATE SET {', '.join(f't.{name} = s.{name}' for name in kept)} "
        f"WHEN NOT MATCHED AND NOT s.{DROP} THEN INSERT ({', '.join(kept)}) VALUES ({', '.join(f's.{name}' for name in kept)})"
    )
