"""A lake in a folder, contracts whose rows come in files, and files that land at instants that a test chooses."""

from __future__ import annotations

import datetime as dt
import os
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.jobs.landing import Intake, take_in
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones import gate, hds, ods
from lakehouse_platform.zones.ledger import Batch, read_ledger

DAY, NEXT = "2026-11-02", "2026-11-03"
"""Files land the day after the business day that they belong to."""
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: sales.orders
version: 1.0.0
domain: sales
team: {{name: sales-data}}
schema:
  - name: orders
    properties:
      - {{name: order_id, logicalType: integer, physicalType: bigint, primaryKey: true}}
      - {{name: amount, logicalType: number, physicalType: "numeric(18,2)"}}
      - {{name: status, logicalType: string, physicalType: varchar(10), classification: restricted}}
      - {{name: changed_at, logicalType: timestamp, physicalType: timestamp}}
customProperties:
  - property: lakehouse
    value:
      source: {{landing: {landing}}}
      capture: {capture}
      drift: {drift}
"""


@dataclass(frozen=True)
class Shop:
    """A project with one table, whose rows come in files."""

    project: Project

    @property
    def contract(self) -> Contract:
        (found,) = self.project.tables
        return found

    @property
    def root(self) -> Path:
        return Path(self.project.lake.root)

    @property
    def folder(self) -> Path:
        return self.root / "raw" / "sales" / "_landing" / "orders"

    def land(self, name: str, content: str | bytes, at: str = "2026-11-03 06:00:00") -> Path:
        """A file that landed at an instant, UTC."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
        instant = dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC).timestamp()
        os.utime(path, (instant, instant))
        return path

    def take(self, day: str = DAY) -> Intake:
        return take_in(self.project, self.contract, day)

    def merge(self, *days: str) -> None:
        for day in days:
            gate.judge(self.project.lake, self.contract, day)
            ods.merge(self.project.lake, self.contract, day)
            hds.merge(self.project.lake, self.contract, day)

    @property
    def batches(self) -> tuple[Batch, ...]:
        return read_ledger(self.project.lake, self.project.lake.raw(self.contract)).batches

    def rows(self, zone: Zone, *columns: str) -> list[tuple[object, ...]]:
        lake = self.project.lake
        partitions = {"_kind": ["change"]} if zone is Zone.RAW else None
        table: pa.Table = lake.engine.collect(lake.engine.open(lake.uri(zone, self.contract)).scan(partitions=partitions))
        return sorted((tuple(row[name] for name in columns) for row in table.to_pylist()), key=str)

    @property
    def waiting(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())

    @property
    def quarantine(self) -> Path:
        return self.root / "raw" / "sales" / "_landing" / "_quarantine"


def shop(
    folder: Path, *, landing: str = "{format: csv}", capture: str = "{mode: changes}", drift: str = "evolve",
    lake: str = "lake: {root: lake}", more: str = "",
) -> Shop:
    """A project in the folder."""
    domain = folder / "assets" / "contracts" / "sales"
    domain.mkdir(parents=True)
    (domain / "orders.yaml").write_text(CONTRACT.format(landing=landing, capture=capture, drift=drift))
    (folder / "resources").mkdir()
    (folder / "resources" / "local.yaml").write_text(
        f"{lake}\npartitions: {{start: 2026-11-01, time_zone: UTC}}\nconnections: {{}}\n{more}")
    return Shop(Project.open(folder))
