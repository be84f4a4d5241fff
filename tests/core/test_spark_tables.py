"""Delta tables through Spark: what a commit is made against, and that Polars goes on where Spark left off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines.base import Commit, Engine, MergeFigures, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.engines.spark.engine import SparkEngine
from lakehouse_platform.engines.spark.table import SparkTable
from lakehouse_platform.errors import CommitConflict, TerminalError, UnknownName

POLARS = PolarsEngine()
COLUMNS = {"id": LakeType(Kind.INT64), "part": LakeType(Kind.STRING)}
ROWS = pa.table({"id": pa.array([1, 2], pa.int64()), "part": ["a", "b"]})


@pytest.fixture
def engine(spark: SparkSession) -> SparkEngine:
    return SparkEngine(spark)


def created(engine: Engine, folder: Path) -> str:
    engine.create(TableSpec(str(folder), COLUMNS, partition_by=("part",), statistics=("id",), comment="it's \\ a table"))
    return str(folder)


def changes(*rows: tuple[int, str, bool]) -> pa.Table:
    return pa.table({"id": pa.array([r[0] for r in rows], pa.int64()), "part": [r[1] for r in rows], "_drop": [r[2] for r in rows]})


def held(uri: str) -> list[tuple[int, str]]:
    rows = POLARS.collect(POLARS.open(uri).scan().sort("id")).to_pylist()
    return [(row["id"], row["part"]) for row in rows]


def metadata(folder: Path) -> list[object]:
    """Protocol, schema, partitions, description and properties of a table's first version."""
    lines = [json.loads(line) for line in (folder / "_delta_log" / f"{0:020}.json").read_text().splitlines()]
    found = {name: value for line in lines for name, value in line.items()}
    made = found["metaData"]
    return [found["protocol"], json.loads(made["schemaString"]), *(made[n] for n in ("partitionColumns", "description", "configuration"))]


def test_both_engines_make_the_same_table(engine: SparkEngine, tmp_path: Path) -> None:
    every = {f"c{n}": LakeType(kind, *((38, 9) if kind is Kind.DECIMAL else ())) for n, kind in enumerate(Kind)}
    for name, maker in (("spark", engine), ("polars", POLARS)):
        maker.create(TableSpec(str(tmp_path / name), every, ("c5",), ("c3",), append_only=True, comment="it's \\ \"one\"\n"))
    assert metadata(tmp_path / "spark") == metadata(tmp_path / "polars")


def test_one_engine_goes_on_where_the_other_left_off(engine: SparkEngine, tmp_path: Path) -> None:
    uri = created(engine, tmp_path / "Jane Doe's" / "table")
    engine.open(uri).append(ROWS.to_reader(), Commit("test.append", {"app": 1}))
    POLARS.open(uri).merge(POLARS.frame(changes((1, "a", True), (3, "c", False))), key=["id"], commit=Commit("m", {"app": 2}))
    table = engine.open(uri)
    figures = table.merge(engine.frame(changes((2, "z", False), (3, "c", True), (4, "d", False), (9, "x", True))), key=["id"],
                          commit=Commit("m", {"app": 3}, {"why": "test"}))
    assert figures == MergeFigures(inserted=1, updated=1, deleted=1)
    assert held(uri) == [(2, "z"), (4, "d")]
    assert (POLARS.open(uri).transaction("app"), table.transaction("app"), table.version) == (3, 3, 3)
    assert (table.count(), table.count(partitions={"part": ["d"]}), table.size()) == (2, 1, POLARS.open(uri).size())
    assert table.shape == POLARS.open(uri).shape


def test_a_table_stays_at_the_version_it_was_opened_at(engine: SparkEngine, tmp_path: Path) -> None:
    uri = created(engine, tmp_path / "table")
    before = engine.open(uri)
    POLARS.open(uri).append(ROWS.to_reader(), Commit("a"))
    assert (engine.collect(before.scan()).num_rows, before.count(), before.version) == (0, 0, 0)


def test_a_table_that_nobody_made_is_named(engine: SparkEngine, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="there is no table yet"):
        engine.open(str(tmp_path / "none"))


def test_a_plan_from_an_older_version_conflicts(engine: SparkEngine, tmp_path: Path) -> None:
    uri = created(engine, tmp_path / "table")
    one, merging, replacing, repeating, other = (engine.open(uri) for _ in range(5))
    one.append(ROWS.to_reader(), Commit("a", {"app": 1}))
    with pytest.raises(CommitConflict, match="another writer"):
        merging.merge(engine.frame(changes((1, "z", False))), key=["id"], commit=Commit("m", {"other": 1}))
    with pytest.raises(CommitConflict, match="another writer"):
        replacing.replace(ROWS.to_reader(), Commit("r", {"other": 1}))
    with pytest.raises(CommitConflict, match="another writer"):
        repeating.append(ROWS.to_reader(), Commit("a", {"app": 1}))
    other.append(ROWS.slice(0, 1).to_reader(), Commit("a", {"other": 1}))
    assert held(uri) == [(1, "a"), (1, "a"), (2, "b")]


def raced(table: SparkTable, monkeypatch: pytest.MonkeyPatch, rival: Commit) -> SparkTable:
    """Another writer commits between the table's look at the newest version and Delta's own."""
    newest = table._log.newest()
    monkeypatch.setattr(table._log, "newest", lambda: newest)
    POLARS.open(table.uri).append(ROWS.to_reader(), rival)
    return table


def test_a_write_that_spark_takes_for_a_repetition_conflicts(engine: SparkEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = created(engine, tmp_path / "table")
    table = raced(engine.open(uri), monkeypatch, Commit("a", {"app": 1}))
    with pytest.raises(CommitConflict, match="another writer"):
        table.append(ROWS.to_reader(), Commit("a", {"app": 1}))
    assert held(uri) == [(1, "a"), (2, "b")]


def test_a_merge_that_spark_would_move_behind_another_commit_conflicts(
    engine: SparkEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = created(engine, tmp_path / "table")
    table = raced(engine.open(uri), monkeypatch, Commit("a", {"app": 1}))
    with pytest.raises(CommitConflict, match="another writer"):
        table.merge(engine.frame(changes((1, "z", False))), key=["id"], commit=Commit("m", {"other": 1}))
    with pytest.raises(CommitConflict, match="another writer"):
        table.replace(ROWS.to_reader(), Commit("r", {"other": 1}))
    assert held(uri) == [(1, "a"), (2, "b")]


def test_a_merge_that_changes_nothing_still_says_what_it_has_taken_in(engine: SparkEngine, tmp_path: Path) -> None:
    uri = created(engine, tmp_path / "table")
    engine.open(uri).merge(engine.frame(changes((7, "x", True))), key=["id"], commit=Commit("m", {"app": 7}))
    engine.open(uri).merge(engine.frame(changes()), key=["id"], commit=Commit("m", {"app": 8}))
    assert POLARS.open(uri).transaction("app") == 8


def test_a_key_that_comes_twice_is_refused(engine: SparkEngine, tmp_path: Path) -> None:
    uri = created(engine, tmp_path / "table")
    with pytest.raises(TerminalError, match="2 rows for 1 keys"):
        engine.open(uri).merge(engine.frame(changes((7, "x", False), (7, "y", False))), key=["id"], commit=Commit("m"))
    assert engine.open(uri).version == 0


def test_two_transactions_in_one_commit_are_refused(engine: SparkEngine, tmp_path: Path) -> None:
    uri = created(engine, tmp_path / "table")
    with pytest.raises(TerminalError, match="one at most"):
        engine.open(uri).append(ROWS.to_reader(), Commit("a", {"one": 1, "other": 1}))


def test_a_key_shows_in_the_log_only_where_it_may(engine: SparkEngine, tmp_path: Path) -> None:
    secret, uri = 'it\'s "\\" ${x} é😀', created(engine, tmp_path / "table")
    for version, bounded in ((1, False), (2, True)):
        table = engine.open(uri)
        table.merge(engine.frame(changes((7, secret, False))), key=["part", "id"], commit=Commit("m", {"app": version}), bounded=bounded)
    shown = [json.loads((tmp_path / f"table/_delta_log/{v:020}.json").read_text().splitlines()[0])["commitInfo"] for v in (1, 2)]
    assert ["é😀" in commit["operationParameters"]["predicate"] for commit in shown] == [False, True]
    assert held(uri) == [(7, secret)]


def test_a_table_gains_the_columns_that_its_contract_gained(engine: SparkEngine, tmp_path: Path) -> None:
    uri = created(POLARS, tmp_path / "table")
    POLARS.open(uri).append(ROWS.to_reader(), Commit("a"))
    table = engine.create(TableSpec(uri, {**COLUMNS, "note": LakeType(Kind.STRING)}, partition_by=("part",)))
    assert engine.collect(table.scan()).column("note").to_pylist() == [None, None]
    assert POLARS.open(uri).shape == table.shape


def test_a_reader_that_fails_commits_nothing(engine: SparkEngine, tmp_path: Path) -> None:
    uri = created(engine, tmp_path / "table")

    def batches() -> Iterator[pa.RecordBatch]:
        yield from ROWS.to_batches()
        raise ValueError("the source went away")

    with pytest.raises(ValueError, match="went away"):
        engine.open(uri).append(pa.RecordBatchReader.from_batches(ROWS.schema, batches()), Commit("a"))
    assert engine.open(uri).version == 0


def test_a_reader_replaces_the_columns_too(engine: SparkEngine, tmp_path: Path) -> None:
    uri = str(tmp_path / "table")
    engine.create(TableSpec(uri, {"id": LakeType(Kind.INT64)}, statistics=("id",)))
    table = engine.open(uri)
    table.replace(ROWS.to_reader(), Commit("r", {"app": 1}))
    assert (held(uri), table.count()) == ([(1, "a"), (2, "b")], 2)
    table.replace(engine.frame(ROWS.slice(1)), Commit("r", {"app": 2}))
    assert held(uri) == [(2, "b")]
