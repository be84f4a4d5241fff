"""Rows of a file as change rows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, Column, Contract
from lakehouse_platform.contracts.types import Kind
from lakehouse_platform.sources.base import EFFECTIVE, OP, PARKED, SEQ, SNAPSHOT
from lakehouse_platform.sources.landing.times import INSTANT, Values, instants, zoned


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file's batches become change rows."""

    contract: Contract
    capture: CaptureSpec
    held: pa.Schema
    """The file's columns."""
    zone: str
    """What wall-clock times mean."""
    landed_at: dt.datetime
    position: int
    """First `_seq` of the file, and the only one of an image."""

    @property
    def schema(self) -> pa.Schema:
        """Schema of the change rows."""
        own = [pa.field(c.physical_name, self._type(c)) for c in self.contract.columns]
        return pa.schema([*own, pa.field(OP, pa.string()), pa.field(SEQ, pa.int64()), pa.field(SNAPSHOT, pa.bool_()),
                          pa.field(EFFECTIVE, INSTANT), pa.field(PARKED, pa.string())])  # fmt: skip

    def rows(self, batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
        """Change rows of a batch whose first row is the file's row number `first`, from 0."""
        image, height = self.capture.mode is Capture.SNAPSHOT, batch.num_rows
        own = {c.physical_name: self._values(c, batch) for c in self.contract.columns}
        start = self.position + first
        order = _repeated(self.position, pa.int64(), height) if image else pa.array(range(start, start + height), pa.int64())
        marks = (self._operation(batch), order, _repeated(image, pa.bool_(), height), self._effective(own, height), self._extra(batch))
        columns = [_whole(values) for values in (*own.values(), *marks)]
        return pa.RecordBatch.from_arrays([c.cast(f.type) for c, f in zip(columns, self.schema, strict=True)], schema=self.schema)

    def _type(self, column: Column) -> pa.DataType:
        held = self.held.field(column.physical_name).type if column.physical_name in self.held.names else pa.string()
        return INSTANT if pa.types.is_timestamp(held) else held

    def _values(self, column: Column, batch: pa.RecordBatch) -> Values:
        if column.physical_name not in self.held.names:
            return pa.nulls(batch.num_rows, pa.string())
        values = batch.column(column.physical_name)
        timed = pa.types.is_timestamp(values.type) or (column.type.kind is Kind.TIMESTAMP and pa.types.is_string(values.type))
        return zoned(values, self.zone) if timed else values

    def _operation(self, batch: pa.RecordBatch) -> Values:
        if self.capture.operation is None:
            return _repeated("upsert", pa.string(), batch.num_rows)
        said = pc.cast(batch.column(self.capture.operation), pa.string())
        deleted: Values = pc.if_else(pc.is_in(said, pa.array(self.capture.delete_values, pa.string())), "delete", "upsert")
        return deleted

    def _effective(self, own: Mapping[str, Values], height: int) -> Values:
        """When each row became true: by its column, and never after the file had landed."""
        if self.capture.effective_at is None:
            return _repeated(self.landed_at, INSTANT, height)
        said, landed = instants(own[self.capture.effective_at], self.zone), pa.scalar(self.landed_at, INSTANT)
        capped: Values = pc.if_else(pc.less(said, landed), said, landed)
        return cast("Values", pc.coalesce(capped, landed))

    def _extra(self, batch: pa.RecordBatch) -> Values:
        """What the contract does not declare, as the JSON object that is parked."""
        known = {c.physical_name for c in self.contract.columns} | {self.capture.operation}
        names = [name for name in batch.schema.names if name not in known]
        if not names:
            return pa.nulls(batch.num_rows, pa.string())
        texts = [_texts(batch.column(name)) for name in names]
        return pa.array([_packed(dict(zip(names, row, strict=True))) for row in zip(*texts, strict=True)], pa.string())


def _texts(values: pa.Array[Any]) -> list[str | None]:
    if pa.types.is_binary(values.type):
        return [None if value is None else value.hex() for value in values.to_pylist()]
    return pc.cast(values, pa.string()).to_pylist()


def _packed(values: Mapping[str, str | None]) -> str | None:
    held = {name: text for name, text in values.items() if text is not None}
    return json.dumps(held, ensure_ascii=False, separators=(",", ":")) if held else None


def _repeated(value: object, kind: pa.DataType, height: int) -> pa.Array[Any]:
    return pa.repeat(pa.scalar(value, kind), height)  # type: ignore[no-any-return, call-overload]


def _whole(column: Values) -> pa.Array[Any]:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
