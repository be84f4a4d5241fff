"""How a table should lie in Redshift: what its contract says, and where it says nothing, what its size and its joins suggest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.serving import Distribution, WarehouseLayout
from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.naming import Zone
from lakehouse_platform.warehouse.base import Layout

SMALL_ROWS = 100_000
"""Up to so many rows a table is copied to every node: joins with it move nothing, and a load writes little."""
SLACK = 4
"""How many times as large a table may grow, or shrink below, before its distribution is changed: moving it costs a rebuild."""
LARGE_ROWS = 1_000_000
"""From so many rows on it pays to lay a table's rows beside those that they are joined with."""


@dataclass(frozen=True, slots=True)
class Joins:
    """What the tables of a warehouse are joined by, as their keys say."""

    partners: Mapping[str, tuple[str, ...]]
    """Tables that have a column, by column; only columns that are somebody's whole key."""


def joins_of(contracts: Iterable[Contract]) -> Joins:
    """Columns that are the whole key of one table and stand in others, too."""
    known = list(contracts)
    keys = dict.fromkeys(c.key[0] for c in known if len(c.key) == 1)
    return Joins({key: tuple(c.name for c in known if any(column.name == key for column in c.columns)) for key in keys})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a table when its layout is decided."""

    zone: str
    columns: Mapping[str, LakeType]
    key: tuple[str, ...]
    rows: int
    joins: Joins
    held: Distribution | None = None
    """How it is spread now."""


def plan_layout(declared: WarehouseLayout | None, facts: Facts, name: str) -> Layout:
    """The layout with the reason of each part. `name` is the contract's, which is no partner of its own."""
    said = declared or WarehouseLayout()
    distribution, dist_key, why = _distribution(said, facts, name)
    sort_key, order = _sort_key(said, facts)
    return Layout(distribution, dist_key, sort_key, dict(said.encodings), (why, order))


def _distribution(said: WarehouseLayout, facts: Facts, name: str) -> tuple[Distribution, str | None, str]:
    if said.distribution is not None:
        of = f" {said.dist_key}" if said.dist_key else ""
        return said.distribution, said.dist_key, f"distribution {said.distribution}{of}: the contract says so"
    small = SMALL_ROWS * (SLACK if facts.held is Distribution.ALL else 1)
    if facts.rows <= small:
        return Distribution.ALL, None, f"distribution all: {facts.rows:,} rows, up to {small:,} are copied to every node"
    large = LARGE_ROWS // (SLACK if facts.held is Distribution.KEY else 1)
    shared = _shared_column(facts, name)
    if shared is not None and facts.rows >= large:
        column, partners = shared
        return Distribution.KEY, column, f"distribution key {column}: {facts.rows:,} rows, joined by it with {', '.join(partners)}"
    why = f"fewer than {large:,}" if shared is not None else "no column that another table is joined by"
    return Distribution.EVEN, None, f"distribution even: {facts.rows:,} rows, {why}"


def _shared_column(facts: Facts, name: str) -> tuple[str, tuple[str, ...]] | None:
    """The column by which most others are joined; of equal ones the table's own key, then the first."""
    found = {column: tuple(p for p in facts.joins.partners.get(column, ()) if p != name) for column in facts.columns}
    best = max(found, key=lambda column: (len(found[column]), column in facts.key), default=None)
    return (best, found[best]) if best is not None and found[best] else None


def _sort_key(said: WarehouseLayout, facts: Facts) -> tuple[tuple[str, ...], str]:
    if said.sort_key:
        return said.sort_key, f"sorted by {', '.join(said.sort_key)}: the contract says so"
    own = [name for name in facts.columns if not name.startswith("_")]
    if facts.zone == Zone.HDS and "valid_from" in own:
        return ("valid_from",), "sorted by valid_from: history is read as of a time"
    dated = _first(own, facts.columns, (Kind.DATE,)) or _first(own, facts.columns, (Kind.TIMESTAMP,))
    if dated is not None:
        return (dated,), f"sorted by {dated}: the first date, which most filters name"
    if facts.key:
        return facts.key, f"sorted by {', '.join(facts.key)}: there is no date, and its rows are found by their key"
    return (), "not sorted: neither a date nor a key"


def _first(names: Sequence[str], columns: Mapping[str, LakeType], kinds: Sequence[Kind]) -> str | None:
    return next((name for name in names if columns[name].kind in kinds), None)
