"""A mart's rows as a dataset: explicit types, gzip CSV parts in bounded memory, all or nothing, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pyarrow as pa

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.publish.destination import (
    Dataset,
    DatasetColumn,
    DatasetSpec,
    DatasetType,
    Destination,
    PublicationIncomplete,
    PublicationRefused,
)
from lakehouse_platform.publish.parts import PART_BYTES, send

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
    with undoing(dataset.restore):
        dataset.prepare()
        execution = dataset.begin()
        with undoing(execution.abort):
            sent = send(execution.upload, rows, part_bytes=part_bytes, at_once=dataset.takes.at_once)
            execution.commit()
    verify(spec, dataset, sent.rows)
    dataset.settle()
    return Published(sent.rows, sent.parts, sent.bytes, execution.id)


def dataset_spec(contract: Contract) -> DatasetSpec:
    """The dataset that a mart's contract asks for. Raises PublicationRefused."""
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
    return DatasetSpec(
        wanted.dataset, wanted.description or contract.description, wanted.tags, columns, mart=contract.name, key=contract.key,
        update=wanted.update, division=wanted.partition_by, owner=wanted.owner or (contract.owner if "@" in contract.owner else None),
        row_access=wanted.row_access, dataflow=wanted.dataflow)


def _type(contract: Contract, name: str, lake: LakeType) -> DatasetType:
    if lake.kind not in TYPES:
        raise PublicationRefused(f"{contract.path}: {contract.name}.{name} is {lake}, which no dataset can hold. Leave it out of the mart.")
    return TYPES[lake.kind]


def _check_columns(contract: Contract, schema: pa.Schema) -> None:
    wanted = [column.name for column in contract.columns]
    if schema.names != wanted:
        raise PublicationRefused(f"{contract.name}: rows have the columns {', '.join(schema.names)}, the contract {', '.join(wanted)}")


@contextmanager
def undoing(undo: Callable[[], None]) -> Iterator[None]:
    """Whatever goes wrong inside is undone as far as that goes; what went wrong first is what the caller sees."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            undo()
        raise


def verify(spec: DatasetSpec, dataset: Dataset, rows: int) -> None:
    """Hold the destination's count against what was sent. Raises PublicationIncomplete."""
    if (found := dataset.row_count(rows)) != rows:
        raise PublicationIncomplete(f'"{spec.name}" ({dataset.id}) holds {found} rows after {rows} were sent; publish it again')
