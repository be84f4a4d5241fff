"""A mart's rows as a dataset: explicit types, gzip CSV parts in bounded memory, all or nothing."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.publish.destination import (
    DatasetColumn,
    DatasetSpec,
    DatasetType,
    Destination,
    Execution,
    PublicationIncomplete,
    PublicationRefused,
)

PART_BYTES = 16 * 2**20
"""Size, compressed, that a part is closed at. Domo recommends parts below 50 MB."""
_PLAIN = csv.WriteOptions(include_header=False, quoting_style="needed")

TYPES = {
    Kind.BOOLEAN: DatasetType.LONG, Kind.INT16: DatasetType.LONG, Kind.INT32: DatasetType.LONG, Kind.INT64: DatasetType.LONG,
    Kind.FLOAT32: DatasetType.DOUBLE, Kind.FLOAT64: DatasetType.DOUBLE, Kind.DECIMAL: DatasetType.DECIMAL,
    Kind.STRING: DatasetType.STRING, Kind.DATE: DatasetType.DATE, Kind.TIMESTAMP: DatasetType.DATETIME,
}
"""Lake type to dataset type. A boolean is 1 or 0, so that it can be summed; an instant is written in UTC without a zone."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published."""

    rows: int
    parts: int
    bytes: int
    """Compressed."""
    execution: str


def publish_dataset(destination: Destination, contract: Contract, rows: pa.RecordBatchReader, *, part_bytes: int = PART_BYTES) -> Published:
    """Replace the dataset of a mart by `rows`, which have the contract's columns.

    Raises PublicationRefused before anything is sent, PublicationIncomplete where the destination counts other rows. Whatever
    goes wrong before the commit, the execution is aborted and readers keep the rows they have.
    """
    spec = dataset_spec(contract)
    _check_columns(contract, rows.schema)
    dataset = destination.adopt(spec)
    execution = dataset.begin()
    try:
        sent = _send(execution, rows, part_bytes)
        execution.commit()
    except BaseException:
        with suppress(Exception):  # what went wrong first is what the caller has to see
            execution.abort()
        raise
    if (found := dataset.row_count()) != sent.rows:
        raise PublicationIncomplete(f'"{spec.name}" ({dataset.id}) holds {found} rows after {sent.rows} were sent; publish it again')
    return sent


def dataset_spec(contract: Contract) -> DatasetSpec:
    """The dataset that a mart's contract asks for."""
    if contract.publication is None:
        raise PublicationRefused(f"{contract.path}: {contract.name} names no dataset. Add `domo: {{dataset: …}}` to its lakehouse block.")
    classified = [column.name for column in contract.columns if column.classified]
    if classified:
        raise PublicationRefused(
            f"{contract.path}: {contract.name} has classified columns ({', '.join(classified)}); they do not leave the lake. "
            "Leave them out of the mart, or classify them as internal or public."
        )
    wanted = contract.publication
    columns = tuple(DatasetColumn(column.name, _type(contract, column.name, column.type)) for column in contract.columns)
    return DatasetSpec(wanted.dataset, wanted.description or contract.description, wanted.tags, columns)


def _type(contract: Contract, name: str, lake: LakeType) -> DatasetType:
    if lake.kind not in TYPES:
        raise PublicationRefused(f"{contract.path}: {contract.name}.{name} is {lake}, which no dataset can hold. Leave it out of the mart.")
    return TYPES[lake.kind]


def _check_columns(contract: Contract, schema: pa.Schema) -> None:
    wanted = [column.name for column in contract.columns]
    if schema.names != wanted:
        raise PublicationRefused(f"{contract.name}: rows have the columns {', '.join(schema.names)}, the contract {', '.join(wanted)}")


def _send(execution: Execution, rows: pa.RecordBatchReader, part_bytes: int) -> Published:
    counted = sent = number = 0
    for number, (count, part) in enumerate(_parts(rows, part_bytes), start=1):
        execution.upload(number, part)
        counted, sent = counted + count, sent + len(part)
    return Published(counted, number, sent, execution.id)


def _parts(rows: pa.RecordBatchReader, part_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Row count and content of each part; at least one, an empty dataset has an empty part."""
    part = _Part()
    written = 0
    for batch in rows:
        part.write(batch)
        if part.size >= part_bytes:
            yield part.rows, part.close()
            part, written = _Part(), written + 1
    if part.rows or not written:
        yield part.rows, part.close()


class _Part:
    """A part while it is written."""

    def __init__(self) -> None:
        self.rows = 0
        self._buffer = io.BytesIO()
        self._gzip = gzip.GzipFile(fileobj=self._buffer, mode="wb", mtime=0)

    @property
    def size(self) -> int:
        return self._buffer.tell()

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [_text(column) for column in batch.columns]
        csv.write_csv(pa.table(columns, names=batch.schema.names), cast("IO[bytes]", self._gzip), _PLAIN)
        self._gzip.flush()
        self.rows += batch.num_rows

    def close(self) -> bytes:
        self._gzip.close()
        return self._buffer.getvalue()


def _text(column: pa.Array[Any]) -> pa.Array[Any]:
    """The column as CSV should show it: NULL is nothing, an empty text is \"\"."""
    write = next((found for holds, found in _WRITTEN if holds(column.type)), None)
    return write(column) if write else column


def _decimals(column: pa.Array[Any]) -> pa.Array[Any]:
    """Plain digits: Arrow writes small ones as 1E-9, which Domo would not read."""
    text = column.cast(pa.string())
    small = pc.match_substring(text, "E")
    if not pc.any(small).as_py():
        return text
    return pa.array([None if value is None else format(value, "f") for value in column.to_pylist()], pa.string())


def _instants(column: pa.Array[Any]) -> pa.Array[Any]:
    naive: pa.Array[Any] = column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    return pc.strftime(naive, format="%Y-%m-%dT%H:%M:%S")


_WRITTEN: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array[Any]], pa.Array[Any]]], ...] = (
    (pa.types.is_boolean, lambda column: column.cast(pa.int8())),
    (pa.types.is_decimal, _decimals),
    (pa.types.is_timestamp, _instants),
)
