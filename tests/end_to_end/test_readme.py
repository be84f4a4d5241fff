"""What the README and the how-tos tell people to type exists, and what it shows is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from lakehouse_platform.cli.app import lakehouse

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def commands(page: str) -> list[str]:
    """Lines that a page tells people to type."""
    return [line for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]


COMMANDS = commands(README)
HOW_TO = [line for page in sorted((ROOT / "docs" / "how-to").glob("*.md")) for line in commands(page.read_text())]


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.startswith("make ")])
def test_make_knows_the_target(line: str) -> None:
    assert re.search(rf"^{line.split()[1]}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", [c for c in (*COMMANDS, *HOW_TO) if c.startswith("lakehouse ")])
def test_the_command_line_takes_the_command(line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    command = lakehouse.commands[name]
    command.make_context(name, list(arguments), resilient_parsing=False, parent=click.Context(lakehouse, info_name="lakehouse"))


def test_every_command_is_one_of_the_two() -> None:
    assert all(line.startswith(("make ", "lakehouse ")) for line in COMMANDS)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)", README))))
def test_every_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("place", re.findall(r"^\| `([^`]+)` \|", README, re.MULTILINE))
def test_the_map_names_what_exists(place: str) -> None:
    assert (ROOT / place).exists()
