"""The stand-in for Redshift as tests of it hold it: one a file, emptied for each test, asked by the real driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import redshift_connector
from redshift_connector.core import Connection
from redshift_connector.error import ProgrammingError

from tests.standins.redshift import Redshift, redshift

NO_S3 = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def module_warehouse() -> Iterator[Redshift]:
    """Runs while the file's tests do."""
    with redshift(s3_address=NO_S3) as running:
        yield running


@pytest.fixture
def warehouse(module_warehouse: Redshift) -> Redshift:
    """Empty, but for a schema."""
    module_warehouse.reset()
    do(module_warehouse, "create schema finance")
    return module_warehouse


@contextmanager
def connected(warehouse: Redshift, *, autocommit: bool = False, **said: Any) -> Iterator[Connection]:
    """A client."""
    with closing(redshift_connector.connect(**{**warehouse.client, **said})) as connection:
        connection.autocommit = autocommit
        yield connection


def do(warehouse: Redshift, *statements: str) -> list[tuple[Any, ...]]:
    """Each statement for itself; the rows of the last."""
    with connected(warehouse, autocommit=True) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def refusal(warehouse: Redshift, *statements: str) -> tuple[str, str]:
    """SQLSTATE and message with which the last statement is refused."""
    do(warehouse, *statements[:-1])
    with pytest.raises(ProgrammingError) as refused:
        do(warehouse, statements[-1])
    return said(refused.value)


def said(error: Exception) -> tuple[str, str]:
    """SQLSTATE and message of the driver's error."""
    return error.args[0]["C"], error.args[0]["M"]
