"""Fixtures over the stand-ins; a test file imports the ones that it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.account import StandIns, stand_ins
from tests.standins.jars import image_jars


@pytest.fixture(scope="module")
def aws_jars() -> Path:
    """Folder of the jars that the services' images hold."""
    return image_jars()


@pytest.fixture(scope="module")
def module_stand_ins(aws_jars: Path) -> Iterator[StandIns]:
    """Stand-ins that a file's tests share; the process's environment leads there."""
    with stand_ins(jars=aws_jars) as running:
        yield running


@pytest.fixture
def aws_stand_ins(module_stand_ins: StandIns) -> Iterator[StandIns]:
    """The same, and no fault outlives the test that planned it."""
    yield module_stand_ins
    module_stand_ins.faults.clear()
