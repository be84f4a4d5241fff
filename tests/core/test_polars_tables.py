"""Delta tables through the engine: where they lie, and what a commit says."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines.base import Commit, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.errors import CommitConflict, UnknownName

ENGINE = PolarsEngine()
COLUMNS = {"id": LakeType(Kind.INT64), "part": LakeType(Kind.STRING)}
ROWS = pa.table({"id": pa.array([1, 2], pa.int64()), "part": ["a", "b"]})


def created(folder: Path) -> str:
    ENGINE.create(TableSpec(str(folder), COLUMNS, partition_by=("part",), statistics=("id",)))
    return str(folder)


def ids(uri: str, **parts: str) -> list[int]:
    found = ENGINE.open(uri).scan(partitions={name: [value] for name, value in parts.items()})
    return [int(n) for n in ENGINE.collect(found.sort("id")).column("id").to_numpy()]


def test_a_lake_may_lie_in_a_folder_with_a_space(tmp_path: Path) -> None:
    uri = created(tmp_path / "Jane Doe" / "table")
    ENGINE.open(uri).append(ENGINE.frame(ROWS), Commit("test.append"))
    assert (ids(uri), ids(uri, part="b")) == ([1, 2], [2])


def test_a_table_that_nobody_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="there is no table yet"):
        ENGINE.open(str(tmp_path / "none"))


def test_of_two_merges_planned_from_one_version_the_second_conflicts(tmp_path: Path) -> None:
    uri = created(tmp_path / "table")
    one, other = ENGINE.open(uri), ENGINE.open(uri)
    changes = ENGINE.frame(ROWS.append_column("_drop", pa.array([False, False])))
    one.merge(changes, key=["id"], commit=Commit("test.merge", {"app": 1}))
    with pytest.raises(CommitConflict, match="another writer"):
        other.merge(changes, key=["id"], commit=Commit("test.merge", {"app": 1}))
    assert ids(uri) == [1, 2]


def test_a_merge_that_changes_nothing_still_says_what_it_has_taken_in(tmp_path: Path) -> None:
    uri = created(tmp_path / "table")
    nothing = ENGINE.frame(ROWS.append_column("_drop", pa.array([True, True])))
    ENGINE.open(uri).merge(nothing, key=["id"], commit=Commit("test.merge", {"app": 7}))
    assert ENGINE.open(uri).transaction("app") == 7


def test_a_table_gains_the_columns_that_its_contract_gained(tmp_path: Path) -> None:
    uri = created(tmp_path / "table")
    ENGINE.open(uri).append(ENGINE.frame(ROWS), Commit("test.append"))
    ENGINE.create(TableSpec(uri, {**COLUMNS, "note": LakeType(Kind.STRING)}, partition_by=("part",)))
    assert ENGINE.collect(ENGINE.open(uri).scan()).column("note").to_pylist() == [None, None]
