"""ODS: the typed, standardised, deduplicated current state. Every row is live, one a key."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Commit, MergeFigures, Table
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones import law
from lakehouse_platform.zones import rows as columns
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.progress import Work, split, work_of
from lakehouse_platform.zones.replan import replanned

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging one partition did."""

    rows: int
    """Accepted change rows of the partition."""
    held: int
    """Rows that the gate holds back."""
    inserted: int
    updated: int
    deleted: int
    complete_through: dt.datetime | None
    version: int
    """Delta version that holds the result."""


def merge(lake: Lake, contract: Contract, day: str) -> Merged:
    """Take the accepted batches of partition `day` into the current state; nothing happens where they are in it already.

    Raises NotExtractable or GateHalted where there is nothing to take in, CommitConflict when other writers always win.
    """
    def attempt() -> Merged:
        table = lake.ods(contract)
        work = work_of(lake, contract, Zone.ODS, table, day)
        figures = MergeFigures(0, 0, 0) if work.nothing_to_do else _apply(work, table)
        return Merged(work.accepted, work.held, figures.inserted, figures.updated, figures.deleted, work.complete_through, table.version)

    return replanned(f"{contract.name}: the merge of {day} into ODS", attempt)


def _apply(work: Work, table: Table) -> MergeFigures:
    commit = Commit("ods.merge", work.transactions)
    if not work.contract.key:
        return _replace(work, table, Commit("ods.replace", work.transactions))
    changes = plan(work, table.scan())
    return table.merge(_shaped(work.contract, changes), key=work.contract.key, commit=commit, bounded=columns.key_may_show(work.contract))


def plan(work: Work, state: Frame) -> Frame:
    """Last rows of the keys that change; rows with `_op` = delete take their key away."""
    key = list(work.contract.key)
    parts = split(work, state.select(*key, "_hash"), clamped=False)
    last = parts.ahead.unique(key, keep="last", order_by=columns.ORDER)
    late = work.lake.engine.persist(parts.late)
    if not work.any_of(late):
        return last
    rows = work.lake.engine.persist(work.rows(work.after).join(late, on=key, how="semi"))  # the law reads them many times
    anew = law.current(rows, work.snapshots(), key)
    silent = late.join(anew.select(key), on=key, how="anti").with_columns(_op=nw.lit(columns.DELETE))
    held = state.select(*key, _held="_hash")
    moved = anew.join(held, on=key, how="left").filter(~(nw.col("_hash") == nw.col("_held")).fill_null(value=False)).drop("_held")
    return nw.concat([last, moved, silent], how="diagonal")


def _shaped(contract: Contract, changes: Frame) -> Frame:
    return changes.select(*columns.ods_columns(contract), _drop=nw.col("_op") == columns.DELETE)


def _replace(work: Work, table: Table, commit: Commit) -> MergeFigures:
    """A keyless table is its newest image."""
    newest = max((b for b in work.ledger.batches if b.batch_id in work.after), key=lambda b: (b.position or 0, b.seen_at))
    rows = work.rows({newest.batch_id: work.after[newest.batch_id]})
    before = table.count()
    table.replace(rows.filter(nw.col("_op") == columns.UPSERT).select(*columns.ods_columns(work.contract)), commit)
    return MergeFigures(table.count(), 0, before)
