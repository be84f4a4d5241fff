"""A batch's way into ODS and HDS, one function a way. A lake is built once; each way works on a copy made of links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.zones import gate, hds, ods, raw
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.rows import declared, hds_columns, ods_columns
from tests.bench.measure import Meter
from tests.properties.feeds import Delivery, FeedSource, contract, instant

ROWS, LOADS, CHANGES = 1_000_000, 10, 50_000
DAY = "2026-03-20"
BATCHES = ("anywhere", "recent", "late")
"""Keys anywhere; keys of the newest twentieth; keys anywhere, of changes that the table's newest rows are later than."""
KEY, VERSION = ["region", "number"], ["region", "number", "valid_from"]
REGIONS = np.array(["north", "east", "south", "west"])
Numbers: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
SAME_KEY = "t.region = s.region and t.number = s.number"


@dataclass(frozen=True)
class Bulk(Delivery):
    """A delivery that is Arrow from the start."""

    table: pa.Table = field(default_factory=lambda: pa.table({}))

    @property
    def arrow(self) -> pa.Table:
        return self.table


def upserts(numbers: Numbers, *, seq: int) -> Bulk:
    """An upsert for each key, at the positions and instants from `seq` on."""
    place = np.arange(seq, seq + len(numbers), dtype=np.int64)
    amount = pl.Series(numbers * 7 + seq).cast(pl.Decimal(38, 9)).to_arrow(compat_level=pl.CompatLevel.oldest())
    table = pa.table({
        "region": pa.array(REGIONS[numbers % 4]), "number": pa.array(numbers), "amount": amount,
        "note": pl.format("what is said of {} at {}", pl.lit(pl.Series(numbers)), seq).pipe(_texts),
        "_op": _repeated("upsert", len(numbers)), "_seq": pa.array(place),
        "_snapshot": _repeated(False, len(numbers)), "_parked": pa.nulls(len(numbers), pa.string()),
        "_effective_at": pa.array(place + int(instant(0).timestamp() * 1e6)).cast(pa.timestamp("us", "UTC")),
    })
    return Bulk((), seen=seq + len(numbers), table=pa.Table.from_batches(table.to_batches(max_chunksize=32_768)))


def _texts(expression: pl.Expr) -> pa.Array[Any]:
    return pl.select(expression).to_series().to_arrow(compat_level=pl.CompatLevel.oldest())


def _repeated(value: str | bool, times: int) -> pa.Array[Any]:
    return pa.repeat(pa.scalar(value), times)


def changes(batch: str) -> Bulk:
    """The batch: nine updates to one insert."""
    chance = np.random.default_rng(7)
    first = ROWS - ROWS // 20 if batch == "recent" else 0
    known = chance.choice(np.arange(first, ROWS, dtype=np.int64), CHANGES * 9 // 10, replace=False)
    numbers = np.concatenate([known, np.arange(ROWS, ROWS + CHANGES // 10, dtype=np.int64)])
    return upserts(numbers, seq=1 if batch == "late" else 10 * ROWS)


def lake_of(folder: str) -> tuple[Lake, Contract]:
    """The lake in a folder, and the contract of its table."""
    return Lake(folder, PolarsEngine()), contract()


def load(meter: Meter, folder: str) -> None:
    """Days of inserts through all zones: the first load of the table, a tenth a day."""
    lake, table = lake_of(folder)
    for number in range(LOADS):
        day, share = f"2026-03-{number + 1:02}", ROWS // LOADS
        delivery = upserts(np.arange(number * share, (number + 1) * share, dtype=np.int64), seq=(number + 1) * ROWS // LOADS + CHANGES)
        with meter:
            _take(lake, table, delivery, day)
            ods.merge(lake, table, day)
            hds.merge(lake, table, day)


def deliver(meter: Meter, folder: str, batch: str) -> None:
    """The batch into Raw and through the gate."""
    delivery = changes(batch)
    with meter:
        _take(*lake_of(folder), delivery, DAY)


def _take(lake: Lake, table: Contract, delivery: Delivery, day: str) -> None:
    source = FeedSource()
    source.next = delivery
    raw.extract(lake, table, source, day, run=day)
    gate.judge(lake, table, day)


def linked(source: Path, target: Path) -> Path:
    """A copy that shares the data files, which nobody changes."""
    shutil.copytree(source, target, copy_function=os.link)
    return target


def our_ods(meter: Meter, folder: str) -> None:
    """The platform: from Raw's accepted rows."""
    with meter:
        ods.merge(*lake_of(folder), DAY)


def our_hds(meter: Meter, folder: str) -> None:
    """The platform: from Raw's accepted rows."""
    with meter:
        hds.merge(*lake_of(folder), DAY)


def append_ods(meter: Meter, folder: str) -> None:
    """The changes beside the rows they replace."""
    target, fresh = _ready(folder, "ods")
    with meter:
        write_deltalake(target, fresh.to_arrow(), mode="append")


def append_hds(meter: Meter, folder: str) -> None:
    """Versions without an end, which every reader works out."""
    target, fresh = _ready(folder, "hds")
    with meter:
        write_deltalake(target, fresh.to_arrow(), mode="append")


def merge_ods(meter: Meter, folder: str) -> None:
    """MERGE of delta-rs, written by hand."""
    target, fresh = _ready(folder, "ods")
    with meter:
        _upsert(target, fresh, SAME_KEY)


def merge_hds(meter: Meter, folder: str) -> None:
    """MERGE of delta-rs over the union of what closes and what opens."""
    target, fresh = _ready(folder, "hds")
    with meter:
        heads = pl.scan_delta(target).filter(pl.col("is_current")).join(fresh.lazy().select(KEY), on=KEY, how="semi").collect()
        _upsert(target, pl.concat([_closed(heads, fresh), fresh]), f"{SAME_KEY} and t.valid_from = s.valid_from")


def rewrite_ods(meter: Meter, folder: str) -> None:
    """All of the table anew, by Polars."""
    target, fresh = _ready(folder, "ods")
    with meter:
        kept = pl.scan_delta(target).join(fresh.lazy(), on=KEY, how="anti").collect()
        _overwrite(target, [kept, fresh])


def rewrite_hds(meter: Meter, folder: str) -> None:
    """All of the history anew, by Polars."""
    target, fresh = _ready(folder, "hds")
    with meter:
        held = pl.scan_delta(target).collect()
        closed = _closed(held.filter(pl.col("is_current")).join(fresh.select(KEY), on=KEY, how="semi"), fresh)
        _overwrite(target, [held.join(closed, on=VERSION, how="anti"), closed, fresh])


def _ready(folder: str, zone: str) -> tuple[DeltaTable, pl.DataFrame]:
    """The zone's table, and the batch as its rows: what ours has to make of Raw is given to the others."""
    lake, table = lake_of(folder)
    rows = pl.scan_delta(lake.uri("raw", table)).filter((pl.col("_partition") == DAY) & (pl.col("_kind") == "change")).collect()
    opened = rows.with_columns(
        valid_from="_effective_at", valid_to=pl.lit(None, pl.Datetime("us", "UTC")), is_current=pl.lit(value=True), _clamp="_effective_at")
    columns = ods_columns(table) if zone == "ods" else hds_columns(table)
    return DeltaTable(lake.uri(zone, table)), opened.select(*columns)


def _closed(heads: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    ends = heads.drop("valid_to", "is_current").join(fresh.select(*KEY, valid_to="valid_from"), on=KEY)
    return ends.with_columns(is_current=pl.lit(value=False)).select(heads.columns)


def _upsert(target: DeltaTable, rows: pl.DataFrame, predicate: str) -> None:
    merging = target.merge(rows.to_arrow(), predicate, source_alias="s", target_alias="t", streamed_exec=False)
    merging.when_matched_update_all().when_not_matched_insert_all().execute()


def _overwrite(target: DeltaTable, parts: Sequence[pl.DataFrame]) -> None:
    write_deltalake(target, pl.concat(parts).to_arrow(), mode="overwrite")


def content(folder: Path, zone: str) -> pl.DataFrame:
    """What the zone says: the contract's columns, and of a history from when to when."""
    lake, table = lake_of(str(folder))
    validity = ["valid_from", "valid_to"] if zone == "hds" else []
    return pl.read_delta(lake.uri(zone, table)).select(*declared(table), *validity).sort(*KEY, *validity)
