"""A landed file as a source: read once, as one batch."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, Contract, Landing
from lakehouse_platform.errors import SourceError
from lakehouse_platform.sources.base import Reading, Request, SourceColumn
from lakehouse_platform.sources.landing.base import Files, LandedFile
from lakehouse_platform.sources.landing.columns import require_columns, source_columns
from lakehouse_platform.sources.landing.content import open_content
from lakehouse_platform.sources.landing.rows import Shape

PLACES = 2**31
"""Places in `_seq` for each second: files that landed in it follow each other there, each with as many as it has rows."""
ROWS = 16384
"""That are worked on at a time, however many a format hands over."""


@dataclass(slots=True)
class LandedSource:
    """One landed file."""

    files: Files
    file: LandedFile
    time_zone: str
    """Where business days begin, and what wall-clock times mean where the contract says nothing."""

    def describe(self, contract: Contract) -> Sequence[SourceColumn]:
        """Columns of the file. Raises MalformedFile, and FileGone where it is not there any more."""
        landing, _ = _wanted(contract)
        with self._content() as path:
            return source_columns(contract, landing, open_content(path, landing)[0])

    @contextmanager
    def read(self, request: Request) -> Iterator[Reading]:
        """The file's rows. Raises MalformedFile, now or while they are read, and FileGone where it is not there any more."""
        contract, (landing, capture) = request.contract, _wanted(request.contract)
        with self._content() as path:
            held, batches = open_content(path, landing)
            require_columns(contract, held)
            position = position_of(self.file.landed_at, request.taken)
            shape = Shape(contract, capture, held, landing.time_zone or self.time_zone, self.file.landed_at, position)
            yield Reading(
                rows=pa.RecordBatchReader.from_batches(shape.schema, _change_rows(shape, batches)),
                low=request.low, high=0, running=0, position=position if capture.mode is Capture.SNAPSHOT else None,
                seen_at=self.file.landed_at, effective_at=self.file.landed_at, columns=source_columns(contract, landing, held),
                origin=self.file.path,
            )  # fmt: skip

    @contextmanager
    def _content(self) -> Iterator[Path]:
        """The content on this machine: some formats are read from the end, others twice."""
        with tempfile.TemporaryDirectory(prefix="lakehouse-landed-") as folder:
            path = Path(folder) / "file"
            self.files.fetch(self.file, path)
            yield path


def position_of(landed_at: dt.datetime, taken: Sequence[int]) -> int:
    """First `_seq` of a file: by the second in which it landed, and behind what Raw holds of that second.

    S3 tells no fractions of a second. Files of one second are taken in by their names.
    """
    begins = int(landed_at.timestamp()) * PLACES
    return max((last + 1 for last in taken if begins <= last < begins + PLACES), default=begins)


def _wanted(contract: Contract) -> tuple[Landing, CaptureSpec]:
    if not isinstance(contract.source, Landing) or contract.capture is None:
        raise SourceError(f"{contract.name} does not come in files: its contract names another source.")
    return contract.source, contract.capture


def _change_rows(shape: Shape, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    first = 0
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS):
            piece = batch.slice(start, ROWS)
            yield shape.rows(piece, first)
            first += piece.num_rows
