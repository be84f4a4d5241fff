"""Spark and delta-rs commit to one table by one protocol, on S3 and in a folder: of two commits of a version, one loses and is told."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError
from moto.server import ThreadedMotoServer
from pyspark import InheritableThread
from pyspark.sql import SparkSession

from lakehouse_platform.engines.spark.logstore import install
from lakehouse_platform.engines.spark.session import session_config
from lakehouse_platform.settings import ObjectStore, Reference
from tests.core.between import Between, between

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# PySpark leaves the socket of each `collect` to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning")

BUCKET = "logstore-commits"
ROUNDS = 3
"""Commits of each writer in a race."""


def log_file(version: int, table: str) -> str:
    return f"{table}/_delta_log/{version:020}.json"


@dataclass(frozen=True)
class Both:
    """Spark and delta-rs, and the way that each has to S3."""

    spark: SparkSession
    spark_way: Between
    rust_way: Between

    @property
    def options(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.rust_way.address, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}

    def spark_appends(self, table: str, number: int) -> None:
        self.spark.range(number, number + 1, numPartitions=1).write.format("delta").mode("append").save(table)

    def rust_appends(self, table: str, number: int) -> None:
        write_deltalake(table, pa.table({"id": [number]}), mode="append", storage_options=self.options)

    def opened(self, table: str) -> DeltaTable:
        return DeltaTable(table, storage_options=self.options)

    def spark_reads(self, table: str) -> list[int]:
        return sorted(row.id for row in self.spark.read.format("delta").load(table).collect())

    def rust_reads(self, table: str) -> list[int]:
        rows: list[dict[str, int]] = self.opened(table).to_pyarrow_table().to_pylist()
        return sorted(row["id"] for row in rows)


@pytest.fixture(scope="module")
def both(spark: SparkSession) -> Iterator[Both]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    server = moto.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment, between(*server) as spark_way, between(*server) as rust_way:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("LAKEHOUSE_AWS_ENDPOINT", spark_way.address)
        with closing(s3(rust_way)) as client:
            client.create_bucket(Bucket=BUCKET)
        store = ObjectStore("us-east-1", Reference("env", "LAKEHOUSE_AWS_ENDPOINT", Path(), "test"))
        with reaching(spark, store):
            yield Both(spark, spark_way, rust_way)
    moto.stop()


def s3(way: Between) -> S3Client:
    return boto3.client("s3", endpoint_url=way.address, region_name="us-east-1")


@contextmanager
def reaching(session: SparkSession, store: ObjectStore) -> Iterator[None]:
    """The process's one session, made to reach the store: Spark hands a session's settings on to Hadoop."""
    hadoop = {name.removeprefix("spark.hadoop."): value for name, value in session_config(store=store).items() if "hadoop" in name}
    # The JVM may be older than the test's credentials.
    credentials = {"fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
                   "fs.s3a.access.key": "test", "fs.s3a.secret.key": "test"}
    settings = {**hadoop, **credentials, "fs.s3n.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem"}
    for name, value in settings.items():
        session.conf.set(name, value)
    install(session, store)
    yield
    install(session, None)
    for name in settings:
        session.conf.unset(name)


def log_names(both: Both, table: str) -> set[str]:
    """Names of the files in a table's log."""
    if not table.startswith("s3:"):
        return {file.name for file in Path(table, "_delta_log").iterdir()}
    with closing(s3(both.rust_way)) as client:
        found = client.list_objects_v2(Bucket=BUCKET, Prefix=table.removeprefix(f"s3://{BUCKET}/") + "/_delta_log/")["Contents"]
    return {item["Key"].rpartition("/")[2] for item in found}


@pytest.fixture(params=["s3", "folder"])
def table(both: Both, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a table that has one row, 0, and one version."""
    made = f"s3://{BUCKET}/{uuid.uuid4().hex}" if request.param == "s3" else str(tmp_path / "table")
    both.rust_appends(made, 0)
    return made


@pytest.fixture
def s3_table(both: Both) -> str:
    made = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    both.rust_appends(made, 0)
    return made


def test_appends_of_both_engines_at_once_all_land(both: Both, table: str) -> None:
    def commits(append: Callable[[str, int], None], first: int) -> None:
        for number in range(first, first + ROUNDS):
            append(table, number)

    writers = [both.spark_appends, both.spark_appends, both.rust_appends, both.rust_appends]
    races = [InheritableThread(target=commits, args=(append, 100 * place)) for place, append in enumerate(writers, 1)]
    for race in races:
        race.start()
    for race in races:
        race.join()
    expected = [0, *(100 * place + number for place in range(1, 5) for number in range(ROUNDS))]
    assert both.spark_reads(table) == both.rust_reads(table) == expected
    assert both.opened(table).version() == len(expected) - 1


def test_an_append_of_spark_that_was_overtaken_takes_the_next_version(both: Both, s3_table: str) -> None:
    both.spark_way.before[("PUT", log_file(1, s3_table[5:]))] = lambda: both.rust_appends(s3_table, 1)
    both.spark_appends(s3_table, 2)
    assert both.opened(s3_table).version() == 2
    assert both.rust_reads(s3_table) == [0, 1, 2]


def test_with_delta_s_own_log_store_the_overtaking_commit_is_lost(both: Both, s3_table: str) -> None:
    """What this is all about; `s3n` is the same file system and has no log store of ours."""
    both.spark_way.before[("PUT", log_file(1, s3_table[5:]))] = lambda: both.rust_appends(s3_table, 1)
    both.spark_appends(s3_table.replace("s3:", "s3n:"), 2)
    assert both.opened(s3_table).version() == 1
    assert both.rust_reads(s3_table) == [0, 2]


def test_an_append_of_spark_whose_answer_was_lost_lands_once(both: Both, s3_table: str) -> None:
    both.spark_way.lost.add(("PUT", log_file(1, s3_table[5:])))
    both.spark_appends(s3_table, 1)
    assert not both.spark_way.lost
    assert both.opened(s3_table).version() == 1
    assert both.rust_reads(s3_table) == [0, 1]


def test_an_append_of_delta_rs_whose_answer_was_lost_lands_once(both: Both, s3_table: str) -> None:
    """delta-rs takes its own commit for another's and commits the same file again; a file counts once."""
    both.rust_way.lost.add(("PUT", log_file(1, s3_table[5:])))
    both.rust_appends(s3_table, 1)
    assert both.spark_reads(s3_table) == both.rust_reads(s3_table) == [0, 1]


def test_an_update_of_spark_that_was_overtaken_by_one_of_the_same_rows_loses(both: Both, s3_table: str) -> None:
    both.spark_way.before[("PUT", log_file(1, s3_table[5:]))] = lambda: both.opened(s3_table).update(updates={"id": "10"})
    with pytest.raises(Exception, match="Concurrent"):
        both.spark.sql(f"update delta.`{s3_table}` set id = 20").collect()
    assert both.spark_reads(s3_table) == both.rust_reads(s3_table) == [10]


def test_an_update_of_delta_rs_that_was_overtaken_by_one_of_the_same_rows_loses(both: Both, s3_table: str) -> None:
    both.rust_way.before[("PUT", log_file(1, s3_table[5:]))] = lambda: both.spark.sql(f"update delta.`{s3_table}` set id = 20").collect()
    with pytest.raises(CommitFailedError):
        both.opened(s3_table).update(updates={"id": "10"})
    assert both.spark_reads(s3_table) == both.rust_reads(s3_table) == [20]


def test_checkpoints_of_spark_are_read_by_delta_rs(both: Both, table: str) -> None:
    both.spark.sql(f"alter table delta.`{table}` set tblproperties (delta.checkpointInterval = 2)").collect()
    for number in (1, 2, 3):
        both.spark_appends(table, number)
    assert {"_last_checkpoint", f"{4:020}.checkpoint.parquet"} <= log_names(both, table)
    assert both.spark_reads(table) == both.rust_reads(table) == [0, 1, 2, 3]


def test_a_folder_s_log_holds_no_temporary_file_and_no_checksum_that_delta_rs_would_outdate(both: Both, tmp_path: Path) -> None:
    table = str(tmp_path / "table")
    both.spark_appends(table, 1)
    both.rust_appends(table, 2)
    both.spark_appends(table, 3)
    names = log_names(both, table)
    assert {name for name in names if "json" in name} == {f"{version:020}.json" for version in range(3)}
    assert not [name for name in names if name.endswith(".tmp")]


def test_both_engines_spell_an_address_alike(both: Both) -> None:
    table = f"s3://{BUCKET}/a b/50% ä"
    both.spark_appends(table, 1)
    both.rust_appends(table, 2)
    both.spark_appends(table, 3)
    assert both.spark_reads(table) == both.rust_reads(table) == [1, 2, 3]


def test_collecting_garbage_leaves_the_writer_in_place(both: Both, s3_table: str) -> None:
    java_side: Any = both.spark._jvm
    gc.collect()
    java_side.System.gc()
    both.spark_appends(s3_table, 1)
    assert both.rust_reads(s3_table) == [0, 1]
