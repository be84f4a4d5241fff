"""A step that runs on Spark on this machine, through Dagster's own Spark resource."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration import build_definitions
from lakehouse_platform.orchestration.instance import open_instance
from lakehouse_platform.orchestration.materialize import materialize, select
from lakehouse_platform.zones.rows import hds_columns
from resources.legacy import Legacy
from tests.definitions.conftest import FIRST, SECOND, TABLE, Shop, build_folder

COMPUTE = "compute: {spark_from_mb: 1000, spark: {cores: 2, memory_gb: 2}}\n"


@pytest.mark.usefixtures("spark")  # its settings are for small tables, and a process has one session
def test_a_history_by_spark_is_the_history_by_polars(shop: Shop, legacy: Legacy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "on_spark"
    build_folder(folder, legacy)
    environment, contract = folder / "resources" / "local.yaml", folder / "assets" / "contracts" / "operations" / "shipment.yaml"
    environment.write_text(environment.read_text() + COMPUTE)
    contract.write_text(contract.read_text().rstrip() + "\n      compute: {hds: spark}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    project = Project.open(folder)
    defs = build_definitions(project)
    with open_instance(project) as instance:
        run = materialize(defs, instance, select(defs, [f"*/{TABLE}"]), (FIRST, SECOND))
        assert run.success, run.failures
        event = instance.get_latest_materialization_event(dg.AssetKey(["hds", *TABLE.split("/")]))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["compute_reason"].value == "The contract says spark."
    assert history(project) == history(shop.project)


def history(project: Project) -> list[tuple[str, ...]]:
    """Versions, without when they were seen."""
    lake, contract = project.lake, project.contract("operations.shipment")
    columns = [name for name in hds_columns(contract) if name not in ("_seen_at", "_batch_id")]
    rows = lake.engine.collect(lake.engine.open(lake.uri("hds", contract)).scan().select(columns))
    return sorted(tuple(map(str, row.values())) for row in rows.to_pylist())
