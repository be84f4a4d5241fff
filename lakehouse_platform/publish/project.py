"""A dbt project that builds marts: how dbt is called, and what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lakehouse_platform.errors import TerminalError
from lakehouse_platform.settings import Redshift, Reference
from lakehouse_platform.settings.references import surroundings

PASSED = frozenset({"success", "pass", "warn"})
TAIL = 20
"""Lines of dbt's output that an error quotes."""


class BuildFailed(TerminalError):
    """dbt did not get as far as building models."""


@dataclass(frozen=True)
class MartProject:
    """Where a dbt project lies, and the lake it reads."""

    folder: Path
    """The project, with its `profiles.yml`."""
    lake: str
    """Root of the lake; a relative path starts at the working directory."""
    scratch: Path
    """DuckDB file that models are built in. One build at a time may use it, and nobody reads it meanwhile."""
    time_zone: str
    """Zone of the business's days."""
    target: str = "local"
    """Output of the profile."""
    environment: Path | None = None
    """The environment's file, which says how a lake on S3 is reached; a lake in a folder needs none."""
    target_folder: Path | None = None
    """Where dbt leaves its manifest and results; `target` in the project unless given."""
    warehouse: Redshift | None = None
    """Where the target `redshift` builds; its login is told to dbt's process alone, in variables of its environment."""
    layouts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What the warehouse asks for beside each model's query (`macros/warehouse.sql`)."""

    @property
    def profiles_folder(self) -> Path:
        """Folder of `profiles.yml`."""
        return self.folder

    @property
    def executable(self) -> Path:
        """The dbt that is installed with this Python."""
        return Path(sys.executable).with_name("dbt")

    @property
    def output_folder(self) -> Path:
        """Where the manifest, compiled models and results of the last call are."""
        return self.target_folder or self.folder / "target"

    @property
    def manifest(self) -> Path:
        """The manifest; `parse` makes it."""
        return self.output_folder / "manifest.json"

    @cached_property
    def variables(self) -> dict[str, object]:
        """What the project's `--vars` must be: the same for every call, or dbt parses everything anew. None is a secret."""
        if self.warehouse is not None:
            return {"time_zone": self.time_zone, "layouts": self.layouts}
        lake = self.lake if "://" in self.lake else str(Path(self.lake).resolve())
        reached = {"environment": str(self.environment.resolve())} if self.environment is not None else {}
        return {"lake": lake, "scratch": str(self.scratch.resolve()), "time_zone": self.time_zone, **reached}

    def arguments(self, command: str, *rest: str) -> list[str]:
        """A command's arguments after the name of the executable and options for the profile and the target."""
        return [command, "--vars", json.dumps(self.variables, sort_keys=True), *rest]

    def parse(self) -> Path:
        """Make the manifest, without a database and offline. Returns where it is."""
        self._call("parse")
        return self.manifest

    def build(self, *select: str, anew: bool = False) -> Build:
        """Build and test the models that `select` names, all unless it names any. Failed models and tests are in the result.

        Incremental models are built from nothing where `anew` is asked for.
        """
        results = self.output_folder / "run_results.json"
        results.unlink(missing_ok=True)
        words = [*(("--select", *select) if select else ()), *(("--full-refresh",) if anew else ())]
        output = self._call("build", *words, check=False)
        if not results.exists():
            raise BuildFailed(f"{self.folder}: dbt build ended without results:\n{output}")
        return read_build(results, self.manifest)

    def _call(self, command: str, *rest: str, check: bool = True) -> str:
        self.scratch.parent.mkdir(parents=True, exist_ok=True)
        places = {"--project-dir": self.folder, "--profiles-dir": self.profiles_folder, "--target-path": self.output_folder,
                  "--log-path": self.output_folder / "logs", "--target": self.target}
        options = [str(part) for option, value in places.items() for part in (option, value)]
        words = [str(self.executable), "--no-use-colors", *self.arguments(command, *rest), *options]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=self.folder, env=self._surroundings())
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-TAIL:])
        if check and done.returncode != 0:
            raise BuildFailed(f"{self.folder}: dbt {command} failed:\n{tail}")
        return tail

    def _surroundings(self) -> dict[str, str] | None:
        """The environment of dbt's process; None is this process's own."""
        return surroundings(login_of(self.warehouse)) if self.warehouse is not None else None


def login_of(warehouse: Redshift) -> dict[str, str]:
    """The environment variables that the profile's target `redshift` reads. Raises SettingsError for what is not to be had."""
    port = warehouse.port.resolve() if isinstance(warehouse.port, Reference) else str(warehouse.port)
    return {
        "REDSHIFT_HOST": warehouse.host.resolve(), "REDSHIFT_PORT": port, "REDSHIFT_DATABASE": warehouse.database,
        "REDSHIFT_USER": warehouse.user.resolve(), "REDSHIFT_SSLMODE": "verify-full" if warehouse.tls else "disable",
        "DBT_ENV_SECRET_REDSHIFT_PASSWORD": warehouse.password.resolve()}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a model or a test fared."""

    name: str
    status: str
    """success, error, skipped; for tests pass, warn, fail, error, skipped."""
    message: str
    of: frozenset[str]
    """Models that it is or, for a test, judges."""

    @property
    def passed(self) -> bool:
        """Whether it does not hold anything back."""
        return self.status in PASSED


@dataclass(frozen=True, slots=True)
class Build:
    """What a build came to."""

    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """What was not built, or did not pass; skipped ones included."""
        return tuple(outcome for outcome in self.outcomes if not outcome.passed)

    def publishable(self, models: Iterable[str]) -> tuple[str, ...]:
        """Those of `models` that were built and that no failed test judges."""
        built = {outcome.name for outcome in self.outcomes if outcome.passed}
        held = {model for outcome in self.failed for model in outcome.of}
        return tuple(model for model in models if model in built - held)


def read_build(results: Path, manifest: Path) -> Build:
    """Read a build from dbt's `run_results.json`."""
    nodes: dict[str, dict[str, Any]] = json.loads(manifest.read_text())["nodes"]
    found: list[dict[str, Any]] = json.loads(results.read_text())["results"]
    return Build(tuple(_outcome(result, nodes) for result in found))


def _outcome(result: dict[str, Any], nodes: dict[str, dict[str, Any]]) -> Outcome:
    node = nodes[result["unique_id"]]
    judged = [nodes[name]["name"] for name in node["depends_on"]["nodes"] if name.startswith("model.")]
    of = judged if node["resource_type"] == "test" else [node["name"]]
    return Outcome(node["name"], str(result["status"]), str(result.get("message") or ""), frozenset(of))
