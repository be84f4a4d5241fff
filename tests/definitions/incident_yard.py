"""A small business on a real Dagster instance, its sensors ticked by hand, and a Slack that people look at."""

from __future__ import annotations

import atexit
import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.incidents import build_heartbeat_sensor, build_incident_sensor
from tests.standins.slack.server import SlackStandIn, slack_stand_in

ROOT = Path(__file__).parents[2]
DAY, NEXT_DAY = "2026-11-19", "2026-11-20"
HERE, FINANCE, DIGEST = "C0DEFAULT", "C0FINANCE", "C0DIGEST"
ANA = "U0ANALYST"
RAW = "raw/sales/orders"
DOWNSTREAM = (
    "ods/sales/orders", "hds/sales/orders",
    *(f"curated/sales/{mart}" for mart in ("dim_customer", "fct_orders", "kpi_daily", "kpi_weekly")),
    *(f"domo/sales/{dataset}" for dataset in ("churn", "orders_by_day", "orders_by_week", "pipeline", "regions", "top_customers")),
)  # fmt: skip
"""Twelve assets."""
RULE, WARNING = "amount_positive", "currency_known"
"""Checks of Raw: one halts the day."""
PROMISE = dt.timedelta(hours=30)
PARTITIONS = dg.DailyPartitionsDefinition(start_date="2026-11-01", end_date="2026-11-23")
ENVIRONMENT = """\
lake: {root: .lakehouse/lake}
partitions: {start: 2026-11-01, time_zone: Europe/Berlin}
connections: {}
"""
SLACK = """\
slack:
  token: {env: LAKEHOUSE_SLACK_TOKEN}
  api: {env: LAKEHOUSE_SLACK_API}
  channels: {default: C0DEFAULT, finance: C0FINANCE, low: C0DIGEST}
  mentions: {"team:sales": S0SALES}
"""


@dataclass
class Clock:
    """Now, moved on by hand."""

    ahead: dt.timedelta = dt.timedelta()

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(tz=dt.UTC) + self.ahead


@dataclass
class Yard:
    """What a test holds."""

    folder: Path
    slack: SlackStandIn
    instance: dg.DagsterInstance
    clock: Clock = field(default_factory=Clock)
    broken: set[str] = field(default_factory=set)
    """Assets that fail, and checks (as `asset:check`) that do not pass."""
    interrupted: dict[str, bool] = field(default_factory=dict)
    """Assets whose process is told to end while it makes them, and whether a person cancelled the run."""

    def __post_init__(self) -> None:
        self.defs = self.definitions()
        self.slack.workspace.clock = lambda: self.clock().timestamp()
        self.slack.workspace.names |= {"S0SALES": "sales-data", ANA: "ana"}

    @property
    def project(self) -> Project:
        return Project.open(self.folder)

    def definitions(self) -> dg.Definitions:
        """The assets, and sensors that remember nothing."""
        sensors = [build_incident_sensor(self.project, clock=self.clock), build_heartbeat_sensor(self.project, clock=self.clock)]
        return dg.Definitions(assets=[dg.AssetSpec("source/erp/sales/orders"), *map(self._asset, _UPSTREAM)], sensors=sensors)

    def _asset(self, name: str) -> dg.AssetsDefinition:
        key = dg.AssetKey.from_user_string(name)
        checks = [dg.AssetCheckSpec(RULE, asset=key, blocking=True), dg.AssetCheckSpec(WARNING, asset=key)] if name == RAW else []

        @dg.asset(
            key=key, deps=[dg.AssetKey.from_user_string(above) for above in _UPSTREAM[name]], partitions_def=PARTITIONS,
            owners=["team:sales"], tags={"domain": "sales"}, check_specs=checks, freshness_policy=dg.FreshnessPolicy.time_window(PROMISE))
        def made() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
            if name in self.interrupted:
                if self.interrupted[name]:
                    self.instance.report_run_canceling(self.instance.get_runs(limit=1)[0])
                raise dg.DagsterExecutionInterruptedError
            if name in self.broken:
                raise ValueError("a value of a row: 4711")
            results = [dg.AssetCheckResult(passed=f"{name}:{c.name}" not in self.broken, check_name=c.name, asset_key=key) for c in checks]
            if any(not result.passed and result.check_name == RULE for result in results):
                yield from results
                raise dg.Failure("the gate halted", allow_retries=False)
            yield dg.MaterializeResult(asset_key=key, check_results=results)

        return made

    def run(self, *names: str, day: str = DAY, tags: Mapping[str, str] | None = None) -> bool:
        """One run over the assets, or all."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        selected = [dg.AssetKey.from_user_string(name) for name in names or _UPSTREAM]
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return job.execute_in_process(
            instance=self.instance, partition_key=day, raise_on_error=False, asset_selection=selected, run_config=quiet,
            tags=dict(tags or {})).success

    def tick(self, sensor: str = "incidents", *, after: dt.timedelta = dt.timedelta()) -> str:
        """Evaluate a sensor, `after` the last time; what it says."""
        self.clock.ahead += after
        with dg.build_sensor_context(self.instance, definitions=self.defs, sensor_name=sensor) as context:
            return self.defs.resolve_sensor_def(sensor).evaluate_tick(context).skip_message or ""

    def restart(self) -> None:
        """The daemon begins anew: another instance of the same storage, sensors that remember nothing."""
        self.instance.dispose()
        self.instance = dg.DagsterInstance.from_config(str(self.project.home))
        self.defs = self.definitions()

    def parents(self, channel: str = HERE) -> list[str]:
        """Titles of the messages in a channel, as they stand now."""
        return [title_of(message.blocks, message.text) for message in self.slack.workspace.parents(channel)]

    def thread(self, number: int = 0, channel: str = HERE) -> list[str]:
        """Texts below a message."""
        return [m.text for m in self.slack.workspace.thread(channel, self.slack.workspace.parents(channel)[number].ts)]


def title_of(blocks: Sequence[dict[str, dict[str, str]]], text: str) -> str:
    """The header of a message."""
    return blocks[0]["text"]["text"] if blocks else text


def _upstream() -> dict[str, tuple[str, ...]]:
    ods, hds, *_ = DOWNSTREAM
    above: dict[str, tuple[str, ...]] = {RAW: ("source/erp/sales/orders",), ods: (RAW,), hds: (ods,)}
    marts = [name for name in DOWNSTREAM if name.startswith("curated/")]
    above |= dict.fromkeys(marts, (hds,))
    datasets = [name for name in DOWNSTREAM if name.startswith("domo/")]
    return above | {name: (marts[number % len(marts)],) for number, name in enumerate(datasets)}


_UPSTREAM = _upstream()


@contextmanager
def opened_yard(folder: Path, patch: pytest.MonkeyPatch, *, told: bool = True) -> Iterator[Yard]:
    """A yard in a folder; one that was never ticked."""
    (folder / "resources").mkdir(parents=True)
    (folder / "resources" / "local.yaml").write_text(ENVIRONMENT + (SLACK if told else ""))
    shutil.copy(ROOT / "dagster.yaml", folder)
    home = Project.open(folder).prepare_home()
    patch.setenv("DAGSTER_HOME", str(home))
    shutil.copytree(_empty_home(), home, dirs_exist_ok=True)
    with slack_stand_in() as slack:
        for name, value in slack.environment.items():
            patch.setenv(name, value)
        yard = Yard(folder, slack, dg.DagsterInstance.from_config(str(home)))
        try:
            yield yard
        finally:
            yard.instance.dispose()


@cache
def _empty_home() -> Path:
    """The home of an instance that knows nothing: making its databases takes longer than copying them."""
    home = Path(tempfile.mkdtemp(prefix="instance-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        shutil.copy(ROOT / "dagster.yaml", home)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert instance.event_log_storage is not None
    return home
