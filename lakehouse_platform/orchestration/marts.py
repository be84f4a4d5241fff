"""The assets of Curated, one step for all marts of a run, and of the datasets that are made of them."""

# Dagster reads the annotation of `context` as it is: no postponed annotations here.

from collections.abc import Iterator, Sequence

import dagster as dg
from dagster._core.definitions.metadata import RawMetadataValue

from lakehouse_platform.errors import TerminalError
from lakehouse_platform.jobs.datasets import awaited_marts, dataset_checks, run_dataset
from lakehouse_platform.jobs.lineage import mart_lineage
from lakehouse_platform.jobs.marts import Mart, run_marts
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import Outcome
from lakehouse_platform.naming import Zone, dataset_asset_key
from lakehouse_platform.orchestration import describe
from lakehouse_platform.orchestration.automation import FOLLOW
from lakehouse_platform.orchestration.steps import Event, check_spec, report_at_once, run_days

STEP = "curated"
"""Name of the step that builds marts, and of its pool: one file is built in at a time."""
DOMO = "domo"


class MartsMissing(TerminalError):
    """A dataset was asked for a business day that not all of its marts were built for."""


def build_marts(project: Project, marts: Sequence[Mart], partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """All marts as one asset definition, of which any part can be materialized."""
    if not marts:
        return []

    @dg.multi_asset(
        name=STEP, specs=[_mart_spec(project, mart) for mart in marts], partitions_def=partitions, can_subset=True, pool=STEP,
        check_specs=[check_spec(describe.key_of(Zone.CURATED, mart.contract), spec, partitions) for mart in marts for spec in mart.checks],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def curated(context: dg.AssetExecutionContext) -> Iterator[Event]:
        yield from _run(context, project, marts)

    return [curated]


def _mart_spec(project: Project, mart: Mart) -> dg.AssetSpec:
    contract = mart.contract
    return dg.AssetSpec(
        describe.key_of(Zone.CURATED, contract), deps=[describe.key_of(zone, used) for zone, used in mart.upstream], skippable=True,
        group_name=contract.domain, description=describe.description_of(Zone.CURATED, contract), owners=[contract.owner],
        kinds={"curated", "deltalake", "dbt"}, tags=describe.tags_of(Zone.CURATED, contract), code_version=contract.fingerprint[:12],
        automation_condition=FOLLOW,
        metadata=describe.definition_metadata(Zone.CURATED, contract, project.uri(Zone.CURATED, contract), contract.freshness),
        freshness_policy=dg.FreshnessPolicy.time_window(contract.freshness) if contract.freshness is not None else None)


def _run(context: dg.AssetExecutionContext, project: Project, marts: Sequence[Mart]) -> Iterator[Event]:
    """Marts are built from all there is."""
    by_key = {describe.key_of(Zone.CURATED, mart.contract): mart for mart in marts}
    wanted = [key for key in by_key if key in context.selected_asset_keys]

    def work() -> dict[dg.AssetKey, Outcome]:
        outcomes = run_marts(project, marts, {by_key[key].contract.name for key in wanted})
        return {key: outcomes[by_key[key].contract.name] for key in wanted}

    yield from report_at_once(context, wanted, work, lambda key, outcome: _metadata(project, by_key[key], outcome))


def _metadata(project: Project, mart: Mart, outcome: Outcome) -> dict[str, RawMetadataValue]:
    contracts = {(zone, contract.name): contract for zone, contract in mart.upstream}
    deps = {
        column: [dg.TableColumnDep(describe.key_of(zone, contracts[zone, table]), name) for zone, table, name in found]
        for column, found in mart_lineage(project, mart).items()
    }
    return describe.run_metadata(outcome, dg.TableColumnLineage(deps))


def dataset_key(mart: Mart) -> dg.AssetKey:
    """`domo/<domain>/<title in small letters>`."""
    title = mart.contract.publication.dataset if mart.contract.publication else mart.contract.table
    return dg.AssetKey(dataset_asset_key(mart.contract.domain, title))


def build_dataset(project: Project, mart: Mart, marts: Sequence[Mart], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """A mart's dataset as an asset. It follows a business day once all marts that it waits for were built for it and passed."""
    contract, key, specs = mart.contract, dataset_key(mart), dataset_checks(mart.contract)
    upstream = describe.key_of(Zone.CURATED, contract)
    awaited = [describe.key_of(Zone.CURATED, one) for one in awaited_marts(contract, marts)]
    lineage = dg.TableColumnLineage({c.name: [dg.TableColumnDep(upstream, c.name)] for c in contract.columns})
    title = contract.publication.dataset if contract.publication else contract.table

    @dg.asset(
        key=key, deps=awaited, group_name=contract.domain, partitions_def=partitions, pool="_".join(key.path),
        backfill_policy=dg.BackfillPolicy.single_run(), description=(contract.publication and contract.publication.description) or None,
        owners=[contract.owner], kinds={DOMO}, tags=describe.tags_of(DOMO, contract), automation_condition=FOLLOW,
        metadata={"dataset": title, "dagster/column_schema": describe.schema_of(DOMO, contract)},
        check_specs=[check_spec(key, spec, partitions) for spec in specs], code_version=contract.fingerprint[:12],
        freshness_policy=dg.FreshnessPolicy.time_window(contract.freshness) if contract.freshness is not None else None,
    )
    def dataset(context: dg.AssetExecutionContext) -> Iterator[Event]:
        done: list[Outcome] = []

        def once(day: str) -> Outcome:
            _check_built(context.instance, awaited, day)
            done[:] = done or [run_dataset(project, mart, marts)]
            return done[0]

        yield from run_days(context, key, once, lineage)

    return dataset


def _check_built(instance: dg.DagsterInstance, marts: Sequence[dg.AssetKey], day: str) -> None:
    """Automation waits for the day's marts; a run that somebody starts is told."""
    missing = [key.to_user_string() for key in marts if day not in instance.get_materialized_partitions(key)]
    if missing:
        raise MartsMissing(f"{', '.join(missing)} was not built for {day}. Materialize it first, or together with the dataset.")
