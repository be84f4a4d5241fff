"""The marts in Redshift as assets, one step for all of a run."""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

from collections.abc import Iterator, Sequence

import dagster as dg
from dagster._core.definitions.metadata import RawMetadataValue

from lakehouse_platform import naming
from lakehouse_platform.jobs.marts import Mart
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import Outcome
from lakehouse_platform.jobs.warehouse_marts import has_warehouse_marts, run_warehouse_marts, warehouse_mart_checks
from lakehouse_platform.naming import Zone
from lakehouse_platform.orchestration import describe
from lakehouse_platform.orchestration.automation import FOLLOW
from lakehouse_platform.orchestration.steps import Event, check_spec, report_at_once

STEP = "warehouse_marts"
"""Name of the step that builds marts in Redshift, and of its pool: one build at a time."""
WAREHOUSE = "warehouse"


def build_warehouse_marts(project: Project, marts: Sequence[Mart], partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """All marts in Redshift as one asset definition, of which any part can be materialized; none where the warehouse is another."""
    if not marts or not has_warehouse_marts(project):
        return []

    @dg.multi_asset(
        name=STEP, specs=[_spec(mart) for mart in marts], partitions_def=partitions, can_subset=True, pool=STEP,
        check_specs=[check_spec(warehouse_mart_key(mart), spec, partitions) for mart in marts for spec in warehouse_mart_checks(mart)],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def warehouse_marts(context: dg.AssetExecutionContext) -> Iterator[Event]:
        yield from _run(context, project, marts)

    return [warehouse_marts]


def warehouse_mart_key(mart: Mart) -> dg.AssetKey:
    """`warehouse/<domain>/<mart>`."""
    return dg.AssetKey(naming.asset_key(WAREHOUSE, mart.contract.domain, mart.contract.table))


def _upstream(mart: Mart) -> list[dg.AssetKey]:
    """What was loaded, marts in Redshift that it is made of, and the lake's own mart, which it is held against."""
    names = [(used, used.table if zone == Zone.CURATED else naming.catalog_table(zone, used.table)) for zone, used in mart.upstream]
    loaded = [dg.AssetKey(naming.asset_key(WAREHOUSE, used.domain, name)) for used, name in names]
    return [*loaded, describe.key_of(Zone.CURATED, mart.contract)]


def _spec(mart: Mart) -> dg.AssetSpec:
    contract = mart.contract
    schema, view = contract.domain, f"{contract.domain}_reporting.{contract.model}"
    return dg.AssetSpec(
        warehouse_mart_key(mart), deps=_upstream(mart), skippable=True, group_name=contract.domain, owners=[contract.owner],
        description=f"{contract.description}\n\n**In Redshift:** built from the tables that were loaded; reports read `{view}`.",
        kinds={"redshift", "dbt"}, tags=describe.tags_of(WAREHOUSE, contract), code_version=contract.fingerprint[:12],
        automation_condition=FOLLOW, metadata={
            "dagster/column_schema": describe.schema_of(WAREHOUSE, contract), "dagster/table_name": f"{schema}.{contract.model}",
            "dagster/storage_kind": "redshift", "reporting_view": view})


def _run(context: dg.AssetExecutionContext, project: Project, marts: Sequence[Mart]) -> Iterator[Event]:
    by_key = {warehouse_mart_key(mart): mart for mart in marts}
    wanted = [key for key in by_key if key in context.selected_asset_keys]

    def work() -> dict[dg.AssetKey, Outcome]:
        outcomes = run_warehouse_marts(project, marts, {by_key[key].contract.name for key in wanted})
        return {key: outcomes[by_key[key].contract.name] for key in wanted}

    yield from report_at_once(context, wanted, work, lambda key, outcome: _metadata(by_key[key], outcome))


def _metadata(mart: Mart, outcome: Outcome) -> dict[str, RawMetadataValue]:
    """Columns come from the lake's mart, as far as lineage goes: the same query made them."""
    curated = describe.key_of(Zone.CURATED, mart.contract)
    same = {column.name: [dg.TableColumnDep(curated, column.name)] for column in mart.contract.columns}
    return describe.run_metadata(outcome, dg.TableColumnLineage(same))
