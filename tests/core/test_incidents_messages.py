"""Incidents as people read them, within Slack's limits."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from lakehouse_platform.incidents import messages
from lakehouse_platform.incidents.base import Incident, Kind, Message, Observation, Problem, Stage, State, Trouble
from lakehouse_platform.incidents.blocks import BLOCKS, HEADER, SECTION, bullets, cut, escaped
from lakehouse_platform.incidents.cause import relate
from lakehouse_platform.incidents.fold import fold
from lakehouse_platform.incidents.graph import Asset, Assets
from lakehouse_platform.incidents.transcript import plain, shown
from lakehouse_platform.incidents.wording import days_of, duration, headline, name_of, next_steps, what
from tests.core.incident_cases import DAY, GRAPH, HOUR, MINUTE, NEXT_DAY, NOON, POLICY, Desk, checked, done, failed, late

RAW, ODS, HDS, MART, DATASET = (
    "raw/finance/invoice", "ods/finance/invoice", "hds/finance/invoice", "curated/finance/revenue", "domo/finance/revenue")


def incident(*observations: Observation, graph: Assets = GRAPH) -> Incident:
    """The one incident that observations make."""
    [found] = relate(fold(State(), observations), graph, NOON).incidents.values()
    return found


def problem(*observations: Observation) -> Problem:
    """The root of it."""
    return incident(*observations).root_problem


STORY = """\
[Fri 20 Nov 12:02] (edited)
  ✅ finance.invoice (ODS) is in order again
  What was: Check amount_is_positive failed for 2026-11-19: 12 of 4,000 rows broke it.
  From: Fri 20 Nov 2026, 12:00 (Europe/Berlin)
  To: Fri 20 Nov 2026, 13:06 (Europe/Berlin): 1 h 6 min
  Owner: team:finance
  ✅ In order again: 2
  Incident d57b1ea4c3
    └ [Fri 20 Nov 12:05] Also (1):
      • dataset finance.revenue: failed (2026-11-19)
      Since Fri 20 Nov 2026, 12:05 (Europe/Berlin)
    └ [Fri 20 Nov 13:05] It goes on: 1 h 4 min by now, 3 assets.
    └ [Fri 20 Nov 13:10] ✅ It is over after 1 h 6 min: finance.invoice (ODS) and 2 other assets are in order again."""

FIRST = """\
[Fri 20 Nov 12:02]
  🔴 finance.invoice (ODS) is halted
  What: Check amount_is_positive failed for 2026-11-19: 12 of 4,000 rows broke it.
  Means: Nothing of the day was committed; what is downstream keeps what it had.
  Since: Fri 20 Nov 2026, 12:00 (Europe/Berlin)
  Owner: @S0FINANCE (team:finance)
  Failed, held or late with it (1):
  • finance.invoice (HDS): late
  Datasets that wait (1): dataset finance.revenue
  Tables that wait (1): finance.revenue (mart)
  Next:
  • `lakehouse quarantine finance.invoice`
  • `lakehouse materialize 'ods/finance/invoice' --partition 2026-11-19`
  • the run's log (https://dagster.acme.test/runs/run1), the asset (https://dagster.acme.test/assets/ods/finance/invoice)
  Incident d57b1ea4c3 · react with 👀 to take it on, with 🔇 to mute it"""


def test_an_incident_reads_from_its_cause_to_its_end() -> None:
    desk = Desk()
    desk.settle(checked(1, ODS, "amount_is_positive", figures={"failed": 12, "evaluated": 4000}), late(2, HDS))
    assert desk.slack.show() == FIRST
    desk.tick(failed(300, DATASET), after=3 * MINUTE)
    desk.tick(after=HOUR)
    desk.tick(done(3980, ODS), done(3981, DATASET), late(3982, HDS, passed=True), after=5 * MINUTE)
    assert desk.slack.show() == STORY


@pytest.mark.parametrize(("observed", "first", "said"), [
    (failed(1, RAW, error="SourceUnavailable", text="erp does not answer."), "finance.invoice (Raw) failed",
     f"The run failed with SourceUnavailable for {DAY}: erp does not answer."),
    (failed(1, RAW, error="Failure", text="sales.orders is not there."), "finance.invoice (Raw) failed",
     f"The run failed for {DAY}: sales.orders is not there."),
    (late(1, MART), "finance.revenue (mart) is late",
     "Its data is too old: 31 hours, where 24 are promised; the promise is missed by 7 hours."),
    (Observation(None, Kind.FRESHNESS, HDS, NOON, text="It was never materialized."), "finance.invoice (HDS) is late",
     "It was not materialized in time: It was never materialized."),
    (checked(1, RAW, "schema", halting=False, trouble=Trouble.DRIFT, text="column vat: added"),
     "finance.invoice (Raw) has left its contract", "The source's schema is not the contract's: column vat: added."),
    (checked(1, DATASET, "certified", trouble=Trouble.CERTIFICATE, text="expired"), "Dataset finance.revenue lost its certificate",
     "Its certificate does not hold any more: expired."),
    (checked(1, DATASET, "certified", halting=False, trouble=Trouble.WITHDRAWN, text="bo took it back"),
     "Dataset finance.revenue lost its certificate", "Its certificate was revoked, or its approval has ended: bo took it back."),
    (checked(1, RAW, "files", halting=False, trouble=Trouble.MALFORMED, figures={"files_refused": 2, "files_taken": 1}),
     "finance.invoice (Raw) got files that cannot be read", f"Files could not be taken in for {DAY}: 2 refused, 1 taken."),
    (checked(1, RAW, "gap", halting=False, trouble=Trouble.GAP), "finance.invoice (Raw) has a gap at its source",
     f"The source no longer holds changes that were not read yet for {DAY}."),
    (checked(1, ODS, "rule", halting=False), "finance.invoice (ODS) broke rule", f"Check rule failed for {DAY}."),
    (Observation(None, Kind.BEAT, "sensor/incidents", NOON), "Sensor incidents has stopped", "It has not run for too long."),
    (failed(1, "job/nightly", None), "Job nightly failed", "The run failed."),
])
def test_each_kind_of_trouble_has_words(observed: Observation, first: str, said: str) -> None:
    found = incident(observed)
    assert (headline(found), what(found.root_problem, days_of(found.problems))) == (first, said)


@pytest.mark.parametrize(("observed", "steps"), [
    (checked(1, ODS, "rule"),
     ["`lakehouse quarantine finance.invoice`", f"`lakehouse materialize 'ods/finance/invoice' --partition {DAY}`"]),
    (failed(1, RAW), [f"`lakehouse materialize 'raw/finance/invoice' --partition {DAY}`"]),
    (late(1, ODS), ["`lakehouse status finance.invoice`"]),
    (checked(1, DATASET, "certified", halting=False, trouble=Trouble.CERTIFICATE), ["`lakehouse certify status finance.revenue`"]),
    (Observation(None, Kind.BEAT, "sensor/x", NOON), ["See that the Dagster daemon runs, and that the sensor is switched on."]),
])
def test_what_to_do_is_a_command_that_there_is(observed: Observation, steps: list[str]) -> None:
    found = problem(observed)
    assert next_steps(found, days_of([found])) == steps


def test_several_days_are_one_backfill() -> None:
    days = ["2026-11-17", DAY, NEXT_DAY]
    assert next_steps(problem(failed(1, ODS)), days) == [
        f"`lakehouse backfill 'ods/finance/invoice' --from 2026-11-17 --to {NEXT_DAY}`"]


def test_a_source_that_is_down_is_named_with_what_it_takes_down() -> None:
    down = [failed(n, raw, run="r", error="SourceUnavailable") for n, raw in enumerate((RAW, "raw/finance/payment"), 1)]
    lines = shown(messages.parent(incident(*down), POLICY))
    assert lines[0] == "🔴 Source erp: 2 tables failed"
    assert "• finance.payment (Raw): failed (2026-11-19)" in lines


def test_once_the_root_is_mended_the_message_is_about_what_is_not() -> None:
    desk = Desk()
    desk.settle(checked(1, ODS, "rule"), failed(2, HDS))
    desk.tick(done(150, ODS))
    lines = shown(messages.parent(desk.only(), POLICY))
    assert lines[0] == "🔴 finance.invoice (ODS) is mended, what followed from it is not"
    assert "✅ Mended: Fri 20 Nov 2026, 12:02 (Europe/Berlin)" in lines
    assert f"• `lakehouse materialize 'hds/finance/invoice' --partition {DAY}`" in lines


def test_who_takes_it_on_is_named() -> None:
    found = replace(incident(failed(1, ODS)), stage=Stage.ACKNOWLEDGED, by="U0123ABCDEF")
    assert "👀 <@U0123ABCDEF> is at it" in json.dumps(messages.parent(found, POLICY).blocks, ensure_ascii=False)
    muted = replace(found, stage=Stage.MUTED, by="ada", until=NOON)
    assert shown(messages.parent(muted, POLICY))[-1].endswith("🔇 muted until Fri 20 Nov 2026, 12:00 (Europe/Berlin) by ada")


def test_owners_are_called_by_the_parent_only() -> None:
    found = incident(failed(1, ODS), failed(2, HDS))
    others = [messages.news(found, found.problems, POLICY), messages.repeat(found, NOON), messages.back(found, POLICY),
              messages.recovery(found)]
    assert "<!subteam^S0FINANCE>" in json.dumps(messages.parent(found, POLICY).blocks)
    assert not any("<!" in json.dumps(message.blocks) for message in others)


def test_an_owner_without_an_id_is_named_and_none_is_said_to_be_missing() -> None:
    assert "Owner: team:sales" in shown(messages.parent(incident(failed(1, "raw/sales/order")), POLICY))
    assert "Owner: nobody is named" in shown(messages.parent(incident(failed(1, "job/nightly", None)), POLICY))


def everything(count: int) -> Incident:
    """A root that takes down a great many assets with long names, and has as many further ones below it."""
    names = [f"ods/finance/{'very_' * 10}long_{n}" for n in range(2 * count)]
    graph = Assets({"raw/finance/root": Asset(), **{name: Asset(("raw/finance/root",)) for name in names}})
    return incident(failed(1, "raw/finance/root", text="&<>" * 200), *(failed(2 + n, name) for n, name in enumerate(names[:count])),
                    graph=graph)


def texts(message: Message) -> Iterator[tuple[str, str]]:
    """Kind and text of each block."""
    for block in message.blocks:
        parts = block.get("elements", [block.get("text")])
        assert isinstance(parts, list)
        for part in parts:
            assert isinstance(part, Mapping)
            yield str(block["type"]), str(part["text"])


def test_messages_about_a_great_many_assets_stay_within_slacks_limits() -> None:
    found = everything(300)
    low = [replace(found, id=str(n)) for n in range(100)]
    over = replace(found, stage=Stage.RECOVERED, recovered=NOON + HOUR)
    for message in (messages.parent(found, POLICY), messages.news(found, found.problems, POLICY), messages.parent(over, POLICY),
                    messages.recovery(over), messages.digest(low, frozenset(), POLICY, NOON.date())):
        assert len(message.blocks) <= BLOCKS
        assert 0 < len(message.text) <= SECTION
        for kind, text in texts(message):
            assert 0 < len(text) <= (HEADER if kind == "header" else SECTION)


def test_long_lists_say_how_many_more_there_are() -> None:
    lines = bullets("title", [f"line {n}" for n in range(57)], 20).splitlines()
    assert (len(lines), lines[-1]) == (22, "and 37 more")
    assert bullets("title", ["x" * 2000] * 3, 20).splitlines()[-1] == "and 2 more"


def test_what_slack_would_take_for_markup_is_escaped() -> None:
    message = messages.parent(incident(failed(1, ODS, text="<!channel> & <https://x|y>")), POLICY)
    [said] = [text for _, text in texts(message) if "What" in text]
    assert "&lt;!channel&gt; &amp; &lt;https://x|y&gt;" in said


def test_a_cut_never_leaves_half_an_entity() -> None:
    text = escaped("&" * 100)
    for most in range(20, 40):
        assert cut(text, most).removesuffix("…").replace("&amp;", "") == ""


def test_no_values_of_rows_are_told() -> None:
    said = replace(checked(1, ODS, "rule"), figures={"failed": 1, "evaluated": 2, "example": "4111 1111 1111 1111"})
    assert "4111" not in json.dumps(messages.parent(incident(said), POLICY).blocks)


@pytest.mark.parametrize(("asset", "name"), [
    (RAW, "finance.invoice (Raw)"), (DATASET, "dataset finance.revenue"),
    ("warehouse/finance/ods_invoice", "finance.ods_invoice (warehouse)"),
    ("source/erp", "source erp"), ("job/nightly", "job nightly"), ("odd", "odd")])
def test_assets_are_called_as_people_call_them(asset: str, name: str) -> None:
    assert name_of(asset) == name


@pytest.mark.parametrize(("seconds", "said"), [
    (59, "less than a minute"), (60, "1 min"), (11520, "3 h 12 min"), (7200, "2 h"), (86400, "1 day"), (187300, "2 days 4 h")])
def test_durations_are_short(seconds: int, said: str) -> None:
    assert duration(dt.timedelta(seconds=seconds)) == said


def test_what_is_quoted_calls_nobody_though_slack_looks_for_mentions_in_plain_text() -> None:
    found = incident(failed(1, ODS, text="see @here, #general and http://evil.test"), failed(2, HDS))
    said = [messages.parent(found, POLICY), messages.news(found, found.problems, POLICY), messages.repeat(found, NOON)]
    blocks = json.dumps([message.blocks for message in said])
    assert blocks.count('"verbatim": true') == blocks.count('"mrkdwn"') > 0


def test_files_that_no_contract_takes_are_a_finding_of_their_domains_landing_folders() -> None:
    desk = Desk()
    why = "No contract takes files from raw/sales/_landing/ordres."
    desk.tick(checked(1, "landing/sales", "files_are_declared", None, halting=False, text=why))
    desk.tick(after=24 * HOUR)
    said = f"Landing folders of sales: Check files_are_declared failed: {why} Since 20 Nov 12:00 · {desk.only().id}"
    assert f"• (new) {said}" in desk.slack.show()
    [step] = next_steps(desk.only().root_problem, [])
    assert "quarantine" in step
    assert "`" not in step, "no command knows a folder that is no table's"


def test_a_job_that_is_about_no_day_says_so_and_leads_to_its_run_only() -> None:
    lines = shown(messages.parent(incident(failed(1, "job/nightly", None)), POLICY))
    assert "Means: What the run was to make is missing; what is downstream keeps what it had." in lines
    assert [line for line in lines if "https" in line] == ["• the run's log (https://dagster.acme.test/runs/run1)"]


def test_markup_is_shown_as_it_is_read() -> None:
    assert plain("*What:* <https://a/b|the log> by <@U1> in <#C2>, <!subteam^S3>: a &lt; b &amp;&amp; c") == (
        "What: the log (https://a/b) by @U1 in @C2, @S3: a < b && c")


def test_a_message_without_blocks_is_shown_by_its_text() -> None:
    assert shown(Message("only &amp; text")) == ["only & text"]
