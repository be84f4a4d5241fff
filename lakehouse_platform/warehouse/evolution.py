"""What has to be done for a table in Redshift to be as it should be: the difference as steps, smallest first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lakehouse_platform.contracts.serving import Distribution
from lakehouse_platform.warehouse import ddl
from lakehouse_platform.warehouse.base import WarehouseColumn, WarehouseTable
from lakehouse_platform.warehouse.grants import plan_grants
from lakehouse_platform.warehouse.types import redshift_type

FIXED = frozenset({"bytedict", "runlength", "text255", "text32k"})
"""Encodings whose columns Redshift does not widen."""
_WIDTH = re.compile(r"character varying\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Held:
    """A table as Redshift has it."""

    columns: Mapping[str, str]
    """Types by name, in order, as `format_type` spells them."""
    distribution: Distribution | None
    """None where Redshift does not say."""
    dist_key: str | None = None
    sort_key: tuple[str, ...] = ()
    encodings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """Statements that belong together."""

    said: str
    """For people."""
    statements: tuple[str, ...]
    alone: bool = False
    """Not within a transaction: Redshift refuses some changes there."""


def plan_evolution(held: Held | None, table: WarehouseTable) -> tuple[Step, ...]:
    """Steps, each of which leaves a table that readers can use; none where it is as it should be."""
    if held is None:
        laid = f"{table.place} made: {'; '.join(table.layout.reasons) or ddl.layout_clause(table.layout).strip()}"
        return (Step(laid, (ddl.create_table(table.place, table), *ddl.open_ledger(table.place))),)
    reasons = rebuild_reasons(held, table)
    if reasons:
        kept = [column.name for column in table.columns if column.name in held.columns]
        grants = plan_grants(table.place, (), table.readers)
        return (Step(f"{table.place} rebuilt: {'; '.join(reasons)}", ddl.rebuild(table, kept, grants)),)
    return (*_added(held, table), *_widened(held, table), *_encoded(held, table))


def rebuild_reasons(held: Held, table: WarehouseTable) -> tuple[str, ...]:
    """Why the table cannot be altered in place, empty where it can."""
    wanted = {column.name: redshift_type(column).held for column in table.columns}
    gone = [f"column {name} is gone" for name in held.columns if name not in wanted]
    other = [
        f"column {name} is {wanted[name]}, not {was}" for name, was in held.columns.items()
        if name in wanted and was != wanted[name] and not _alters(held, name, wanted[name])
    ]
    return (*gone, *other, *_layout_reasons(held, table))


def _layout_reasons(held: Held, table: WarehouseTable) -> tuple[str, ...]:
    layout, reasons = table.layout, []
    if held.sort_key != layout.sort_key:
        reasons.append(f"sort key is ({', '.join(layout.sort_key)}), not ({', '.join(held.sort_key)})")
    if held.dist_key != layout.dist_key:
        reasons.append(f"distribution key is {layout.dist_key}, not {held.dist_key}")
    elif held.distribution not in (None, layout.distribution):
        reasons.append(f"distribution is {layout.distribution}, not {held.distribution}")
    return tuple(reasons)


def _alters(held: Held, name: str, wanted: str) -> bool:
    """Whether Redshift can make the column so: it widens VARCHAR, but no column of a key, and none with some encodings."""
    before, after = _WIDTH.fullmatch(held.columns[name]), _WIDTH.fullmatch(wanted)
    fixed = name in (held.dist_key, *held.sort_key) or held.encodings.get(name) in FIXED
    return before is not None and after is not None and int(before[1]) < int(after[1]) and not fixed


def _added(held: Held, table: WarehouseTable) -> tuple[Step, ...]:
    new = [column for column in table.columns if column.name not in held.columns]
    return tuple(Step(f"column {column.name} added", (ddl.add_column(table, column),)) for column in new)


def _widened(held: Held, table: WarehouseTable) -> tuple[Step, ...]:
    def wider(column: WarehouseColumn) -> bool:
        return column.name in held.columns and held.columns[column.name] != redshift_type(column).held

    return tuple(
        Step(f"column {column.name} widened to {redshift_type(column).held}", (ddl.widen_column(table, column),), alone=True)
        for column in table.columns if wider(column)
    )


def _encoded(held: Held, table: WarehouseTable) -> tuple[Step, ...]:
    """Only encodings that the contract declares: the others are Redshift's to choose."""
    def spelt(encoding: str) -> str:
        return {"none": "raw"}.get(encoding, encoding)

    return tuple(
        Step(f"column {name} encoded as {wanted}", (ddl.encode_column(table, name),), alone=True)
        for name, wanted in table.layout.encodings.items() if name in held.columns and spelt(held.encodings.get(name, "")) != wanted
    )
