"""What Dagster shows of a table: columns, where they come from, where it lies, who owns it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.metadata import RawMetadataValue

from lakehouse_platform import naming
from lakehouse_platform.contracts import glossary
from lakehouse_platform.contracts.contract import Contract, Landing
from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.jobs.steps import Figure, Outcome
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones import rows

UPSTREAM = {Zone.ODS: Zone.RAW, Zone.HDS: Zone.ODS}
_COLUMNS = {Zone.RAW: rows.raw_columns, Zone.ODS: rows.ods_columns, Zone.HDS: rows.hds_columns}


def key_of(zone: str, contract: Contract) -> dg.AssetKey:
    """Asset key `zone/domain/table`."""
    return dg.AssetKey(naming.asset_key(zone, contract.domain, contract.table))


def source_key(contract: Contract) -> dg.AssetKey:
    """Asset key of a source's table, `source/connection/schema/table`; of landed files, `source/landing/domain/table`."""
    if contract.source is None:
        raise dg.DagsterInvariantViolationError(f"{contract.name} is a mart and has no source")
    if isinstance(contract.source, Landing):
        return dg.AssetKey(["source", "landing", contract.domain, contract.table])
    return dg.AssetKey(["source", contract.source.connection, contract.source.schema, contract.source.table])


def columns_of(zone: str, contract: Contract) -> Mapping[str, LakeType]:
    """Columns of a zone's table; marts have just those of the contract."""
    return _COLUMNS.get(Zone(zone), rows.declared)(contract) if zone in set(Zone) else rows.declared(contract)


def schema_of(zone: str, contract: Contract) -> dg.TableSchema:
    """Columns as the interface lists them: types, descriptions, keys and classifications, never values."""
    return dg.TableSchema([_column(contract, name, str(kind)) for name, kind in columns_of(zone, contract).items()])


def source_schema_of(contract: Contract) -> dg.TableSchema:
    """Columns at the source, as the contract knows them."""
    return dg.TableSchema([
        dg.TableColumn(c.physical_name, c.physical.name, c.description or None) for c in contract.columns
    ])


def _column(contract: Contract, name: str, kind: str) -> dg.TableColumn:
    column = next((c for c in contract.columns if c.name == name), None)
    if column is None:
        return dg.TableColumn(name, kind, glossary.COLUMNS.get(name))
    in_key = name in contract.key
    constraints = dg.TableColumnConstraints(nullable=not (column.required or in_key), other=["key"] if in_key else [])
    tags = {"classification": column.classification} if column.classification else None
    return dg.TableColumn(name, kind, column.description or None, constraints=constraints, tags=tags)


def lineage_of(zone: str, contract: Contract) -> dg.TableColumnLineage:
    """Which column upstream each declared column comes from."""
    if zone == Zone.RAW:
        upstream, names = source_key(contract), {c.name: c.physical_name for c in contract.columns}
    else:
        upstream, names = key_of(UPSTREAM[Zone(zone)], contract), {c.name: c.name for c in contract.columns}
    return dg.TableColumnLineage({name: [dg.TableColumnDep(upstream, was)] for name, was in names.items()})


def description_of(zone: Zone, contract: Contract) -> str:
    """What the table is about, and what the zone makes of it; the same table lies in several."""
    says = glossary.zone_meaning(zone, contract)
    return f"{contract.description}\n\n**{zone.value.upper()}:** {says}" if contract.description else says


def definition_metadata(zone: str, contract: Contract, uri: str, fresh: dt.timedelta | None) -> dict[str, RawMetadataValue]:
    """What is known of a table before it is ever written."""
    metadata: dict[str, RawMetadataValue] = {
        "dagster/column_schema": schema_of(zone, contract), "dagster/uri": uri, "dagster/storage_kind": "deltalake",
        "dagster/table_name": f"{zone}.{contract.domain}.{contract.table}", "contract": f"{contract.name} {contract.version}",
    }
    if fresh is not None:
        metadata["data_may_be_hours_old"] = round(fresh.total_seconds() / 3600)
    return metadata


def run_metadata(outcome: Outcome, lineage: dg.TableColumnLineage | None) -> dict[str, RawMetadataValue]:
    """What one business day's step did; figures only."""
    metadata: dict[str, RawMetadataValue] = {
        "dagster/partition_row_count": outcome.rows, "dagster/row_count": outcome.table_rows, **figures(outcome.figures)}
    if outcome.complete_through is not None:
        metadata["complete_through"] = dg.TimestampMetadataValue(outcome.complete_through.timestamp())
    if lineage is not None:
        metadata["dagster/column_lineage"] = lineage
    return metadata


def figures(known: Mapping[str, Figure]) -> dict[str, RawMetadataValue]:
    """Figures as Dagster's metadata."""
    return {name: dg.TimestampMetadataValue(v.timestamp()) if isinstance(v, dt.datetime) else v for name, v in known.items()}


def tags_of(zone: str, contract: Contract) -> dict[str, str]:
    """The contract's tags and the zone."""
    return {**contract.tags, "zone": str(zone), "domain": contract.domain}
