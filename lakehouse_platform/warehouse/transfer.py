"""A load as the statements of one transaction: staging, then delete and insert, then the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.warehouse import ddl
from lakehouse_platform.warehouse.base import Load, Mode, WarehouseColumn
from lakehouse_platform.warehouse.ddl import at, literal, names, quoted
from lakehouse_platform.warehouse.manifest import Manifest
from lakehouse_platform.warehouse.types import redshift_type


@dataclass(frozen=True, slots=True)
class Guard:
    """What it means when a statement that divides by zero on purpose fails: a batch knows no other way to say no."""

    said: str
    diverged: bool = False
    """The table was not what the ledger says: a full load helps."""
    overtaken: bool = False
    """Another load came first: planning again helps."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the transaction."""

    sql: str
    guard: Guard | None = None


class Batches(Protocol):
    """Runs statements in one transaction: a connection does, and so does the Data API."""

    def run(self, what: str, statements: Sequence[Statement]) -> None:
        """Run all of them or none. Raises what the guard of the failing one says, TransientError where it is open what became."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """A temporary table with the rows of one partition's files, as they lie in them."""

    name: str
    columns: dict[str, LakeType]
    partition: dict[str, object]
    manifests: tuple[Manifest, ...]

    def value(self, column: WarehouseColumn, alias: str) -> str:
        """A column of the warehouse, out of the stage."""
        kind = redshift_type(column)
        if column.name in self.columns:
            return kind.conversion.format(f"{alias}.{quoted(column.name)}")
        return f"CAST({literal(self.partition.get(column.name))} AS {kind.held})"


def plan_statements(load: Load, added: Sequence[Manifest], removed: Sequence[Manifest], copy_role: str) -> tuple[Statement, ...]:
    """The whole transaction. Staged rows with a key twice, other rows than the lake's, and a ledger that moved on make it fail."""
    coming, going = _stages("added", added), _stages("removed", removed)
    return (
        *_staged(load, (*coming, *going), copy_role),
        *_unique(load, coming),
        *_deleted(load, (*going, *coming)),
        *_inserted(load, coming),
        _counted(load),
        *_recorded(load),
    )  # fmt: skip


def _stages(name: str, manifests: Sequence[Manifest]) -> tuple[_Stage, ...]:
    """One a partition: its value is not in the files, and is set where the rows leave the stage."""
    by_partition = groupby(manifests, key=lambda manifest: manifest.group.partition)
    return tuple(
        _Stage(f"stage_{name}_{number}", dict(pair for m in found for pair in m.group.columns), dict(partition), found)
        for number, (partition, found) in enumerate((partition, tuple(group)) for partition, group in by_partition)
    )


def _staged(load: Load, stages: Sequence[_Stage], copy_role: str) -> Iterator[Statement]:
    known = {column.name: column for column in load.table.columns}
    for stage in stages:
        columns = ", ".join(
            f"{quoted(name)} {redshift_type(known.get(name, WarehouseColumn(name, lake))).staged}" for name, lake in stage.columns.items())
        yield Statement(f"CREATE TEMP TABLE {quoted(stage.name)} ({columns}){_beside(load, stage)}")
        for manifest in stage.manifests:
            listed = names(name for name, _ in manifest.group.columns)
            yield Statement(
                f"COPY {quoted(stage.name)} ({listed}) FROM {literal(manifest.url)} IAM_ROLE {literal(copy_role)} "
                "FORMAT AS PARQUET MANIFEST")


def _beside(load: Load, stage: _Stage) -> str:
    """Staged rows lie where the table's lie, so that finding their keys moves nothing."""
    key = load.table.layout.dist_key
    together = load.table.layout.distribution is Distribution.KEY and key in stage.columns
    return f" DISTSTYLE KEY DISTKEY ({quoted(key)})" if together and key is not None else " DISTSTYLE EVEN"


def _unique(load: Load, stages: Sequence[_Stage]) -> Iterator[Statement]:
    key = load.table.key
    if not key or not stages:
        return
    columns = {column.name: column for column in load.table.columns}
    keys = " UNION ALL ".join(
        "SELECT " + ", ".join(f"{stage.value(columns[k], 's')} AS {quoted(k)}" for k in key) + f" FROM {quoted(stage.name)} s"
        for stage in stages)
    repeated = f"SELECT 1 AS n FROM ({keys}) k GROUP BY {names(key)} HAVING COUNT(*) > 1"
    yield Statement(f"SELECT 1 / CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END FROM ({repeated}) r", Guard(
        f"{load.table.place}: version {load.snapshot.version} has rows with the same key ({', '.join(key)}). "
        "Look at the lake's table: nothing was loaded."))


def _deleted(load: Load, stages: Sequence[_Stage]) -> Iterator[Statement]:
    """DELETE, for TRUNCATE commits what was done before it."""
    table = load.table
    if load.plan.mode is Mode.FULL:
        yield Statement(f"DELETE FROM {at(table.place)}")
        return
    columns = {column.name: column for column in table.columns}
    for stage in stages if table.key else ():
        same = " AND ".join(f"{at(table.place)}.{quoted(k)} = {stage.value(columns[k], 's')}" for k in table.key)
        yield Statement(f"DELETE FROM {at(table.place)} USING {quoted(stage.name)} s WHERE {same}")


def _inserted(load: Load, stages: Sequence[_Stage]) -> Iterator[Statement]:
    columns = load.table.columns
    for stage in stages:
        values = ", ".join(stage.value(column, "s") for column in columns)
        listed = names(column.name for column in columns)
        yield Statement(f"INSERT INTO {at(load.table.place)} ({listed}) SELECT {values} FROM {quoted(stage.name)} s")


def _counted(load: Load) -> Statement:
    said = f"{load.table.place} would not have the {load.rows:,} rows of version {load.snapshot.version}"
    return Statement(
        f"SELECT 1 / CASE WHEN COUNT(*) = {load.rows} THEN 1 ELSE 0 END FROM {at(load.table.place)}",
        Guard(f"{said}; nothing was loaded.", diverged=load.plan.mode is Mode.INCREMENTAL))


def _recorded(load: Load) -> Iterator[Statement]:
    """The entry that the load was planned from is superseded by it, once: a load that was overtaken finds it superseded and fails."""
    place, table, snapshot = load.table.place, load.table, load.snapshot
    ordinal = load.before.ordinal + 1
    held = f"{ddl.entries_of(place)} AND ordinal = {load.before.ordinal}"
    yield Statement(f"UPDATE {ddl.LEDGER_AT} SET superseded_by = {ordinal} WHERE {held} AND superseded_by IS NULL")
    said = (place.schema, place.name, ordinal, snapshot.version, snapshot.lake_id, table.contract, table.shape, load.rows,
            load.plan.mode.value, load.run)  # fmt: skip
    yield Statement(
        f"INSERT INTO {ddl.LEDGER_AT} (table_schema, table_name, {names(ddl.ENTRY)}, loaded_at) "
        f"VALUES ({', '.join(map(literal, said))}, GETDATE())")
    entries = f"SELECT 1 / CASE WHEN COUNT(*) = 1 THEN 1 ELSE 0 END FROM {ddl.LEDGER_AT} WHERE {ddl.entries_of(place)}"
    overtaken = Guard(f"{place}: another load came first", overtaken=True)
    yield Statement(f"{entries} AND superseded_by IS NULL", overtaken)
    yield Statement(f"{entries} AND ordinal = {ordinal}", overtaken)
