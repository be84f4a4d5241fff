"""The marts compile for Athena: in its own SQL, over tables that the catalog has, as Iceberg tables of the curated zone.

dbt's adapter speaks to moto, which runs no SQL: what is proved is the text, not what Athena makes of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from moto.server import ThreadedMotoServer
from sqlglot import exp

from lakehouse_platform.naming import catalog_database, catalog_table
from tests.core.small_lake import CONTRACTS, MARTS, PROJECT

FOLDER = PROJECT / "assets/marts"
VARIABLES = {
    "lake": "s3://bucket/lake", "time_zone": "America/New_York", "catalog": "lake", "workgroup": "team_marts", "region": "eu-central-1",
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What dbt made of the project for its target athena."""
    target = tmp_path_factory.mktemp("target")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        compile_for_athena(target, "http://{}:{}".format(*server.get_host_and_port()))
    finally:
        server.stop()
    found: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return found


def compile_for_athena(target: Path, address: str) -> None:
    places = ["--project-dir", str(FOLDER), "--profiles-dir", str(FOLDER), "--target-path", str(target), "--log-path", str(target / "logs")]
    words = [str(Path(sys.executable).with_name("dbt")), "compile", "--target", "athena", "--vars", json.dumps(VARIABLES), *places]
    account = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **account})
    assert done.returncode == 0, done.stdout + done.stderr


def nodes(manifest: dict[str, Any], *kinds: str) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] in kinds}


def test_every_model_is_an_iceberg_table_under_its_domains_database(manifest: dict[str, Any]) -> None:
    made = {name: (n["schema"], n["alias"], n["config"]["table_type"], n["config"]["materialized"])
            for name, n in nodes(manifest, "model").items()}
    assert made == {
        mart.model: (catalog_database("lake", mart.domain), catalog_table("curated", mart.table), "iceberg", "table") for mart in MARTS}


def test_models_and_tests_read_only_what_the_catalog_has(manifest: dict[str, Any]) -> None:
    sources = [c for c in CONTRACTS.values() if c.source is not None]
    there = {("lake_" + c.domain, f"{zone}_{c.table}") for c in sources for zone in ("ods", "hds")} | {
        ("lake_" + c.domain, f"curated_{c.table}") for c in MARTS}
    for name, node in nodes(manifest, "model", "test").items():
        (tree,) = sqlglot.parse(node["compiled_code"], dialect="athena")
        assert isinstance(tree, exp.Query), name
        local = {cte.alias for cte in tree.find_all(exp.CTE)}
        named = {(table.db, table.name) for table in tree.find_all(exp.Table) if table.db or table.name not in local}
        assert named <= there, name
        assert named, name


def test_midnight_is_the_business_zones_own(manifest: dict[str, Any]) -> None:
    """Trino's AT TIME ZONE reads a wall clock in the session's zone first: it would give midnight UTC."""
    code = nodes(manifest, "model")["fct_revenue"]["compiled_code"]
    assert "with_timezone(cast(invoices.invoice_date as timestamp(6)), 'America/New_York')" in code
    assert "as timestamp) at time zone" not in code


def test_instants_are_kept_with_the_precision_of_iceberg(manifest: dict[str, Any]) -> None:
    for name in ("dim_customer", "dim_gl_account"):
        code = nodes(manifest, "model")[name]["compiled_code"]
        assert "cast(effective_from as timestamp(6) with time zone) as effective_from" in code
