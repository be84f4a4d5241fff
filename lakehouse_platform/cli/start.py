"""Command that makes a lakehouse: init."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from lakehouse_platform.cli.place import shown
from lakehouse_platform.errors import TerminalError

TEMPLATES = "templates"
RENDERED = ".template"
"""Ending of a template with places to fill, or that must not look like what it becomes; a leading `dot-` becomes a dot."""
FIRST_DAYS = 7
"""How many past business days a new lakehouse has."""


class FolderTaken(TerminalError):
    """A lakehouse would overwrite files that are there."""


@click.command(short_help="Make a lakehouse of your own.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--source-uri-env", metavar="NAME", default="SOURCE_URI", show_default=True,
              help="Environment variable that will hold the source's address.")
@click.option("--time-zone", metavar="ZONE", default="UTC", show_default=True, help="Where the business's days begin, an IANA name.")
def init(folder: Path, source_uri_env: str, time_zone: str) -> None:
    """Make a lakehouse of your own in DIR: the folders, one example contract, and an environment to edit. No code to write.

    \b
    Examples:
      lakehouse init my-lakehouse
      lakehouse init . --source-uri-env SHOP_URI --time-zone America/New_York

    Exit codes: 0 made, 1 files are in the way, 2 the time zone or the name is not valid.
    """
    made = make_project(folder, source_uri_env=source_uri_env, time_zone=time_zone)
    click.echo(f"Made {len(made)} files in {shown(folder)}:")
    for path in made:
        click.echo(f"  {path.as_posix()}")
    click.echo(
        f"\nNext:\n  cd {folder}\n  export {source_uri_env}=postgresql://user:password@host:5432/database\n"
        "  lakehouse validate\nThen README.md there.")


def make_project(folder: Path, *, source_uri_env: str = "SOURCE_URI", time_zone: str = "UTC") -> list[Path]:
    """Write the files of a new lakehouse; their paths below `folder`. Raises FolderTaken where one is there already."""
    _check(source_uri_env, time_zone)
    today = dt.datetime.now(tz=dt.UTC).date()
    values = {
        "name": folder.absolute().name, "source_uri_env": source_uri_env, "time_zone": time_zone,
        "start": str(today - dt.timedelta(FIRST_DAYS)), "yesterday": str(today - dt.timedelta(1)),
    }
    files = dict(_files(resources.files("lakehouse_platform.cli").joinpath(TEMPLATES), Path(), values))
    taken = sorted(path.as_posix() for path in files if (folder / path).exists())
    if taken:
        raise FolderTaken(f"{folder}: nothing was written, for these files are there: {', '.join(taken)}. Name an empty folder.")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return sorted(files)


def _check(source_uri_env: str, time_zone: str) -> None:
    from zoneinfo import available_timezones

    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", source_uri_env):
        raise click.BadParameter(f'"{source_uri_env}" is not a name of an environment variable.', param_hint="--source-uri-env")
    if time_zone not in available_timezones():
        raise click.BadParameter(f'"{time_zone}" is not an IANA time zone, as in America/New_York.', param_hint="--time-zone")


def _files(folder: Traversable, path: Path, values: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for entry in folder.iterdir():
        name = entry.name.removesuffix(RENDERED).replace("dot-", ".", 1)
        if entry.is_dir():
            yield from _files(entry, path / name, values)
        else:
            text = entry.read_text(encoding="utf-8")
            yield path / name, _filled(text, values) if entry.name.endswith(RENDERED) else text


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"@(\w+)@", lambda found: values.get(found[1], found[0]), text)
