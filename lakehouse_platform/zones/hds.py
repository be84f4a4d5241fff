"""HDS: the full history. A version is a row with `valid_from` and `valid_to`; a deleted key has a gap."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Commit, Table
from lakehouse_platform.errors import ContractError
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones import law
from lakehouse_platform.zones import rows as columns
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.progress import Work, split, work_of
from lakehouse_platform.zones.replan import replanned

Frame = nw.LazyFrame[Any]
IDENTITY = ["valid_from", "valid_to", "_hash", "_clamp"]
"""What makes a version of a key the same version; the rest is audit."""


@dataclass(frozen=True, slots=True)
class HistoryMerged:
    """What merging one partition did."""

    rows: int
    """Accepted change rows of the partition."""
    held: int
    """Rows that the gate holds back."""
    opened: int
    """Versions that are new."""
    closed: int
    """Versions that were open and have an end now."""
    retracted: int
    """Versions that late rows proved never to have been."""
    complete_through: dt.datetime | None
    version: int
    """Delta version that holds the result."""


def merge(lake: Lake, contract: Contract, day: str) -> HistoryMerged:
    """Take the accepted batches of partition `day` into the history; nothing happens where they are in it already.

    Raises ContractError for a table that keeps no history, NotExtractable or GateHalted where there is nothing to take in.
    """
    if not contract.keeps_history:
        why = "its contract says so" if contract.key else "it has no key to follow a row by"
        raise ContractError(f"{contract.name} keeps no history: {why}.")

    def attempt() -> HistoryMerged:
        table = lake.hds(contract)
        work = work_of(lake, contract, Zone.HDS, table, day)
        figures = (0, 0, 0) if work.nothing_to_do else _apply(work, table)
        return HistoryMerged(work.accepted, work.held, *figures, work.complete_through, table.version)

    return replanned(f"{contract.name}: the merge of {day} into HDS", attempt)


def _apply(work: Work, table: Table) -> tuple[int, int, int]:
    engine, key = work.lake.engine, list(work.contract.key)
    changes = engine.persist(plan(work, table))
    figures = engine.collect(changes.select(
        nw.col("_opens").cast(nw.Int64).sum().alias("opened"), nw.col("_closes").cast(nw.Int64).sum().alias("closed"),
        nw.col("_drop").cast(nw.Int64).sum().alias("retracted"))).to_pylist()[0]
    rows = changes.select(*columns.hds_columns(work.contract), "_drop")
    table.merge(rows, key=[*key, "valid_from"], commit=Commit("hds.merge", work.transactions), bounded=columns.key_may_show(work.contract))
    return (int(figures["opened"] or 0), int(figures["closed"] or 0), int(figures["retracted"] or 0))


def plan(work: Work, table: Table) -> Frame:
    """Versions to write (`_drop` false) and to take away (`_drop` true), with whether each `_opens` or `_closes`."""
    engine, key = work.lake.engine, list(work.contract.key)
    closed = table.scan(partitions={"is_current": ["false"]})
    parts = split(work, table.scan(partitions={"is_current": ["true"]}), clamped=True)
    ahead = engine.persist(parts.ahead)
    headless = engine.persist(ahead.select(key).unique().join(parts.heads.select(key), on=key, how="anti"))
    returning = work.of_keys(closed.select(key), headless)
    late = engine.persist(nw.concat([parts.late, returning]).unique())
    grown = extended(ahead.join(late, on=key, how="anti"), parts.heads, key)
    return nw.concat([grown, _recomputed(work, table, late)], how="diagonal") if work.any_of(late) else grown


def extended(ahead: Frame, heads: Frame, key: list[str]) -> Frame:
    """The fast path: a key's head stands for everything before it."""
    mine = heads.join(ahead.select(key).unique(), on=key, how="semi")
    stand_in = mine.drop("valid_to", "is_current", "_effective_at").rename({"_clamp": "_effective_at", "valid_from": "_from"})
    stand_in = stand_in.with_columns(_op=nw.lit(columns.UPSERT), _snapshot=nw.lit(value=False), _head=nw.lit(value=True))
    fresh = ahead.with_columns(_head=nw.lit(value=False))
    found = law.versions(nw.concat([stand_in, fresh], how="diagonal"), key)
    # The head keeps the start it has; what it may gain is an end and a later clamp.
    old = mine.select(*key, _was_clamp="_clamp", _was_effective="_effective_at")
    found = found.join(old, on=key, how="left").filter(nw.col("_op") == columns.UPSERT)
    head = nw.col("_head")
    found = found.filter(~head | ~nw.col("valid_to").is_null() | (nw.col("_clamp") > nw.col("_was_clamp")))
    return found.with_columns(
        valid_from=nw.when(head).then(nw.col("_from")).otherwise(nw.col("valid_from")),
        _effective_at=nw.when(head).then(nw.col("_was_effective")).otherwise(nw.col("_effective_at")),
        is_current=nw.col("valid_to").is_null(), _drop=nw.lit(value=False),
        _opens=~head, _closes=head & ~nw.col("valid_to").is_null(),
    ).drop("_head", "_from", "_was_clamp", "_was_effective", "_op", "_snapshot")


def _recomputed(work: Work, table: Table, late: Frame) -> Frame:
    """The slow path: keys whose past changed are computed again from Raw; only versions that differ are written."""
    engine, key = work.lake.engine, list(work.contract.key)
    rows = engine.persist(work.rows(work.after).join(late, on=key, how="semi"))  # the law reads them many times
    target = law.history(rows, work.snapshots(), key).filter(nw.col("_op") == columns.UPSERT)
    target = engine.persist(target.with_columns(is_current=nw.col("valid_to").is_null()))
    old = engine.persist(table.scan().join(late, on=key, how="semi"))
    place = [*key, "valid_from"]
    was = old.select(*place, _was_to="valid_to", _was_hash="_hash", _was_clamp="_clamp", _known=nw.lit(value=True))
    compared = target.join(was, on=place, how="left").with_columns(nw.col("_known").fill_null(value=False))
    same = nw.col("_known") & (nw.col("_hash") == nw.col("_was_hash")) & (nw.col("_clamp") == nw.col("_was_clamp")) & _same(
        nw.col("valid_to"), nw.col("_was_to"))
    fresh = compared.filter(~same.fill_null(value=False)).with_columns(
        _drop=nw.lit(value=False), _opens=~nw.col("_known"),
        _closes=nw.col("_known") & nw.col("_was_to").is_null() & ~nw.col("valid_to").is_null())
    stale = old.join(target.select(place), on=place, how="anti").with_columns(
        _drop=nw.lit(value=True), _opens=nw.lit(value=False), _closes=nw.lit(value=False))
    return nw.concat([fresh.drop("_known", "_was_to", "_was_hash", "_was_clamp", "_op", "_snapshot"), stale], how="diagonal")


def _same(left: nw.Expr, right: nw.Expr) -> nw.Expr:
    return (left.is_null() & right.is_null()) | (left == right).fill_null(value=False)
