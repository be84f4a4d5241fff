"""Loading `definitions.py` of a project, as Dagster does on every start and every reload."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

from lakehouse_platform import contracts
from lakehouse_platform.jobs.project import Project
from tests.bench.measure import ROOT, Meter

PARTS = ("assets", "resources", "sensors", "definitions.py", "dagster.yaml", "workspace.yaml")


def grown(folder: Path, times: int) -> Path:
    """A project like this repository's, its tables there `times` as often, in domains of their own; its marts once."""
    leave_out = shutil.ignore_patterns("__pycache__", "target", "logs", ".lakehouse")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=leave_out)
        elif source.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / part)
    for number in range(2, times + 1):
        _repeat(folder / "assets" / "contracts", number)
    return folder


def _repeat(contracts_folder: Path, number: int) -> None:
    """Each domain's tables once more, in a domain named for the repetition."""
    marts = {contract.path for contract in contracts.load(ROOT / "assets" / "contracts") if contract.model is not None}
    for file in sorted((ROOT / "assets" / "contracts").glob("*/*.*")):
        if file not in marts:
            domain, again = file.parent.name, f"{file.parent.name}_{number}"
            (contracts_folder / again).mkdir(exist_ok=True)
            text = file.read_text(encoding="utf-8").replace(f"domain: {domain}", f"domain: {again}")
            (contracts_folder / again / file.name).write_text(text.replace(f"id: {domain}.", f"id: {again}."), encoding="utf-8")


def read_contracts(meter: Meter, folder: str) -> None:
    """Contracts alone, as the command line reads them."""
    with meter:
        contracts.load(Path(folder) / "assets" / "contracts")


def load_definitions(meter: Meter, folder: str) -> None:
    """All of it: contracts, assets, checks, schedules, the marts' manifest; Dagster's own import is not counted."""
    importlib.import_module("lakehouse_platform.orchestration")
    sys.path.insert(0, folder)
    with meter:
        importlib.import_module("definitions")


def prepare(meter: Meter, folder: str) -> None:
    """What is done once a change: dbt parses the marts."""
    marts = importlib.import_module("lakehouse_platform.jobs.marts")
    with meter:
        marts.prepare_marts(Project.open(Path(folder)))
