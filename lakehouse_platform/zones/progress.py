"""What a table has taken in, and what of a partition it has yet to take in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Table
from lakehouse_platform.errors import GateHalted, NotExtractable
from lakehouse_platform.zones import gate
from lakehouse_platform.zones import rows as columns
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.ledger import Batch, Ledger, complete_through, read_ledger, snapshots_frame

Frame = nw.LazyFrame[Any]


def application(zone: str, partition: str) -> str:
    """Delta transaction by which a table says which judgement of a partition it has taken in."""
    return f"lakehouse/{zone}/{partition}"


@dataclass(frozen=True, slots=True)
class Work:
    """One partition's way into one table of a zone."""

    lake: Lake
    contract: Contract
    zone: str
    day: str
    raw: Table
    ledger: Ledger
    judgement: int
    """The one to take in."""
    before: Mapping[str, gate.Verdict]
    """Verdicts that the table stands on, by batch."""
    after: Mapping[str, gate.Verdict]
    """Verdicts that it will stand on."""

    @property
    def nothing_to_do(self) -> bool:
        """Whether the partition's judgements are all in the table."""
        return self.before == self.after

    @property
    def fresh(self) -> tuple[Batch, ...]:
        """Batches that the table has not taken in, or not under this verdict."""
        return tuple(b for b in self.ledger.batches if b.batch_id in self.after and self.before.get(b.batch_id) != self.after[b.batch_id])

    @property
    def judged_anew(self) -> bool:
        """Whether a batch that the table holds was judged again."""
        return any(b.batch_id in self.before for b in self.fresh)

    @property
    def high(self) -> int | None:
        """Greatest `_seq` that the table has taken in."""
        seqs = [b.last_seq for b in self.ledger.batches if b.batch_id in self.before and b.last_seq is not None]
        return max(seqs, default=None)

    @property
    def latest(self) -> dt.datetime | None:
        """Greatest effective time that the table has taken in."""
        times = [b.last_effective for b in self.ledger.batches if b.batch_id in self.before and b.last_effective is not None]
        return max(times, default=None)

    @property
    def transactions(self) -> dict[str, int]:
        """What the commit says it has taken in."""
        return {application(self.zone, self.day): self.judgement}

    @property
    def complete_through(self) -> dt.datetime | None:
        """Source instant up to which the table will hold everything."""
        return complete_through(self.ledger, self.after)

    def rows(self, verdicts: Mapping[str, gate.Verdict]) -> Frame:
        """Accepted rows of some batches."""
        return gate.accepted(self.lake, self.contract, self.raw, self.ledger, verdicts)

    def fresh_rows(self) -> Frame:
        """Accepted rows of the fresh batches."""
        return self.rows({b.batch_id: self.after[b.batch_id] for b in self.fresh})

    def snapshots(self) -> Frame:
        """Full images that the table will stand on."""
        return snapshots_frame(self.lake, (b for b in self.ledger.batches if b.batch_id in self.after))

    def any_of(self, keys: Frame) -> bool:
        """Whether there are keys at all: reading Raw for none of them costs as much as for all."""
        return bool(self.lake.engine.collect(keys.select(nw.len().alias("n"))).column("n")[0].as_py())

    def of_keys(self, rows: Frame, keyed: Frame) -> Frame:
        """Those of many `rows` whose key is among the few of `keyed`, which is computed; its bounds spare reading the rest."""
        if not self.any_of(keyed):
            return rows.head(0)
        key, bounded = list(self.contract.key), columns.bounded(self.contract)
        ends = [end for n in bounded for end in (nw.col(n).min().alias(f"{n}_low"), nw.col(n).max().alias(f"{n}_high"))]
        found = self.lake.engine.collect(keyed.select(*ends)).to_pylist()[0] if ends else {}
        for name in bounded:
            if found[f"{name}_low"] is not None:
                rows = rows.filter(nw.col(name).is_between(found[f"{name}_low"], found[f"{name}_high"]))
        return rows.join(keyed.select(key).unique(), on=key, how="semi")

    @property
    def accepted(self) -> int:
        """Rows of the partition that the gate let through."""
        return sum(v.accepted for v in self.after.values() if v.partition == self.day)

    @property
    def held(self) -> int:
        """Rows of the partition that the gate holds back."""
        return sum(v.quarantined for v in self.after.values() if v.partition == self.day)


def work_of(lake: Lake, contract: Contract, zone: str, table: Table, day: str) -> Work:
    """What partition `day` means for the table.

    Raises NotExtractable where Raw has no batch of the day, GateHalted where the gate has not let one through.
    """
    raw, ledger_table = lake.raw(contract), lake.gate(contract)
    ledger, given = read_ledger(lake, raw), gate.verdicts(lake, ledger_table)
    where = f"{contract.domain}/{contract.table}"
    if not ledger.of(day):
        raise NotExtractable(f"{contract.name}: Raw has no batch of {day}. Materialize raw/{where} for it first.")
    judgement = ledger_table.transaction(gate.application(day))
    if judgement is None:
        raise GateHalted(f"{contract.name}: the gate let nothing of {day} through. Materialize ods/{where} for it and look at its checks.")
    taken = {d: version for d in {v.partition for v in given} if (version := table.transaction(application(zone, d))) is not None}
    return Work(lake, contract, zone, day, raw, ledger, judgement,
                gate.standing(given, taken), gate.standing(given, {**taken, day: judgement}))


@dataclass(frozen=True, slots=True)
class Split:
    """Fresh rows divided by what they ask for."""

    ahead: Frame
    """Rows that extend their key's head: later than everything the table has taken in."""
    late: Frame
    """Keys that must be computed again from Raw."""
    heads: Frame
    """What `heads` has of the rows' keys."""


def split(work: Work, heads: Frame, *, clamped: bool) -> Split:
    """Divide the fresh rows; `heads` has the key and `_hash` of every live key and, where versions count, `_clamp`.

    A row may extend its head when it sorts after all that the table has taken in and, with `clamped`, is effective after the
    head's clamp. A key without a head may have had versions that vanished, so its row must be effective after everything.
    A full image must itself be later than everything, or every key is computed again.
    """
    engine, key, rows = work.lake.engine, list(work.contract.key), work.fresh_rows()
    images = [b for b in work.fresh if b.position is not None]
    in_order = len(images) <= 1 and not work.judged_anew and all(work.high is None or (b.position or 0) > work.high for b in images)
    if not in_order:
        # Keys that are gone today, too: an image that came late may end an older version of theirs.
        everyone = nw.concat([work.rows(work.after).select(key), heads.select(key)]).unique()
        return Split(rows.filter(nw.col("_op").is_null()), everyone, heads)
    gone = [_gone(rows, heads, image, key) for image in images]
    states = engine.persist(nw.concat([rows.filter(nw.col("_op") != columns.PRESENT), *gone], how="diagonal"))
    mine = engine.persist(work.of_keys(heads, states))
    own = ["_hash", "_clamp"] if clamped else ["_hash"]
    joined = states.join(mine.select(*key, **{f"_h{name}": nw.col(name) for name in own}), on=key, how="left")
    joined = joined.filter(~(nw.col("_snapshot") & (nw.col("_hash") == nw.col("_h_hash")).fill_null(value=False)))
    late = engine.persist(joined.filter(_late(work, clamped=clamped)).select(key).unique())
    return Split(joined.drop(*(f"_h{name}" for name in own)).join(late, on=key, how="anti"), late, mine)


def _late(work: Work, *, clamped: bool) -> nw.Expr:
    """Whether a row comes before something that the table has taken in; to an empty table nothing is late."""
    late = nw.col("_seq").is_null() if work.high is None else nw.col("_seq") <= work.high
    if not clamped:
        return late
    within = (nw.col("_effective_at") <= nw.col("_h_clamp")).fill_null(value=False)
    if work.latest is None:
        return late | within
    instant = nw.lit(work.latest).cast(nw.Datetime("us", "UTC"))
    return late | within | (nw.col("_h_clamp").is_null() & (nw.col("_effective_at") <= instant))


def _gone(rows: Frame, heads: Frame, image: Batch, key: list[str]) -> Frame:
    """Deletes that a full image implies for the live keys it lacks."""
    here = rows.filter(nw.col("_snapshot")).select(key)
    alive = nw.concat([heads.select(key), rows.filter((nw.col("_op") == columns.UPSERT) & ~nw.col("_snapshot")).select(key)]).unique()
    instant = nw.Datetime("us", "UTC")
    return alive.join(here, on=key, how="anti").with_columns(
        _seq=nw.lit(image.position, nw.Int64), _snapshot=nw.lit(value=True), _op=nw.lit(columns.DELETE), _hash=nw.lit(columns.ABSENT),
        _seen_at=nw.lit(image.seen_at).cast(instant), _effective_at=nw.lit(image.effective_at).cast(instant),
        _batch_id=nw.lit(image.batch_id))
