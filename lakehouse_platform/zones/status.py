"""What a lake says of its tables: rows a zone, partitions taken in, what the gate holds back. Log figures and ledgers, no scans of rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Table, opened
from lakehouse_platform.naming import Zone
from lakehouse_platform.quality.rules import RuleResult
from lakehouse_platform.zones import gate, progress
from lakehouse_platform.zones import rows as columns
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.ledger import Ledger, complete_through, ledger_of, read_ledger


@dataclass(frozen=True, slots=True)
class ZoneStatus:
    """One Delta table of a contract."""

    zone: str
    rows: int
    """Change rows in Raw, live rows in ODS, versions in HDS."""
    open_rows: int | None
    """HDS: versions that are current."""
    version: int
    """Delta version."""
    partitions: tuple[str, ...]
    """Business days taken in, oldest first; empty for a mart."""
    complete_through: dt.datetime | None
    """Source instant up to which it holds everything."""


@dataclass(frozen=True, slots=True)
class TableStatus:
    """All zones of a contract."""

    contract: Contract
    zones: tuple[ZoneStatus, ...]
    """Those that have a table, from Raw on."""
    last_partition: str | None
    """Newest business day in Raw."""
    parked: int
    """Raw rows with values that the contract does not declare or that do not fit."""
    judged: tuple[str, ...]
    """Business days of which every batch passed the gate."""
    quarantined: int
    """Rows that the gate holds back."""
    results: tuple[RuleResult, ...]
    """What the gate said of the newest day that it judged."""

    def zone(self, name: str) -> ZoneStatus | None:
        """The zone's table, None where there is none yet."""
        return next((z for z in self.zones if z.zone == name), None)

    @property
    def complete_through(self) -> dt.datetime | None:
        """Of the zone furthest from the source."""
        return self.zones[-1].complete_through if self.zones else None

    def fresh(self, now: dt.datetime) -> bool | None:
        """Whether the data is as young as the contract promises; None where it promises nothing or there is nothing yet."""
        if self.contract.freshness is None or self.complete_through is None:
            return None
        return now - self.complete_through <= self.contract.freshness


def status(lake: Lake, contract: Contract) -> TableStatus:
    """What is known of a contract's tables; nothing is created."""
    ledger, given = _ledger(lake, contract), _verdicts(lake, contract)
    last = {v.batch_id: v for v in given}
    zones = tuple(z for zone in Zone if (z := _zone(lake, contract, zone, ledger, given)) is not None)
    days = sorted({b.partition for b in ledger.batches})
    judged = tuple(day for day in days if all(b.batch_id in last for b in ledger.of(day)))
    newest = [v for v in last.values() if v.partition == max((v.partition for v in given), default=None)]
    return TableStatus(
        contract, zones, ledger.newest, sum(b.parked for b in ledger.batches), judged,
        sum(v.quarantined for v in last.values()), gate.totals(newest))


def _ledger(lake: Lake, contract: Contract) -> Ledger:
    table = opened(lake.engine, lake.uri(Zone.RAW, contract))
    return read_ledger(lake, table) if table is not None else ledger_of(())


def _verdicts(lake: Lake, contract: Contract) -> tuple[gate.Verdict, ...]:
    table = opened(lake.engine, lake.gate_uri(contract))
    return gate.verdicts(lake, table) if table is not None else ()


def _zone(lake: Lake, contract: Contract, zone: Zone, ledger: Ledger, given: tuple[gate.Verdict, ...]) -> ZoneStatus | None:
    table = opened(lake.engine, lake.uri(zone, contract))
    if table is None:
        return None
    if zone is Zone.RAW:
        days = tuple(sorted({b.partition for b in ledger.batches}))
        rows = table.count(partitions={"_kind": [columns.CHANGE]})
        return ZoneStatus(zone, rows, None, table.version, days, complete_through(ledger, (b.batch_id for b in ledger.batches)))
    taken = taken_in(table, zone, given)
    through = complete_through(ledger, gate.standing(given, taken))
    open_rows = table.count(partitions={"is_current": ["true"]}) if zone is Zone.HDS else None
    return ZoneStatus(zone, table.count(), open_rows, table.version, tuple(sorted(taken)), through)


def taken_in(table: Table, zone: str, given: tuple[gate.Verdict, ...]) -> dict[str, int]:
    """Business days that a table has taken in, and the judgement that it has of each."""
    found = {day: table.transaction(progress.application(zone, day)) for day in {v.partition for v in given}}
    return {day: version for day, version in found.items() if version is not None}
