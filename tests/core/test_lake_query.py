from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines.base import Commit, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.errors import UnknownName
from lakehouse_platform.lake.query import LakeQuery, QueryError

COLUMNS = {
    "journal_id": LakeType(Kind.INT64), "amount": LakeType(Kind.DECIMAL, 19, 4), "booked_at": LakeType(Kind.TIMESTAMP),
    "_kind": LakeType(Kind.STRING), "_header": LakeType(Kind.STRING),
}
NOON = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)
LAST = dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)


def append(uri: str, *rows: tuple[object, ...]) -> None:
    engine = PolarsEngine()
    engine.create(TableSpec(uri, COLUMNS, statistics=("journal_id",)))
    table = pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in rows], schema=engine.schema(COLUMNS))
    engine.open(uri).append(table.to_reader(), Commit("test"))


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    root = tmp_path / "lake"
    append(f"{root}/hds/finance/gl_journal", (1, None, NOON, None, None), (2, None, LAST, None, None))
    append(f"{root}/raw/finance/gl_journal", (1, None, NOON, "change", None), (None, None, None, "batch", "{}"))
    (tmp_path / "secret.csv").write_text("secret\n1\n")
    return root


@pytest.fixture
def query(lake: Path) -> Iterator[LakeQuery]:
    relations = [(zone, "finance", "gl_journal", f"{lake}/{zone}/finance/gl_journal") for zone in ("raw", "ods", "hds")]
    with LakeQuery(str(lake), relations) as query:
        yield query


def test_table_is_found_by_zone_domain_and_name(query: LakeQuery) -> None:
    rows = query.run("select journal_id, booked_at from hds.finance.gl_journal order by 1")
    assert rows.to_pylist() == [{"journal_id": 1, "booked_at": NOON}, {"journal_id": 2, "booked_at": LAST}]


def test_instants_are_utc(query: LakeQuery) -> None:
    schema = query.run("select booked_at from hds.finance.gl_journal").schema
    assert schema == pa.schema([("booked_at", pa.timestamp("us", "UTC"))])


def test_names_may_be_upper_case_and_in_subqueries(query: LakeQuery) -> None:
    of_raw = "select journal_id from raw.finance.gl_journal"
    sql = f"with j as (from HDS.Finance.GL_JOURNAL) select count(*) as n from j where journal_id in ({of_raw})"
    assert query.run(sql).to_pylist() == [{"n": 1}]


def test_raw_shows_change_rows_without_headers(query: LakeQuery) -> None:
    rows = query.run("select * from raw.finance.gl_journal")
    assert rows.num_rows == 1
    assert "_header" not in rows.column_names


def test_unknown_table_offers_the_nearest_existing(query: LakeQuery) -> None:
    with pytest.raises(UnknownName, match=r'no table "hds\.finance\.gl_jurnal"\. Did you mean "hds\.finance\.gl_journal"\?'):
        query.run("select * from hds.finance.gl_jurnal")


def test_two_part_name_is_unknown(query: LakeQuery) -> None:
    with pytest.raises(UnknownName, match=r'no table "finance\.gl_journal"'):
        query.run("select * from finance.gl_journal")


def test_table_without_data_says_what_to_materialize(query: LakeQuery) -> None:
    with pytest.raises(UnknownName, match=r'ods\.finance\.gl_journal holds nothing yet: .*"ods/finance/gl_journal"'):
        query.run("select * from ods.finance.gl_journal")


@pytest.mark.parametrize("sql", [
    "drop view hds.finance.gl_journal", "create table t as select 1", "copy (select 1) to '/tmp/out.csv'", "install httpfs",
    "set lock_configuration = false", "attach '/tmp/x.duckdb' as x", "select 1; select 2",
])
def test_only_one_select_is_taken(query: LakeQuery, sql: str) -> None:
    with pytest.raises(QueryError, match="one SELECT") as refused:
        query.run(sql)
    assert "json" not in str(refused.value)


def test_files_outside_the_lake_are_closed(query: LakeQuery, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="Permission Error"):
        query.run(f"select * from read_csv('{tmp_path}/secret.csv')")


def test_wrong_column_is_a_query_error(query: LakeQuery) -> None:
    with pytest.raises(QueryError, match="amont"):
        query.run("select amont from hds.finance.gl_journal")


def test_query_keeps_its_version_while_a_run_writes(query: LakeQuery, lake: Path) -> None:
    reader = query.stream("select journal_id from hds.finance.gl_journal order by 1")
    append(f"{lake}/hds/finance/gl_journal", (3, None, NOON, None, None))
    assert reader.read_all().column(0).to_pylist() == [1, 2]
    assert query.run("select count(*) as n from hds.finance.gl_journal").to_pylist() == [{"n": 3}]


def test_both_uses_of_a_table_see_the_same_version(query: LakeQuery) -> None:
    sql = "select count(*) as n from hds.finance.gl_journal a join hds.finance.gl_journal b using (journal_id)"
    assert query.run(sql).to_pylist() == [{"n": 2}]


def test_show_all_tables_lists_what_is_materialized(query: LakeQuery) -> None:
    rows = query.run("select database, schema, name from (show all tables) order by all").to_pylist()
    assert [tuple(row.values()) for row in rows] == [("hds", "finance", "gl_journal"), ("raw", "finance", "gl_journal")]


def test_describe_shows_columns(query: LakeQuery) -> None:
    assert query.run("describe hds.finance.gl_journal").column("column_name").to_pylist()[:2] == ["journal_id", "amount"]
