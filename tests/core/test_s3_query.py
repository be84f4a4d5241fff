"""DuckDB over a lake on S3: queries of people, and marts that dbt builds from it and publishes to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines.base import CHECKPOINT_EVERY, Commit, TableSpec
from lakehouse_platform.lake.objects import ObjectAccess
from lakehouse_platform.lake.query import LakeQuery, QueryError
from lakehouse_platform.naming import Zone
from lakehouse_platform.publish.curated import publish_marts
from lakehouse_platform.publish.project import MartProject
from tests.core import small_lake
from tests.core.s3_lakes import ObjectLake, new_lake
from tests.core.small_lake import CONTRACTS, published
from tests.standins.account import ENDPOINT, StandIns, stand_ins

JOURNAL = {"journal_id": LakeType(Kind.INT64)}
MARTS = [CONTRACTS["finance.dim_gl_account"], CONTRACTS["operations.kpi_fulfilment_daily"]]
SECRETS = {"AWS_ACCESS_KEY_ID": "AKIA-of-the-test", "AWS_SECRET_ACCESS_KEY": "it's-kept-secret", "AWS_SESSION_TOKEN": "token-kept-secret"}


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIns]:
    with stand_ins() as running:
        yield running


@pytest.fixture
def on_s3(aws: StandIns, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectLake]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    yield new_lake(aws)
    aws.faults.clear()


def append(on_s3: ObjectLake, *keys: int) -> str:
    table = on_s3.lake.engine.create(TableSpec(f"{on_s3.lake.root}/hds/finance/gl_journal", JOURNAL))
    for key in keys:
        table.append(pa.table({"journal_id": pa.array([key], pa.int64())}).to_reader(), Commit("test"))
    return table.uri.rstrip("/")


def query_of(on_s3: ObjectLake) -> LakeQuery:
    uri = f"{on_s3.lake.root}/hds/finance/gl_journal"
    return LakeQuery(on_s3.lake.root, [("hds", "finance", "gl_journal", uri)], on_s3.store)


def test_table_on_s3_is_queried_by_name(on_s3: ObjectLake) -> None:
    append(on_s3, 1, 2)
    with query_of(on_s3) as query:
        assert query.run("select sum(journal_id) as n from hds.finance.gl_journal").to_pylist() == [{"n": 3}]


def test_each_query_sees_the_newest_version(on_s3: ObjectLake) -> None:
    append(on_s3, 1)
    with query_of(on_s3) as query:
        query.run("from hds.finance.gl_journal")
        append(on_s3, 2)
        assert query.run("from hds.finance.gl_journal").num_rows == 2


def test_query_lists_nothing_but_the_end_of_a_log(on_s3: ObjectLake) -> None:
    append(on_s3, 1, 2)
    with query_of(on_s3) as query, on_s3.asked() as asked:
        query.run("from hds.finance.gl_journal")
    assert asked.listings == asked.listings_of_logs == 3


def test_newest_version_is_found_after_a_checkpoint(on_s3: ObjectLake) -> None:
    uri = append(on_s3, *range(CHECKPOINT_EVERY + 2))
    for entry in range(CHECKPOINT_EVERY - 1):
        on_s3.aws.account.s3.delete_object(Bucket=on_s3.bucket, Key=f"lake/hds/finance/gl_journal/_delta_log/{entry:020}.json")
    assert ObjectAccess(on_s3.store).newest(uri) == CHECKPOINT_EVERY + 2


def test_table_that_is_not_there_has_no_version(on_s3: ObjectLake) -> None:
    assert ObjectAccess(on_s3.store).newest(f"{on_s3.lake.root}/hds/finance/gl_journal") is None


def test_no_query_shows_a_secret(on_s3: ObjectLake) -> None:
    with query_of(on_s3) as query:
        shown = query.run("select value::varchar as said from duckdb_settings() union all select secret_string from duckdb_secrets()")
    held = str(shown.to_pylist())
    assert [name for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN") if SECRETS[name] in held] == []


@pytest.mark.parametrize("place", ["s3://{bucket}/other.parquet", "https://example.org/x.parquet", "/etc/passwd"])
def test_nothing_outside_the_lake_can_be_read(on_s3: ObjectLake, place: str) -> None:
    with query_of(on_s3) as query, pytest.raises(QueryError, match="disabled by configuration"):
        query.run(f"select * from read_parquet('{place.format(bucket=on_s3.bucket)}')")


def test_query_outlives_an_s3_that_is_busy(on_s3: ObjectLake) -> None:
    append(on_s3, 1)
    planned = [on_s3.aws.faults.refuse("s3", operation, key=f"{on_s3.bucket}*", times=2)
               for operation in ("ListObjectsV2", "GetObject", "HeadObject")]
    with query_of(on_s3) as query:
        assert query.run("from hds.finance.gl_journal").num_rows == 1
    assert [on_s3.aws.faults.met(number) for number in planned] == [2, 2, 2]


def environment(folder: Path, lake: str) -> Path:
    file = folder / "resources/cloud.yaml"
    file.parent.mkdir()
    file.write_text(
        f"lake: {{root: {lake}}}\naws: {{region: eu-west-1, endpoint: {{env: {ENDPOINT}}}}}\nconnections: {{}}\n"
        "partitions: {start: 2026-11-01, time_zone: America/New_York}\n")
    return file


def test_mart_is_built_from_s3_and_published_to_s3(on_s3: ObjectLake, tmp_path: Path) -> None:
    lake = small_lake.write(on_s3.lake.root, engine=on_s3.lake.engine)
    marts = MartProject(
        small_lake.PROJECT / "assets/marts", lake.root, tmp_path / "marts.duckdb", "America/New_York",
        environment=environment(tmp_path, lake.root), target_folder=tmp_path / "target")
    build = marts.build(*(str(mart.model) for mart in MARTS))
    assert build.failed == ()
    assert [mart.rows for mart in publish_marts(lake, marts.scratch, MARTS)] == [3, 3]
    assert on_s3.lake.engine.open(lake.uri(Zone.CURATED, MARTS[0])).version == 1
    rows = published(on_s3.lake, MARTS[0], "account_code", "account_name", "is_latest")
    assert rows == [("1000", "Assets", True), ("4100", "Goods", False), ("4100", "Sales", True)]
    assert files_that_say(tmp_path, on_s3.aws.address, *SECRETS.values()) == []


def files_that_say(folder: Path, *words: str) -> list[str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if any(word.encode() in file.read_bytes() for word in words)]
