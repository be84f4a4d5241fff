"""When people are told, where, and how often."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse_platform.incidents.base import Severity, Stage, Trouble, UnknownIncident
from lakehouse_platform.incidents.memory import to_text
from lakehouse_platform.incidents.plan import Act, plan
from lakehouse_platform.incidents.policy import Policy
from lakehouse_platform.incidents.stages import acknowledge, mute, reacted, resume
from lakehouse_platform.settings.references import Reference
from lakehouse_platform.settings.serving import Slack
from tests.core.incident_cases import BERLIN, DAY, HOUR, MINUTE, NEXT_DAY, NOON, POLICY, Desk, checked, done, failed, told

RAW, ODS, HDS = "raw/finance/invoice", "ods/finance/invoice", "hds/finance/invoice"


def replies_in(desk: Desk, minutes: int) -> list[int]:
    """Minutes after now at which something was said in a thread, looking once a minute."""
    before, spoken = len(desk.slack.replies()), []
    for minute in range(1, minutes + 1):
        desk.tick(after=MINUTE)
        spoken += [minute] * (len(desk.slack.replies()) - before)
        before = len(desk.slack.replies())
    return spoken


def test_what_passes_by_itself_is_not_told() -> None:
    desk = Desk()
    desk.tick(failed(1, ODS))
    desk.tick(done(20, ODS))
    desk.tick(after=HOUR)
    assert desk.slack.posted == {}


def test_what_passes_between_two_looks_is_not_told_as_over_either_though_new_ones_are_told_at_once() -> None:
    desk = Desk(policy=replace(POLICY, settle=dt.timedelta()))
    desk.tick(failed(1, ODS), done(1800, ODS), after=HOUR)
    desk.tick(after=HOUR)
    assert desk.slack.posted == {}


def test_a_new_incident_is_told_once_it_has_settled() -> None:
    desk = Desk()
    desk.tick(failed(1, ODS))
    desk.tick(after=POLICY.settle - MINUTE)
    assert desk.slack.parents() == []
    desk.tick(after=MINUTE)
    assert desk.slack.parents("C0FIN") == ["🔴 finance.invoice (ODS) failed"]


def test_an_incident_that_is_read_late_settles_from_when_it_is_read() -> None:
    desk = Desk(now=NOON + 5 * HOUR)
    desk.tick(failed(1, HDS))
    assert desk.slack.parents() == []


def test_what_goes_on_is_repeated_with_pauses_that_double() -> None:
    assert replies_in(told([failed(1, ODS)]), 250) == [30, 90, 210]


def test_the_longest_pause_is_a_day() -> None:
    assert [POLICY.pause(n) // MINUTE for n in (0, 1, 5, 6, 99)] == [30, 60, 960, 1440, 1440]


def test_what_was_taken_on_is_not_repeated_and_its_end_is_told() -> None:
    desk = told([failed(1, ODS)])
    desk.slack.react("000000", "eyes")
    assert replies_in(desk, 120) == []
    desk.tick(done(9000, ODS))
    assert desk.slack.parents() == ["✅ finance.invoice (ODS) is in order again"]
    assert [reply[0] for reply in desk.slack.replies()] == ["✅"]


def test_what_is_muted_stays_silent_and_its_message_changes_when_it_is_over() -> None:
    desk = told([failed(1, ODS)])
    desk.slack.react("000000", "mute")
    desk.tick(failed(200, HDS), after=2 * HOUR)
    desk.tick(done(9000, ODS), done(9001, HDS))
    assert desk.slack.replies() == []
    assert desk.slack.parents() == ["✅ finance.invoice (ODS) is in order again"]


def test_a_reaction_that_is_taken_away_undoes_what_it_did() -> None:
    desk = told([failed(1, ODS)])
    desk.slack.react("000000", "eyes", "mute")
    desk.tick()
    assert (desk.only().stage, desk.only().by) == (Stage.MUTED, "U0000ALICE")
    desk.slack.react("000000", "eyes")
    desk.tick()
    assert desk.only().stage is Stage.ACKNOWLEDGED
    desk.slack.react("000000")
    assert replies_in(desk, 31) == [30 - 1]
    assert desk.only().stage is Stage.OPEN


def test_what_the_command_line_took_on_is_not_undone_by_a_missing_reaction() -> None:
    desk = told([failed(1, ODS)])
    state = acknowledge(desk.state, desk.only().id[:4], "ada", desk.now)
    assert reacted(state, desk.only().id, {}) == state


def test_a_mute_with_an_end_ends() -> None:
    desk = told([failed(1, ODS)])
    desk.shelf.text = to_text(mute(desk.state, desk.only().id, desk.now + HOUR, desk.now, by="ada"))
    assert replies_in(desk, 70) == [60]


def test_an_incident_that_nobody_knows_is_named_with_those_that_there_are() -> None:
    desk = told([failed(1, ODS)])
    known = desk.only().id
    with pytest.raises(UnknownIncident, match=f"Valid incidents: {known}"):
        acknowledge(desk.state, "zzz", "ada", NOON)
    with pytest.raises(UnknownIncident):
        mute(desk.state, "", None, NOON)
    desk.tick(done(300, ODS), after=5 * MINUTE)
    with pytest.raises(UnknownIncident):
        resume(desk.state, known, NOON)


def test_what_comes_back_is_told_in_its_thread() -> None:
    desk = told([failed(1, ODS)])
    desk.tick(done(300, ODS), after=5 * MINUTE)
    desk.tick(failed(600, ODS), after=5 * MINUTE)
    desk.tick(done(900, ODS), after=5 * MINUTE)
    assert [reply[0] for reply in desk.slack.replies()] == ["✅", "🔁", "✅"]
    assert len(desk.slack.parents()) == 1


def test_what_comes_and_goes_is_told_twice_and_then_only_when_its_end_lasts() -> None:
    desk = told([failed(1, ODS)])
    for hour in range(6):
        desk.tick(done(300 + 1200 * hour, ODS), after=10 * MINUTE)
        desk.tick(failed(900 + 1200 * hour, ODS), after=10 * MINUTE)
    signs = [reply[0] for reply in desk.slack.replies()]
    assert (signs[:4], signs.count("✅"), signs.count("🔁")) == (["✅", "🔁", "✅", "🔁"], 2, 2)
    assert "It comes and goes: its end is told once that has lasted 30 min" in desk.slack.replies()[3]
    desk.tick(done(7500, ODS), after=10 * MINUTE)
    assert desk.slack.parents() == ["✅ finance.invoice (ODS) is in order again"]
    assert replies_in(desk, 120) == [30 - 7], "its end was logged seven minutes before it was read"
    assert desk.slack.replies()[-1].startswith("✅")


def test_a_backfill_that_fails_day_by_day_is_one_message_and_a_reply_now_and_then() -> None:
    days = [(dt.date(2026, 1, 1) + dt.timedelta(days=n)).isoformat() for n in range(120)]
    desk = told([failed(1, ODS, days[0])])
    for n, day in enumerate(days[1:]):
        desk.tick(failed(60 * n + 120, ODS, day), after=MINUTE)
    assert len(desk.slack.parents()) == 1
    assert len(desk.slack.replies()) <= 6
    assert "and 115 more" in desk.slack.show()
    desk.tick(*(done(9000 + n, ODS, day) for n, day in enumerate(days[:60])))
    assert "In order again" not in desk.slack.show(), "the table itself is not"
    before = len(desk.slack.replies())
    desk.tick(failed(9500, HDS, days[100]))
    assert len(desk.slack.replies()) == before + 1, "another table is news at once"


def test_another_day_of_the_same_is_told_in_its_thread() -> None:
    desk = told([checked(1, ODS, "rule")])
    desk.tick(checked(300, ODS, "rule", NEXT_DAY))
    desk.tick()
    assert desk.slack.replies() == ["Also (1):"]
    assert f"for {DAY}, {NEXT_DAY}" in desk.slack.show()


def test_low_severities_are_told_once_a_day_at_the_businesss_hour() -> None:
    desk = Desk()
    desk.tick(checked(1, ODS, "rule", halting=False))
    assert [i.severity for i in desk.incidents] == [Severity.LOW]
    told_at: list[int] = []
    for hour in range(1, 50):
        desk.tick(after=HOUR)
        if len(desk.slack.parents()) > len(told_at):
            told_at.append(hour)
    assert told_at == [20, 44]  # it is noon in Berlin, and half a minute later
    assert desk.slack.parents("C0FIN") == ["⚪ 1 finding to look at when there is time"] * 2
    assert desk.slack.show().count("(new)") == 1


def test_there_is_no_digest_of_nothing() -> None:
    desk = Desk()
    desk.tick(checked(1, ODS, "rule", halting=False))
    desk.tick(checked(100, ODS, "rule", halting=False, passed=True))
    desk.tick(after=30 * HOUR)
    assert desk.slack.posted == {}


def test_a_finding_that_becomes_worse_is_told_at_once() -> None:
    desk = Desk()
    desk.tick(checked(1, RAW, "schema", halting=False, trouble=Trouble.DRIFT))
    desk.settle(checked(2, "domo/finance/revenue", "certified", halting=False, trouble=Trouble.CERTIFICATE))
    assert desk.slack.parents() == ["🔴 finance.invoice (Raw) has left its contract"]


@pytest.mark.parametrize(("domain", "severity", "channel"), [
    ("finance", Severity.HIGH, "C1"), ("finance", Severity.MEDIUM, "C2"), ("sales", Severity.LOW, "C3"), ("sales", Severity.HIGH, "C4")])
def test_the_closest_channel_is_told(domain: str, severity: Severity, channel: str) -> None:
    channels = {"finance/high": "C1", "finance": "C2", "low": "C3", "default": "C4"}
    assert Policy(channels, BERLIN).channel(domain, severity) == channel


@pytest.mark.parametrize(("owner", "called"), [("team:a", "<!subteam^S1>"), ("b@acme.test", "<@U1>"), ("team:c", "")])
def test_owners_are_called_by_their_ids(owner: str, called: str) -> None:
    assert Policy({}, BERLIN, {"team:a": "S1", "b@acme.test": "U1"}).mention(owner) == called


def test_the_environments_block_is_the_policy() -> None:
    slack = Slack(Reference("env", "TOKEN", Path(), "local.yaml"), {"default": "C1"}, digest_at="07:30", repeat_minutes=15)
    policy = Policy.of(slack, "Europe/Berlin", ui="https://dagster.acme.test/")
    assert (policy.digest_at, policy.repeat, policy.ui) == (dt.time(7, 30), 15 * MINUTE, "https://dagster.acme.test")


def test_the_digests_hour_is_that_of_the_clock_on_the_wall_when_clocks_change() -> None:
    winter = dt.datetime(2026, 10, 25, 12, tzinfo=dt.UTC)
    assert [POLICY.slot(winter - n * 24 * HOUR).astimezone(dt.UTC).hour for n in (0, 1)] == [7, 6]


def test_the_same_state_and_instant_give_the_same_plan() -> None:
    desk = Desk()
    desk.tick(failed(1, ODS), checked(2, RAW, "x", halting=False))
    later = desk.now + 24 * HOUR
    assert plan(desk.state, later, POLICY) == plan(desk.state, later, replace(POLICY))
    assert [action.act for action in plan(desk.state, later, POLICY)] == [Act.POST, Act.DIGEST]
