"""A small mart, its dataset in the Domo stand-in, and a clock that pauses move on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from lakehouse_platform.contracts.contract import Column, Contract
from lakehouse_platform.contracts.serving import Publication, Update
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.domo.base import Patience
from lakehouse_platform.domo.instance import Instance
from lakehouse_platform.domo.public import DomoApi
from lakehouse_platform.engines.base import Commit, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.naming import Zone
from lakehouse_platform.publish.dataset import Published, publish_dataset
from lakehouse_platform.publish.domo import DomoDestination, Pace
from lakehouse_platform.publish.refresh import Refreshed, refresh_dataset
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.rows import declared
from tests.core.small_lake import CONTRACTS
from tests.standins.domo.stand_in import DomoStandIn, domo_stand_in

NAME = "Sales"
TYPES = {"id": "bigint", "region": "text", "sold_on": "date", "amount": "numeric(12,2)", "seen_at": "timestamptz"}
CONTRACT: Contract = replace(
    CONTRACTS["finance.kpi_revenue_daily"], table="sales", key=("id",), rules=(), owner="team:finance",
    columns=tuple(Column(name, name, parse_type(type_)) for name, type_ in TYPES.items()),
    publication=Publication(NAME, "What was sold", ("sales",)))
Row = tuple[object, ...]
SEEN = dt.datetime(2026, 11, 2, 5, 30, tzinfo=dt.UTC)


def sale(number: int, amount: str = "1.00", region: str = "north", day: int = 2) -> Row:
    """A row of the mart."""
    return number, region, dt.date(2026, 11, day), Decimal(amount), SEEN


def serving(update: Update = Update.REPLACE, contract: Contract = CONTRACT, **said: object) -> Contract:
    """The contract with another publication."""
    held = contract.publication
    assert held is not None
    return replace(contract, publication=replace(held, update=update, **said))  # type: ignore[arg-type] # one helper for all keys


@dataclass
class Shop:
    """A lake with the mart, and the account that it is published to."""

    lake: Lake
    domo: DomoStandIn
    pace: Pace = field(default_factory=Pace)
    with_instance: bool = True
    part_bytes: int = 1 << 20
    paused: list[float] = field(default_factory=list)

    @property
    def patience(self) -> Patience:
        """Pauses move the account's clock on; nobody waits."""
        return Patience(tries=4, first_pause=0.01, clock=self.now, pause=self.pause)

    def now(self) -> dt.datetime:
        """The account's time."""
        return dt.datetime.fromtimestamp(self.domo.account.now, dt.UTC)

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.paused.append(seconds)
        self.domo.move_clock(seconds)

    @property
    def api(self) -> DomoApi:
        """A client of the account."""
        said = self.domo.environment
        return DomoApi(said["LAKEHOUSE_DOMO_CLIENT"], said["LAKEHOUSE_DOMO_SECRET"], said["LAKEHOUSE_DOMO_API"], self.patience)

    @property
    def instance(self) -> Instance:
        """The instance's own interface."""
        said = self.domo.environment
        return Instance(said["LAKEHOUSE_DOMO_INSTANCE"], said["LAKEHOUSE_DOMO_TOKEN"], self.patience)

    @contextmanager
    def destination(self) -> Iterator[DomoDestination]:
        """The account as a destination."""
        api, instance = self.api, self.instance
        try:
            yield DomoDestination(api, instance if self.with_instance else None, self.pace)
        finally:
            api.close()
            instance.close()

    def build(self, *rows: Row, contract: Contract = CONTRACT) -> None:
        """A new version of the mart."""
        columns, uri = declared(contract), self.lake.uri(Zone.CURATED, contract)
        schema = self.lake.engine.schema(columns)
        self.lake.engine.create(TableSpec(uri, columns))
        held = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema=schema)
        self.lake.engine.open(uri).replace(held.to_reader(), Commit("test"))

    def publish(self, contract: Contract = CONTRACT) -> Refreshed:
        """Bring the dataset to the mart's newest version."""
        with self.destination() as destination:
            return refresh_dataset(self.lake, destination, contract, part_bytes=self.part_bytes, clock=self.now)

    def send(self, *rows: Row, contract: Contract = CONTRACT) -> Published:
        """Replace the dataset's rows, without a mart."""
        schema = self.lake.engine.schema(declared(contract))
        held = pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)
        with self.destination() as destination:
            return publish_dataset(destination, contract, held.to_reader(), part_bytes=self.part_bytes)

    def later(self, minutes: float = 16) -> None:
        """Let time pass until the next commit is taken."""
        self.domo.move_clock(minutes * 60)

    def ids(self, name: str = NAME) -> list[object]:
        """Keys that a reader of the dataset sees, in order."""
        return sorted(row["id"] for row in self.domo.reader(name))

    def amounts(self, name: str = NAME) -> dict[object, object]:
        """Amounts that a reader of the dataset sees."""
        return {row["id"]: row["amount"] for row in self.domo.reader(name)}

    def modes(self) -> Sequence[str]:
        """How rows came into the dataset, one word a commit."""
        return [commit.method for commit in self.domo.commits(NAME)]


@contextmanager
def shop(folder: Path) -> Iterator[Shop]:
    """An empty lake and an empty account."""
    with domo_stand_in() as domo:
        yield Shop(Lake(str(folder / "lake"), PolarsEngine()), domo)
