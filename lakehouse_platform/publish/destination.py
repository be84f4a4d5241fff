"""What a destination of datasets must do: the steps of Domo's stream API, whoever plays its part."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Protocol

from lakehouse_platform.contracts.serving import RowPolicy, Update
from lakehouse_platform.errors import TerminalError, TransientError


class DatasetType(StrEnum):
    """Types that Domo has."""

    STRING = "STRING"
    LONG = "LONG"
    DECIMAL = "DECIMAL"
    DOUBLE = "DOUBLE"
    DATE = "DATE"
    DATETIME = "DATETIME"


class Method(StrEnum):
    """What becomes of the rows that a dataset has."""

    REPLACE = "REPLACE"
    """They go."""
    APPEND = "APPEND"
    """They stay, but for those whose key comes again, where the dataset has a key."""


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
    mart: str = ""
    """`domain.table` that it is made of."""
    key: tuple[str, ...] = ()
    """The mart's; empty where it has none."""
    update: Update = Update.REPLACE
    division: str | None = None
    """Column by whose values it is divided."""
    owner: str | None = None
    """E-mail address."""
    row_access: tuple[RowPolicy, ...] = ()
    dataflow: str | None = None

    @property
    def schema(self) -> str:
        """Fingerprint of its columns."""
        return sha256(",".join(f"{column.name} {column.type}" for column in self.columns).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Known:
    """A dataset that a mart was published to before."""

    id: str
    mark: str
    """`Dataset.mark` of then."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What a dataset takes beside all its rows anew."""

    key: tuple[str, ...] = ()
    """Columns by which appended rows take the place of others; empty where none do."""
    division: str | None = None
    """Column whose values are sent and dropped on their own."""
    at_once: int = 1
    """Parts that may be sent at the same time."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A dataflow that ran on a dataset."""

    dataflow: str
    execution: str
    state: str
    """In the destination's word."""
    succeeded: bool


class PublicationRefused(TerminalError):
    """A mart cannot become a dataset as its contract stands."""


class PublicationIncomplete(TransientError):
    """The destination does not hold the rows that were sent."""


class PublicationTooSoon(TransientError):
    """The destination takes no commit yet."""

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class Execution(Protocol):
    """One change of a dataset's rows: numbered parts, then commit or abort."""

    @property
    def id(self) -> str:
        """Its name at the destination."""
    def upload(self, number: int, part: bytes) -> None:
        """Send a part: CSV without a header, compressed by gzip. Numbers begin at 1; a part sent again replaces itself."""
    def commit(self) -> None:
        """Show readers what was sent, and what the method leaves of the rows before; returns when they see it."""
    def abort(self) -> None:
        """Forget the parts; readers keep the rows they have. Does nothing after the commit."""


class Restatement(Protocol):
    """One change of a dataset's divisions: all of it is shown at once."""

    @property
    def id(self) -> str:
        """Its name at the destination."""
    def division(self, name: str) -> Execution:
        """A division's rows anew; the commit is not seen before that of the whole."""
    def drop(self, name: str) -> None:
        """Take a division's rows away, not seen before the commit."""
    def commit(self) -> None:
        """Show readers all of it; returns when they see it."""


class Dataset(Protocol):
    """A dataset at the destination."""

    @property
    def id(self) -> str:
        """Its name at the destination."""
    @property
    def mark(self) -> str:
        """What has to be remembered of it to publish to it again, and cannot be asked; empty where there is nothing."""
    @property
    def takes(self) -> Takes:
        """What may be sent to it."""
    def admit(self) -> None:
        """Wait until a commit would be taken. Raises PublicationTooSoon where that is too long."""
    def prepare(self) -> None:
        """Give it its columns, and the rules of who sees what; before rows are sent."""
    def restore(self) -> None:
        """Give it back the columns that it had before `prepare`, unless rows under the new ones have come or still may."""
    def begin(self, method: Method = Method.REPLACE) -> Execution:
        """Open an execution; one that was left open is aborted."""
    def restate(self) -> Restatement:
        """Begin to change divisions."""
    def divisions(self) -> frozenset[str]:
        """Names of the divisions that it has."""
    def row_count(self, expected: int | None = None) -> int:
        """Rows that readers see; where they are not as many as `expected`, it is looked again for a while."""
    def settle(self) -> None:
        """Give it its description, tags and owner, and take rules away that are no longer wanted; after rows were sent."""
    def flow(self) -> Flow | None:
        """Run the dataflow that it feeds, to its end; None where there is none."""


class Destination(Protocol):
    """Where datasets go."""

    def adopt(self, spec: DatasetSpec, known: Known | None = None) -> Dataset:
        """The dataset that is `known`, or else the one of that name, created where there is none.

        What it says of itself changes with `prepare` and `settle`.
        """
