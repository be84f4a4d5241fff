"""The embedded destination: a folder a dataset, whose rows change in one step of the file system."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
from pyarrow import csv

from lakehouse_platform import faults
from lakehouse_platform.errors import TerminalError, UnknownName, did_you_mean
from lakehouse_platform.publish.destination import DatasetSpec, DatasetType, Flow, Known, Method, PublicationRefused, Restatement, Takes

POINTER = "current.json"
KEPT = 2
"""Committed executions that stay: the current one, and the one that a slow reader may be in."""

_ARROW: Mapping[str, pa.DataType] = {
    DatasetType.STRING: pa.string(), DatasetType.LONG: pa.int64(), DatasetType.DOUBLE: pa.float64(), DatasetType.DECIMAL: pa.string(),
    DatasetType.DATE: pa.date32(), DatasetType.DATETIME: pa.timestamp("us"),
}


class ExecutionClosed(TerminalError):
    """An execution was used after its commit or abort, or after another one began."""


class FolderDestination:
    """Datasets as folders below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def adopt(self, spec: DatasetSpec, known: Known | None = None) -> FolderDataset:  # noqa: ARG002 - a folder is found by its name
        """The dataset of that name, its folder made where there is none."""
        folder = self._root / folder_name(spec.name)
        (folder / "executions").mkdir(parents=True, exist_ok=True)
        return FolderDataset(folder, spec)


class FolderDataset:
    """One dataset: `executions/<id>/` with `schema.json` and parts, and `current.json`, which says what readers see."""

    def __init__(self, folder: Path, spec: DatasetSpec) -> None:
        self._folder = folder
        self._spec = spec

    @property
    def id(self) -> str:
        """Name of its folder."""
        return self._folder.name

    @property
    def mark(self) -> str:
        """Empty."""
        return ""

    @property
    def takes(self) -> Takes:
        """All rows anew, and nothing else."""
        return Takes()

    def admit(self) -> None:
        """A folder takes a commit at any time."""

    def prepare(self) -> None:
        """Columns come with the rows; a folder has no rules of who sees what but the file system's."""

    def restore(self) -> None:
        """Columns go with the rows."""

    def begin(self, method: Method = Method.REPLACE) -> FolderExecution:
        """Open an execution; what an earlier one left uncommitted goes. Raises PublicationRefused for rows that would be added."""
        if method is not Method.REPLACE:
            raise PublicationRefused(f"{self._folder}: a folder takes all rows anew, and no {method}")
        committed = _committed(self._folder)
        for left in _executions(self._folder):
            if left.name not in committed:
                shutil.rmtree(left)
        number = 1 + max((int(found.name) for found in _executions(self._folder)), default=0)
        place = self._folder / "executions" / f"{number:08}"
        place.mkdir()
        _write(place / "schema.json", _described(self._spec))
        return FolderExecution(self._folder, place)

    def restate(self) -> Restatement:
        """Raises PublicationRefused: a folder is not divided."""
        raise PublicationRefused(f"{self._folder}: a folder takes all rows anew, and no divisions")

    def divisions(self) -> frozenset[str]:
        """None."""
        return frozenset()

    def row_count(self, expected: int | None = None) -> int:  # noqa: ARG002 - what is committed is seen at once
        """Rows that readers see, counted anew; none before the first commit."""
        return sum(batch.num_rows for batch in _batches(self._folder)[1]) if (self._folder / POINTER).exists() else 0

    def settle(self) -> None:
        """Description and tags come with the rows."""

    def flow(self) -> Flow | None:
        """None."""
        return None


class FolderExecution:
    """One replacement of a dataset's rows."""

    def __init__(self, folder: Path, place: Path) -> None:
        self._folder = folder
        self._place = place

    @property
    def id(self) -> str:
        """Its number."""
        return self._place.name

    def upload(self, number: int, part: bytes) -> None:
        """Keep a part; a part sent again replaces itself."""
        self._check_open()
        (self._place / f"part-{number:05}.csv.gz").write_bytes(part)

    def commit(self) -> None:
        """Turn readers to this execution, all at once, and take old ones away."""
        self._check_open()
        committed = [*_committed(self._folder)[-KEPT + 1:], self.id]
        staged = self._folder / f".{POINTER}"
        _write(staged, {"execution": self.id, "committed": committed})
        faults.reach("publish.commit.before")
        staged.replace(self._folder / POINTER)
        faults.reach("publish.commit.after")
        for old in _executions(self._folder):
            if old.name not in committed:
                shutil.rmtree(old)

    def abort(self) -> None:
        """Take the parts away; readers notice nothing. After the commit it does nothing."""
        if self.id not in _committed(self._folder):
            shutil.rmtree(self._place, ignore_errors=True)

    def _check_open(self) -> None:
        if not self._place.is_dir() or self.id in _committed(self._folder):
            raise ExecutionClosed(f"{self._place}: the execution has ended; begin another one")


def read_dataset(root: Path, name: str) -> pa.Table:
    """Rows of the dataset called `name`, as its readers see them; decimals as text, instants naive UTC. Raises UnknownName."""
    folder = root / folder_name(name)
    if not (folder / POINTER).exists():
        names = [json.loads((f.parent / "executions" / _committed(f.parent)[-1] / "schema.json").read_text())["name"]
                 for f in sorted(root.glob(f"*/{POINTER}"))]
        raise UnknownName(f'There is no dataset "{name}" in {root}. {did_you_mean(name, names, noun="datasets")}')
    return read_folder(folder)


def read_folder(folder: Path) -> pa.Table:
    """Rows of a dataset by its folder."""
    schema, batches = _batches(folder)
    return pa.Table.from_batches(list(batches), schema=schema)


def folder_name(name: str) -> str:
    """Folder of a dataset: its name in plain letters, and a mark that keeps alike names apart."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"{re.sub('[^a-z0-9]+', '_', plain.lower()).strip('_')[:60]}-{sha256(name.encode()).hexdigest()[:6]}"


def _batches(folder: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    place = folder / "executions" / _committed(folder)[-1]
    columns: list[dict[str, str]] = json.loads((place / "schema.json").read_text())["columns"]
    schema = pa.schema([(column["name"], _ARROW[column["type"]]) for column in columns])
    parts = sorted(place.glob("part-*.csv.gz"))
    return schema, (batch for part in parts for batch in _read_part(part, schema))


def _read_part(part: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with gzip.open(part) as opened:
        if not opened.read(1):
            return
    with pa.input_stream(str(part), compression="gzip") as stream:
        yield from csv.open_csv(
            cast("IO[bytes]", stream), csv.ReadOptions(column_names=schema.names), csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False),
        )


def _committed(folder: Path) -> list[str]:
    """Executions that were committed and are still there, the current one last."""
    pointer = folder / POINTER
    return list(json.loads(pointer.read_text())["committed"]) if pointer.exists() else []


def _executions(folder: Path) -> list[Path]:
    return sorted((folder / "executions").iterdir())


def _described(spec: DatasetSpec) -> dict[str, object]:
    return {**asdict(spec), "tags": list(spec.tags), "columns": [asdict(column) for column in spec.columns]}


def _write(file: Path, content: Mapping[str, object]) -> None:
    with file.open("w", encoding="utf-8") as opened:
        json.dump(content, opened, ensure_ascii=False, indent=2)
        opened.flush()
        os.fsync(opened.fileno())
