"""The demo's page, and what the demo decides, on a small lake."""

from __future__ import annotations

import datetime as dt
import io
import shlex
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from lakehouse_platform.cli.account import Account, Dataset, Drifted, Held, Judged
from lakehouse_platform.cli.app import lakehouse
from lakehouse_platform.cli.demo import Clock, Script
from lakehouse_platform.cli.page import FigureTable, Report, Stage, show, write_html
from lakehouse_platform.cli.runs import outcome, report
from lakehouse_platform.cli.start import make_project
from lakehouse_platform.cli.terminal import PlainStages
from lakehouse_platform.contracts.contract import OnFailure
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.orchestration.materialize import FailedCheck, RunResult
from lakehouse_platform.orchestration.workplace import Checks
from lakehouse_platform.quality.rules import RuleResult
from lakehouse_platform.settings import load_environment
from lakehouse_platform.zones.status import TableStatus, ZoneStatus
from resources.demo import Demo, open_demo

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
FIVE = NOW - dt.timedelta(minutes=5)
PAGE = """
Your lakehouse after one quiet day, 2026-11-20 to 2026-11-20
1 table, 0 marts, 1 dataset · 7 rows read · 4 rows now · 6 versions in history · 1 row held back · 1 column drifted

Tables: rows in each zone
table Raw rows ODS rows HDS versions opened closed held back
shop.product 7 4 6 2 1

Held back by the gate: 1 row
table rows rule reason keys
shop.product 1 price_not_negative price >= 0 1, 2, 3 and 1 more

Drift: 1 column where a source left its contract
shop.product: column colour (text) was added at the source
owner team:shop-data · policy evolve · feeds no mart
Proposed patch; once it is in the contract, `lakehouse replay` brings the parked values back:
- name: colour

Checks: 8 passed, 1 failed when they last ran
The contracts have 2 rules for rows: 1 were never broken, 0 held rows back, 1 reported rows and let them pass.
table reported rule rows that broke it rows judged
shop.product named 1 6
Failed when they last ran: ods/shop/product:named.

Freshness: 1 of 1 table as young as promised
table last business day complete through freshness
shop.product 2026-11-20 2026-11-21 11:55:00Z fresh, 5 min 0 s old

Marts and datasets
mart rows Domo dataset rows certificate

Sales
day revenue
2026-11-19 1.50
2026-11-20 3.00
revenue ▁█

Wall time: 1 min 2 s
stage time
Day 1 of 1 1 min 2 s

Try next
make dev
the UI
""".strip()


@pytest.fixture
def finished(tmp_path: Path) -> Report:
    """What a demo came to."""
    make_project(tmp_path)
    contract = Project.open(tmp_path).contract("product")
    figures = (("raw", 7, None), ("ods", 4, None), ("hds", 6, 4))
    zones = tuple(ZoneStatus(zone, rows, still, 1, ("2026-11-20",), FIVE) for zone, rows, still in figures)
    results = (RuleResult("price_not_negative", OnFailure.QUARANTINE, 1, 7),)
    status = TableStatus(contract, zones, "2026-11-20", 0, ("2026-11-20",), 1, results)
    held = Held("shop.product", "price_not_negative", "price >= 0", 1, ("1", "2", "3", "4"))
    what = "column colour (text) was added at the source"
    drifted = Drifted("shop.product", "colour", what, "evolve", "team:shop-data", (), "- name: colour")
    judged = (Judged("shop.product", "named", "warn", 1, 6), Judged("shop.product", "priced", "quarantine", 0, 6))
    account = Account(NOW, (status,), (held,), (drifted,), judged, (Dataset("Sales by day", "shop.sales", 2, "active"),))
    sales = FigureTable("Sales", ("day", "revenue"), ((dt.date(2026, 11, 19), Decimal("1.5")), (dt.date(2026, 11, 20), Decimal(3))))
    return Report("one quiet day", (dt.date(2026, 11, 20),), account, (sales,), Checks(8, ("ods/shop/product:named",)),
                  (Stage("Day 1 of 1", 62),), (("make dev", "the UI"),))


def lines(text: str) -> list[str]:
    """Lines as they read, without rulers, blanks and explanations."""
    kept = (" ".join(line.replace("─", " ").split()) for line in text.splitlines())
    explained = ("Every table", "Raw has", "They wait", "Complete through:")
    return [line for line in kept if line and not line.startswith(explained)]


def test_the_page_says_what_a_newcomer_asks(finished: Report) -> None:
    out = io.StringIO()
    show(finished, Console(file=out, width=400))
    assert lines(out.getvalue()) == lines(PAGE)


def test_the_page_is_html_too(finished: Report, tmp_path: Path) -> None:
    write_html(finished, tmp_path / "made" / "page.html")
    text = (tmp_path / "made" / "page.html").read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "<title>Your lakehouse after one quiet day" in text
    assert "price_not_negative" in text
    assert "{code}" not in text


def test_a_clock_keeps_how_long_each_stage_took() -> None:
    clock = Clock(PlainStages())
    clock.begin("one")
    clock.begin("two")
    clock.end()
    clock.end()
    assert [stage.name for stage in clock.over] == ["one", "two"]
    assert all(0 <= stage.seconds < 5 for stage in clock.over)


def result(*, failures: dict[str, str], transient: Sequence[str] = (), made: int = 0) -> RunResult:
    check = FailedCheck("ods/a/b", "named", halting=False, partition="2026-11-20", figures={"failed": 2}, description="")
    return RunResult("1", not failures, ("2026-11-20",), (("raw/a/b", "2026-11-20"),) * made, failures, frozenset(transient), (), (check,))


@pytest.mark.parametrize(("runs", "code"), [
    ([result(failures={})], 0),
    ([result(failures={"raw/a/b": "gone"})], 1),
    ([result(failures={}), result(failures={"raw/a/b": "down"}, transient=["raw/a/b"])], 3),
    ([result(failures={"raw/a/b": "down", "raw/a/c": "gone"}, transient=["raw/a/b"])], 1),
])
def test_the_exit_code_says_whether_trying_again_may_help(runs: list[RunResult], code: int) -> None:
    assert outcome(runs) == code


def test_a_run_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([result(failures={"ods/a/b": "the gate halted"}, made=1)], 3, 4.2) == 1
    shown = capsys.readouterr()
    assert shown.err == "ods/a/b, 2026-11-20: the gate halted\n"
    assert shown.out.splitlines()[-1] == "1 of 3 materialized, 1 failed, in 4.2 s."
    assert "failed 2" in shown.out


def test_an_environment_may_name_a_demo(tmp_path: Path) -> None:
    make_project(tmp_path)
    file = tmp_path / "resources" / "local.yaml"
    assert load_environment(tmp_path, "local").demo is None
    file.write_text(file.read_text() + '\ndemo: "resources.demo:open_demo"\n')
    assert load_environment(tmp_path, "local").demo == "resources.demo:open_demo"


def test_this_lakehouses_demo_is_a_script_whose_next_commands_exist() -> None:
    opens: Callable[[str, dt.date | None], AbstractContextManager[Script]] = open_demo
    assert callable(opens)
    asked = [shlex.split(line) for line, _ in Demo.next if not line.startswith("make ")]
    assert asked
    for _, name, *_ in asked:
        assert name in lakehouse.commands, name
