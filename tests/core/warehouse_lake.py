"""A lake of one table, written by hand commit by commit, and what brings it into a warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakehouse_platform.contracts.contract import Column, Contract
from lakehouse_platform.contracts.serving import Access, Distribution, Role, WarehouseLayout
from lakehouse_platform.contracts.types import LakeType, parse_type
from lakehouse_platform.engines.base import Commit, Table, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import Outcome
from lakehouse_platform.jobs.warehouse import TableLoad, run_load
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import DuckDbWarehouse, Environment, ObjectStore
from lakehouse_platform.settings.environment import LakeSettings, PartitionSettings
from lakehouse_platform.settings.serving import Redshift
from lakehouse_platform.warehouse.base import Layout, Warehouse, WarehouseTable
from lakehouse_platform.warehouse.columns import warehouse_table
from lakehouse_platform.zones.lake import Lake
from tests.properties.feeds import contract as ledger

TYPES = {
    "id": "bigint", "small": "smallint", "whole": "integer", "flag": "boolean", "ratio": "double precision", "single": "real",
    "amount": "numeric(19,4)", "rate": "numeric(38,9)", "code": "varchar(12)", "note": "text", "said": "json", "blob": "bytea",
    "on_day": "date", "seen_at": "timestamptz",
}
"""One column of each type."""
LAST = dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)
ODD: list[dict[str, object]] = [
    {"id": 1, "small": -32768, "whole": 2**31 - 1, "flag": True, "ratio": 0.1, "single": 0.5, "amount": Decimal("999999999999999.9999"),
     "rate": Decimal("99999999999999999999999999999.999999999"), "code": "Größe 🏭 '\\\"", "note": "", "said": '{"a": [1, 2.50]}',
     "blob": b"\x00\xff'", "on_day": dt.date(1, 1, 1), "seen_at": LAST},
    {"id": -(2**63), "small": None, "whole": None, "flag": False, "ratio": -1e300, "single": None, "amount": Decimal("-0.0001"),
     "rate": Decimal("0.000000001"), "code": None, "note": "tab\tline\nquote\" , \\N NULL", "said": None, "blob": b"",
     "on_day": dt.date(9999, 12, 31), "seen_at": dt.datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)},
    {"id": 3, "small": None, "whole": None, "flag": None, "ratio": None, "single": None, "amount": None, "rate": None, "code": None,
     "note": None, "said": None, "blob": None, "on_day": None, "seen_at": None},
]


def contract(types: Mapping[str, str] | None = None, **changes: object) -> Contract:
    """A mart with the given columns, whose key is the first, and which the warehouse holds."""
    given = types or {"id": "bigint", "amount": "numeric(19,4)", "note": "varchar(20)"}
    columns = tuple(Column(name, name, parse_type(kind)) for name, kind in given.items())
    known: dict[str, object] = {
        "table": "sale", "columns": columns, "key": ("id",), "source": None, "model": "sale", "capture": None, "keeps_history": False,
        "warehouse": WarehouseLayout(("curated",)), "roles": (Role("analyst", Access.READ), Role("auditor", Access.READ))}
    return ledger(**{**known, **changes})


@dataclass
class OneTable:
    """A lake with one table, a warehouse beside it, and the contract that both go by."""

    folder: Path
    settings: Redshift | DuckDbWarehouse
    root: str
    store: ObjectStore | None = None
    contract: Contract = field(default_factory=contract)
    zone: Zone = Zone.CURATED
    account: Any = None
    made: Callable[[], Warehouse] | None = None
    """Makes the warehouse; as settings say where nothing is given."""

    @property
    def lake(self) -> Lake:
        """Opened anew."""
        return Lake(self.root, PolarsEngine(self.store))

    @property
    def project(self) -> Project:
        """A project of the one contract; nothing of it lies in files."""
        project = Project(self.folder, "test")
        environment = Environment(
            "test", self.folder / "test.yaml", self.folder, LakeSettings(self.root, self.store),
            PartitionSettings(dt.date(2026, 11, 1), "UTC"), {}, warehouse=self.settings)
        project.__dict__.update({"contracts": (self.contract,), "environment": environment})
        if self.account is not None:
            project.__dict__["account"] = self.account
        if self.made is not None:
            project.__dict__["warehouse"] = self.made()
        return project

    @property
    def warehouse(self) -> Warehouse:
        """Opened anew."""
        return self.project.warehouse

    @property
    def table(self) -> Table:
        """The Delta table, made or widened as the contract has it."""
        partition = ("is_current",) if self.zone is Zone.HDS else ()
        return self.lake.engine.create(TableSpec(self.lake.uri(self.zone, self.contract), self.columns, partition, self.contract.key))

    @property
    def columns(self) -> Mapping[str, LakeType]:
        """Of the zone's table."""
        return TableLoad(self.contract, self.zone).columns

    @property
    def planned(self) -> WarehouseTable:
        """As the warehouse should have it."""
        return warehouse_table(self.zone, self.contract, self.columns, Layout(Distribution.EVEN))

    def arrow(self, rows: Sequence[Mapping[str, object]]) -> pa.Table:
        """Rows as the lake has them."""
        schema = self.lake.engine.schema(self.columns)
        return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)

    def append(self, *rows: Mapping[str, object]) -> None:
        """A commit that adds a file."""
        self.table.append(self.arrow(rows).to_reader(), Commit("test.append"))

    def upsert(self, *rows: Mapping[str, object], drop: Sequence[object] = ()) -> None:
        """A commit that changes rows, and deletes those whose id is in `drop`."""
        changes = self.arrow([*rows, *({"id": key} for key in drop)])
        flags = pa.array([*(False for _ in rows), *(True for _ in drop)], pa.bool_())
        frame = self.lake.engine.frame(changes.append_column("_drop", flags))
        self.table.merge(frame, key=self.contract.key, commit=Commit("test.merge"))

    def replace(self, *rows: Mapping[str, object]) -> None:
        """A commit that replaces everything."""
        self.table.replace(self.arrow(rows).to_reader(), Commit("test.replace"))

    def grow(self, **types: str) -> None:
        """Have the contract declare more columns, or other types."""
        columns = {c.name: c for c in self.contract.columns}
        columns |= {name: Column(name, name, parse_type(kind)) for name, kind in types.items()}
        self.contract = replace(self.contract, columns=tuple(columns.values()))

    def load(self) -> Outcome:
        """Into the warehouse, in a process of its own as far as connections go."""
        return run_load(self.project, self.contract, self.zone, "run-1")

    @property
    def held(self) -> list[tuple[object, ...]]:
        """What readers of the warehouse see."""
        return sorted(self.warehouse.rows(TableLoad(self.contract, self.zone).place, list(self.columns)), key=repr)

    @property
    def stored(self) -> list[tuple[object, ...]]:
        """What readers of the lake see."""
        lake = self.lake
        found = lake.engine.collect(lake.engine.open(lake.uri(self.zone, self.contract)).scan().select(list(self.columns)))
        return sorted((tuple(row.values()) for row in found.to_pylist()), key=repr)
