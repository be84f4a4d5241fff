"""CSV: UTF-8, a header line, values in quotes where they need them. Every value is text; nothing between delimiters is NULL."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, cast

import pyarrow as pa
import pyarrow.csv

from lakehouse_platform.contracts.contract import Landing
from lakehouse_platform.sources.landing.base import MalformedFile

BLOCK = 1 << 20
"""Bytes that are parsed at a time, of which Arrow reads 32 ahead; no row may be longer."""


def read_csv(path: Path, landing: Landing) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Columns by the header, and rows. Raises MalformedFile."""
    with path.open("rb") as file:
        line = file.readline(BLOCK)
        after = file.tell()
    names = _header(line, landing.delimiter)
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    rows = _rows(path, after, names, landing.delimiter) if path.stat().st_size > after else iter(())
    return schema, rows


def _header(line: bytes, delimiter: str) -> list[str]:
    try:
        names = next(csv.reader([line.decode("utf-8-sig")], delimiter=delimiter, strict=True), [])
    except UnicodeDecodeError:
        raise MalformedFile("Line 1 is not UTF-8.") from None
    except csv.Error:
        raise MalformedFile("Line 1, the header, cannot be read: a quotation mark is not closed, or stands within a value.") from None
    if not any(names):
        raise MalformedFile("Line 1 names no column: the first line must be the header.")
    return names


def _rows(path: Path, after: int, names: list[str], delimiter: str) -> Iterator[pa.RecordBatch]:
    ragged = _Ragged()
    with path.open("rb") as file, _checked(file, after) as checked:
        try:
            for batch in _open(checked, names, delimiter, ragged):
                ragged.check()
                yield batch
        except pa.ArrowInvalid:
            # What it says may quote the row.
            ragged.check()
            raise MalformedFile(
                f"It cannot be parsed: a row is longer than {BLOCK >> 20} MB, or a quotation mark is not closed.") from None
        ragged.check()


def _open(file: _checked, names: list[str], delimiter: str, ragged: _Ragged) -> Iterator[pa.RecordBatch]:
    yield from pyarrow.csv.open_csv(
        cast("IO[bytes]", file),
        pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names),
        pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=ragged),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=False),
    )


@dataclass
class _Ragged:
    """The first row with more or fewer values than the header."""

    found: list[str] = field(default_factory=list)

    def __call__(self, row: pyarrow.csv.InvalidRow) -> Literal["skip"]:
        where = f"Row {row.number} after the header" if row.number is not None else "A row"
        if not self.found:
            self.found.append(f"{where} has {row.actual_columns} values, and the header has {row.expected_columns}.")
        return "skip"

    def check(self) -> None:
        if self.found:
            raise MalformedFile(self.found[0])


class _checked(io.RawIOBase):  # noqa: N801 (used as a function)
    """A file's bytes from a place on, which must be UTF-8."""

    def __init__(self, file: io.BufferedReader, start: int) -> None:
        self._file, self._line, self._marks = file, 2, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(start)

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes. Raises MalformedFile with the line of the first that are not UTF-8, or at the end of an open quotation."""
        piece = self._file.read(size)
        try:
            self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            line = self._line + piece[:max(error.start, 0)].count(b"\n")
            raise MalformedFile(f"Line {line} is not UTF-8.") from None
        self._line += piece.count(b"\n")
        self._marks += piece.count(b'"')
        if not piece and self._marks % 2:
            raise MalformedFile("A quotation mark is not closed, or stands in a value that is not itself in quotation marks.")
        return piece
