from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse_platform import faults
from lakehouse_platform.contracts.contract import Column, Contract
from lakehouse_platform.contracts.serving import Publication
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.errors import UnknownName
from lakehouse_platform.publish.dataset import dataset_spec, publish_dataset
from lakehouse_platform.publish.destination import DatasetSpec, Known, PublicationIncomplete, PublicationRefused
from lakehouse_platform.publish.folder import ExecutionClosed, FolderDataset, FolderDestination, folder_name, read_dataset
from tests.core.small_lake import CONTRACTS

TYPES = {
    "id": "bigint", "small": "smallint", "flag": "boolean", "ratio": "double precision", "rate": "numeric(38,9)", "text": "text",
    "on_day": "date", "seen_at": "timestamptz",
}
CONTRACT: Contract = replace(
    CONTRACTS["finance.kpi_revenue_daily"], columns=tuple(Column(name, name, parse_type(type_)) for name, type_ in TYPES.items()),
    key=("id",), rules=(), publication=Publication("Odd things", "All of them", ("odd",)),
)
COLUMNS: list[tuple[str, pa.DataType]] = [
    ("id", pa.int64()), ("small", pa.int16()), ("flag", pa.bool_()), ("ratio", pa.float64()), ("rate", pa.decimal128(38, 9)),
    ("text", pa.string()), ("on_day", pa.date32()), ("seen_at", pa.timestamp("us", "UTC")),
]
SCHEMA = pa.schema(COLUMNS)
MOST = Decimal("99999999999999999999999999999.999999999")
ODD_TEXT = 'tab\tline\nquote" , \\N 🏭'
FIVE = dt.datetime(2026, 11, 2, 5, tzinfo=dt.UTC)
LAST = dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)
ODD: list[dict[str, object]] = [
    {"id": 1, "small": -7, "flag": True, "ratio": 0.1, "rate": Decimal("0.000000001"), "text": "",
     "on_day": dt.date(1, 1, 1), "seen_at": LAST},
    {"id": 2, "small": None, "flag": False, "ratio": None, "rate": MOST, "text": ODD_TEXT,
     "on_day": dt.date(9999, 12, 31), "seen_at": FIVE},
    {"id": 3, "small": 0, "flag": None, "ratio": -1e300, "rate": None, "text": None, "on_day": None, "seen_at": None},
]


class Stopped(Exception):
    """What a planted fault raises."""


@pytest.fixture
def stop_at() -> Iterator[list[str]]:
    points: list[str] = []

    def hook(point: str) -> None:
        if point in points:
            raise Stopped(point)

    faults.install(hook)
    yield points
    faults.install(None)


def reader(rows: list[dict[str, object]], *, batch: int = 1000) -> pa.RecordBatchReader:
    return pa.Table.from_pylist(rows, schema=SCHEMA).to_reader(max_chunksize=batch)


def numbered(count: int) -> list[dict[str, object]]:
    return [{**ODD[2], "id": n} for n in range(count)]


def ids(root: Path) -> list[object]:
    return read_dataset(root, "Odd things").column("id").to_pylist()


def test_types_are_explicit() -> None:
    assert [(c.name, str(c.type)) for c in dataset_spec(CONTRACT).columns] == [
        ("id", "LONG"), ("small", "LONG"), ("flag", "LONG"), ("ratio", "DOUBLE"), ("rate", "DECIMAL"), ("text", "STRING"),
        ("on_day", "DATE"), ("seen_at", "DATETIME"),
    ]


def test_values_arrive_exactly(tmp_path: Path) -> None:
    publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(ODD))
    assert [tuple(row.values()) for row in read_dataset(tmp_path, "Odd things").to_pylist()] == [
        (1, -7, 1, 0.1, "0.000000001", "", dt.date(1, 1, 1), LAST.replace(tzinfo=None)),
        (2, None, 0, None, str(MOST), ODD_TEXT, dt.date(9999, 12, 31), FIVE.replace(tzinfo=None)),
        (3, 0, None, -1e300, None, None, None, None),
    ]


def test_parts_are_closed_at_their_size_and_rows_keep_their_order(tmp_path: Path) -> None:
    done = publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(numbered(2500)), part_bytes=1)
    assert (done.rows, done.parts) == (2500, 3)
    assert ids(tmp_path) == list(range(2500))


def test_parts_are_gzip_csv_without_a_header(tmp_path: Path) -> None:
    done = publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(ODD[:1]))
    (part,) = tmp_path.glob("*/executions/*/part-*.csv.gz")
    assert gzip.decompress(part.read_bytes()).decode() == '1,-7,1,0.1,"0.000000001","",0001-01-01,"9999-12-31T23:59:59.999999"\n'
    assert done.bytes == part.stat().st_size


def test_empty_mart_is_an_empty_dataset(tmp_path: Path) -> None:
    publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(ODD))
    assert publish_dataset(FolderDestination(tmp_path), CONTRACT, reader([])).rows == 0
    assert ids(tmp_path) == []


def test_publishing_again_replaces_and_keeps_one_execution_for_slow_readers(tmp_path: Path) -> None:
    for count in (5, 3, 1):
        publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(numbered(count)))
    assert ids(tmp_path) == [0]
    assert sorted(place.name for place in tmp_path.glob("*/executions/*")) == ["00000002", "00000003"]


def test_source_that_fails_half_way_aborts(tmp_path: Path) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from reader(numbered(10), batch=5)
        raise Stopped

    publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(numbered(2)))
    with pytest.raises(Stopped):
        publish_dataset(FolderDestination(tmp_path), CONTRACT, pa.RecordBatchReader.from_batches(SCHEMA, batches()), part_bytes=1)
    assert ids(tmp_path) == [0, 1]
    assert len(list(tmp_path.glob("*/executions/*"))) == 1


@pytest.mark.parametrize(("point", "seen"), [("publish.commit.before", [0, 1]), ("publish.commit.after", [0, 1, 2])])
def test_reader_sees_old_or_new_rows_when_the_commit_dies(tmp_path: Path, stop_at: list[str], point: str, seen: object) -> None:
    publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(numbered(2)))
    stop_at.append(point)
    with pytest.raises(Stopped):
        publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(numbered(3)))
    assert ids(tmp_path) == seen
    stop_at.clear()
    publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(numbered(4)))
    assert ids(tmp_path) == [0, 1, 2, 3]


def test_execution_left_open_by_a_dead_process_is_taken_away(tmp_path: Path) -> None:
    dataset = FolderDestination(tmp_path).adopt(dataset_spec(CONTRACT))
    left = dataset.begin()
    left.upload(1, b"")
    publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(numbered(1)))
    with pytest.raises(ExecutionClosed):
        left.commit()
    assert ids(tmp_path) == [0]


def test_schema_changes_with_the_rows(tmp_path: Path) -> None:
    publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(ODD))
    one = replace(CONTRACT, columns=CONTRACT.columns[:1])
    FolderDestination(tmp_path).adopt(dataset_spec(one))
    assert len(read_dataset(tmp_path, "Odd things").column_names) == len(TYPES)
    publish_dataset(FolderDestination(tmp_path), one, reader(ODD).read_all().select(["id"]).to_reader())
    assert read_dataset(tmp_path, "Odd things").column_names == ["id"]


def test_classified_columns_do_not_leave(tmp_path: Path) -> None:
    columns = tuple(replace(c, classification="restricted") if c.name == "text" else c for c in CONTRACT.columns)
    secret = replace(CONTRACT, columns=columns)
    with pytest.raises(PublicationRefused, match=r"classified columns \(text\)"):
        publish_dataset(FolderDestination(tmp_path), secret, reader(ODD))
    assert list(tmp_path.iterdir()) == []


def test_binary_has_no_place_in_a_dataset() -> None:
    with pytest.raises(PublicationRefused, match="blob is binary, which no dataset can hold"):
        dataset_spec(replace(CONTRACT, columns=(Column("blob", "blob", parse_type("bytea")),)))


def test_mart_without_a_dataset_is_refused() -> None:
    with pytest.raises(PublicationRefused, match="names no dataset"):
        dataset_spec(replace(CONTRACT, publication=None))


def test_rows_with_other_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PublicationRefused, match="rows have the columns id,"):
        publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(ODD).read_all().select(["id"]).to_reader())


class ForgetfulDataset(FolderDataset):
    """A dataset that loses a row of what it was sent."""

    def row_count(self, expected: int | None = None) -> int:
        return super().row_count(expected) - 1


class Forgetful(FolderDestination):
    """Where such datasets are."""

    def adopt(self, spec: DatasetSpec, known: Known | None = None) -> ForgetfulDataset:
        return ForgetfulDataset(super().adopt(spec, known)._folder, spec)


def test_rows_that_are_lost_on_the_way_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(PublicationIncomplete, match="holds 2 rows after 3 were sent"):
        publish_dataset(Forgetful(tmp_path), CONTRACT, reader(ODD))


def test_unknown_dataset_offers_the_nearest(tmp_path: Path) -> None:
    publish_dataset(FolderDestination(tmp_path), CONTRACT, reader(ODD))
    with pytest.raises(UnknownName, match='Did you mean "Odd things"'):
        read_dataset(tmp_path, "Odd thing")


def test_alike_names_have_folders_of_their_own() -> None:
    assert len({folder_name("Revenue by day"), folder_name("Revenue-by-day"), folder_name("Révenue by day")}) == 3
