"""The law of history: a key's history is a pure function of the set of its change rows and the table's snapshot headers.

Narwhals only: every engine runs this file. Frames of change rows have the key's columns and `rows.CHANGE_COLUMNS`;
frames of snapshots have `_seq`, `_seen_at` and `_effective_at`, one row a delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from lakehouse_platform.zones.rows import ABSENT, DELETE, ORDER, PRESENT, UPSERT

Frame = nw.LazyFrame[Any]


def winning_deliveries(snapshots: Frame) -> Frame:
    """One delivery for each snapshot position: the one that saw the source last."""
    last = snapshots.group_by("_seq").agg(nw.col("_seen_at").max())
    return snapshots.join(last, on=["_seq", "_seen_at"], how="semi").group_by("_seq", "_seen_at").agg(nw.col("_effective_at").max())


def without_superseded(rows: Frame, winners: Frame) -> Frame:
    """Rows of a snapshot that was delivered again do not count: absence in the later delivery must win too."""
    kept = rows.filter(nw.col("_snapshot")).join(winners.select("_seq", "_seen_at"), on=["_seq", "_seen_at"], how="semi")
    return nw.concat([rows.filter(~nw.col("_snapshot")), kept])


def with_absences(rows: Frame, winners: Frame, key: Sequence[str]) -> Frame:
    """Add the delete that each snapshot implies for a key it lacks, and take away the rows that only say "present".

    Only the first snapshot after a sign of life, an upsert or a presence, can matter: once a key is gone, later absences
    change nothing.
    """
    at = winners.select(_p="_seq", _p_seen="_seen_at", _p_effective="_effective_at")
    states = rows.filter(nw.col("_op") != PRESENT)
    alive = rows.filter((nw.col("_op") == UPSERT) | (nw.col("_op") == PRESENT))
    later = (nw.col("_p") > nw.col("_seq")) | ((nw.col("_p") == nw.col("_seq")) & ~nw.col("_snapshot"))
    places = alive.select("_seq", "_snapshot").unique()
    following = places.join(at.select("_p"), how="cross").filter(later).group_by("_seq", "_snapshot").agg(nw.col("_p").min())
    following = following.join(at, on="_p", how="left")
    present = rows.filter(nw.col("_snapshot")).select(*key, _p="_seq").unique()
    gone = alive.join(following, on=["_seq", "_snapshot"], how="inner").select(*key, "_p", "_p_seen", "_p_effective").unique()
    gone = gone.join(present, on=[*key, "_p"], how="anti")
    return nw.concat([states, _deletes(gone, key)], how="diagonal")


def _deletes(gone: Frame, key: Sequence[str]) -> Frame:
    return gone.select(
        *key, _seq="_p", _snapshot=nw.lit(value=True), _seen_at="_p_seen", _op=nw.lit(DELETE),
        _hash=nw.lit(ABSENT), _effective_at="_p_effective",
    )


def changed(rows: Frame, key: Sequence[str]) -> Frame:
    """Only rows that leave the key in another state than the row before them."""
    before = nw.col("_hash").shift(1).over(*key, order_by=ORDER)
    return rows.with_columns(_before=before).filter(nw.col("_hash") != nw.col("_before").fill_null(ABSENT)).drop("_before")


def versions(rows: Frame, key: Sequence[str]) -> Frame:
    """Every version of every key, absences included (`_hash` = ABSENT), from the set of its change rows.

    Adds `valid_from`, `valid_to` (NULL while open) and `_clamp`, the greatest effective time that the version has absorbed.
    """
    rows = changed(rows.unique([*key, *ORDER], keep="any"), key)
    rows = rows.with_columns(_at=nw.col("_effective_at").cum_max().over(*key, order_by=ORDER))
    rows = rows.with_columns(_next=nw.col("_at").shift(-1).over(*key, order_by=ORDER))
    rows = rows.filter(nw.col("_next").is_null() | (nw.col("_next") > nw.col("_at"))).drop("_next")
    rows = rows.with_columns(_before=nw.col("_hash").shift(1).over(*key, order_by="_at"))
    starts = nw.col("_hash") != nw.col("_before").fill_null(ABSENT)
    rows = rows.with_columns(_start=nw.when(starts).then(1).otherwise(0)).drop("_before")
    rows = rows.with_columns(_run=nw.col("_start").cum_sum().over(*key, order_by="_at"))
    rows = rows.with_columns(_clamp=nw.col("_at").max().over(*key, "_run")).filter(nw.col("_start") == 1)
    rows = rows.with_columns(valid_from=nw.col("_at"), valid_to=nw.col("_at").shift(-1).over(*key, order_by="_at"))
    return rows.drop("_at", "_start", "_run")


def facts(rows: Frame, snapshots: Frame, key: Sequence[str]) -> Frame:
    """Change rows that count, implied deletes included."""
    winners = winning_deliveries(snapshots)
    return with_absences(without_superseded(rows, winners), winners, key)


def history(rows: Frame, snapshots: Frame, key: Sequence[str]) -> Frame:
    """`versions` of a table that is fed by changes, by full snapshots, or by both."""
    return versions(facts(rows, snapshots, key), key)


def current(rows: Frame, snapshots: Frame, key: Sequence[str]) -> Frame:
    """The last row of every key, deleted keys included (`_op` = delete)."""
    return facts(rows, snapshots, key).unique(list(key), keep="last", order_by=ORDER)
