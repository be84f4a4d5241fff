"""The gate between Raw and ODS: rules divide a batch into accepted and quarantined rows, or halt it.

Its ledger is append-only. A judgement is one commit: a row for each batch that passed and a row for each quarantined row and
rule. Raw minus the quarantined pointers of the judgements that count is what ODS and HDS are made of.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pyarrow as pa

from lakehouse_platform.contracts.contract import Contract, Metric, OnFailure, Rule
from lakehouse_platform.engines.base import Commit, Engine, Table
from lakehouse_platform.errors import NotExtractable
from lakehouse_platform.quality.rules import RuleResult, demand, evaluated, flag, rules_of
from lakehouse_platform.zones import rows as columns
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.ledger import Batch, Ledger, read_ledger
from lakehouse_platform.zones.replan import replanned
from lakehouse_platform.zones.standardise import standardised

Frame = nw.LazyFrame[Any]
HELD_ROW = "row"
MASK = "***"
KEY_TEXT = "_key_text"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate said of one batch that it let through."""

    partition: str
    judgement: int
    """1, 2, … within the partition; the version of the partition's Delta transaction."""
    batch_id: str
    rules_version: str
    shape: str
    accepted: int
    """Upserts and deletes let through."""
    quarantined: int
    """Rows held back."""
    results: tuple[RuleResult, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate said of a partition."""

    partition: str
    results: tuple[RuleResult, ...]
    accepted: int
    quarantined: int
    halted: tuple[str, ...]
    """Names of the halting rules that failed; where there are any, nothing was committed."""


def application(partition: str) -> str:
    """Delta transaction of a partition's judgements."""
    return f"lakehouse/gate/{partition}"


def raw_rows(lake: Lake, contract: Contract, table: Table, batches: Sequence[Batch]) -> Frame:
    """Change rows of some batches, standardised by today's contract."""
    days, ids = sorted({b.partition for b in batches}), [b.batch_id for b in batches]
    held = table.scan(partitions={"_kind": [columns.CHANGE], "_partition": days}).filter(nw.col("_batch_id").is_in(ids))
    held = held.drop("_kind", "_header", "_partition")
    return standardised(lake.engine, contract, held, shapes={b.shape for b in batches} or {contract.shape})


def verdicts(lake: Lake, table: Table) -> tuple[Verdict, ...]:
    """Every verdict ever given, in the order of partitions and judgements."""
    said = table.scan(partitions={"_kind": [columns.BATCH]}).select("_partition", "judgement", "_batch_id", "verdict")
    found = [_verdict(row) for row in lake.engine.collect(said).to_pylist()]
    return tuple(sorted(found, key=lambda v: (v.partition, v.judgement, v.batch_id)))


def _verdict(row: Mapping[str, Any]) -> Verdict:
    said = json.loads(row["verdict"])
    results = tuple(RuleResult(r["rule"], OnFailure(r["on_failure"]), r["failed"], r["evaluated"]) for r in said["results"])
    return Verdict(row["_partition"], row["judgement"], row["_batch_id"], said["rules_version"], said["shape"],
                   said["accepted"], said["quarantined"], results)


def standing(given: Iterable[Verdict], upto: Mapping[str, int]) -> dict[str, Verdict]:
    """The verdict that counts for each batch, when a table has taken in the judgements up to those of `upto` (by partition)."""
    return {v.batch_id: v for v in given if v.judgement <= upto.get(v.partition, 0)}


def judge(lake: Lake, contract: Contract, day: str) -> Judgement:
    """Judge the batches of partition `day` that today's rules have not judged yet; one commit, or none where a rule halts.

    Raises NotExtractable where Raw has no batch of the day.
    """
    return replanned(f"{contract.name}: the judgement of {day}", lambda: _judge(lake, contract, day))


def _judge(lake: Lake, contract: Contract, day: str) -> Judgement:
    raw, gate = lake.raw(contract), lake.gate(contract)
    ledger, given = read_ledger(lake, raw), verdicts(lake, gate)
    of_day = ledger.of(day)
    if not of_day:
        where = f"raw/{contract.domain}/{contract.table}"
        raise NotExtractable(f"{contract.name}: Raw has no batch of {day}. Materialize {where} for it first.")
    last = {v.batch_id: v for v in given}
    standing_now = {n: v for n, v in last.items() if v.rules_version == contract.rules_version and v.shape == contract.shape}
    new = [b for b in of_day if b.batch_id not in standing_now]
    kept = [standing_now[b.batch_id] for b in of_day if b.batch_id in standing_now]
    court = _Court(lake, contract, raw, day, (gate.transaction(application(day)) or 0) + 1)
    fresh = {b: court.verdict(b) for b in new}
    halted = _halting(ledger, day, {v.batch_id: v for v in (*kept, *fresh.values())})
    passed = {b: v for b, v in fresh.items() if not _halts(v)}
    if not halted and passed:
        gate.append(court.entries(passed), Commit("gate.append", {application(day): court.judgement}))
    return _summary(day, [*kept, *(fresh if halted else passed).values()], halted)


def _halts(verdict: Verdict) -> bool:
    return any(r.on_failure is OnFailure.HALT and not r.passed for r in verdict.results)


def _halting(ledger: Ledger, day: str, said: Mapping[str, Verdict]) -> tuple[str, ...]:
    """Halting rules that failed in batches which no later good delivery of the same day replaces."""
    good = {name for name, verdict in said.items() if not _halts(verdict)}
    bad = [said[b.batch_id] for b in ledger.of(day) if b.batch_id not in good and not ledger.replaced(b, good)]
    return tuple(dict.fromkeys(r.rule for v in bad for r in v.results if r.on_failure is OnFailure.HALT and not r.passed))


def _summary(day: str, said: Sequence[Verdict], halted: tuple[str, ...]) -> Judgement:
    return Judgement(day, totals(said), sum(v.accepted for v in said), sum(v.quarantined for v in said), halted)


def totals(said: Iterable[Verdict]) -> tuple[RuleResult, ...]:
    """How each rule fared over several batches."""
    found: dict[str, RuleResult] = {}
    for result in (r for v in said for r in v.results):
        before = found.get(result.rule, RuleResult(result.rule, result.on_failure, 0, 0))
        found[result.rule] = RuleResult(result.rule, result.on_failure, before.failed + result.failed, before.evaluated + result.evaluated)
    return tuple(found.values())


@dataclass(slots=True)
class _Court:
    """Judges batches under one judgement number, and keeps what it holds back."""

    lake: Lake
    contract: Contract
    raw: Table
    day: str
    judgement: int

    def verdict(self, batch: Batch) -> Verdict:
        """Figures of one batch."""
        frame = self._states(batch)
        rules = rules_of(self.contract)
        counts = [nw.col(flag(r.name)).cast(nw.Int64).sum().alias(r.name) for r in rules if r.metric is not Metric.ROW_COUNT]
        flagged = self.lake.engine.collect(frame.select(
            nw.len().alias("_rows"), *counts,
            nw.any_horizontal(*_held_flags(rules), ignore_nulls=True).cast(nw.Int64).sum().alias("_held"))).to_pylist()[0]
        count, held = flagged["_rows"], flagged["_held"] or 0
        results = tuple(RuleResult(r.name, r.on_failure, _failed(r, flagged, count), count) for r in rules)
        deletes = self._deletes(batch)
        return Verdict(self.day, self.judgement, batch.batch_id, self.contract.rules_version, self.contract.shape,
                       count - held + deletes, held, results)

    def _states(self, batch: Batch) -> Frame:
        rows = raw_rows(self.lake, self.contract, self.raw, [batch]).filter(nw.col("_op") == columns.UPSERT)
        return evaluated(self.lake.engine, self.contract, rows, rules_of(self.contract))

    def _deletes(self, batch: Batch) -> int:
        rows = raw_rows(self.lake, self.contract, self.raw, [batch]).filter(nw.col("_op") == columns.DELETE)
        return int(self.lake.engine.collect(rows.select(nw.len().alias("n"))).column("n")[0].as_py())

    def entries(self, passed: Mapping[Batch, Verdict]) -> Frame:
        """Rows of the ledger for the verdicts."""
        said = list(passed.values())
        headers = pa.table({
            "_kind": [columns.BATCH] * len(said), "_partition": [self.day] * len(said), "judgement": [self.judgement] * len(said),
            "_batch_id": [v.batch_id for v in said], "verdict": [_to_json(v) for v in said],
        })
        held = [self._held_rows(batch) for batch, verdict in passed.items() if verdict.quarantined]
        return nw.concat([self.lake.engine.frame(headers), *held], how="diagonal")

    def _held_rows(self, batch: Batch) -> Frame:
        frame = self.lake.engine.persist(_with_key_text(self.lake.engine, self.contract, self._states(batch)))
        return nw.concat([self._held_by(frame, rule) for rule in _quarantining(rules_of(self.contract))], how="diagonal")

    def _held_by(self, frame: Frame, rule: Rule) -> Frame:
        return frame.filter(nw.col(flag(rule.name))).select(
            "_batch_id", "_row", _kind=nw.lit(HELD_ROW), _partition=nw.lit(self.day),
            judgement=nw.lit(self.judgement, nw.Int64), rule=nw.lit(rule.name),
            rule_version=nw.lit(self.contract.rules_version), key=nw.col(KEY_TEXT), reason=nw.lit(rule.description or demand(rule)))


def _quarantining(rules: Sequence[Rule]) -> list[Rule]:
    return [r for r in rules if r.on_failure is OnFailure.QUARANTINE and r.metric is not Metric.ROW_COUNT]


def _held_flags(rules: Sequence[Rule]) -> list[nw.Expr]:
    return [nw.col(flag(r.name)) for r in _quarantining(rules)] or [nw.lit(value=False)]


def _failed(rule: Rule, flagged: Mapping[str, Any], count: int) -> int:
    if rule.metric is not Metric.ROW_COUNT:
        return int(flagged[rule.name] or 0)
    low = int(rule.minimum) if rule.minimum is not None else 0
    return int(count < low or (rule.maximum is not None and count > int(rule.maximum)))


def _with_key_text(engine: Engine, contract: Contract, rows: Frame) -> Frame:
    """Add the key as text for people; classified parts are masked. The texts are the engine's, so that all engines write the same."""
    shown = {n: f"_key_{n}" for n in contract.key if not contract.column(n).classified}
    rows = rows.with_columns(nw.lit(None, nw.String).alias("_unread"), *(nw.col(n).alias(copy) for n, copy in shown.items()))
    rows = engine.conform(rows, dict.fromkeys(shown.values(), columns.TEXT), parked="_unread")
    parts = [nw.col(shown[n]).fill_null("NULL") if n in shown else nw.lit(MASK) for n in contract.key]
    text = nw.concat_str(parts, separator="/") if parts else nw.lit("(no key)")
    return rows.with_columns(text.alias(KEY_TEXT))


def _to_json(verdict: Verdict) -> str:
    results = [{"rule": r.rule, "on_failure": r.on_failure, "failed": r.failed, "evaluated": r.evaluated} for r in verdict.results]
    return json.dumps({"rules_version": verdict.rules_version, "shape": verdict.shape, "accepted": verdict.accepted,
                       "quarantined": verdict.quarantined, "results": results})


def quarantine(lake: Lake, contract: Contract) -> pa.Table:
    """Rows that are held back now: partition, batch, row, key, rule and reason; classified key parts are masked."""
    table = lake.gate(contract)
    last = {v.batch_id: v.judgement for v in verdicts(lake, table)}
    rows = table.scan(partitions={"_kind": [HELD_ROW]})
    held = lake.engine.collect(rows.select("_partition", "_batch_id", "_row", "key", "rule", "reason", "judgement"))
    counts = [last.get(row["_batch_id"]) == row["judgement"] for row in held.to_pylist()]
    return held.filter(pa.array(counts, pa.bool_())).drop_columns(["judgement"])


def accepted(lake: Lake, contract: Contract, raw: Table, ledger: Ledger, counted: Mapping[str, Verdict]) -> Frame:
    """Raw's rows in the batches of `counted`, without the quarantined ones.

    A quarantined row of a full image still says that its key is there: it becomes a `present` row.
    """
    batches = [b for b in ledger.batches if b.batch_id in counted]
    rows = raw_rows(lake, contract, raw, batches)
    if not any(v.quarantined for v in counted.values()):
        return rows
    pointers = _pointers(lake, contract, counted)
    held = rows.join(pointers, on=["_batch_id", "_row"], how="semi").filter(nw.col("_snapshot"))
    for name in contract.key:
        held = held.filter(~nw.col(name).is_null())
    return nw.concat([rows.join(pointers, on=["_batch_id", "_row"], how="anti"), held.with_columns(_op=nw.lit(columns.PRESENT))])


def _pointers(lake: Lake, contract: Contract, counted: Mapping[str, Verdict]) -> Frame:
    days = sorted({v.partition for v in counted.values() if v.quarantined})
    held = lake.gate(contract).scan(partitions={"_kind": [HELD_ROW], "_partition": days})
    pairs = lake.engine.frame(pa.table({
        "_batch_id": pa.array(list(counted), pa.string()), "judgement": pa.array([v.judgement for v in counted.values()], pa.int64())}))
    return held.join(pairs, on=["_batch_id", "judgement"], how="semi").select("_batch_id", "_row").unique()
