"""What a landed file holds, whichever its format: columns, and batches of rows in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from lakehouse_platform.contracts.contract import FileFormat, Landing
from lakehouse_platform.sources.landing.base import MalformedFile
from lakehouse_platform.sources.landing.delimited import read_csv
from lakehouse_platform.sources.landing.json_lines import read_json
from lakehouse_platform.sources.landing.parquet import read_parquet

Content = tuple[pa.Schema, Iterator[pa.RecordBatch]]
_READERS: Mapping[FileFormat, Callable[[Path, Landing], Content]] = {
    FileFormat.CSV: read_csv, FileFormat.JSON: read_json, FileFormat.PARQUET: read_parquet,
}


def open_content(path: Path, landing: Landing) -> Content:
    """Schema and rows of a file. Raises MalformedFile, now or while the rows are read; it never tells a value."""
    if path.stat().st_size == 0:
        raise MalformedFile("The file is empty.")
    schema, batches = _READERS[landing.format](path, landing)
    if len(set(schema.names)) < len(schema.names):
        raise MalformedFile("Two columns have the same name.")
    return schema, batches
