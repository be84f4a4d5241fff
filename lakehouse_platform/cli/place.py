"""Where a command works: the project's folder and the environment."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from lakehouse_platform.errors import UnknownName

if TYPE_CHECKING:
    from lakehouse_platform.jobs.project import Project

CONTRACTS = Path("assets/contracts")
"""What makes a folder a lakehouse."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What was said before the command's name."""

    folder: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A project's folder and the name of an environment."""

    folder: Path
    environment: str

    @property
    def contracts(self) -> Path:
        """Folder of the contracts."""
        return self.folder / CONTRACTS

    def open(self) -> Project:
        """The project; loads the libraries that read it."""
        from lakehouse_platform.jobs.project import Project

        return Project.open(self.folder, self.environment)


def place_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--project` and `--env`, as the arguments `folder` and `environment`."""
    folder = click.option("--project", "folder", metavar="DIR", help="The lakehouse's folder.  [default: this one, or the nearest above]")
    environment = click.option("--env", "environment", metavar="NAME", help="Environment: resources/NAME.yaml.  [default: local]")
    return folder(environment(command))


def with_place(command: Callable[Concatenate[Place, P], R]) -> Callable[P, R]:
    """Give the command its Place, from its own options or from those before its name."""

    @place_options
    @click.pass_obj
    @functools.wraps(command)
    def placed(defaults: Defaults | None, /, *arguments: P.args, **options: P.kwargs) -> R:
        said = defaults or Defaults()
        folder, environment = options.pop("folder", None), options.pop("environment", None)
        place = Place(find_project(Path(str(folder or said.folder or "."))), str(environment or said.environment or "local"))
        return command(place, *arguments, **options)

    return placed


def find_project(start: Path) -> Path:
    """The lakehouse that `start` lies in. Raises UnknownName where there is none."""
    begin = start.absolute()
    for folder in (begin, *begin.parents):
        if (folder / CONTRACTS).is_dir():
            return folder
    raise UnknownName(
        f"{start}: no lakehouse here or in a folder above: none holds {CONTRACTS}. "
        "Go to one, name it with --project DIR, or make one with: lakehouse init DIR")


def shown(path: Path) -> str:
    """A path as people type it: relative where it lies below the current folder."""
    absolute, here = path.absolute(), Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()
