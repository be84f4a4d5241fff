"""Command that runs the main job on an embedded business: demo."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

import click

from lakehouse_platform.cli.account import account_of
from lakehouse_platform.cli.listing import lake_query, statuses
from lakehouse_platform.cli.page import FigureTable, Report, Stage, show, write_html
from lakehouse_platform.cli.place import Place, shown, with_place
from lakehouse_platform.cli.runs import Steps
from lakehouse_platform.cli.terminal import Stages, console, showing
from lakehouse_platform.errors import TerminalError

if TYPE_CHECKING:
    from lakehouse_platform.jobs.project import Project
    from lakehouse_platform.orchestration.materialize import RunResult
    from lakehouse_platform.orchestration.workplace import Workplace

PAGE = "demo.html"
ZONES = ("raw", "ods", "hds")
SENSORS = ("certificates", "incidents")


class Script(Protocol):
    """A business that a demo plays; the instance has it, and its environment names the function that opens it."""

    @property
    def title(self) -> str:
        """What it is, after "Your lakehouse after"."""
    @property
    def days(self) -> Sequence[dt.date]:
        """Its business days, in order."""
    @property
    def figures(self) -> Sequence[tuple[str, str]]:
        """Titles and queries of what the page shows; the last column is drawn."""
    @property
    def next(self) -> Sequence[tuple[str, str]]:
        """Commands to try next, and what they show."""
    def play(self, day: dt.date) -> None:
        """Let the day happen at the source; a day that has happened is left alone."""


class NoDemo(TerminalError):
    """The environment names no business to play."""


class DemoFailed(TerminalError):
    """A step of the demo failed that was meant to succeed."""


@click.command(short_help="Run the whole road on an embedded business.")
@click.option("--size", metavar="NAME", default="small", show_default=True, help="Size of the business: small or large.")
@click.option("--start", metavar="D", help="Its first day.  [default: so that its last was yesterday]")
@click.option("--again", is_flag=True, help="Take in days again that are in the lake already.")
@with_place
def demo(place: Place, size: str, start: str | None, *, again: bool) -> None:
    """Play the business that the environment names, day by day, and take each day into Raw, ODS and HDS, then marts and datasets.

    It ends in a page, which is also written as .lakehouse/demo.html. Run it again: it goes on where it was stopped, and the figures
    are the same. Its runs are in the Dagster UI of `lakehouse dev`.

    \b
    Examples:
      lakehouse demo
      lakehouse demo --size large
      lakehouse demo --again

    Exit codes: 0 done, 1 something failed, 2 an unknown size or environment, 3 try again.
    """
    project = place.open()
    with showing() as stages:
        report = play_demo(project, size=size, start=_day(start), again=again, stages=stages)
    page = project.state / PAGE
    write_html(report, page)
    show(report, console())
    click.echo(f"\nThis page: {shown(page)}")


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(f'"{text}" is not a day; write it as 2026-11-16.', param_hint="--start") from error


def play_demo(project: Project, *, size: str = "small", start: dt.date | None = None, again: bool = False, stages: Stages) -> Report:
    """Play the business and take every day in. Raises NoDemo, DemoFailed."""
    clock = Clock(stages)
    clock.begin("Start the legacy databases")
    with _open(project, size, start) as script:
        clock.begin("Load the definitions")
        from lakehouse_platform.orchestration.workplace import open_workplace

        with open_workplace(project) as work:
            _watch(work)
            _take_in(work, script, clock, set() if again else _days_known(project))
            _build_marts(work, str(script.days[-1]), clock)
            clock.begin("Judge certificates, tell of incidents")
            _watch(work)
            clock.begin("Look at what is there")
            account, figures, checks = account_of(project), tuple(_figures(project, script.figures)), work.checks()
            clock.end()
        return Report(script.title, tuple(script.days), account, figures, checks, tuple(clock.over), tuple(script.next))


@dataclass(slots=True)
class Clock:
    """Shows stages and keeps how long each took."""

    shown: Stages
    over: list[Stage] = field(default_factory=list)
    name: str = ""
    began: float = 0.0

    def begin(self, name: str, total: int = 1) -> None:
        """Begin a stage; the one before it is over."""
        self.end()
        self.shown.stage(name, total)
        self.name, self.began = name, time.monotonic()

    def end(self) -> None:
        """The stage is over."""
        if self.name:
            self.shown.end()
            self.over.append(Stage(self.name, time.monotonic() - self.began))
        self.name = ""


def _open(project: Project, size: str, start: dt.date | None) -> AbstractContextManager[Script]:
    from lakehouse_platform.settings import load_function

    environment = project.environment
    if environment.demo is None:
        raise NoDemo(f"{environment.path}: this environment names no business to play. A demo is `demo: module:function` there.")
    found = cast("Callable[..., AbstractContextManager[Script]]", load_function(project.folder, environment.demo, str(environment.path)))
    return found(size, start)


def _days_known(project: Project) -> set[str]:
    """Days that every table has taken in, to its last zone."""
    taken = []
    for table in statuses(project):
        if table.contract.source is not None:
            last = table.zone("hds" if table.contract.keeps_history else "ods")
            taken.append(set(last.partitions) if last is not None else set())
    return set.intersection(*taken) if taken else set()


def _take_in(work: Workplace, script: Script, clock: Clock, known: set[str]) -> None:
    assets = work.assets([f"{zone}/*" for zone in ZONES])
    held = [str(day) for day in script.days if str(day) in known]
    if held:
        clock.begin(f"In the lake already: {', '.join(held)}")
    for number, day in enumerate(script.days, 1):
        if str(day) in known:
            continue
        clock.begin(f"Day {number} of {len(script.days)}, {day}", len(assets))
        script.play(day)
        _check(work.materialize(assets, work.days(str(day)), progress=Steps(clock.shown)))


def _build_marts(work: Workplace, day: str, clock: Clock) -> None:
    warehouse = work.project.environment.warehouse
    assets = work.assets(["curated/*", *(["warehouse/*"] if warehouse is not None else []), "domo/*"])
    clock.begin("Marts by dbt, the warehouse, and Domo datasets", len(assets))
    _check(work.materialize(assets, work.days(day), progress=Steps(clock.shown)))


def _watch(work: Workplace) -> None:
    """Have the sensors look that the daemon would have look, where the project has them; the first look only says from when on."""
    for sensor in SENSORS:
        if sensor in work.sensors:
            work.tick(sensor)


def _check(run: RunResult) -> None:
    """Raise DemoFailed where a run is not what it was meant to be."""
    if not run.success:
        reasons = "\n".join(f"  {step}: {why}" for step, why in run.failures.items()) or "  it ended early"
        raise DemoFailed(f"run {run.run_id} for {run.partitions[0]} failed; `lakehouse dev` shows it:\n{reasons}")


def _figures(project: Project, queries: Sequence[tuple[str, str]]) -> Iterator[FigureTable]:
    with lake_query(project) as session:
        for title, sql in queries:
            found = session.run(sql)
            rows = tuple(tuple(row.values()) for row in found.to_pylist())
            yield FigureTable(title, tuple(found.column_names), rows)
