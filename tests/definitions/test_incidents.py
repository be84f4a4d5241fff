"""Incidents from a real event log to a channel that people read."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from lakehouse_platform.incidents.base import StateMoved
from lakehouse_platform.orchestration import incidents, observations
from lakehouse_platform.orchestration.gaps import RAW_ASSET
from lakehouse_platform.orchestration.incident_store import TURN, InstanceStore, known_incidents
from tests.definitions.incident_yard import (
    ANA,
    DAY,
    DIGEST,
    DOWNSTREAM,
    HERE,
    NEXT_DAY,
    PROMISE,
    RAW,
    ROOT,
    RULE,
    WARNING,
    Yard,
    opened_yard,
)
from tests.standins.faults import Effect, Fault
from tests.standins.slack.server import SERVICE

TWO_MINUTES, HOUR = dt.timedelta(minutes=2), dt.timedelta(hours=1)
BROKEN, MENDED = "🔴 sales.orders (Raw) failed", "✅ sales.orders (Raw) is in order again"
POST = "chat.postMessage"


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    with opened_yard(tmp_path / "yard", monkeypatch) as found:
        found.tick()
        yield found


def break_raw(yard: Yard) -> None:
    yard.broken.add(RAW)
    assert not yard.run(RAW)
    yard.tick()


def mend_raw(yard: Yard) -> None:
    yard.broken.clear()
    assert yard.run(RAW)


def report(yard: Yard, check: str, *, passed: bool, asset: str = RAW, metadata: dict[str, str] | None = None, text: str = "") -> None:
    key = dg.AssetKey.from_user_string(asset)
    found = dg.AssetCheckEvaluation(key, check, passed=passed, metadata=metadata, description=text or None)
    yard.instance.report_runless_asset_event(found)


def test_one_cause_with_twelve_assets_behind_it_is_one_message_and_one_recovery_though_the_daemon_is_restarted(yard: Yard) -> None:
    yard.broken |= {RAW, *DOWNSTREAM[:6]}
    assert not yard.run()
    for asset in DOWNSTREAM[:6]:
        assert not yard.run(asset)
    yard.tick()
    yard.tick(after=TWO_MINUTES)
    told = yard.slack.transcript(HERE)
    yard.restart()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == [BROKEN]
    assert yard.thread() == []
    yard.broken.clear()
    assert yard.run()
    yard.restart()
    yard.tick(after=TWO_MINUTES)
    yard.tick(after=TWO_MINUTES)
    sys.stdout.write(f"{told}\n… and when it was over:\n\n{yard.slack.transcript(HERE)}")
    assert yard.parents() == [MENDED]
    assert [text.partition(":")[2] for text in yard.thread()] == [" sales.orders (Raw) and 6 other assets are in order again."]
    assert all(name.rpartition("/")[2] in told for name in DOWNSTREAM)
    assert "@sales-data (team:sales)" in told
    assert "4711" not in told


def test_a_message_whose_answer_was_lost_is_found_again_and_not_sent_twice(yard: Yard) -> None:
    break_raw(yard)
    yard.slack.drop_answer(POST)
    yard.tick(after=TWO_MINUTES)
    yard.restart()
    yard.tick(after=TWO_MINUTES)
    mend_raw(yard)
    yard.slack.drop_answer(POST)
    yard.tick(after=TWO_MINUTES)
    yard.restart()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == [MENDED]
    assert len(yard.thread()) == 1


KILLED = """
import datetime as dt, sys
from pathlib import Path
import dagster as dg
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.incidents import build_incident_sensor

project = Project.open(Path(sys.argv[1]))
sensor = build_incident_sensor(project, settle=dt.timedelta())
defs = dg.Definitions(sensors=[sensor])
with dg.DagsterInstance.from_config(str(project.home)) as instance, dg.build_sensor_context(instance, definitions=defs) as context:
    sensor.evaluate_tick(context)
"""


def test_a_process_that_is_killed_between_a_message_and_its_being_remembered_is_followed_by_no_second_one(yard: Yard) -> None:
    yard.broken.add(RAW)
    assert not yard.run(RAW)
    yard.slack.faults.add(Fault(Effect.KILL, SERVICE, POST))
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", KILLED, str(yard.folder)], cwd=ROOT) as child:
        yard.slack.kill = child.kill  # type: ignore[method-assign] # of the client, once the message is there
        assert child.wait(120) == -signal.SIGKILL
    assert len(yard.slack.workspace.parents(HERE)) == 1
    assert "somebody else" in yard.tick(after=TWO_MINUTES)
    turn = InstanceStore(yard.instance, TURN)
    turn.save(json.dumps({"by": "the killed one", "until": time.time() - 1}), was=turn.load())
    yard.tick()
    yard.tick(after=TWO_MINUTES)
    assert (yard.parents(), yard.thread()) == ([BROKEN], [])


def test_what_happens_while_slack_is_down_is_told_when_it_is_back(yard: Yard) -> None:
    down = yard.slack.refuse(times=None)
    break_raw(yard)
    assert "0 messages told, 1 due" in yard.tick(after=TWO_MINUTES)
    assert yard.slack.faults.met(down) > 0
    yard.slack.faults.clear()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == [BROKEN]


def test_a_channel_that_asks_for_patience_is_told_after_it(yard: Yard) -> None:
    break_raw(yard)
    yard.slack.throttle(POST, seconds=40)
    yard.tick(after=TWO_MINUTES)
    yard.tick(after=dt.timedelta(seconds=30))
    assert yard.slack.count(POST) == 1
    yard.tick(after=dt.timedelta(seconds=30))
    assert yard.parents() == [BROKEN]


def test_who_reacts_with_eyes_is_named_and_nobody_is_told_that_it_goes_on(yard: Yard) -> None:
    break_raw(yard)
    yard.tick(after=TWO_MINUTES)
    yard.slack.workspace.react(HERE, yard.slack.workspace.parents(HERE)[0].ts, "eyes", ANA)
    yard.tick(after=TWO_MINUTES)
    assert "@ana is at it" in yard.slack.transcript(HERE)
    yard.tick(after=24 * HOUR)
    assert yard.thread() == []
    mend_raw(yard)
    yard.tick(after=TWO_MINUTES)
    assert (yard.parents(), len(yard.thread())) == ([MENDED], 1)


def test_a_muted_incident_says_nothing_more(yard: Yard) -> None:
    break_raw(yard)
    yard.tick(after=TWO_MINUTES)
    yard.slack.workspace.react(HERE, yard.slack.workspace.parents(HERE)[0].ts, "mute")
    yard.tick(after=24 * HOUR)
    mend_raw(yard)
    yard.tick(after=TWO_MINUTES)
    assert (yard.parents(), yard.thread()) == ([MENDED], [])


def test_what_goes_on_is_said_again_in_the_thread_ever_more_seldom(yard: Yard) -> None:
    break_raw(yard)
    yard.tick(after=TWO_MINUTES)
    for _ in range(6):
        yard.tick(after=dt.timedelta(minutes=31))
    assert yard.parents() == [BROKEN]
    assert len(yard.thread()) == 2


def test_a_halt_is_its_check_and_not_also_a_failed_run(yard: Yard) -> None:
    yard.broken.add(f"{RAW}:{RULE}")
    assert not yard.run()
    yard.tick()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == ["🔴 sales.orders (Raw) is halted"]
    assert RULE in yard.slack.transcript(HERE)


def test_a_check_that_stops_nothing_waits_for_the_digest(yard: Yard) -> None:
    yard.broken.add(f"{RAW}:{WARNING}")
    assert yard.run(RAW)
    yard.tick()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == []
    yard.tick(after=24 * HOUR)
    assert len(yard.parents(DIGEST)) == 1
    assert "currency_known failed" in yard.slack.transcript(DIGEST)


def test_another_day_that_succeeds_does_not_end_it(yard: Yard) -> None:
    break_raw(yard)
    yard.broken.clear()
    assert yard.run(RAW, day=NEXT_DAY)
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == [BROKEN]
    assert DAY in yard.slack.transcript(HERE)


def killed_run(yard: Yard, **tags: str) -> None:
    job, selected = yard.defs.resolve_implicit_global_asset_job_def(), frozenset({dg.AssetKey.from_user_string(RAW)})
    run = yard.instance.create_run_for_job(job, tags={"dagster/partition": DAY, **tags}, asset_selection=selected)
    yard.instance.report_run_failed(run, "Its process was killed.")


def test_a_run_whose_process_was_killed_fails_what_it_was_to_make(yard: Yard) -> None:
    killed_run(yard, **{"dagster/max_retries": "0"})
    yard.tick()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == [BROKEN]
    assert "Its process was killed" in yard.slack.transcript(HERE)


def test_a_run_that_will_be_tried_again_is_no_news(yard: Yard) -> None:
    killed_run(yard)
    yard.tick()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == []


@pytest.mark.parametrize(("by_hand", "told"), [(True, []), (False, [BROKEN])], ids=["cancelled", "killed"])
def test_a_run_that_a_person_cancels_is_no_incident_and_one_that_ends_otherwise_is(yard: Yard, *, by_hand: bool, told: list[str]) -> None:
    yard.interrupted[RAW] = by_hand
    assert not yard.run(RAW, tags={"dagster/max_retries": "0"})
    assert yard.instance.get_runs(limit=1)[0].status is (dg.DagsterRunStatus.CANCELED if by_hand else dg.DagsterRunStatus.FAILURE)
    yard.tick()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == told


def test_a_table_that_was_not_materialized_in_time_is_late_until_it_is(yard: Yard) -> None:
    key = dg.AssetKey.from_user_string(RAW)
    changed = FreshnessStateChange(
        key=key, new_state=FreshnessState.FAIL, previous_state=FreshnessState.PASS, state_change_timestamp=time.time())
    yard.instance.report_runless_asset_event(changed)
    yard.tick()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == ["🟠 sales.orders (Raw) is late"]
    mend_raw(yard)
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == [MENDED]


def test_tables_that_were_never_materialized_are_told_once_after_what_they_promise(yard: Yard) -> None:
    yard.tick(after=PROMISE - HOUR)
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == []
    yard.tick(after=HOUR)
    yard.restart()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == ["🟠 sales.orders (Raw) is late"]
    yard.clock.ahead = dt.timedelta()  # the log has its own clock
    assert yard.run()
    yard.tick(after=PROMISE + HOUR)


def test_a_gap_at_the_source_is_told_of_raw_and_ends_when_no_day_is_missing(yard: Yard) -> None:
    source, about = "source/erp/sales/orders", {RAW_ASSET: RAW}
    report(yard, "no_day_missing", passed=False, asset=source, metadata=about, text=f"No batch of {DAY}.")
    yard.tick()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == ["🔴 sales.orders (Raw) has a gap at its source"]
    assert f"No batch of {DAY}" in yard.slack.transcript(HERE)
    report(yard, "no_day_missing", passed=True, asset=source, metadata=about)
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == [MENDED]


def test_a_long_absence_is_caught_up_over_several_ticks_and_nothing_is_lost(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.broken.add(RAW)
    assert not yard.run(RAW)
    yard.broken.clear()
    assert yard.run(RAW)
    for number in range(20):
        report(yard, f"check_{number}", passed=True)
    report(yard, "certified", passed=False, asset=DOWNSTREAM[-1])
    for _ in range(20):
        yard.instance.report_runless_asset_event(dg.AssetMaterialization(DOWNSTREAM[0].split("/"), partition=NEXT_DAY))
    monkeypatch.setattr(observations, "BATCH", 4)
    monkeypatch.setattr(incidents, "MOST_READS", 3)
    monkeypatch.setattr(incidents, "OVERLAP", 2)
    yard.tick()
    assert [incident.title for incident in known_incidents(yard.instance)] != [DOWNSTREAM[-1]]
    for _ in range(5):
        yard.tick()
    yard.tick(after=TWO_MINUTES)
    assert yard.parents() == ["🔴 Dataset sales.top_customers lost its certificate"]


def test_what_was_wrong_before_the_first_tick_is_no_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_yard(tmp_path / "yard", monkeypatch) as yard:
        yard.broken.add(RAW)
        assert not yard.run(RAW)
        yard.tick()
        yard.tick(after=TWO_MINUTES)
        yard.tick(after=TWO_MINUTES)
        assert yard.parents() == []


def test_two_processes_do_not_tell_at_the_same_time_and_one_that_was_killed_holds_nobody_up_for_long(yard: Yard) -> None:
    break_raw(yard)
    turn = InstanceStore(yard.instance, TURN)
    turn.save(held := json.dumps({"by": "another", "until": time.time() + 60}), was="free")
    assert "somebody else" in yard.tick(after=TWO_MINUTES)
    assert yard.parents() == []
    turn.save(json.dumps({"by": "another", "until": time.time() - 1}), was=held)
    yard.tick()
    assert yard.parents() == [BROKEN]


def test_of_two_that_save_the_second_learns_that_it_was_second(yard: Yard) -> None:
    store = InstanceStore(yard.instance, "a/key")
    store.save("one", was=None)
    with pytest.raises(StateMoved):
        store.save("two", was=None)
    store.save("two", was="one")
    with pytest.raises(StateMoved):
        store.save("three", was="one")
    assert store.load() == "two"


def test_without_slack_incidents_are_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with opened_yard(tmp_path / "yard", monkeypatch, told=False) as yard:
        yard.tick()
        break_raw(yard)
        yard.tick(after=TWO_MINUTES)
        assert yard.slack.count() == 0
    assert BROKEN in capfd.readouterr().err
