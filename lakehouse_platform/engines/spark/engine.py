"""Spark frames, Spark's Delta commits: the engine of large steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import narwhals as nw
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as fn

from lakehouse_platform import faults
from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.engines.arrow import arrow_schema
from lakehouse_platform.engines.base import Commit, TableSpec
from lakehouse_platform.engines.spark import casts
from lakehouse_platform.engines.spark.conflicts import conflicts
from lakehouse_platform.engines.spark.frames import computed, frame_of, table_of
from lakehouse_platform.engines.spark.literals import keep_literals_exact
from lakehouse_platform.engines.spark.log import NOWHERE, Log, name_classes
from lakehouse_platform.engines.spark.sql import at, quoted, text_literal
from lakehouse_platform.engines.spark.table import SparkTable
from lakehouse_platform.errors import CommitConflict, UnknownName


class SparkEngine:
    """Frames and commits of one Spark session, started with `session.session_config`."""

    name = "spark"

    def __init__(self, session: SparkSession) -> None:
        name_classes(session)
        keep_literals_exact()
        self._session = session

    def exists(self, uri: str) -> bool:
        """Whether there is a Delta table at `uri`."""
        return Log(self._session, uri).newest().version != NOWHERE

    def create(self, spec: TableSpec) -> SparkTable:
        """The table's newest version; it is made where there is none, and given the columns of `spec` that it lacks."""
        table = SparkTable(self._session, spec.uri, Log(self._session, spec.uri))
        if table.version == NOWHERE:
            table = self._created(spec)
        held = set(table.columns)
        missing = {name: lake for name, lake in spec.schema.items() if name not in held}
        return self._widened(spec.uri, table.version, missing) if missing else table

    def _created(self, spec: TableSpec) -> SparkTable:
        try:
            faults.reach("create.before")
            with conflicts(spec.uri, Commit("create"), NOWHERE):
                self._session.sql(_create_statement(spec))
            faults.reach("create.after")
        except CommitConflict:
            if not self.exists(spec.uri):
                raise
        return self.open(spec.uri)

    def _widened(self, uri: str, version: int, missing: Mapping[str, LakeType]) -> SparkTable:
        faults.reach("widen.before")
        with conflicts(uri, Commit("widen"), version):
            self._session.sql(f"ALTER TABLE {at(uri)} ADD COLUMNS ({_columns(missing)})")
        faults.reach("widen.after")
        return self.open(uri)

    def open(self, uri: str) -> SparkTable:
        """The table's newest version. Raises UnknownName where there is none."""
        table = SparkTable(self._session, uri, Log(self._session, uri))
        if table.version == NOWHERE:
            raise UnknownName(f"{uri}: there is no table yet; materialize the asset that writes it first")
        return table

    def schema(self, columns: Mapping[str, LakeType]) -> pa.Schema:
        """Arrow schema of lake columns."""
        return arrow_schema(columns)

    def frame(self, table: pa.Table) -> nw.LazyFrame[Any]:
        """An Arrow table as a lazy frame."""
        return nw.from_native(frame_of(self._session, table))

    def collect(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        """Compute a frame."""
        return table_of(_native(frame))

    def persist(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Compute once, so that several uses do not repeat the work; Spark frees it when nothing refers to it any more."""
        return nw.from_native(computed(_native(frame)))

    def fingerprint(self, frame: nw.LazyFrame[Any], columns: Mapping[str, LakeType], *, into: str) -> nw.LazyFrame[Any]:
        """Add the fingerprint of the row's non-null values."""
        return _with(frame, {into: casts.fingerprint(columns)})

    def conform(self, frame: nw.LazyFrame[Any], columns: Mapping[str, LakeType], *, parked: str) -> nw.LazyFrame[Any]:
        """Cast `columns` softly; what does not fit exactly goes as text into the JSON object `parked`."""
        return nw.from_native(casts.conform(_native(frame), columns, parked=parked))

    def unpark(self, frame: nw.LazyFrame[Any], names: Mapping[str, str], *, parked: str) -> nw.LazyFrame[Any]:
        """Text columns taken back out of the JSON object `parked`: `names` maps the column to its key there."""
        return _with(frame, {name: casts.parked_text(parked, key) for name, key in names.items()})

    def satisfies(self, frame: nw.LazyFrame[Any], expression: str, *, into: str) -> nw.LazyFrame[Any]:
        """Add whether the row satisfies an SQL expression; unknown counts as satisfied, as in SQL's CHECK."""
        return _with(frame, {into: fn.coalesce(fn.expr(expression), fn.lit(True))})  # noqa: FBT003 - a literal


def _native(frame: nw.LazyFrame[Any]) -> DataFrame:
    return cast("DataFrame", nw.to_native(frame))


def _with(frame: nw.LazyFrame[Any], columns: Mapping[str, Column]) -> nw.LazyFrame[Any]:
    return nw.from_native(_native(frame).withColumns(dict(columns)))


def _columns(columns: Mapping[str, LakeType]) -> str:
    return ", ".join(f"{quoted(name)} {casts.spark_type(lake).simpleString()}" for name, lake in columns.items())


def _create_statement(spec: TableSpec) -> str:
    parts = f"PARTITIONED BY ({', '.join(map(quoted, spec.partition_by))}) " if spec.partition_by else ""
    comment = f"COMMENT {text_literal(spec.comment)} " if spec.comment else ""
    properties = ", ".join(f"{text_literal(name)} = {text_literal(value)}" for name, value in spec.properties.items())
    return f"CREATE TABLE IF NOT EXISTS {at(spec.uri)} ({_columns(spec.schema)}) USING DELTA {parts}{comment}TBLPROPERTIES ({properties})"
