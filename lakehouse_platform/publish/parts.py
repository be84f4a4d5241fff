"""Rows as a destination takes them: CSV without a header in parts compressed by gzip, several sent at once, memory bounded."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from lakehouse_platform.publish.destination import PublicationRefused

PART_BYTES = 4 * 2**20
"""Size, compressed, that a part is closed at: some 12 MB of CSV. Domo takes parts of 50 MB; small ones bound the memory."""
LEVEL = 1
"""Of gzip. Level 6 takes four times as long for a quarter less."""
PLAIN_SCALE = 6
"""Arrow writes a decimal with more digits after the point as 1E-9 where it is small, which Domo would not read."""
_PLAIN = csv.WriteOptions(include_header=False, quoting_style="needed", batch_size=8192)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent."""

    rows: int
    parts: int
    bytes: int
    """Compressed."""

    def __add__(self, other: Sent) -> Sent:
        """Both together."""
        return Sent(self.rows + other.rows, self.parts + other.parts, self.bytes + other.bytes)


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the rows."""

    number: int
    rows: int
    content: bytes


def send(
    upload: Callable[[int, bytes], None], rows: pa.RecordBatchReader, *, part_bytes: int = PART_BYTES, at_once: int = 1
) -> Sent:
    """Send the rows in parts, `at_once` of them at the same time; one more is in the making. Raises what the first failed one raised."""
    counted = sent = parts = 0
    flying: set[Future[None]] = set()
    with ThreadPoolExecutor(at_once, thread_name_prefix="part") as pool:
        try:
            for part in _parts(rows, part_bytes):
                flying = _landed(flying, at_once - 1)
                flying.add(pool.submit(upload, part.number, part.content))
                counted, sent, parts = counted + part.rows, sent + len(part.content), part.number
            _landed(flying, 0)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return Sent(counted, parts, sent)


def _landed(flying: set[Future[None]], most: int) -> set[Future[None]]:
    """Those that are still on their way, `most` of them. Raises what a landed one raised."""
    while True:
        done = {future for future in flying if future.done()}
        for future in done:
            future.result()
        flying = flying - done
        if len(flying) <= most:
            return flying
        wait(flying, return_when=FIRST_COMPLETED)


def _parts(rows: pa.RecordBatchReader, part_bytes: int) -> Iterator[Part]:
    """At least one: an empty dataset has an empty part."""
    number, part = 1, _Written()
    for batch in rows:
        part.write(batch)
        if part.size >= part_bytes:
            yield Part(number, part.rows, part.close())
            number, part = number + 1, _Written()
    if part.rows or number == 1:
        yield Part(number, part.rows, part.close())


class _Written:
    """A part while it is written."""

    def __init__(self) -> None:
        self.rows = 0
        self._buffer = io.BytesIO()
        self._gzip = gzip.GzipFile(fileobj=self._buffer, mode="wb", compresslevel=LEVEL, mtime=0)

    @property
    def size(self) -> int:
        return self._buffer.tell()

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [_text(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
        csv.write_csv(pa.record_batch(columns, names=batch.schema.names), cast("IO[bytes]", self._gzip), _PLAIN)
        self.rows += batch.num_rows

    def close(self) -> bytes:
        self._gzip.close()
        return self._buffer.getvalue()


def _text(name: str, column: pa.Array[Any]) -> pa.Array[Any]:
    """The column as CSV should show it: NULL is nothing, an empty text is \"\". Raises PublicationRefused."""
    if pa.types.is_floating(column.type) and not pc.all(pc.is_finite(column), min_count=0).as_py():
        raise PublicationRefused(f"{name} is NaN or infinite in some rows, for which datasets have no value. Make it NULL in the mart.")
    write = next((found for holds, found in _WRITTEN if holds(column.type)), None)
    return write(column) if write else column


def _decimals(column: pa.Array[Any]) -> pa.Array[Any]:
    text = column.cast(pa.string())
    small = pc.match_substring(text, "E")
    if not pc.any(small).as_py():
        return text
    return pa.array([None if value is None else format(value, "f") for value in column.to_pylist()], pa.string())


def _instants(column: pa.Array[Any]) -> pa.Array[Any]:
    naive: pa.Array[Any] = column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    return pc.binary_replace_slice(naive.cast(pa.string()), start=10, stop=11, replacement="T")


def _may_be_small(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.Decimal128Type | pa.Decimal256Type) and kind.scale > PLAIN_SCALE


_WRITTEN: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array[Any]], pa.Array[Any]]], ...] = (
    (pa.types.is_boolean, lambda column: column.cast(pa.int8())),
    (_may_be_small, _decimals),
    (pa.types.is_timestamp, _instants),
)
