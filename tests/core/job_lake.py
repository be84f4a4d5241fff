"""A lakehouse of one table with some business days in Raw, for jobs to work on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lakehouse_platform.jobs.project import Project
from lakehouse_platform.zones import raw
from tests.properties.feeds import Delivery, FeedSource
from tests.properties.oracle import Row

DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")
HALTED = DAYS[1]
SECRET = "a name that nobody may read"
TABLE = "finance.ledger"

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: finance.ledger
version: 1.0.0
status: active
domain: finance
team: {name: finance-data}
description: {purpose: A ledger.}
schema:
  - name: ledger
    properties:
      - {name: region, logicalType: string, physicalType: varchar(80), required: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: number, logicalType: integer, physicalType: bigint, required: true, primaryKey: true, primaryKeyPosition: 2}
      - {name: amount, logicalType: number, physicalType: "numeric(38,9)", description: A}
      - {name: note, logicalType: string, physicalType: text, classification: restricted, description: T}
    quality:
      - {name: no_large_sum, description: Sums are small., type: custom, engine: sql, implementation: amount < 1000, severity: halt}
      - {name: has_amount, description: An amount is known., type: custom, engine: sql, implementation: amount is not null, severity: warn}
customProperties:
  - property: lakehouse
    value:
      source: {connection: erp, table: finance.ledger}
      capture: {mode: row_version}
"""

FEED: Mapping[str, tuple[Row, ...]] = {
    DAYS[0]: (
        Row(("north", 1), 1, False, 0, ("10.5", SECRET), 1), Row(("north", 2), 2, False, 0, ("-7", None), 2),
        Row(("söuth", 1), 3, False, 0, (None, "no amount"), 3),
    ),
    HALTED: (Row(("north", 1), 4, False, 0, ("1000000", SECRET), 4),),
    DAYS[2]: (
        Row(("north", 1), 5, False, 0, ("11.25", "changed"), 5), Row(("north", 2), 6, False, 0, None, 6),
        Row(("east", 9), 7, False, 0, ("999.999999999", ""), 7),
    ),
}  # fmt: skip


def job_lakehouse(folder: Path, settings: str) -> Project:
    """A project with the contract and the environment `job`, whose lake holds the days in Raw."""
    for name, text in {"assets/contracts/finance/ledger.yaml": CONTRACT, "resources/job.yaml": settings}.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    project = Project.open(folder, "job")
    source = FeedSource()
    for day in DAYS:
        source.next = Delivery(FEED[day])
        raw.extract(project.lake, project.contract(TABLE), source, day, run=day)
    return project


def rows_of(project: Project, zone: str) -> Iterator[dict[str, object]]:
    """The zone's rows in the order of their keys, without what differs from run to run."""
    lake = project.lake
    table = lake.ods(project.contract(TABLE)) if zone == "ods" else lake.hds(project.contract(TABLE))
    found = lake.engine.collect(table.scan()).to_pylist()
    return iter(sorted(found, key=lambda row: [str(row[name]) for name in sorted(row)]))
