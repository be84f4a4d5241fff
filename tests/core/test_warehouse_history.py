"""Whatever the lake's commits were, and whichever of its versions were loaded in between, the warehouse ends as the lake's newest."""

from __future__ import annotations

import json
import struct
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse_platform.naming import Zone
from lakehouse_platform.settings import DuckDbWarehouse
from lakehouse_platform.warehouse.base import DataFile, Loaded, LoadPlan, LoadRefused, Mode, Place, Snapshot
from lakehouse_platform.warehouse.plan import plan_load
from lakehouse_platform.warehouse.snapshot import DeltaFiles, FilesGone, VersionGone
from tests.core.s3_lakes import LEDGER
from tests.core.s3_lakes import STEPS as ZONE_STEPS
from tests.core.warehouse_lake import OneTable
from tests.faults.road import DAYS

KEYS = st.integers(0, 9)
ROWS = st.dictionaries(KEYS, st.sampled_from(["a", "b", "c"]), max_size=4)
STEPS = st.lists(st.one_of(
    st.tuples(st.just("upsert"), ROWS, st.sets(KEYS, max_size=2)), st.tuples(st.just("replace"), ROWS, st.just(set())),
    st.tuples(st.just("load"), st.just({}), st.just(set())), st.tuples(st.just("widen"), st.just({}), st.just(set())),
), min_size=2, max_size=7)  # fmt: skip
FILLER = [{"id": 1000 + n, "amount": Decimal(n), "note": "filler"} for n in range(3000)]
"""Makes changes a small part of the table, so that they are loaded alone."""


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, filled=st.booleans())
def test_loads_with_gaps_equal_the_newest_version(steps: list[tuple[str, dict[int, str], set[int]]], filled: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one = OneTable(Path(folder), DuckDbWarehouse(Path(folder) / "w.duckdb"), f"{folder}/lake")
        one.append(*(FILLER if filled else ()), {"id": 0, "note": "first"})
        for number, (what, rows, gone) in enumerate(steps):
            given_rows = [{"id": key, "amount": Decimal(number), "note": note} for key, note in rows.items()]
            if what == "upsert" and (given_rows or gone):
                one.upsert(*(row for row in given_rows if row["id"] not in gone), drop=sorted(gone))
            elif what == "replace":
                one.replace(*given_rows)
            elif what == "widen":
                one.grow(**{f"extra{number}": "integer"})
                one.append({"id": 100 + number, f"extra{number}": number})
            elif what == "load":
                assert one.load().halted is None
        assert one.load().halted is None
        assert one.held == one.stored


@pytest.mark.parametrize("zone", [Zone.ODS, Zone.HDS])
def test_what_the_zones_merge_day_by_day_is_what_the_warehouse_holds(tmp_path: Path, zone: Zone) -> None:
    one = OneTable(tmp_path, DuckDbWarehouse(tmp_path / "w.duckdb"), str(tmp_path / "lake"), contract=LEDGER, zone=zone)
    for day in DAYS:
        for step in ZONE_STEPS.values():
            step(one.lake, day)
        assert one.load().halted is None
        assert one.held == one.stored
    assert one.load().figures["mode"] == "nothing"


def file(name: str, size: int = 10) -> DataFile:
    return DataFile(name, f"s3://lake/t/{name}", size, 5)


def snapshot(version: int, *files: DataFile, lake_id: str = "t") -> Snapshot:
    return Snapshot("s3://lake/t", lake_id, version, files)


TABLE = OneTable(Path(), DuckDbWarehouse(Path()), "").planned
HELD = Loaded(3, 7, "t", "f", TABLE.shape, 5, "full", "run-0")
A, B, C, BIG = file("a"), file("b"), file("c"), file("big", 1000)


@pytest.mark.parametrize(("held", "before", "after", "mode", "reason"), [
    (HELD, None, snapshot(7, A), Mode.NOTHING, "version 7 is loaded already"),
    (HELD, None, snapshot(6, A), Mode.NOTHING, "version 7 is loaded, which is newer than 6"),
    (HELD, snapshot(7, BIG, A), snapshot(9, BIG, B), Mode.INCREMENTAL, "1 files came and 1 went since version 7"),
    (HELD, snapshot(7, A), snapshot(9, A), Mode.INCREMENTAL, "0 files came and 0 went since version 7"),
    (HELD, snapshot(7, A, B), snapshot(9, A, C), Mode.FULL, "20 bytes of files came and went, of 20 in all"),
    (HELD, None, snapshot(9, A), Mode.FULL, "the lake's log no longer has version 7, which is loaded"),
    (HELD, None, snapshot(2, A, lake_id="other"), Mode.FULL, "the lake's table was made anew"),
    (replace(HELD, shape="other"), snapshot(7, A), snapshot(9, A), Mode.FULL, "its columns or its key are others since"),
    (replace(HELD, shape="other"), None, snapshot(7, A), Mode.FULL, "its columns or its key are others since"),
    (replace(HELD, version=-1, lake_id=""), None, snapshot(7, A), Mode.FULL, "nothing was loaded before"),
])  # fmt: skip
def test_how_much_is_loaded_follows_from_the_log(held: Loaded, before: Snapshot | None, after: Snapshot, mode: Mode, reason: str) -> None:
    found = plan_load(TABLE, held, before, after)
    assert (found.mode, found.reason) == (mode, reason)


def test_an_incremental_plan_names_the_files() -> None:
    found = plan_load(TABLE, HELD, snapshot(7, BIG, A), snapshot(9, BIG, B))
    assert found == LoadPlan(Mode.INCREMENTAL, found.reason, (B,), (A,))


def test_a_version_that_the_log_has_not_is_said_to_be_gone(tmp_path: Path) -> None:
    one = OneTable(tmp_path, DuckDbWarehouse(tmp_path / "w.duckdb"), str(tmp_path / "lake"))
    one.append({"id": 1})
    with pytest.raises(VersionGone, match="no version 9"):
        DeltaFiles(one.table.uri).snapshot(9)


def test_files_that_a_vacuum_took_are_not_missed_by_the_next_load(tmp_path: Path) -> None:
    one = OneTable(tmp_path, DuckDbWarehouse(tmp_path / "w.duckdb"), str(tmp_path / "lake"))
    one.append(*FILLER)
    one.append({"id": 1})
    one.load()
    one.upsert({"id": 1, "note": "new"})
    files = DeltaFiles(one.table.uri)
    (gone,) = {f.path for f in files.snapshot(2).files} - {f.path for f in files.snapshot().files}
    (Path(one.lake.uri(Zone.CURATED, one.contract)) / gone).unlink()
    done = one.load()
    assert (done.halted, done.figures["mode"], one.held == one.stored) == (None, "full", True)
    assert "a vacuum has taken it away" in str(done.figures["reason"])


def test_an_active_file_that_is_gone_is_tried_again(tmp_path: Path) -> None:
    one = OneTable(tmp_path, DuckDbWarehouse(tmp_path / "w.duckdb"), str(tmp_path / "lake"))
    one.append({"id": 1})
    (held,) = DeltaFiles(one.table.uri).snapshot().files
    (Path(one.lake.uri(Zone.CURATED, one.contract)) / held.path).unlink()
    with pytest.raises(FilesGone, match="it is not there any more"):
        one.load()


def test_deletion_vectors_are_refused(tmp_path: Path) -> None:
    one = OneTable(tmp_path, DuckDbWarehouse(tmp_path / "w.duckdb"), str(tmp_path / "lake"))
    one.append({"id": 1}, {"id": 2})
    mark_deleted(Path(one.lake.uri(Zone.CURATED, one.contract)))
    with pytest.raises(LoadRefused, match="have deletion vectors, which COPY does not know"):
        one.load()
    assert one.warehouse.loaded(Place("finance", "curated_sale")) is None


Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def mark_deleted(table: Path) -> None:
    """Mark the first row of the table's one file as deleted, as another writer may: by a vector in the log."""
    bitmap = struct.pack("<IQI", 1681511377, 1, 0) + struct.pack("<IIHHIH", 12346, 1, 0, 0, 16, 0)
    words = struct.unpack(f">{-(-len(bitmap) // 4)}I", bitmap + b"\0" * (-len(bitmap) % 4))
    inline = "".join(Z85[word // 85**power % 85] for word in words for power in (4, 3, 2, 1, 0))
    entries = [json.loads(line) for file in sorted(table.glob("_delta_log/*.json")) for line in file.read_text().splitlines()]
    (added,) = (entry["add"] for entry in entries if "add" in entry)
    features = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    vector = {"storageType": "i", "pathOrInlineDv": inline, "sizeInBytes": len(bitmap), "cardinality": 1}
    remove = {"path": added["path"], "deletionTimestamp": 1, "dataChange": True}
    said = [{"protocol": features}, {"remove": remove}, {"add": {**added, "deletionVector": vector}}]
    (table / "_delta_log" / f"{2:020d}.json").write_text("\n".join(map(json.dumps, said)))
