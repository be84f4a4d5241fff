"""A lakehouse of one mart that is to be certified, with what dbt leaves when it has parsed its project, and all the evidence it needs."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from shutil import copy
from typing import Any

from lakehouse_platform.certify.evidence import Evidence, Kind, record
from lakehouse_platform.jobs.certificates import Certified
from lakehouse_platform.jobs.project import Project

ROOT = Path(__file__).parents[2]
MART = "operations.kpi_fulfilment_daily"
ENVIRONMENT = """\
lake: {root: .lakehouse/lake}
partitions: {start: 2026-11-01, time_zone: UTC}
connections: {erp: {kind: postgresql, uri: {env: NOWHERE}, time_zone: UTC}}
publish: {domo: {kind: folder, path: .lakehouse/domo}}
"""


MANIFEST: dict[str, Any] = {
    "nodes": {
        "model.marts.kpi_fulfilment_daily": {
            "resource_type": "model", "name": "kpi_fulfilment_daily", "depends_on": {"nodes": ["source.marts.ods_operations.shipment"]}},
        "test.marts.control_total_kpi_fulfilment_daily": {
            "resource_type": "test", "name": "control_total_kpi_fulfilment_daily", "description": "Every shipment is in the KPI.",
            "config": {"severity": "error", "meta": {"dagster": {"ref": {"name": "kpi_fulfilment_daily"}}}}},
    },
    "sources": {"source.marts.ods_operations.shipment": {"name": "shipment", "config": {"meta": {"zone": "ods", "domain": "operations"}}}},
}
"""What these commands read of what dbt leaves when it has parsed its project."""


def build_lakehouse(folder: Path, manifest: dict[str, Any] = MANIFEST) -> Project:
    """A lakehouse of one mart and its table."""
    domain, marts = folder / "assets" / "contracts" / "operations", folder / "assets" / "marts"
    domain.mkdir(parents=True)
    for name in ("_defaults.yaml", "shipment.yaml", "shipment.py", "kpi_fulfilment_daily.yaml"):
        copy(ROOT / "assets" / "contracts" / "operations" / name, domain)
    contract = domain / "kpi_fulfilment_daily.yaml"
    contract.write_text(contract.read_text().replace(
        "      model: kpi_fulfilment_daily\n", "      model: kpi_fulfilment_daily\n      certification: {green_runs: 1}\n"))
    (marts / "target").mkdir(parents=True)
    copy(ROOT / "assets" / "marts" / "dbt_project.yml", marts)
    (marts / "target" / "manifest.json").write_text(json.dumps(manifest))
    (folder / "resources").mkdir()
    (folder / "resources" / "local.yaml").write_text(ENVIRONMENT)
    return Project.open(folder)


def green(project: Project) -> None:
    """All the evidence that the certificate asks for, a minute ago."""
    (subject,) = Certified.of(project).subjects
    at = dt.datetime.now(tz=dt.UTC) - dt.timedelta(minutes=1)
    assets = (subject.mart, *([subject.dataset] if subject.dataset else []), *subject.upstream)
    checks = [Evidence(asset.key, Kind.CHECK, at, True, name, "run-1") for asset in assets for name in asset.checks | asset.schema_checks]
    runs = [Evidence(asset.key, Kind.RUN, at, True, run="run-1") for asset in assets]
    through = Evidence(subject.mart.key, Kind.COMPLETE, at, True, figures={"complete_through": at.isoformat()})
    record(project.lake, [*checks, *runs, through])
