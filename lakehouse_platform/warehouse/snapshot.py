"""A pinned version of a Delta table: its active files by the log, and what lies in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal, localcontext
from functools import cached_property
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSystem, PyFileSystem

from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.errors import TransientError, UnknownName
from lakehouse_platform.warehouse.base import DataFile, FileGroup, LoadRefused, Snapshot
from lakehouse_platform.warehouse.types import lake_type

FOOTERS = 8
"""Parquet footers that are read at once."""
BATCH_ROWS = 65_536
VECTORS = "deletionVectors"
DIGITS = 100
"""Precision in which sums are added up: more than any of them has."""


class VersionGone(UnknownName):
    """A Delta version that the table's log no longer has, or never had."""


class FilesGone(TransientError):
    """A file of the pinned version was vacuumed away: a later try pins a newer version."""


class DeltaFiles:
    """The files of one Delta table."""

    def __init__(self, uri: str, options: Mapping[str, str] | None = None) -> None:
        """`options` are delta-rs's for the object store; none for a folder."""
        self._uri, self._options = uri.rstrip("/"), dict(options) if options is not None else None

    def snapshot(self, version: int | None = None) -> Snapshot:
        """The table at a version, the newest where none is given.

        Raises UnknownName where there is no table, VersionGone where its log has no such version, LoadRefused for deletion vectors.
        """
        delta = self._opened(version)
        _refuse_vectors(delta)
        actions = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
        names = delta.metadata().partition_columns
        files = sorted((self._file(action, names) for action in actions), key=lambda file: file.path)
        return Snapshot(self._uri, str(delta.metadata().id), delta.version(), tuple(files))

    def rows(self, snapshot: Snapshot) -> int:
        """Number of rows; files whose rows the log does not count are asked themselves."""
        return sum(file.rows if file.rows is not None else self._counted(file) for file in snapshot.files)

    def groups(self, files: Iterable[DataFile]) -> tuple[FileGroup, ...]:
        """The files by partition and by the columns that they physically have: files of different ages differ.

        Raises FilesGone where one is not there any more, LoadRefused where two of them hold different types in one column.
        """
        found = list(files)
        with ThreadPoolExecutor(FOOTERS) as pool:
            columns = list(pool.map(self._columns, found))
        _refuse_conflicts(columns)
        order = sorted(zip(found, columns, strict=True), key=lambda pair: (repr(pair[0].partition), repr(pair[1]), pair[0].path))
        return tuple(
            FileGroup(held, partition, tuple(file for file, _ in pairs))
            for (partition, held), pairs in groupby(order, key=lambda pair: (pair[0].partition, pair[1]))
        )

    def batches(self, group: FileGroup) -> pa.RecordBatchReader:
        """The rows of the group's files, batch by batch, without partition columns."""
        schema = self._schema(group.files[0])
        return pa.RecordBatchReader.from_batches(schema, self._stream(group, schema))

    def sums(self, snapshot: Snapshot, columns: Iterable[str]) -> dict[str, Decimal]:
        """Exact sums of whole-number and decimal columns over the snapshot's rows; NULL counts as nothing."""
        wanted = list(columns)
        totals = dict.fromkeys(wanted, Decimal(0))
        with localcontext(prec=DIGITS):
            for file in snapshot.files if wanted else ():
                for batch in self._read(file, wanted):
                    for name in batch.schema.names:
                        totals[name] += _sum(batch.column(name))
        return totals

    def _stream(self, group: FileGroup, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for file in group.files:
            yield from (batch.cast(schema) for batch in self._read(file, list(schema.names)))

    def _read(self, file: DataFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
        with self._parquet(file) as opened:
            present = [name for name in columns if name in opened.schema_arrow.names]
            yield from opened.iter_batches(BATCH_ROWS, columns=present)

    def _columns(self, file: DataFile) -> tuple[tuple[str, LakeType], ...]:
        return tuple((field.name, lake_type(field.name, field.type)) for field in self._schema(file))

    def _schema(self, file: DataFile) -> pa.Schema:
        with self._parquet(file) as opened:
            return opened.schema_arrow.remove_metadata()

    def _counted(self, file: DataFile) -> int:
        with self._parquet(file) as opened:
            return opened.metadata.num_rows

    @contextmanager
    def _parquet(self, file: DataFile) -> Iterator[pq.ParquetFile]:
        try:
            with pq.ParquetFile(self._system.open_input_file(file.path), coerce_int96_timestamp_unit="us") as opened:
                yield opened
        except FileNotFoundError as error:
            raise FilesGone(f"{file.url}: it is not there any more; a vacuum has taken it away since its version was pinned") from error

    @cached_property
    def _system(self) -> FileSystem:
        return PyFileSystem(DeltaStorageHandler(self._uri, self._options))

    def _opened(self, version: int | None) -> DeltaTable:
        try:
            return DeltaTable(self._uri, version=version, storage_options=self._options)
        except TableNotFoundError as error:
            raise UnknownName(f"{self._uri}: there is no table yet; materialize the asset that writes it first") from error
        except DeltaError as error:
            if version is None or "S3" in str(error):
                raise
            raise VersionGone(f"{self._uri}: its log has no version {version} any more") from error

    def _file(self, action: Mapping[str, object], partition: Iterable[str]) -> DataFile:
        path, rows = str(action["path"]), action["num_records"]
        values = tuple((name, action[f"partition.{name}"]) for name in partition)
        return DataFile(path, f"{self._uri}/{path}", int(str(action["size_bytes"])), int(str(rows)) if rows is not None else None, values)


def _refuse_vectors(delta: DeltaTable) -> None:
    """Rows that a deletion vector takes away are still in the file: COPY would bring them back."""
    if VECTORS not in (delta.protocol().reader_features or ()):
        return
    marked = sum(batch.num_rows for batch in delta.deletion_vectors())
    if marked:
        raise LoadRefused(
            f"{delta.table_uri}: {marked} files of version {delta.version()} have deletion vectors, which COPY does not know. Turn "
            "delta.enableDeletionVectors off and purge them: REORG TABLE … APPLY (PURGE).")


def _refuse_conflicts(found: Iterable[tuple[tuple[str, LakeType], ...]]) -> None:
    known: dict[str, LakeType] = {}
    for name, held in (pair for columns in found for pair in columns):
        if known.setdefault(name, held) != held:
            raise LoadRefused(f"column {name} is {known[name]} in one file and {held} in another: rewrite the table with one type")


def _sum(column: pa.Array[pa.Scalar[pa.DataType]]) -> Decimal:
    """Through 256 bits, so that no sum of 38 digits overflows."""
    scale = column.type.scale if pa.types.is_decimal(column.type) else 0
    return pc.sum(column.cast(pa.decimal256(76, scale)), min_count=0).as_py() or Decimal(0)
