"""A build of marts in Redshift that is cut off or killed: reports read the old rows or the new ones, and the next build completes it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lakehouse_platform.jobs.marts import mart_project, read_marts
from lakehouse_platform.jobs.warehouse_marts import may_pass, warehouse_mart_project
from lakehouse_platform.publish.project import Build, MartProject, login_of
from lakehouse_platform.settings.references import surroundings
from lakehouse_platform.warehouse.ddl import at
from lakehouse_platform.warehouse.session import Session
from tests.core import small_lake
from tests.core.redshift_lake import LoadedLake, bound_project, place, settings_of
from tests.standins.redshift.service import Faults, redshift

INVOICE, SHIPMENT = at(place("ods", "finance.invoice")), at(place("ods", "operations.shipment"))
SWAPPED, WRITTEN = "kpi_fulfilment_daily", "fct_revenue"
"""A mart that is built beside the old one and swapped, and one into which what differs is written."""
MODELS = (SWAPPED, f"reporting_{SWAPPED}", WRITTEN, f"reporting_{WRITTEN}")
UNTESTED = ("--indirect-selection", "empty")
"""Option of dbt's after what is selected: models alone."""
SLOW = 6.0
"""Seconds that a statement takes while dbt is killed."""
Rows = list[tuple[object, ...]]
Seen = tuple[Rows, Rows]


@dataclass
class Scene:
    """The stand-in with marts that were built once in either state of their sources."""

    loaded: LoadedLake
    dbt: MartProject
    begins: int = 0
    """Commits of a build before it writes its first mart."""

    @property
    def faults(self) -> Faults:
        return self.loaded.standin.faults

    def morning(self) -> None:
        """The sources as they were: rows go, come and change."""
        self.loaded.insert(place("ods", "finance.invoice"), small_lake.ODS["finance.invoice"][:1])
        self.loaded.execute(f"update {INVOICE} set amount = 10 where invoice_id = 2")
        self.loaded.execute(f"update {SHIPMENT} set units = units - 1")

    def evening(self) -> None:
        """The sources as they are later."""
        self.loaded.execute(f"delete from {INVOICE} where invoice_id = 1")
        self.loaded.execute(f"update {INVOICE} set amount = 20 where invoice_id = 2")
        self.loaded.execute(f"update {SHIPMENT} set units = units + 1")

    def build(self) -> Build:
        """One try."""
        self.loaded.standin.statements.clear()
        return self.dbt.build(*MODELS, *UNTESTED)

    def built(self) -> Seen:
        """A build that nothing disturbs; no relation of it is left over, and nothing of others goes with what is dropped."""
        assert self.build().failed == ()
        assert self.loaded.standin.statements.like("*cascade*") == []
        verbs = [entry.verb for entry in self.loaded.standin.statements.like()]
        self.begins = verbs[: verbs.index("CREATE TABLE")].count("COMMIT")
        assert self.loaded.standin.rows("select relname from pg_class where relkind in ('r', 'v') and relname like '%\\_\\_dbt%'") == []
        return self.seen()

    def seen(self) -> Seen:
        """What reports read."""
        return (self.loaded.rows(f'select * from operations_reporting."{SWAPPED}" order by 1, 2'),
                self.loaded.rows(f'select * from finance_reporting."{WRITTEN}" order by 1'))

    def disturbed(self, *planned: int) -> None:
        """A build that the planned faults meet: it fails, in words by which it is tried again."""
        failed = [outcome for outcome in self.build().failed if outcome.status == "error"]
        assert [self.faults.met(number) > 0 for number in planned] == [True] * len(planned)
        assert {outcome.name for outcome in failed} == {SWAPPED, WRITTEN}
        assert [outcome.message for outcome in failed if not may_pass(outcome.message)] == []
        self.faults.clear()

    def killed(self) -> None:
        """A build whose process is killed in the midst of both marts' transactions."""
        late = [self.faults.delay(SLOW, text) for text in (f"*insert into*{SWAPPED}__dbt_tmp*", "*delete from*where not exists*")]
        options = {"--project-dir": self.dbt.folder, "--profiles-dir": self.dbt.folder, "--target": "redshift",
                   "--target-path": self.dbt.output_folder, "--log-path": self.dbt.output_folder / "logs"}
        words = [str(word) for option in options.items() for word in option]
        command = [str(self.dbt.executable), *self.dbt.arguments("build", "--select", *MODELS, *UNTESTED), *words]
        process = subprocess.Popen(command, env=surroundings(login_of(self.loaded.settings)), stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while not all(self.faults.met(number) for number in late) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
        assert [self.faults.met(number) for number in late] == [1, 1]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("warehouse_marts_cut")
    lake = small_lake.write(folder / "lake")
    with redshift() as standin:
        loaded = LoadedLake(standin, settings_of(standin, folder), lake)
        loaded.load()
        project = bound_project(folder, lake, loaded.settings)
        mart_project(project).parse()
        with Session(loaded.settings).asking() as ask:
            dbt = warehouse_mart_project(project, read_marts(project), ask)
        assert dbt.build("dim_customer", *MODELS, *UNTESTED).failed == ()
        yield Scene(loaded, dbt)


CUTS: dict[str, Callable[[Faults], tuple[int, ...]]] = {
    "while rows are written": lambda faults: (
        faults.cut_before(f"*insert into*{SWAPPED}__dbt_tmp*"), faults.cut_before("*delete from*DBT_INTERNAL_SOURCE*")),
    "halfway": lambda faults: (
        faults.cut_before(f"*alter table*__dbt_tmp* rename to*{SWAPPED}*"), faults.cut_before(f'*insert into*"{WRITTEN}" (*')),
    "at what follows the rows": lambda faults: (
        faults.cut_after(f"*comment on*{SWAPPED}*"), faults.cut_before("*delete from*where not exists*")),
    "by another transaction": lambda faults: (
        faults.refuse("conflict", f"*comment on*{SWAPPED}*"), faults.refuse("conflict", "*delete from*where not exists*")),
}


def test_build_that_is_cut_off_leaves_the_old_rows_and_the_next_one_brings_the_new(scene: Scene) -> None:
    scene.evening()
    evening = scene.built()
    scene.morning()
    morning = scene.built()
    assert [len(morning[0]), len(morning[1])] == [3, 7]
    assert morning[0] != evening[0]
    assert morning[1] != evening[1]
    scene.evening()
    for where, plan in CUTS.items():
        scene.disturbed(*plan(scene.faults))
        assert scene.seen() == morning, where
    scene.disturbed(scene.faults.cut_before(verb="COMMIT", skip=scene.begins, times=99))
    assert scene.seen() == morning
    scene.killed()
    assert scene.seen() == morning
    assert scene.built() == evening
    scene.morning()
    scene.disturbed(scene.faults.cut_after(verb="COMMIT", skip=scene.begins, times=99))
    assert scene.seen() == morning, "a commit whose answer is lost is a commit"
    assert scene.built() == morning
