"""JSON Lines: UTF-8, one object a line. Numbers keep the digits that they were written with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from lakehouse_platform.contracts.contract import Landing
from lakehouse_platform.sources.landing.base import MalformedFile

LONGEST = 8 << 20
"""Bytes that a line may have."""
ROWS = 8192
"""Objects in a batch."""


def read_json(path: Path, landing: Landing) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:  # noqa: ARG001 (readers have one signature)
    """Columns that any object has, and rows; the file is read twice. Raises MalformedFile."""
    names: dict[str, None] = {}
    for found in _objects(path):
        names.update(dict.fromkeys(found))
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    return schema, _batches(path, schema)


def _batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    objects = _objects(path)
    while rows := list(islice(objects, ROWS)):
        columns = [pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in schema.names]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _objects(path: Path) -> Iterator[dict[str, object]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                raise MalformedFile(f"Line {number} is longer than {LONGEST >> 20} MB.")
            if line.strip():
                yield _object(line, number)


def _object(line: bytes, number: int) -> dict[str, object]:
    try:
        found = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_int=str, parse_float=str)
    except UnicodeDecodeError:
        raise MalformedFile(f"Line {number} is not UTF-8.") from None
    except (json.JSONDecodeError, RecursionError):
        raise MalformedFile(f"Line {number} is not JSON: one whole object must stand on each line.") from None
    if not isinstance(found, dict):
        raise MalformedFile(f"Line {number} is not an object: one whole object must stand on each line.")
    return found


def _text(value: object) -> str | None:
    """A value as text; what is nested as JSON, its numbers as texts."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
