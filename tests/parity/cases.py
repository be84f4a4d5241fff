"""The cases of every verb of the zones: each is run on every engine, and what it finds is compared."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa

from lakehouse_platform.contracts.contract import Column, Contract, OnFailure
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.engines.base import Commit, Engine, Table
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.lake.scratch import Scratch
from lakehouse_platform.publish import curated
from lakehouse_platform.quality import rules
from lakehouse_platform.zones import (
    costs,
    extent,
    gate,
    hds,
    law,
    ledger,
    ods,
    progress,
    raw,
    replan,
    standardise,
    status,
)
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.rows import ORDER
from tests.parity.comparison import Found
from tests.parity.generated import (
    DAYS,
    KEY,
    ROADS,
    Source,
    Told,
    change_rows,
    deliveries,
    heads,
    images,
    keyed_by_all,
    keyless,
    snapshots,
    trade,
    widened,
)

MERGED, JUDGED, EXTRACTED = 2, 3, 4
"""Days that a prepared lake has in ODS and HDS, in the gate's ledger, and in Raw."""


@dataclass(frozen=True)
class Ground:
    """Where a case is run."""

    engine: Engine
    folder: Path
    """Empty, the case's own."""
    prepared: Callable[[str, int], Path]
    """A lake that Polars wrote, by its road and seed. It is read only."""

    def frame(self, table: pa.Table) -> nw.LazyFrame[Any]:
        return self.engine.frame(table)

    def seen(self, road: str, seed: int = 1) -> Lake:
        """A prepared lake, to be read."""
        return Lake(str(self.prepared(road, seed)), self.engine)

    def own(self, road: str, seed: int = 1) -> Lake:
        """A prepared lake, to be written."""
        return Lake(str(copytree(self.prepared(road, seed), self.folder / "lake")), self.engine)


Case = Callable[[Ground], Found]
KEYLESS = "images without a key"


def table_on(road: str) -> Contract:
    """The contract of a road's table."""
    return keyless() if road == KEYLESS else trade()


def told_on(road: str, seed: int) -> list[Told]:
    """What a road's source says, day by day."""
    return images(seed) if road == KEYLESS else deliveries(road, seed)


def prepare(folder: Path, road: str, seed: int) -> Path:
    """A lake that Polars writes: some days extracted, fewer judged, fewer yet merged."""
    lake, table = Lake(str(folder), PolarsEngine()), table_on(road)
    for day, told in list(zip(DAYS, told_on(road, seed), strict=True))[:EXTRACTED]:
        raw.extract(lake, table, Source(told), day, run=f"run-{day}")
    for day in DAYS[:JUDGED]:
        gate.judge(lake, table, day)
    for day in DAYS[:MERGED]:
        ods.merge(lake, table, day)
        if table.keeps_history:
            hds.merge(lake, table, day)
    if road == "a full image":
        for job in JOBS:
            costs.record(lake, job)
    return folder


def held(table: Table) -> Found:
    """A table's columns, partitioning and rows."""
    return {"schema": json.loads(table.shape.schema), "partitions": table.shape.partition_by, "rows": table.scan()}


def seeded(case: Callable[[Ground, int], Found], seeds: Sequence[int] = (1,)) -> dict[str, Case]:
    return {f"seed {seed}": lambda ground, seed=seed: case(ground, seed) for seed in seeds}  # type: ignore[misc]


def by_road(case: Callable[[Ground, str], Found], roads: Sequence[str] = tuple(ROADS)) -> dict[str, Case]:
    return {road: lambda ground, road=road: case(ground, road) for road in roads}  # type: ignore[misc]


def _winners(ground: Ground, seed: int) -> nw.LazyFrame[Any]:
    return law.winning_deliveries(ground.frame(snapshots(seed)))


def _states(ground: Ground, seed: int) -> nw.LazyFrame[Any]:
    """Change rows that say something, as the law's inner verbs take them."""
    return ground.frame(change_rows(seed)).filter(nw.col("_op") != "present").drop("_row", "_batch_id")


def _extended(ground: Ground, seed: int) -> Found:
    return hds.extended(_states(ground, seed), ground.frame(heads(seed)), KEY)


def texts() -> Contract:
    """A contract that asks for every standard transform."""
    transforms = tuple(standardise.TRANSFORMS)
    return trade(columns=tuple(
        Column(n, n, parse_type("text"), transforms=transforms[: index + 1]) for index, n in enumerate("abcde")), key=("a",))


SPELT = [" a ", "a  b\t\n c", "", "  ", None, "ÉTÉ ŁÓDŹ", "\u00a0x\u2003y\u3000", "\x0b\x0cz\x1f", "ΑΒ", "\U0001f600 "]
GROWING = ["ß ﬁ", "ΟΔΟΣ ΑΣ", "İı"]
"""Letters whose other case is several letters, or depends on what follows; DuckDB has one letter for one."""


def transformed(ground: Ground, spelt: Sequence[str | None]) -> Found:
    return standardise.transformed(texts(), ground.frame(pa.table(dict.fromkeys("abcde", pa.array(spelt, pa.string())))))


def _evaluated(ground: Ground, seed: int) -> Found:
    return rules.evaluated(ground.engine, trade(), ground.frame(change_rows(seed)), trade().rules)


def _work(ground: Ground, road: str, zone: str = "hds") -> progress.Work:
    lake, table = ground.seen(road), table_on(road)
    return progress.work_of(lake, table, zone, lake.engine.open(lake.uri(zone, table)), DAYS[MERGED])


def _work_of(ground: Ground, road: str) -> Found:
    work = _work(ground, road)
    return {**{name: repr(getattr(work, name)) for name in ("ledger", "judgement", "before", "after", "fresh", "high", "latest")},
            "complete": work.complete_through, "transactions": work.transactions, "rows": (work.accepted, work.held)}


def _heads(work: progress.Work) -> nw.LazyFrame[Any]:
    return work.lake.engine.open(work.lake.uri("hds", work.contract)).scan(partitions={"is_current": ["true"]})


def _split(ground: Ground, road: str) -> Found:
    work = _work(ground, road)
    parts = progress.split(work, _heads(work), clamped=True)
    return {"ahead": parts.ahead, "late": parts.late, "heads": parts.heads}


def _of_keys(ground: Ground) -> Found:
    work = _work(ground, "changes, some late")
    return {"some": work.of_keys(_heads(work), work.fresh_rows()), "none": work.of_keys(_heads(work), work.fresh_rows().head(0))}


def _any_of(ground: Ground) -> Found:
    work = _work(ground, "a full image")
    return {"some": work.any_of(_heads(work)), "none": work.any_of(_heads(work).head(0))}


def _ods_plan(ground: Ground, road: str) -> Found:
    work = _work(ground, road, "ods")
    return ods.plan(work, work.lake.engine.open(work.lake.uri("ods", work.contract)).scan())


def _hds_plan(ground: Ground, road: str) -> Found:
    work = _work(ground, road)
    return hds.plan(work, work.lake.engine.open(work.lake.uri("hds", work.contract)))


def _ods_merged(ground: Ground, road: str) -> Found:
    lake, table = ground.own(road), table_on(road)
    done = ods.merge(lake, table, DAYS[MERGED])
    again = ods.merge(lake, table, DAYS[MERGED])
    return {"done": repr(done), "again": repr(again), **held(lake.engine.open(lake.uri("ods", table)))}


def _hds_merged(ground: Ground, road: str) -> Found:
    lake, table = ground.own(road), table_on(road)
    return {"done": repr(hds.merge(lake, table, DAYS[MERGED])), **held(lake.engine.open(lake.uri("hds", table)))}


def _judged(ground: Ground, contract: Contract) -> Found:
    lake = ground.own("changes, some late")
    said = gate.judge(lake, contract, DAYS[JUDGED])
    return {"said": repr(said), **held(lake.engine.open(lake.gate_uri(contract)))}


def _extracted(ground: Ground, contract: Contract) -> Found:
    lake = ground.own("changes, some late")
    done = raw.extract(lake, contract, Source(deliveries("a full image", 1)[4]), DAYS[EXTRACTED], run="run")
    again = raw.extract(lake, contract, Source(deliveries("a full image", 1)[4]), DAYS[EXTRACTED], run="run")
    return {"done": repr(done), "again": repr(again), **held(lake.engine.open(lake.uri("raw", contract)))}


def _batches(ground: Ground, road: str) -> tuple[Lake, Table, ledger.Ledger]:
    lake = ground.seen(road)
    table = lake.engine.open(lake.uri("raw", trade()))
    return lake, table, ledger.read_ledger(lake, table)


def _raw_rows(ground: Ground, contract: Contract) -> Found:
    lake = ground.own("changes, some late")
    table = lake.raw(contract)
    return gate.raw_rows(lake, contract, table, ledger.read_ledger(lake, table).batches[:3])


def _standardised(ground: Ground, contract: Contract, shapes: set[str]) -> Found:
    lake = ground.own("a full image")
    rows = lake.raw(contract).scan(partitions={"_kind": ["change"], "_partition": [DAYS[0], DAYS[1]]}).drop("_header")
    return standardise.standardised(lake.engine, contract, rows, shapes=shapes)


def _accepted(ground: Ground, road: str) -> Found:
    lake, table, known = _batches(ground, road)
    last = {v.batch_id: v for v in gate.verdicts(lake, lake.engine.open(lake.gate_uri(trade())))}
    return gate.accepted(lake, trade(), table, known, last)


def _images(ground: Ground) -> Found:
    lake, _, known = _batches(ground, "a full image")
    return {"some": ledger.snapshots_frame(lake, known.batches), "none": ledger.snapshots_frame(lake, known.batches[:1])}


def _created(ground: Ground, zone: str) -> Found:
    """A new table, and one that gains a column."""
    lake = Lake(str(ground.folder), ground.engine)
    new = held(getattr(lake, zone)(trade()))
    return {"new": new, "wider": held(getattr(lake, zone)(widened())), "again": getattr(lake, zone)(widened()).version}


JOBS = [costs.JobCost(
    f"job-{n}", "glue", "succeeded", "hds", "finance", "ledger", (DAYS[0], DAYS[1]), "run", dt.datetime(2026, 3, n, 1, tzinfo=dt.UTC),
    Decimal("0.000001") * n, "USD", seconds=0.1 * n, tags={"b": "é", "a": "1"}) for n in (3, 1, 2)]


def _recorded(ground: Ground) -> Found:
    lake = Lake(str(ground.folder), ground.engine)
    first = [costs.record(lake, job) for job in (JOBS[0], JOBS[1], JOBS[0])]
    return {"new": first, **held(lake.engine.open(f"{ground.folder}/_internal/cost/jobs"))}


def _replanned(ground: Ground) -> Found:
    """A plan that is overtaken once, and one that always is."""
    lake = Lake(str(ground.folder), ground.engine)
    entry = pa.table({"_kind": ["batch"], "_partition": [DAYS[0]], "judgement": [1]})
    tries: list[int] = []

    def attempt(overtaken: int) -> int:
        table = lake.gate(trade())
        tries.append(table.version)
        if len(tries) <= overtaken:
            lake.gate(trade()).append(lake.engine.frame(entry), Commit("test", {"lakehouse/gate/day": len(tries)}))
        table.append(lake.engine.frame(entry), Commit("test", {"lakehouse/gate/day": 100 + len(tries)}))
        return len(tries)

    return {"won": replan.replanned("it", lambda: attempt(1)), "tries": tries, "rows": lake.gate(trade()).scan()}


def _status(ground: Ground, road: str) -> Found:
    said = status.status(ground.seen(road), table_on(road))
    return {"zones": repr(said.zones), **{n: repr(v) for n, v in asdict(said).items() if n not in {"contract", "zones"}}}


def _taken_in(ground: Ground) -> Found:
    lake = ground.seen("a full image")
    given = gate.verdicts(lake, lake.engine.open(lake.gate_uri(trade())))
    return {zone: status.taken_in(lake.engine.open(lake.uri(zone, trade())), zone, given) for zone in ("ods", "hds")}


def _touched(ground: Ground, zone: str) -> Found:
    return extent.touched(ground.seen("a full image"), trade(), zone, DAYS[:3])


def mart() -> Contract:
    """A mart with a column of every kind and rules that warn."""
    warned = tuple(replace(rule, on_failure=OnFailure.WARN) for rule in trade().rules)
    return trade(table="totals", source=None, model="totals", capture=None, keeps_history=False, rules=warned)


def _built(folder: Path, seed: int) -> Path:
    """What a build leaves in its scratch file: one row a key, of the generated ones."""
    file = folder / f"built{seed}.duckdb"
    names = ", ".join(f'"{column.name}"' for column in mart().columns)
    with duckdb.connect(str(file)) as build:
        build.execute("set TimeZone = 'UTC'")
        build.register("rows", change_rows(seed))
        build.execute(f'create schema "{curated.scratch_schema(mart())}"')
        build.execute(f'create table "{curated.scratch_schema(mart())}".totals as select {names} from rows '
                      "qualify row_number() over (partition by region, number order by _row) = 1")
    return file


def _audited(ground: Ground) -> Found:
    with Scratch(_built(ground.folder, 1)) as scratch:
        return repr(curated.audit_mart(ground.engine, scratch, mart()))


def _published(ground: Ground) -> Found:
    """Built, built again alike, and built with other rows."""
    lake = Lake(str(ground.folder), ground.engine)
    files = [_built(ground.folder, 1), _built(ground.folder, 2)]
    said = [curated.publish_marts(lake, file, [mart()])[0] for file in (files[0], files[0], files[1])]
    return {"said": [(m.rows, m.committed, m.version, m.results) for m in said],
            **held(lake.engine.open(lake.uri("curated", mart())))}


CONTRACTS = {
    "as it was": trade(), "one more column": widened(),
    "texts transformed": trade(transformed=True, shape="t", rules_version="r3")}

TWO = (1, 2)
LATE, IMAGE, LATE_IMAGE = ROADS

CASES: dict[str, dict[str, Case]] = {
    "law.winning_deliveries": seeded(_winners),
    "law.without_superseded": seeded(lambda g, s: law.without_superseded(g.frame(change_rows(s)), _winners(g, s))),
    "law.with_absences": seeded(lambda g, s: law.with_absences(g.frame(change_rows(s)), _winners(g, s), KEY)),
    "law.changed": seeded(lambda g, s: law.changed(_states(g, s).unique([*KEY, *ORDER], keep="any"), KEY)),
    "law.versions": seeded(lambda g, s: law.versions(_states(g, s), KEY)),
    "law.facts": seeded(lambda g, s: law.facts(g.frame(change_rows(s)), g.frame(snapshots(s)), KEY)),
    "law.history": seeded(lambda g, s: law.history(g.frame(change_rows(s)).drop("_row", "_batch_id"), g.frame(snapshots(s)), KEY), TWO),
    "law.current": seeded(lambda g, s: law.current(g.frame(change_rows(s)).drop("_row", "_batch_id"), g.frame(snapshots(s)), KEY), TWO),
    "hds.extended": seeded(_extended),
    "rules.evaluated": seeded(_evaluated),
    "standardise.transformed": {"texts": lambda g: transformed(g, SPELT)},
    "standardise.standardised": {
        "as it was": lambda g: _standardised(g, trade(), {"s"}), "an older shape": lambda g: _standardised(g, widened(), {"s"}),
        "texts transformed": lambda g: _standardised(g, CONTRACTS["texts transformed"], {"t"})},
    "progress.work_of": by_road(_work_of, [LATE]),
    "progress.split": by_road(_split),
    "progress.Work.rows": by_road(lambda g, r: (w := _work(g, r)).rows(w.after), [LATE]),
    "progress.Work.fresh_rows": by_road(lambda g, r: _work(g, r).fresh_rows(), [IMAGE]),
    "progress.Work.snapshots": by_road(lambda g, r: _work(g, r).snapshots(), [IMAGE]),
    "progress.Work.of_keys": {"some and none": _of_keys},
    "progress.Work.any_of": {"some and none": _any_of},
    "ods.plan": by_road(_ods_plan, [IMAGE]),
    "hds.plan": by_road(_hds_plan, [IMAGE]),
    "ods.merge": by_road(_ods_merged, [LATE, LATE_IMAGE, KEYLESS]),
    "hds.merge": by_road(_hds_merged, [LATE, LATE_IMAGE]),
    "gate.judge": {
        "as it was": lambda g: _judged(g, trade()), "one more column": lambda g: _judged(g, widened()),
        "keys of every kind": lambda g: _judged(g, keyed_by_all())},
    "gate.raw_rows": {name: lambda g, c=contract: _raw_rows(g, c) for name, contract in CONTRACTS.items()},  # type: ignore[misc]
    "gate.verdicts": by_road(lambda g, r: repr(gate.verdicts(lake := g.seen(r), lake.gate(trade()))), [IMAGE]),
    "gate.quarantine": by_road(lambda g, r: gate.quarantine(g.seen(r), trade()), [LATE]),
    "gate.accepted": by_road(_accepted, [LATE, IMAGE]),
    "raw.extract": {
        "values of every kind": lambda g: _extracted(g, trade()), "one more column": lambda g: _extracted(g, widened())},
    "ledger.read_ledger": by_road(lambda g, r: repr(_batches(g, r)[2]), [IMAGE]),
    "ledger.snapshots_frame": {"some and none": _images},
    "lake.Lake.raw": {"new and wider": lambda g: _created(g, "raw")},
    "lake.Lake.gate": {"new": lambda g: _created(g, "gate")},
    "lake.Lake.ods": {"new and wider": lambda g: _created(g, "ods")},
    "lake.Lake.hds": {"new and wider": lambda g: _created(g, "hds")},
    "costs.record": {"twice": _recorded},
    "costs.recorded": {"none and some": lambda g: repr((costs.recorded(g.own(LATE)), costs.recorded(g.seen(IMAGE))))},
    "replan.replanned": {"overtaken once": _replanned},
    "status.status": by_road(_status, [LATE, KEYLESS]),
    "status.taken_in": {"two zones": _taken_in},
    "curated.audit_mart": {"rules of every metric": _audited},
    "curated.publish_marts": {"anew, alike, otherwise": _published},
    "extent.touched": {"ods": lambda g: _touched(g, "ods"), "hds": lambda g: _touched(g, "hds")},
}
