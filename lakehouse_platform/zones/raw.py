"""Raw: append-only change rows. A batch is one commit: its rows, one header row, one Delta transaction."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse_platform.contracts.contract import Capture, Contract, Drift, Landing
from lakehouse_platform.drift.findings import Finding, compare
from lakehouse_platform.engines.base import Commit, Table
from lakehouse_platform.errors import DriftError, NotExtractable, SourceError
from lakehouse_platform.sources.base import Reading, Request, Source, Window
from lakehouse_platform.zones import rows as columns
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.ledger import Batch, Ledger, read_ledger
from lakehouse_platform.zones.replan import replanned

T = TypeVar("T", int, dt.datetime)



@dataclass(frozen=True, slots=True)
class Extraction:
    """What an extraction did."""

    batch: Batch
    new: bool
    """Whether rows were read; otherwise Raw already held the batch."""
    findings: tuple[Finding, ...] = ()
    """Where the source's schema left the contract."""


def application(partition: str) -> str:
    """Delta transaction of a Raw partition."""
    return f"lakehouse/raw/{partition}"


def business_day(day: str, time_zone: str) -> Window:
    """Instants of a business day: midnight to midnight in the source's time zone."""
    date, zone = dt.date.fromisoformat(day), ZoneInfo(time_zone)
    start = dt.datetime.combine(date, dt.time(), zone)
    end = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), zone)
    return Window(start.astimezone(dt.UTC), end.astimezone(dt.UTC))


def extract(lake: Lake, contract: Contract, source: Source, day: str, *, run: str) -> Extraction:
    """Commit what the source says as one batch of partition `day`, once for each root run.

    Raises NotExtractable for a past day of a source that is read by position, DriftError where the contract freezes its
    schema, SourceError for an image too small to be believed; nothing is committed then.
    """
    def attempt() -> Extraction:
        table = lake.raw(contract)
        ledger = read_ledger(lake, table)
        held = _held(contract, ledger, day, run)
        return Extraction(held, new=False) if held is not None else _extract(lake, contract, source, table, ledger, day, run)

    return replanned(f"{contract.name}: the extraction of {day}", attempt)


def _held(contract: Contract, ledger: Ledger, day: str, run: str) -> Batch | None:
    """The batch that makes reading the source unnecessary, or impossible."""
    adopted = ledger.adopted(day, run)
    if adopted is not None or _any_day(contract) or ledger.newest is None or day >= ledger.newest:
        return adopted
    of_day = ledger.of(day)
    if of_day:
        return of_day[-1]
    later = min(b.partition for b in ledger.batches if b.partition > day)
    raise NotExtractable(
        f"{contract.name}: {day} was never extracted and cannot be any more: the source is read by position "
        f"({_mode(contract)}), and what changed on {day} came in with {later}. Materialize {later} onward instead.")


def _any_day(contract: Contract) -> bool:
    """Whether days may come in in any order: events are found by their time, and files say themselves when they landed."""
    return _mode(contract) is Capture.WINDOW or isinstance(contract.source, Landing)


def _mode(contract: Contract) -> Capture:
    if contract.capture is None:
        raise SourceError(f"{contract.name} is a mart: it has no source to extract from")
    return contract.capture.mode


def _extract(lake: Lake, contract: Contract, source: Source, table: Table, ledger: Ledger, day: str, run: str) -> Extraction:
    window = business_day(day, source.time_zone)
    taken = tuple(b.last_seq for b in ledger.batches if b.last_seq is not None)
    request = Request(contract, window, ledger.cursor, only_window=ledger.is_past(day), above=ledger.position, taken=taken)
    with source.read(request) as reading:
        findings = drift_of(contract, reading)
        if findings and contract.drift is Drift.FREEZE:
            what = "; ".join(map(str, findings))
            raise DriftError(f"{contract.name}: {what}. The contract freezes its schema: change the contract, or the source.")
        writer = _Writer(lake, contract, reading, ledger, window, day, run)
        commit = Commit("raw.append", {application(day): writer.ordinal}, {"lakehouse.batch": f"{day}#{writer.ordinal}"})
        try:
            table.append(writer.reader(), commit)
        except Exception:
            if writer.failure is not None:
                raise writer.failure from None
            raise
    return Extraction(writer.header(), new=True, findings=findings)


def drift_of(contract: Contract, reading: Reading) -> tuple[Finding, ...]:
    """Findings of one reading; the bookkeeping columns of a change log are not data."""
    log = contract.capture.log if contract.capture else None
    return compare(contract, reading.columns, ignore=frozenset((log.position, log.operation, log.changed_at)) if log else frozenset())


@dataclass(slots=True)
class _Writer:
    """Turns a reading into Raw's rows, one Arrow batch after the other, and ends with the header row."""

    lake: Lake
    contract: Contract
    reading: Reading
    ledger: Ledger
    window: Window
    day: str
    run: str
    rows: int = 0
    image_rows: int = 0
    outside: int = 0
    parked: int = 0
    last_seq: int | None = None
    last_effective: dt.datetime | None = None
    failure: Exception | None = None

    @property
    def ordinal(self) -> int:
        """The next one of the partition."""
        return max((b.ordinal for b in self.ledger.of(self.day)), default=0) + 1

    @property
    def batch_id(self) -> str:
        """The name that the rows carry."""
        return f"{self.day}#{self.ordinal}"

    def reader(self) -> pa.RecordBatchReader:
        """Rows of the batch as one stream; an error in it is kept in `failure`, since Arrow's interface loses its type."""
        schema = self.lake.engine.schema(columns.raw_columns(self.contract))
        return pa.RecordBatchReader.from_batches(schema, self._guarded(schema))

    def _guarded(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self.reading.rows:
                yield from self._change_rows(pa.Table.from_batches([batch]), schema).to_batches()
            check_image(self.contract, self.ledger, self.header())
            yield from self._header_row(schema).to_batches()
        except Exception as error:
            self.failure = error
            raise

    def _change_rows(self, table: pa.Table, schema: pa.Schema) -> pa.Table:
        engine, declared = self.lake.engine, columns.declared(self.contract)
        names = {c.physical_name: c.name for c in self.contract.columns}
        table = table.rename_columns([names.get(n, n) for n in table.column_names])
        frame = engine.conform(engine.frame(table), declared, parked="_parked")
        frame = engine.fingerprint(frame, declared, into="_hash")
        absent = nw.when(nw.col("_op") == columns.DELETE).then(nw.lit(columns.ABSENT)).otherwise(nw.col("_hash"))
        rows = engine.collect(frame.with_columns(_hash=absent))
        first = self._count(rows)
        return _filled({
            **{n: rows.column(n) for n in rows.column_names},
            "_row": pa.array(range(first, self.rows), pa.int64()), "_batch_id": self.batch_id, "_partition": self.day,
            "_kind": columns.CHANGE, "_seen_at": self.reading.seen_at,
        }, schema, rows.num_rows)

    def _count(self, rows: pa.Table) -> int:
        """Take the rows into the header's figures; returns the number of the first."""
        first, self.rows = self.rows, self.rows + rows.num_rows
        self.image_rows += pc.sum(rows.column("_snapshot")).as_py() or 0
        effective = rows.column("_effective_at")
        early, late = pc.less(effective, pa.scalar(self.window.start)), pc.greater_equal(effective, pa.scalar(self.window.end))
        self.outside += pc.sum(pc.or_(early, late).cast(pa.int64())).as_py() or 0
        self.parked += rows.num_rows - rows.column("_parked").null_count
        self.last_seq = _greatest(self.last_seq, pc.max(rows.column("_seq")).as_py())
        self.last_effective = _greatest(self.last_effective, pc.max(effective).as_py())
        return first

    def _header_row(self, schema: pa.Schema) -> pa.Table:
        header = self.header()
        return _filled({
            "_kind": columns.BATCH, "_partition": self.day, "_batch_id": self.batch_id, "_header": header.to_json(),
            "_seen_at": header.seen_at,
        }, schema, 1)

    def header(self) -> Batch:
        """The batch with the figures so far."""
        read = self.reading
        effective = read.effective_at or min(self.window.end, read.seen_at)
        # A past day alone was read: what committed late for other days is still to be read, from where the cursor stood.
        high = self.ledger.cursor if self.ledger.is_past(self.day) else read.high
        return Batch(
            partition=self.day, ordinal=self.ordinal, run=self.run, capture=_mode(self.contract), low=read.low,
            high=read.high if high is None else high,
            running=read.running, position=read.position, last_seq=_greatest(self.last_seq, read.position),
            last_effective=_greatest(self.last_effective, effective if read.position is not None else None), rows=self.rows,
            image_rows=self.image_rows, outside=self.outside, parked=self.parked, seen_at=read.seen_at,
            effective_at=effective, complete_through=self._complete_through(),
            contract=self.contract.fingerprint, shape=self.contract.shape, origin=read.origin,
        )

    def _complete_through(self) -> dt.datetime | None:
        """With transactions still open, only what was complete when an earlier batch had seen them all begin."""
        read = self.reading
        settled = read.seen_at if read.high >= read.running else max(
            (b.seen_at for b in self.ledger.batches if b.running <= read.high), default=None)
        events = _mode(self.contract) is Capture.WINDOW
        return min(settled, self.window.end) if settled is not None and events else settled


def check_image(contract: Contract, ledger: Ledger, header: Batch) -> None:
    """Raise SourceError where a full image is empty or has shrunk beyond the contract's guard."""
    if header.position is None or contract.capture is None:
        return
    guard, last = contract.capture.guard, ledger.last_image
    least = max(guard.min_rows, math.ceil(last.image_rows * (1 - guard.max_shrink)) if last else 0)
    if header.image_rows < least:
        before = f"the image of {last.partition} had {last.image_rows}" if last else "there was none before"
        raise SourceError(
            f"{contract.name}: the full image of {header.partition} has {header.image_rows} rows, and {before}; at least {least} were "
            f"expected (guard min_rows {guard.min_rows}, max_shrink {guard.max_shrink}). Nothing was committed. "
            "Look at the source; if it is right, loosen `capture.guard` in the contract.")


def _greatest(one: T | None, other: T | None) -> T | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _filled(values: Mapping[str, object], schema: pa.Schema, height: int) -> pa.Table:
    """A table of `schema`: columns as given, single values repeated, the rest NULL."""
    return pa.table([_column(values.get(f.name), f.type, height) for f in schema], schema=schema)


def _column(value: object, kind: pa.DataType, height: int) -> pa.Array[Any] | pa.ChunkedArray[Any]:
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value if value.type == kind else value.cast(kind)
    return pa.repeat(pa.scalar(value, kind), height)  # type: ignore[no-any-return, call-overload]
