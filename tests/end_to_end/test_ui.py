"""The Dagster UI, tried as a user would: look at the lakehouse, open a table, materialize a day, backfill several.

`pytest tests/end_to_end/test_ui.py --screenshots docs/images` takes the pictures of the README on the way.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from lakehouse_platform.jobs.project import Project
from tests.end_to_end.equality import law_rows

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium"),
]

ROOT = Path(__file__).parents[2]
INSTANCE = ("assets", "resources", "definitions.py", "dagster.yaml", "workspace.yaml")
NO_SENSORS = "def watching(project: object) -> tuple[()]:\n    return ()\n"
"""Nothing starts by itself: all runs are the tests'."""
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)
DOMAINS = ("customer", "finance", "operations", "risk")
PATIENCE = 300.0
"""Seconds until a server must have started or a run ended, on a machine with other things to do."""

Take = Callable[[Page, str], None]


@dataclass(frozen=True)
class Site:
    """A lakehouse with days in it, and its interface."""

    folder: Path
    days: tuple[str, ...]
    """The last one lacks the history of invoices."""
    address: str

    def tables(self) -> dict[str, Counter[tuple[object, ...]]]:
        """Rows of what becomes of invoices, by zone."""
        project = Project.open(self.folder)
        return {zone: law_rows(project.lake, zone, project.contract("finance.invoice")) for zone in ("ods", "hds")}


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Three days, or with pictures to take the whole business and its marts, behind `lakehouse dev`.

    Not two: a transaction is open on the second, and what it held back would come with the backfill.
    """
    pictures = request.config.getoption("--screenshots") is not None
    folder = Path(tempfile.mkdtemp(prefix="lakehouse-ui-"))
    try:
        _copy_instance(folder)
        days = _play(folder, ["5", "curated", "domo"] if pictures else ["3"])
        with _serving(folder) as address:
            yield Site(folder, days, address)
        _wait(lambda: not _processes_of(folder), f"still running: {_processes_of(folder)}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_instance(folder: Path) -> None:
    for name in INSTANCE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "sensors").mkdir()
    (folder / "sensors" / "__init__.py").write_text(NO_SENSORS)


def _play(folder: Path, arguments: list[str]) -> tuple[str, ...]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, str(Path(__file__).with_name("played.py")), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return tuple(done.stdout.split("\n")[-1].split())


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log, address = folder / "dev.log", f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).with_name("lakehouse")), "dev", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait(lambda: process.poll() is not None or _answers(address), "the interface did not start")
        assert process.poll() is None, log.read_text()[-3000:]
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def _answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{address}/server_info", timeout=10) as answer:
        return bool(answer.status == 200)
    return False


def _wait(reached: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


def _processes_of(folder: Path) -> list[str]:
    """Processes that work in the folder, were started for it or name it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            told = [*process.cmdline(), process.cwd(), process.environ().get("DAGSTER_HOME", "")]
            if any(str(folder) in text for text in told):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found


@pytest.fixture(scope="module")
def page(site: Site) -> Iterator[Page]:
    """A browser at the interface."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(base_url=site.address, viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def take(request: pytest.FixtureRequest) -> Take:
    """Takes a picture of the page, where pictures were asked for."""
    folder = request.config.getoption("--screenshots")

    def take(page: Page, name: str) -> None:
        if folder is not None:
            page.wait_for_timeout(4000)  # graphs glide into place, and figures arrive one by one
            page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")

    return take


def node(page: Page, text: str) -> Locator:
    """Something in a graph."""
    return page.locator("foreignObject").get_by_text(text, exact=True)


def ask_for(page: Page, button: str, partitions: str) -> Locator:
    """The launch dialog with the partitions typed in."""
    page.get_by_role("button", name=button).first.click()
    dialog = page.get_by_role("dialog")
    chosen = dialog.get_by_role("textbox").first
    chosen.fill(partitions)
    chosen.press("Enter")
    return dialog


def test_the_graph_shows_every_domain(page: Page, take: Take) -> None:
    page.goto("/asset-groups")
    for domain in DOMAINS:
        expect(node(page, domain)).to_be_visible()
    page.get_by_role("button", name="Hide navigation").click()
    page.get_by_role("button", name="panel_show_right").last.click()
    page.get_by_role("textbox").last.fill('group:"customer"')
    page.keyboard.press("Enter")
    for name in ("customer", "dim_customer", "address"):
        expect(node(page, name).first).to_be_visible()
    take(page, "asset-graph")


def test_a_table_shows_columns_lineage_partitions_and_checks(site: Site, page: Page, take: Take) -> None:
    page.goto("/assets/hds/finance/invoice")
    expect(page.get_by_role("row", name="amount").filter(has_text="decimal(19,4)").filter(has_text="non-nullable")).to_be_visible()
    expect(page.get_by_role("row", name="valid_to").filter(has_text="NULL while it is")).to_be_visible()
    expect(page.get_by_role("link", name="ods / finance / invoice")).to_be_visible()
    take(page, "hds-asset")
    page.get_by_role("tab", name="Partitions").click()
    expect(page.get_by_text(f"Materialized ({len(site.days) - 1})")).to_be_visible()
    page.get_by_text(site.days[0], exact=True).first.click()
    expect(page.get_by_role("row", name="versions_opened")).to_be_visible()
    page.get_by_role("tab", name="Checks").click()
    expect(page.get_by_text("Checks (2)")).to_be_visible()
    expect(page.get_by_role("row", name="open_versions")).to_be_visible()
    take(page, "checks")


def test_lineage_goes_from_the_source_to_the_dataset(page: Page) -> None:
    page.goto("/assets/domo/customer/customers?view=lineage&lineageScope=upstream&lineageDepth=5")
    for zone in ("raw", "ods", "hds", "curated", "domo"):
        expect(node(page, zone)).to_be_visible()
    expect(node(page, "PostgreSQL")).to_be_visible()


def test_a_day_is_materialized_by_clicking(site: Site, page: Page, take: Take) -> None:
    page.goto("/assets/hds/finance/invoice")
    dialog = ask_for(page, "Materialize", site.days[-1])
    launch = dialog.get_by_role("button", name="Launch 1 run")
    expect(launch).to_be_enabled()
    take(page, "launch")
    launch.click()
    page.get_by_role("link", name="View", exact=True).click()
    expect(page).to_have_url(re.compile("/runs/"))
    expect(page.get_by_text("Success", exact=True).or_(page.get_by_text("Failure", exact=True))).to_be_visible(timeout=PATIENCE * 1000)
    expect(page.get_by_text("Success", exact=True)).to_be_visible()
    take(page, "run")
    page.goto(f"/assets/hds/finance/invoice?view=partitions&partition={site.days[-1]}")
    expect(page.get_by_text(f"Materialized ({len(site.days)})")).to_be_visible()
    expect(page.get_by_role("row", name="versions_opened")).to_be_visible()


def test_a_backfill_over_all_days_leaves_the_same_tables(site: Site, page: Page) -> None:
    before = site.tables()
    page.goto("/assets/hds/finance/invoice?view=lineage&lineageScope=upstream&lineageDepth=3")
    dialog = ask_for(page, "Materialize all (3)", f"[{site.days[0]}...{site.days[-1]}]")
    dialog.get_by_role("button", name="Launch backfill").click()
    page.get_by_role("link", name="View", exact=True).click()
    expect(page).to_have_url(re.compile("/runs/b/"))
    status = page.get_by_text("Status", exact=True).locator("..")
    expect(status).to_contain_text(re.compile("Succeeded|Failed|Canceled"), timeout=PATIENCE * 1000)
    expect(status).to_contain_text("Succeeded")
    expect(page.get_by_text("100% completed")).to_have_count(3)
    assert site.tables() == before
