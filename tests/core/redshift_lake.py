"""The small lake, loaded by hand into the stand-in for Redshift, and a project that is bound to both."""

from __future__ import annotations

import datetime as dt
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import redshift_connector

from lakehouse_platform.aws.base import Account
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import Aws, Environment, Redshift, Reference
from lakehouse_platform.settings.environment import LakeSettings, PartitionSettings
from lakehouse_platform.warehouse import ddl
from lakehouse_platform.warehouse.base import Layout, Place
from lakehouse_platform.warehouse.columns import place_of, warehouse_table
from lakehouse_platform.warehouse.redshift import RedshiftWarehouse
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.rows import hds_columns, ods_columns
from tests.core.small_lake import CONTRACTS, HDS, ODS, PROJECT, Rows
from tests.standins.redshift.service import Redshift as StandIn

TIME_ZONE = "America/New_York"
ROLES = tuple(sorted({role.name for contract in CONTRACTS.values() for role in contract.roles}))


def bound_project(folder: Path, lake: Lake, warehouse: Redshift) -> Project:
    """A copy of the project's assets, bound to a lake and a warehouse."""
    unbuilt = shutil.ignore_patterns("target", "logs")
    shutil.copytree(PROJECT / "assets", folder / "assets", ignore=unbuilt, dirs_exist_ok=True)
    project = Project(folder, "redshift")
    days = PartitionSettings(dt.date(2026, 11, 1), TIME_ZONE)
    project.__dict__["environment"] = Environment(
        "redshift", folder / "resources/redshift.yaml", folder, LakeSettings(lake.root, None), days, {}, warehouse=warehouse)
    return project


def settings_of(standin: StandIn, folder: Path) -> Redshift:
    """The stand-in as an environment names it; its references lead to files."""
    said = {"host": standin.host, "port": str(standin.port), "user": standin.user, "password": standin.password}
    for name, value in said.items():
        (folder / name).write_text(value)
    found = {name: Reference("file", name, folder, "here:1") for name in said}
    return Redshift(found["host"], found["port"], standin.database, found["user"], found["password"], "arn:aws:iam::1:role/copy",
                    "s3://bucket/manifests", cluster="cluster", tls=False)


@dataclass(frozen=True)
class LoadedLake:
    """The stand-in with the tables of the small lake."""

    standin: StandIn
    settings: Redshift
    lake: Lake

    def load(self) -> None:
        """The tables as loads make them, and what the ledger says of them."""
        for role in ROLES:
            self.execute(f"create role {role}")
        for zone, tables in ((Zone.ODS, ODS), (Zone.HDS, HDS)):
            for name, rows in tables.items():
                self._table(zone, CONTRACTS[name], rows)

    def _table(self, zone: Zone, contract: Contract, rows: Rows) -> None:
        columns = (ods_columns if zone is Zone.ODS else hds_columns)(contract)
        table = warehouse_table(zone, contract, columns, Layout(Distribution.EVEN))
        RedshiftWarehouse(self.settings, Account(Aws("eu-west-1"))).prepare(table)
        self.insert(table.place, rows)
        version = self.lake.engine.open(self.lake.uri(zone, contract)).version
        self.execute(f"update {ddl.LEDGER_AT} set version = {version} where {ddl.entries_of(table.place)}")

    def insert(self, place: Place, rows: Rows) -> None:
        """Rows as they are in the lake's table."""
        for row in rows:
            names, values = ddl.names(row), list(row.values())
            self.execute(f"insert into {ddl.at(place)} ({names}) values ({', '.join(['%s'] * len(values))})", *values)

    def execute(self, sql: str, *values: object) -> None:
        """A statement of somebody's."""
        with closing(redshift_connector.connect(**self.standin.client)) as connection:
            connection.autocommit = True
            connection.cursor().execute(sql, values)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What a client reads."""
        with closing(redshift_connector.connect(**self.standin.client)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]


def place(zone: str, name: str) -> Place:
    """Where a table of the small lake is loaded."""
    return place_of(zone, CONTRACTS[name])
