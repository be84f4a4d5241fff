"""What the terminal shows: tables, values as text, and the progress of long work; plain lines where nobody watches a screen."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.progress import Progress, TaskID
    from rich.table import Table

WIDE = 160
"""Columns of a table that goes into a file or a pipe."""
_BETWEEN = 3
"""Columns from one column's text to the next one's."""


def console(*, errors: bool = False) -> Console:
    """Where tables go, or with `errors` where progress goes."""
    from rich.console import Console

    stream = sys.stderr if errors else sys.stdout
    return Console(file=stream, highlight=False, soft_wrap=False, width=None if stream.isatty() else WIDE)


@dataclass(frozen=True, slots=True)
class Heading:
    """A table's column."""

    name: str
    right: bool = False


def show_table(headings: Sequence[Heading], rows: Iterable[Sequence[str]]) -> None:
    """Print a table."""
    console().print(table_of(headings, rows))


@dataclass(frozen=True, slots=True)
class Listing:
    """A table; where words would have to be broken to fit, each row as a paragraph of what it has. Text in it is never markup."""

    headings: Sequence[Heading]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is printed, by the room that there is."""
        from rich.padding import Padding
        from rich.text import Text

        widths = self._widths(options.max_width - _BETWEEN * len(self.headings))
        if widths:
            yield self._table(widths)
            return
        for first, *rest in self.rows:
            yield Text(first, style="bold")
            told = [f"{heading.name} {cell}" for heading, cell in zip(self.headings[1:], rest, strict=True) if cell not in ("", "·")]
            yield Padding(Text(" · ".join(told)), (0, 0, 0, 2))

    def _widths(self, room: int) -> list[int]:
        """A width for each column, the widest cut first, and no word broken; none where there is no room for that."""
        from rich.cells import cell_len

        columns = [[heading.name, *(row[n] for row in self.rows)] for n, heading in enumerate(self.headings)]
        words = [max((cell_len(word) for cell in column for word in cell.split()), default=0) for column in columns]
        widths = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in columns]
        while sum(widths) > room:
            cut = max((n for n, width in enumerate(widths) if width > words[n]), key=widths.__getitem__, default=None)
            if cut is None:
                return []
            widths[cut] -= 1
        return widths

    def _table(self, widths: Sequence[int]) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for heading, width in zip(self.headings, widths, strict=True):
            table.add_column(Text(heading.name), justify="right" if heading.right else "left", overflow="fold", width=width)
        for row in self.rows:
            table.add_row(*(Text(cell) for cell in row))
        return table


def table_of(headings: Sequence[Heading], rows: Iterable[Sequence[str]]) -> Listing:
    """A table that can be printed."""
    return Listing(headings, [tuple(row) for row in rows])


def figure(number: int | None) -> str:
    """A number as people read it; a dot where there is none."""
    return "·" if number is None else f"{number:,}"


def instant(moment: dt.datetime | None) -> str:
    """An instant in UTC, to the second."""
    return "·" if moment is None else moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def duration(seconds: float) -> str:
    """A span of time as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """Values as a line of bars, the least to the greatest."""
    if not values:
        return ""
    low, span = min(values), max(values) - min(values)
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] if span else _BARS[3] for value in values)


class Stages(Protocol):
    """Shows how far long work is."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of `total` steps; the one before it is over."""
    def step(self, name: str, *, failed: bool = False) -> None:
        """One step of the stage is over."""
    def grow(self, total: int) -> None:
        """The stage turns out to have `total` steps."""
    def end(self) -> None:
        """The stage is over."""


@dataclass(slots=True)
class PlainStages:
    """A line when a stage begins and one when it is over, and one for each step that failed."""

    name: str = ""
    total: int = 0
    done: int = 0
    began: float = 0.0

    def stage(self, name: str, total: int) -> None:
        """Begin a stage; the one before it is over."""
        self.end()
        self.name, self.total, self.done, self.began = name, total, 0, time.monotonic()
        click.echo(f"{name} …", err=True)

    def step(self, name: str, *, failed: bool = False) -> None:
        """One step of the stage is over."""
        self.done += 1
        if failed:
            click.echo(f"  {name} failed", err=True)

    def grow(self, total: int) -> None:
        """The stage turns out to have `total` steps."""
        self.total = total

    def end(self) -> None:
        """The stage is over."""
        if self.name:
            steps = f"{self.done} of {self.total}, " if self.total > 1 else ""
            click.echo(f"{self.name}: {steps}{duration(time.monotonic() - self.began)}", err=True)
        self.name = ""


@dataclass(slots=True)
class LiveStages:
    """A bar a stage."""

    bars: Progress
    current: list[tuple[TaskID, str]] = field(default_factory=list)
    """The open stage: its bar and name."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage; the one before it is over."""
        self.end()
        self.current = [(self.bars.add_task(name, total=total or None, step=""), name)]

    def step(self, name: str, *, failed: bool = False) -> None:
        """One step of the stage is over."""
        for bar, _ in self.current:
            self.bars.update(bar, advance=1, step=name)
        if failed:
            self.bars.console.print(f"  {name} failed", style="red", markup=False)

    def grow(self, total: int) -> None:
        """The stage turns out to have `total` steps."""
        for bar, _ in self.current:
            self.bars.update(bar, total=total)

    def end(self) -> None:
        """The stage is over."""
        for bar, _ in self.current:
            task = next(t for t in self.bars.tasks if t.id == bar)
            total = task.total or max(task.completed, 1)
            self.bars.update(bar, total=total, completed=total, step="")
            self.bars.stop_task(bar)
        self.current = []


@contextmanager
def showing() -> Iterator[Stages]:
    """Stages on standard error: bars on a terminal, lines elsewhere."""
    errors = console(errors=True)
    if not errors.is_terminal:
        plain = PlainStages()
        yield plain
        plain.end()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}", markup=False), BarColumn(bar_width=24),
               MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[step]}", style="dim", markup=False))
    with Progress(*columns, console=errors) as bars:
        live = LiveStages(bars)
        yield live
        live.end()
