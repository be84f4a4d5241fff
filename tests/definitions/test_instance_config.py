"""dagster.yaml as Dagster reads it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The instance that this repository's dagster.yaml describes, in a home of its own."""
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def test_one_event_log_answers_for_all_runs_and_lies_in_the_home(instance: DagsterInstance, tmp_path: Path) -> None:
    assert isinstance(instance.event_log_storage, ConsolidatedSqliteEventLogStorage)
    assert (tmp_path / "event_log.db").exists()


def test_a_pool_lets_one_writer_in(instance: DagsterInstance) -> None:
    assert instance.get_concurrency_config().pool_config.default_pool_limit == 1


def test_a_run_is_retried_only_when_its_process_died(instance: DagsterInstance) -> None:
    assert instance.run_retries_enabled
    assert not instance.run_retries_retry_on_asset_or_op_failure
    assert instance.run_monitoring_enabled


def test_nothing_is_sent_home_and_nothing_covers_the_pages(instance: DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled


def test_no_path_of_a_machine_is_written_down() -> None:
    assert not [line for name in ("dagster.yaml", "workspace.yaml") for line in (ROOT / name).read_text().splitlines() if ": /" in line]
