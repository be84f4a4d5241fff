"""Sensors that stop are told of: by each other, and from outside when nobody inside can."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType, TickData, TickStatus
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from lakehouse_platform.cli.app import run
from tests.definitions.incident_yard import HERE, RAW, Yard, opened_yard

MINUTES = [dt.timedelta(minutes=n) for n in range(60)]
SILENT = "🔴 Sensor incidents has stopped"


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    with opened_yard(tmp_path / "yard", monkeypatch) as found:
        (found.folder / "assets" / "contracts").mkdir(parents=True)
        yield found


def origin_of(sensor: str) -> RemoteInstigatorOrigin:
    return RemoteInstigatorOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("lakehouse"), "__repository__"), sensor)


def evaluated(yard: Yard, sensor: str, *, failed: bool = False) -> None:
    """The daemon evaluated a sensor just now."""
    origin = origin_of(sensor)
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE)
    if yard.instance.get_instigator_state(state.instigator_origin_id, state.selector_id) is None:
        yard.instance.add_instigator_state(state)
    error = SerializableErrorInfo("a value of a row: 4711", [], "ValueError") if failed else None
    yard.instance.create_tick(TickData(
        state.instigator_origin_id, sensor, InstigatorType.SENSOR, TickStatus.FAILURE if failed else TickStatus.SKIPPED,
        yard.clock().timestamp(), error=error, selector_id=state.selector_id))


def beat(yard: Yard) -> None:
    """The daemon says that it runs."""
    for name in yard.instance.get_required_daemon_types():
        yard.instance.add_daemon_heartbeat(DaemonHeartbeat(dt.datetime.now(tz=dt.UTC).timestamp(), name, "one"))


def from_outside(yard: Yard) -> int:
    return run(["heartbeat", "--project", str(yard.folder)])


def test_a_sensor_that_is_not_evaluated_any_more_is_told_by_another_until_it_is(yard: Yard) -> None:
    evaluated(yard, "incidents")
    assert "1 sensors run" in yard.tick("heartbeat")
    yard.tick("heartbeat", after=MINUTES[10])
    yard.tick("heartbeat", after=MINUTES[2])
    yard.tick("heartbeat", after=MINUTES[2])
    assert yard.parents() == [SILENT]
    assert "it is to be every 30 seconds" in yard.slack.transcript(HERE)
    evaluated(yard, "incidents")
    yard.tick("heartbeat")
    assert yard.parents() == ["✅ Sensor incidents is in order again"]


def test_a_sensor_whose_evaluations_fail_is_told_without_what_the_error_says(yard: Yard) -> None:
    for _ in range(2):
        evaluated(yard, "incidents", failed=True)
    assert "1 sensors run" in yard.tick("heartbeat")
    evaluated(yard, "incidents", failed=True)
    yard.tick("heartbeat")
    yard.tick("heartbeat", after=MINUTES[2])
    assert yard.parents() == [SILENT]
    read = yard.slack.transcript(HERE)
    assert "ValueError" in read
    assert "4711" not in read


def test_a_sensor_that_was_switched_off_is_told_by_the_one_that_tells_of_incidents(yard: Yard) -> None:
    state = InstigatorState(origin_of("heartbeat"), InstigatorType.SENSOR, InstigatorStatus.STOPPED)
    yard.instance.add_instigator_state(state)
    yard.tick()
    yard.tick(after=MINUTES[2])
    assert yard.parents() == ["🔴 Sensor heartbeat has stopped"]
    assert "switched off in the interface" in yard.slack.transcript(HERE)


def test_from_outside_a_daemon_that_is_gone_is_one_message_and_one_recovery(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    assert from_outside(yard) == 1
    assert "never run" in capsys.readouterr().out
    assert from_outside(yard) == 1
    assert yard.parents() == ["🔴 Sensor daemon has stopped"]
    beat(yard)
    evaluated(yard, "incidents")
    assert from_outside(yard) == 0
    assert yard.parents() == ["✅ Sensor daemon is in order again"]
    assert len(yard.thread()) == 1


def test_from_outside_sensors_that_stand_still_in_a_daemon_that_runs_are_seen(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    beat(yard)
    assert from_outside(yard) == 1
    assert "were never evaluated" in capsys.readouterr().out
    evaluated(yard, "heartbeat")
    assert from_outside(yard) == 0


def test_from_outside_a_slack_that_cannot_be_told_is_an_exit_code_and_is_told_the_next_time(yard: Yard) -> None:
    yard.slack.refuse(times=None)
    assert from_outside(yard) == 3
    yard.slack.faults.clear()
    assert from_outside(yard) == 1
    assert yard.parents() == ["🔴 Sensor daemon has stopped"]


def test_from_outside_a_daemon_that_has_not_been_able_to_tell_for_long_is_seen(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    yard.clock.ahead = -MINUTES[30]
    yard.tick()
    yard.slack.workspace.channels[HERE].member = False
    yard.broken.add(RAW)
    assert not yard.run(RAW)
    yard.tick()
    assert "Slack refuses: not_in_channel. Name a channel by its id (C…) and invite the bot to it" in yard.tick(after=MINUTES[2])
    yard.clock.ahead = dt.timedelta()
    beat(yard)
    evaluated(yard, "incidents")
    assert from_outside(yard) == 3
    assert f"Incidents that wait to be told in {HERE}: 1." in capsys.readouterr().err
    yard.slack.workspace.channels[HERE].member = True
    yard.tick()
    assert from_outside(yard) == 0
    assert yard.parents() == ["🔴 sales.orders (Raw) failed"]
