"""The lake: where a contract's tables lie, and the engine that reads and writes them."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse_platform import naming
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import Engine, Table, TableSpec
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones import rows

GATE = "gate"


@dataclass(frozen=True, slots=True)
class Lake:
    """A root and the engine that works on it."""

    root: str
    """Folder or object-store prefix, without a trailing slash."""
    engine: Engine

    def uri(self, zone: str, contract: Contract) -> str:
        """Where a zone's table of the contract lies."""
        return f"{self.root}/{naming.table_path(zone, contract.domain, contract.table)}"

    def gate_uri(self, contract: Contract) -> str:
        """Where the gate's ledger of the contract lies."""
        return f"{self.root}/{naming.internal_path(GATE, contract.domain, contract.table)}"

    def raw(self, contract: Contract) -> Table:
        """The Raw table, created or widened where needed."""
        return self.engine.create(TableSpec(
            self.uri(Zone.RAW, contract), rows.raw_columns(contract), partition_by=("_kind", "_partition"),
            statistics=(*rows.prunable(contract), "_seq", "_row"), append_only=True, comment=contract.description,
        ))

    def gate(self, contract: Contract) -> Table:
        """The gate's ledger."""
        return self.engine.create(TableSpec(
            self.gate_uri(contract), rows.gate_columns(), partition_by=("_kind", "_partition"),
            statistics=("judgement", "_row"), append_only=True, comment=f"Gate ledger of {contract.name}",
        ))

    def ods(self, contract: Contract) -> Table:
        """The ODS table."""
        return self.engine.create(TableSpec(
            self.uri(Zone.ODS, contract), rows.ods_columns(contract), statistics=(*rows.prunable(contract), "_seq"),
            comment=contract.description,
        ))

    def hds(self, contract: Contract) -> Table:
        """The HDS table: open versions in one partition, closed ones in the other."""
        return self.engine.create(TableSpec(
            self.uri(Zone.HDS, contract), rows.hds_columns(contract), partition_by=("is_current",),
            statistics=(*rows.prunable(contract), "_seq"), comment=contract.description,
        ))
