"""What a destination of datasets must do: the steps of Domo's stream API, whoever plays its part."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lakehouse_platform.errors import TerminalError, TransientError


class DatasetType(StrEnum):
    """Types that Domo has."""

    STRING = "STRING"
    LONG = "LONG"
    DECIMAL = "DECIMAL"
    DOUBLE = "DOUBLE"
    DATE = "DATE"
    DATETIME = "DATETIME"


@dataclass(frozen=True, slots=True)
class DatasetColumn:
    """A column of a dataset."""

    name: str
    type: DatasetType


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A dataset as it should be."""

    name: str
    """Title; there is one dataset of a name."""
    description: str
    tags: tuple[str, ...]
    columns: tuple[DatasetColumn, ...]


class PublicationRefused(TerminalError):
    """A mart cannot become a dataset as its contract stands."""


class PublicationIncomplete(TransientError):
    """The destination does not hold the rows that were sent."""


class Execution(Protocol):
    """One replacement of a dataset's rows: numbered parts, then commit or abort."""

    @property
    def id(self) -> str:
        """Its name at the destination."""
    def upload(self, number: int, part: bytes) -> None:
        """Send a part: CSV without a header, compressed by gzip. Numbers begin at 1; a part sent again replaces itself."""
    def commit(self) -> None:
        """Show readers all parts instead of the rows before them; returns when they see them."""
    def abort(self) -> None:
        """Forget the parts; readers keep the rows they have."""


class Dataset(Protocol):
    """A dataset at the destination."""

    @property
    def id(self) -> str:
        """Its name at the destination."""
    def begin(self) -> Execution:
        """Open an execution; one that was left open is aborted."""
    def row_count(self) -> int:
        """Rows that readers see."""


class Destination(Protocol):
    """Where datasets go."""

    def adopt(self, spec: DatasetSpec) -> Dataset:
        """The dataset of that name, created where there is none, with the schema and description of `spec` from its next commit on."""
