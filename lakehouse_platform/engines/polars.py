"""Polars and delta-rs: the engine of one machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import narwhals as nw
import polars as pl
import pyarrow as pa
from deltalake import (
    CommitProperties,
    DeltaTable,
    Field,
    PostCommitHookProperties,
    Schema,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from lakehouse_platform import faults
from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.engines import casts
from lakehouse_platform.engines.arrow import arrow_schema
from lakehouse_platform.engines.base import CHECKPOINT_EVERY, Commit, MergeFigures, Shape, TableSpec
from lakehouse_platform.engines.storage import delta_options, polars_options, reaching
from lakehouse_platform.errors import CommitConflict, UnknownName
from lakehouse_platform.settings import ObjectStore

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset, ParquetFileFragment

WRITER = WriterProperties(compression="SNAPPY", max_row_group_size=122_880)
"""Row groups as DuckDB likes them: an open one is held in memory, so it bounds what a write takes."""
BATCH_ROWS = 32_768
DROP = "_drop"


def _thrifty_pool() -> pa.MemoryPool:
    """Arrow's usual pool keeps what was freed, a row group's worth a thread; this one gives it back where the build has it."""
    try:
        pool = pa.jemalloc_memory_pool()
        pa.jemalloc_set_decay_ms(0)
    except NotImplementedError:
        return pa.default_memory_pool()
    return pool


def _commit_properties(commit: Commit) -> CommitProperties:
    applications = [Transaction(name, version) for name, version in commit.transactions.items()]
    return CommitProperties(custom_metadata=dict(commit.notes) or None, app_transactions=applications or None)


def _computed(frame: nw.LazyFrame[Any]) -> pl.DataFrame:
    with reaching("reading the lake"):
        return cast("pl.LazyFrame", nw.to_native(frame)).collect()


class PolarsTable:
    """A Delta table at the version it was opened at."""

    def __init__(self, delta: DeltaTable) -> None:
        self._delta = delta

    @property
    def uri(self) -> str:
        """Where the table lies."""
        return self._delta.table_uri

    @property
    def version(self) -> int:
        """Delta version that this handle reads and commits against."""
        return self._delta.version()

    @property
    def shape(self) -> Shape:
        """Columns of this version."""
        return Shape(self._delta.schema().to_json(), tuple(self._delta.metadata().partition_columns))

    def transaction(self, application: str) -> int | None:
        """Version last committed by a Delta transaction's application."""
        return self._delta.transaction_version(application)

    def scan(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> nw.LazyFrame[Any]:
        """Rows of this version; `partitions` prunes by the values, as text, of partition columns."""
        frame = self._scan()
        schema = frame.collect_schema() if partitions else {}
        for name, values in (partitions or {}).items():
            wanted: list[object] = [v == "true" for v in values] if schema[name] == pl.Boolean else list(values)
            frame = frame.filter(pl.col(name).is_in(wanted) if len(wanted) != 1 else pl.col(name) == wanted[0])
        return nw.from_native(frame)

    def batches(self, columns: Sequence[str]) -> pa.RecordBatchReader:
        """The rows of this version, a row group at a time: Polars and Arrow's own scanner read ahead by the memory that there is."""
        with reaching(self.uri):
            found = self._delta.to_pyarrow_dataset()
        schema = pa.schema([found.schema.field(name) for name in columns])
        return pa.RecordBatchReader.from_batches(schema, self._row_groups(found, list(columns)))

    def _row_groups(self, found: Dataset, columns: list[str]) -> Iterator[pa.RecordBatch]:
        from pyarrow.dataset import ParquetFragmentScanOptions

        plainly, pool = ParquetFragmentScanOptions(pre_buffer=False), _thrifty_pool()
        with reaching(self.uri):
            for file in found.get_fragments():
                for group in cast("ParquetFileFragment", file).split_by_row_group():
                    yield from group.to_batches(
                        schema=found.schema, columns=columns, batch_size=BATCH_ROWS, batch_readahead=0, fragment_readahead=0,
                        use_threads=False, fragment_scan_options=plainly, memory_pool=pool)

    def count(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> int:
        """Number of rows of this version, from the log; files without a figure are counted themselves."""
        kept = [file["num_records"] for file in self._files(partitions)]
        if None in kept:
            return int(cast("pl.LazyFrame", nw.to_native(self.scan(partitions=partitions))).select(pl.len()).collect().item())
        return sum(kept)

    def size(self, *, partitions: Mapping[str, Sequence[str]] | None = None) -> int:
        """Bytes of this version's files, from the log."""
        return sum(file["size_bytes"] for file in self._files(partitions))

    def _files(self, partitions: Mapping[str, Sequence[str]] | None) -> list[dict[str, Any]]:
        files = pa.table(self._delta.get_add_actions(flatten=True)).to_pylist()
        wanted = {f"partition.{name}": {v.lower() for v in values} for name, values in (partitions or {}).items()}
        return [f for f in files if all(str(f[name]).lower() in values for name, values in wanted.items())]

    def _scan(self) -> pl.LazyFrame:
        """Polars takes delta-rs's escaped addresses literally, so a folder with a space in its name is read through Arrow."""
        if "%" in self._delta.table_uri:
            return pl.scan_pyarrow_dataset(self._delta.to_pyarrow_dataset())
        return pl.scan_delta(self._delta, storage_options=polars_options() if self.uri.startswith("s3://") else None)

    def append(self, rows: pa.RecordBatchReader | nw.LazyFrame[Any], commit: Commit) -> None:
        """Add rows in one commit, streaming a reader in bounded memory."""
        data = rows if isinstance(rows, pa.RecordBatchReader) else self._aligned(rows)
        faults.reach(f"{commit.point}.before")
        try:
            with reaching(self.uri):
                write_deltalake(
                    self._delta, data, mode="append", writer_properties=WRITER, commit_properties=_commit_properties(commit),
                    post_commithook_properties=self._hooks(),
                )
        except CommitFailedError as error:
            raise self._conflict(commit) from error
        faults.reach(f"{commit.point}.after")

    def merge(self, changes: nw.LazyFrame[Any], *, key: Sequence[str], commit: Commit, bounded: bool = True) -> MergeFigures:
        """Upsert `changes` by `key`; rows whose `_drop` is true delete instead. delta-rs prunes files by the source's key bounds.

        It writes those bounds into the commit; a streamed merge has none, and reads every file.
        """
        source = _computed(changes)
        predicate = " AND ".join(f't."{name}" = s."{name}"' for name in key)
        kept = [c for c in source.columns if c != DROP]
        values = {f'"{c}"': f's."{c}"' for c in kept}
        before = self.version
        faults.reach(f"{commit.point}.before")
        try:
            with reaching(self.uri):
                figures = (
                    self._delta.merge(
                        self._typed(source, extra=DROP), predicate=predicate, source_alias="s", target_alias="t",
                        streamed_exec=not bounded, writer_properties=WRITER, commit_properties=_commit_properties(commit),
                        post_commithook_properties=self._hooks(),
                    )
                    .when_matched_delete(f"s.{DROP}")
                    .when_matched_update(values, predicate=f"NOT s.{DROP}")
                    .when_not_matched_insert(values, predicate=f"NOT s.{DROP}")
                    .execute()
                )
                if self.version == before and commit.transactions:
                    self._note(commit)
        except CommitFailedError as error:
            raise self._conflict(commit) from error
        faults.reach(f"{commit.point}.after")
        return MergeFigures(figures["num_target_rows_inserted"], figures["num_target_rows_updated"], figures["num_target_rows_deleted"])

    def replace(self, rows: pa.RecordBatchReader | nw.LazyFrame[Any], commit: Commit) -> None:
        """All rows anew in one commit. A reader streams, and its schema becomes the table's; a frame is put into the table's schema."""
        data = rows if isinstance(rows, pa.RecordBatchReader) else self._aligned(rows)
        faults.reach(f"{commit.point}.before")
        try:
            with reaching(self.uri):
                write_deltalake(
                    self._delta, data, mode="overwrite", schema_mode="overwrite", writer_properties=WRITER,
                    commit_properties=_commit_properties(commit), post_commithook_properties=self._hooks(),
                )
        except CommitFailedError as error:
            raise self._conflict(commit) from error
        faults.reach(f"{commit.point}.after")

    def _note(self, commit: Commit) -> None:
        """Commit the transactions alone: delta-rs commits nothing for a merge that changes no row, and they must not be lost."""
        faults.reach("note.before")
        self._delta.create_write_transaction(
            [], "append", self._delta.schema(), commit_properties=_commit_properties(commit), post_commithook_properties=self._hooks())
        faults.reach("note.after")
        self._delta.update_incremental()

    def _hooks(self) -> PostCommitHookProperties:
        """Expired log files are looked for where a checkpoint is due: it lists the whole log, on S3 a thousand entries a request."""
        return PostCommitHookProperties(cleanup_expired_logs=(self.version + 1) % CHECKPOINT_EVERY == 0)

    def _conflict(self, commit: Commit) -> CommitConflict:
        return CommitConflict(f"{self.uri}: {commit.point} was planned from version {self.version}, and another writer committed since")

    def _aligned(self, rows: nw.LazyFrame[Any]) -> pa.Table:
        return self._typed(_computed(rows), extra=None)

    def _typed(self, rows: pl.DataFrame, *, extra: str | None) -> pa.Table:
        """The rows in the table's own column order and types, absent columns NULL: delta-rs matches neither for us."""
        schema = pa.schema(cast("Any", self._delta.schema()))
        if extra is not None:
            schema = schema.append(pa.field(extra, pa.bool_()))
        table = rows.to_arrow()
        present = set(table.column_names)
        return pa.table([
            table.column(f.name).cast(f.type) if f.name in present else pa.nulls(len(table), f.type) for f in schema
        ], schema=schema)


class PolarsEngine:
    """Polars frames, delta-rs commits."""

    name = "polars"

    def __init__(self, store: ObjectStore | None = None) -> None:
        """`store` says how objects on S3 are reached; there is none for a lake in a folder."""
        self._store = store

    @cached_property
    def _storage(self) -> dict[str, str] | None:
        return delta_options(self._store) if self._store is not None else None

    def exists(self, uri: str) -> bool:
        """Whether there is a Delta table at `uri`."""
        # delta-rs's own question holds Python's lock for as long as S3 takes to answer.
        return self._opened(uri) is not None

    def _opened(self, uri: str) -> DeltaTable | None:
        with reaching(uri):
            try:
                return DeltaTable(uri, storage_options=self._storage)
            except TableNotFoundError:
                return None

    def create(self, spec: TableSpec) -> PolarsTable:
        """The table's newest version; it is made where there is none, and given the columns of `spec` that it lacks."""
        schema = Schema.from_arrow(arrow_schema(spec.schema))
        with reaching(spec.uri):
            delta = self._opened(spec.uri)
            return PolarsTable(self._widened(delta if delta is not None else self._created(spec, schema), schema))

    def _created(self, spec: TableSpec, schema: Schema) -> DeltaTable:
        faults.reach("create.before")
        delta = DeltaTable.create(
            spec.uri, schema=schema, mode="ignore", partition_by=list(spec.partition_by) or None,
            description=spec.comment or None, configuration=dict[str, str | None](spec.properties), storage_options=self._storage,
        )
        faults.reach("create.after")
        return delta

    def _widened(self, delta: DeltaTable, schema: Schema) -> DeltaTable:
        held = {f.name for f in delta.schema().fields}
        missing: list[Field] = [f for f in schema.fields if f.name not in held]
        if missing:
            faults.reach("widen.before")
            delta.alter.add_columns(missing)
            faults.reach("widen.after")
        return delta

    def open(self, uri: str) -> PolarsTable:
        """The table's newest version. Raises UnknownName where there is none."""
        delta = self._opened(uri)
        if delta is None:
            raise UnknownName(f"{uri}: there is no table yet; materialize the asset that writes it first")
        return PolarsTable(delta)

    def schema(self, columns: Mapping[str, LakeType]) -> pa.Schema:
        """Arrow schema of lake columns."""
        return arrow_schema(columns)

    def frame(self, table: pa.Table) -> nw.LazyFrame[Any]:
        """An Arrow table as a lazy frame, without a copy."""
        return nw.from_native(cast("pl.DataFrame", pl.from_arrow(table)).lazy())

    def collect(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        """Compute a frame."""
        return _computed(frame).to_arrow(compat_level=pl.CompatLevel.oldest())

    def persist(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Compute once, so that several uses do not repeat the work."""
        return nw.from_native(_computed(frame).lazy())

    def fingerprint(self, frame: nw.LazyFrame[Any], columns: Mapping[str, LakeType], *, into: str) -> nw.LazyFrame[Any]:
        """Add the fingerprint of the row's non-null values."""
        return self._with(frame, casts.fingerprint(columns).alias(into))

    def conform(self, frame: nw.LazyFrame[Any], columns: Mapping[str, LakeType], *, parked: str) -> nw.LazyFrame[Any]:
        """Cast `columns` softly; what does not fit exactly goes as text into the JSON object `parked`."""
        native = cast("pl.LazyFrame", nw.to_native(frame))
        return nw.from_native(casts.conform(native, columns, parked=parked))

    def unpark(self, frame: nw.LazyFrame[Any], names: Mapping[str, str], *, parked: str) -> nw.LazyFrame[Any]:
        """Text columns taken back out of the JSON object `parked`: `names` maps the column to its key there."""
        return self._with(frame, *(casts.parked_text(parked, key).alias(name) for name, key in names.items()))

    def satisfies(self, frame: nw.LazyFrame[Any], expression: str, *, into: str) -> nw.LazyFrame[Any]:
        """Add whether the row satisfies an SQL expression; unknown counts as satisfied, as in SQL's CHECK."""
        return self._with(frame, pl.sql_expr(expression).fill_null(value=True).alias(into))

    def _with(self, frame: nw.LazyFrame[Any], *expressions: pl.Expr) -> nw.LazyFrame[Any]:
        return nw.from_native(cast("pl.LazyFrame", nw.to_native(frame)).with_columns(*expressions))
