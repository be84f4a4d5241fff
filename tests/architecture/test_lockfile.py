"""The lock installs the same from any mirror, and names everything that the project asks for."""

from __future__ import annotations

import re
import tomllib
from typing import cast

from tests.architecture.house import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def normal(requirement: str) -> str:
    """Name of a requirement as the lock spells it."""
    found = NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else requirement


def groups() -> dict[str, list[str]]:
    """Requirements of the core, the extras that the tests use, and the dependency groups."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = declared["project"]
    extras = project["optional-dependencies"]
    used = {name: extras[name] for name in ("local", "spark", "aws", "job", "redshift", "domo", "slack")}
    found = {"core": project["dependencies"], **used, **declared["dependency-groups"]}
    return {name: [line for line in lines if isinstance(line, str)] for name, lines in cast(dict[str, list[object]], found).items()}


def test_the_lock_names_no_host_and_no_path() -> None:
    lines = LOCK.splitlines()
    assert not [line for line in lines if "://" in line or re.search(r"(^|[\s=])/\w", line)]


def test_every_locked_package_has_hashes() -> None:
    packages = [block for block in re.split(r"\n(?=\S)", LOCK) if not block.startswith("#")]
    assert packages
    assert not [block.splitlines()[0] for block in packages if "--hash=sha256:" not in block]


def test_every_requirement_is_locked() -> None:
    locked = {normal(line) for line in LOCK.splitlines() if "==" in line}
    assert not [f"{name}: {line}" for name, lines in groups().items() for line in lines if normal(line) not in locked]
