"""The demo as a newcomer runs it: its lake is right, says nothing it should not, and stays as it is when days are taken in again."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.spark.jars import fetch_jars
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.publish.folder import read_dataset
from resources.legacy import Legacy
from tests.end_to_end.conftest import Estate
from tests.end_to_end.equality import actual_history, current_differences, expected_history, law_rows, memory_of
from tests.end_to_end.test_lake_equals_legacy import HELD
from tests.end_to_end.test_no_classified_value import finder
from tests.standins.account import stand_ins
from tests.standins.ready import furnish
from tests.standins.serving import DIRECTOR, PEOPLE, Serving, serving

ROOT = Path(__file__).parents[2]
PIECES = ("assets", "resources", "sensors", "definitions.py", "dagster.yaml", "workspace.yaml")


@dataclass(frozen=True)
class Demo:
    """A project that the demo ran in, and what it printed."""

    project: Project
    estate: Estate
    said: str

    def lakehouse(self, *arguments: str) -> str:
        """Run the command line there; what it printed."""
        return lakehouse(self.project.folder, *arguments)

    @property
    def days(self) -> list[str]:
        """The business days, in order."""
        found = json.loads(self.lakehouse("query", "select distinct _partition as day from raw.finance.invoice order by 1", "--json"))
        return [row["day"] for row in found]


LAKEHOUSE = str(Path(sys.executable).with_name("lakehouse"))


def lakehouse(folder: Path, *arguments: str) -> str:
    done = run([LAKEHOUSE, *arguments], folder)
    return done.stdout + (done.stderr if arguments[0] == "demo" else "")


def run(command: list[str], folder: Path, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    done = subprocess.run(command, cwd=folder, env={**kept, **(more or {})}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def copied(folder: Path) -> Path:
    """The project, in a folder of its own."""
    for piece in PIECES:
        source, left_out = ROOT / piece, shutil.ignore_patterns("__pycache__", "target", "logs")
        shutil.copytree(source, folder / piece, ignore=left_out) if source.is_dir() else shutil.copy(source, folder / piece)
    return folder


@pytest.fixture(scope="module")
def demo(server_folder: Callable[[str], Path]) -> Iterator[Demo]:
    """The demo of the small business, once for all tests here."""
    folder = copied(server_folder("demo"))
    said = lakehouse(folder, "demo")
    project, legacy = Project.open(folder), Legacy(folder / ".lakehouse" / "legacy")
    yield Demo(project, Estate(legacy, project.lake, project.tables, io.StringIO(), legacy.uri), said)
    legacy.stop()


def tables(demo: Demo) -> dict[str, Counter[tuple[Any, ...]]]:
    """What readers of the lake and of the datasets see, as far as the law says."""
    lake, seen = demo.project.lake, {}
    for contract in demo.project.tables:
        seen[f"ods/{contract.name}"] = law_rows(lake, "ods", contract)
        if contract.keeps_history:
            seen[f"hds/{contract.name}"] = law_rows(lake, "hds", contract)
    for contract in demo.project.marts:
        seen[f"curated/{contract.name}"] = Counter(pl.read_delta(lake.uri("curated", contract)).cast(pl.String).rows())
        if contract.publication is not None:
            found = read_dataset(demo.project.folder / ".lakehouse" / "domo", contract.publication.dataset)
            seen[f"domo/{contract.name}"] = Counter(pl.DataFrame(found).cast(pl.String).rows())
    return seen


def test_every_ods_table_equals_its_postgresql_table_but_for_the_keys_held_back(demo: Demo) -> None:
    for contract in demo.project.tables:
        found = current_differences(demo.project.lake, contract, demo.estate.legacy)
        left = {key: "absent" if ours is None else "older" for key, (_, ours) in found.items()}
        assert left == HELD.get(contract.name, {}), contract.name


def test_every_history_equals_the_journal_as_far_as_its_capture_sees(demo: Demo) -> None:
    memory = memory_of(demo.estate.legacy)
    for contract in demo.project.tables:
        if contract.keeps_history:
            assert expected_history(demo.project.lake, contract, memory) == actual_history(demo.project.lake, contract), contract.name


def test_no_classified_value_is_shown(demo: Demo) -> None:
    shows, home = finder(demo.estate), demo.project.home
    assert shows(demo.said) == set()
    assert shows((demo.project.state / "demo.html").read_text()) == set()
    databases = list(home.rglob("*.db"))
    assert databases
    for file in databases:
        with sqlite3.connect(file) as database:
            assert shows("\n".join(database.iterdump())) == set(), file.name
    for file in [*home.rglob("*.err"), *home.rglob("*.out"), *(demo.project.folder / "assets" / "marts").rglob("*.log")]:
        assert shows(file.read_text(errors="replace")) == set(), file.name


def test_datasets_hold_the_rows_of_their_marts(demo: Demo) -> None:
    seen = tables(demo)
    datasets = [name for name in seen if name.startswith("domo/")]
    assert len(datasets) == 3
    assert all(seen[name].total() == seen[name.replace("domo/", "curated/")].total() > 0 for name in datasets)


def figures(page: str) -> list[str]:
    """What the demo's page says of tables, rows held back, marts and revenue; not how fresh and how fast."""
    sections = re.split(r"^(.+?) ─+$", page, flags=re.MULTILINE)
    kept = ("Tables", "Held back", "Drift", "Marts", "Revenue")
    found = [text for title, text in zip(sections[1::2], sections[2::2], strict=True) if title.startswith(kept)]
    assert len(found) == len(kept)
    return "".join(found).splitlines()


@dataclass(frozen=True)
class Served:
    """The demo on stand-ins, which go on."""

    folder: Path
    said: str
    variables: dict[str, str]
    serving: Serving

    def step(self, name: str) -> str:
        """A step of `customer_gone.py`; what it printed."""
        script = str(Path(__file__).with_name("customer_gone.py"))
        return run([sys.executable, script, name], self.folder, {**self.variables, "PYTHONPATH": str(self.folder)}).stdout


@pytest.fixture(scope="module")
def served(server_folder: Callable[[str], Path]) -> Iterator[Served]:
    """The same demo on S3, EMR Serverless, Redshift, Domo and Slack, once for all tests here."""
    folder = copied(server_folder("demo-aws"))
    with stand_ins(jars=fetch_jars()[0].parent) as aws, serving(aws) as running:
        variables = furnish(aws) | running.environment
        said = run([LAKEHOUSE, "--env", "aws-local", "demo"], folder, variables).stdout
        yield Served(folder, said, variables, running)
        Legacy(folder / ".lakehouse" / "aws-local" / "legacy").stop()


def plain(value: object) -> object:
    """A value as every system has it: numbers without a scale, instants in UTC."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    return value.normalize() if isinstance(value, Decimal) else value


def mart_rows(demo: Demo, contract: Contract) -> Counter[tuple[object, ...]]:
    """Rows of a mart in the embedded demo's lake."""
    rows = pl.read_delta(demo.project.lake.uri("curated", contract)).rows()
    return Counter(tuple(map(plain, row)) for row in rows)


def test_the_demo_on_stand_ins_ends_with_the_same_figures(demo: Demo, served: Served) -> None:
    assert figures(served.said) == figures(demo.said)
    with sqlite3.connect(served.folder / ".lakehouse" / "aws-local" / "dagster" / "event_log.db") as events:
        on_emr = "select count(*) from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION' and event like ?"
        assert events.execute(on_emr, ["%The contract says emr_serverless.%"]).fetchone() == (len(demo.days),)
        assert finder(demo.estate)("\n".join(events.iterdump())) == set()


def test_marts_in_redshift_have_the_rows_of_the_lakes_to_the_last_digit(demo: Demo, served: Served) -> None:
    for contract in demo.project.marts:
        columns = ", ".join(f'"{column.name}"' for column in contract.columns)
        found = served.serving.warehouse.rows(f'select {columns} from "{contract.domain}"."{contract.table}"')
        assert Counter(tuple(map(plain, row)) for row in found) == mart_rows(demo, contract), contract.name


def test_datasets_in_domo_have_the_rows_of_their_marts(demo: Demo, served: Served) -> None:
    published = [contract for contract in demo.project.marts if contract.publication is not None]
    assert len(published) == 3
    for contract in published:
        assert contract.publication is not None
        found = Counter(tuple(map(plain, row.values())) for row in served.serving.domo.reader(contract.publication.dataset))
        # Domo keeps instants to the second.
        wanted = Counter(tuple(v.replace(microsecond=0) if isinstance(v, dt.datetime) else v for v in row)
                         for row in mart_rows(demo, contract).elements())
        assert found == wanted, contract.name


def test_a_seller_sees_the_rows_of_the_region(served: Served) -> None:
    domo = served.serving.domo
    everything = domo.reader("Revenue by day")
    for region, email in PEOPLE.items():
        seen = domo.reader("Revenue by day", email)
        assert seen == [row for row in everything if row["region"] == region.lower()]
        assert seen
    assert domo.reader("Revenue by day", DIRECTOR) == everything


def test_a_source_that_is_gone_is_one_message_that_names_what_waits_and_says_its_end(served: Served) -> None:
    slack = served.serving.slack
    assert "failed: raw/customer/customer\n" in served.step("break")
    served.step("look")
    (parent,) = slack.workspace.parents("C0DEFAULT")
    broken = slack.transcript("C0DEFAULT")
    served.serving.domo.move_clock(3600)
    assert "failed: \n" in served.step("mend")
    mended = slack.transcript("C0DEFAULT")
    sys.stdout.write(f"{broken}\n\n{mended}\n")
    assert [message.ts for message in slack.workspace.parents("C0DEFAULT")] == [parent.ts]
    for said in ("customer.customer (Raw) failed", "Owner:* team:customer-data", "Datasets that wait (2)", "Tables that wait (10)",
                 "finance.fct_revenue (warehouse)", "customer.dim_customer (mart)", "lakehouse materialize 'raw/customer/customer'"):
        assert said in broken, said
    assert "customer.customer (Raw) is in order again" in mended
    assert mended.count("It is over") == 1


def test_a_certificate_that_is_revoked_takes_the_badge_and_is_told_where_its_domain_is(served: Served) -> None:
    domo, slack = served.serving.domo, served.serving.slack
    assert domo.badge("Revenue by day")
    run([LAKEHOUSE, "certify", "revoke", "finance.kpi_revenue_daily", "--by", "bo@example.com", "--why", "the rates are wrong"],
        served.folder, served.variables)
    served.step("look")
    assert not domo.badge("Revenue by day")
    said = slack.transcript("C0FINANCE")
    sys.stdout.write(f"{said}\n")
    assert "lost its certificate" in said
    assert "<!subteam^S0FINANCE>" in said or "@S0FINANCE" in said


def test_days_taken_in_again_backwards_leave_every_table_as_it_is(demo: Demo) -> None:
    before, days = tables(demo), demo.days
    assert len(days) == 5
    zones, span = ("raw/*", "ods/*", "hds/*"), ("--from", days[0], "--to", days[-1])
    for _ in range(2):
        demo.lakehouse("backfill", *zones, *span, "--reverse")
    demo.lakehouse("backfill", "*", *span, "--single-run")
    assert tables(demo) == before


def test_the_demo_again_changes_nothing(demo: Demo) -> None:
    before = tables(demo)
    demo.lakehouse("demo")
    assert tables(demo) == before
