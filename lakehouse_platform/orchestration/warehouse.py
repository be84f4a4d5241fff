"""The assets of the warehouse: tables of the lake, loaded from a pinned Delta version."""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

from collections.abc import Iterator, Sequence

import dagster as dg

from lakehouse_platform import naming
from lakehouse_platform.jobs.marts import Mart
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import Outcome
from lakehouse_platform.jobs.warehouse import WAREHOUSE, TableLoad, load_checks, run_load, table_loads
from lakehouse_platform.orchestration import describe
from lakehouse_platform.orchestration.automation import FOLLOW
from lakehouse_platform.orchestration.steps import Event, check_spec, root_run, run_days

SHARED_POOL = {"duckdb": WAREHOUSE}
"""Pool of all loads where they cannot run beside each other: a DuckDB file is locked by whoever writes to it."""


def load_key(load: TableLoad) -> dg.AssetKey:
    """`warehouse/<domain>/<zone>_<table>`."""
    return dg.AssetKey(naming.asset_key(WAREHOUSE, load.contract.domain, load.place.name))


def build_loads(project: Project, partitions: dg.PartitionsDefinition[str], marts: Sequence[Mart] = ()) -> list[dg.AssetsDefinition]:
    """An asset for each table that the environment's warehouse holds a load of; none where it has no warehouse."""
    return [_build_load(project, load, partitions, marts) for load in table_loads(project)]


def _build_load(
    project: Project, load: TableLoad, partitions: dg.PartitionsDefinition[str], marts: Sequence[Mart]
) -> dg.AssetsDefinition:
    contract, key, upstream = load.contract, load_key(load), describe.key_of(load.zone, load.contract)
    kind = project.environment.warehouse.kind if project.environment.warehouse is not None else WAREHOUSE
    lineage = dg.TableColumnLineage({name: [dg.TableColumnDep(upstream, name)] for name in load.columns})

    @dg.asset(
        key=key, deps=[upstream], group_name=contract.domain, partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run(),
        description=f"{describe.description_of(load.zone, contract)}\n\n**WAREHOUSE:** the same rows, loaded from a pinned Delta version.",
        owners=[contract.owner], kinds={kind}, tags=describe.tags_of(WAREHOUSE, contract), automation_condition=FOLLOW,
        pool=SHARED_POOL.get(kind, naming.pool(WAREHOUSE, contract.domain, load.place.name)), code_version=contract.fingerprint[:12],
        metadata={"dagster/column_schema": describe.schema_of(load.zone, contract), "dagster/table_name": str(load.place),
                  "dagster/storage_kind": kind, "contract": f"{contract.name} {contract.version}"},
        check_specs=[check_spec(key, spec, partitions) for spec in load_checks()],
        freshness_policy=dg.FreshnessPolicy.time_window(contract.freshness) if contract.freshness is not None else None,
    )
    def loaded(context: dg.AssetExecutionContext) -> Iterator[Event]:
        done: list[Outcome] = []

        def once(_: str) -> Outcome:
            """A load brings everything that is in the lake: once a run, whatever business days it is for."""
            done[:] = done or [run_load(project, contract, load.zone, root_run(context), marts)]
            return done[0]

        yield from run_days(context, key, once, lineage)

    return loaded
