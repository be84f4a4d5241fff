"""A table of the lake as a table of the warehouse."""

from __future__ import annotations

from collections.abc import Mapping

from lakehouse_platform import naming
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.naming import Zone
from lakehouse_platform.warehouse.base import Layout, Place, WarehouseColumn, WarehouseTable
from lakehouse_platform.warehouse.types import JSON, LENGTHS, PLATFORM

VERSION = "valid_from"
"""Tells the versions of a key apart in HDS."""


def place_of(zone: str, contract: Contract) -> Place:
    """Where a zone's table is loaded: `<domain>.<zone>_<table>`."""
    return Place(contract.domain, naming.catalog_table(str(zone), contract.table))


def key_of(zone: str, contract: Contract) -> tuple[str, ...]:
    """Columns that tell the rows of a zone's table apart; none for a table without a key."""
    return (*contract.key, VERSION) if zone == Zone.HDS and contract.key else contract.key


def warehouse_columns(contract: Contract, columns: Mapping[str, LakeType]) -> tuple[WarehouseColumn, ...]:
    """The columns of a zone's table, with what the contract says of their length."""
    return tuple(_column(contract, name, lake) for name, lake in columns.items())


def warehouse_table(zone: str, contract: Contract, columns: Mapping[str, LakeType], layout: Layout) -> WarehouseTable:
    """A zone's table of the contract, as the warehouse should have it. All of the contract's roles read it: loads write it, nobody else."""
    return WarehouseTable(
        place_of(zone, contract), warehouse_columns(contract, columns), key_of(zone, contract), layout, contract.fingerprint,
        tuple(dict.fromkeys(role.name for role in contract.roles)))


def _column(contract: Contract, name: str, lake: LakeType) -> WarehouseColumn:
    declared = next((c.physical for c in contract.columns if c.name == name), None)
    if declared is None:
        return WarehouseColumn(name, lake, PLATFORM.get(name))
    return WarehouseColumn(name, lake, declared.length or LENGTHS.get(declared.name), declared.name in JSON)
