"""The stand-in for Redshift: sessions, layouts, types, views that bind late, and what is refused."""

from __future__ import annotations

import gc

import psycopg
import pytest
import redshift_connector
from redshift_connector.error import InterfaceError, ProgrammingError

from tests.core.redshift_sessions import connected, do, module_warehouse, refusal, said, warehouse
from tests.standins.redshift import Redshift

__all__ = ["module_warehouse", "warehouse"]

INVOICE = """create table "finance"."Invoice" (
    id bigint not null distkey, customer varchar(10) encode zstd references finance.customer (id), amount decimal(18,2) default 0,
    day date, primary key (id)) compound sortkey (day, id) backup no"""
LAYOUT = """select "column", type, encoding, distkey, sortkey, "notnull" from pg_table_def where tablename = 'invoice' and "column" in
    ('id', 'customer', 'day') order by "column" """
KEYS = "select \"table\", diststyle, sortkey1, sortkey_num from svv_table_info order by 1"


def test_server_says_that_it_is_redshift(warehouse: Redshift) -> None:
    assert "Redshift" in do(warehouse, "select version()")[0][0]
    with psycopg.connect(host=warehouse.host, port=warehouse.port, user=warehouse.user, password=warehouse.password,
                         dbname=warehouse.database) as connection:
        assert connection.info.parameter_status("server_version") == "8.0.2"
        assert connection.execute("select %s + 1", [1]).fetchall() == [(2,)]


@pytest.mark.parametrize(("wrong", "state"), [
    ({"password": "guess"}, "28000"), ({"user": "nobody"}, "28000"), ({"database": "other"}, "3D000"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket") # The driver leaves the socket open when it is refused.
def test_stranger_is_refused(warehouse: Redshift, wrong: dict[str, str], state: str) -> None:
    try:
        redshift_connector.connect(**{**warehouse.client, **wrong})
    except (InterfaceError, ProgrammingError) as refused:
        told = said(refused)[0]
    gc.collect()
    assert told == state


def test_user_that_was_made_comes_in_with_its_own_password_and_only_its_rights(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.secret (a int)", "create user reader password 'Reader123'")
    with connected(warehouse, user="reader", password="Reader123") as connection, pytest.raises(ProgrammingError) as refused:
        connection.cursor().execute("select * from finance.secret")
    assert said(refused.value)[0] == "42501"
    do(warehouse, "drop user reader")


def test_layout_of_a_table_is_told_by_the_catalog(warehouse: Redshift) -> None:
    do(warehouse, INVOICE)
    assert do(warehouse, "set search_path to finance", LAYOUT) == [
        ("customer", "character varying(10)", "zstd", False, 0, False),
        ("day", "date", "none", False, 1, False),
        ("id", "bigint", "az64", True, 2, True),
    ]
    assert do(warehouse, "select reldiststyle, releffectivediststyle from pg_class_info where relname = 'invoice'") == [(1, 1)]
    assert do(warehouse, KEYS) == []  # It knows nothing of empty tables.
    assert do(warehouse, "insert into finance.invoice (id) values (1)", KEYS) == [("invoice", "KEY(id)", "day", 2)]


@pytest.mark.parametrize(("attributes", "told"), [
    ("diststyle even", ("EVEN", "AUTO(SORTKEY)", 0)),
    ("diststyle all sortkey (b)", ("ALL", "b", 1)),
    ("", ("AUTO(ALL)", "AUTO(SORTKEY)", 0)),
    ("distkey (a) interleaved sortkey (a, b)", ("KEY(a)", "INTERLEAVED", 2)),
])  # fmt: skip
def test_table_made_of_a_query_has_the_layout_that_is_said(warehouse: Redshift, attributes: str, told: tuple[str, str, int]) -> None:
    assert do(warehouse, f"create table finance.t {attributes} as select 1 as a, 'x' as b", KEYS) == [("t", *told)]


def test_layout_goes_along_with_a_rename_and_a_like_and_back_with_a_rollback(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.a (k int, d date) distkey (k) sortkey (d)", "create table finance.b (like finance.a)",
       "alter table finance.b rename to c", "alter table finance.c rename column d to day",
       "insert into finance.c values (1, '2026-01-01')")
    assert do(warehouse, KEYS) == [("c", "KEY(k)", "day", 1)]
    with connected(warehouse) as connection:
        connection.cursor().execute("drop table finance.c")
        connection.cursor().execute("create table finance.c diststyle all as select 1 as k")
        connection.rollback()
    assert do(warehouse, KEYS) == [("c", "KEY(k)", "day", 1)]


@pytest.mark.parametrize(("change", "told"), [
    ("alter diststyle even", ("EVEN", "d", 1)),
    ("alter diststyle key distkey d", ("KEY(d)", "d", 1)),
    ("alter distkey d", ("KEY(d)", "d", 1)),
    ("alter compound sortkey (k, d)", ("KEY(k)", "k", 2)),
    ("alter sortkey none", ("KEY(k)", "AUTO(SORTKEY)", 0)),
])  # fmt: skip
def test_layout_is_altered_outside_of_transactions(warehouse: Redshift, change: str, told: tuple[str, str, int]) -> None:
    do(warehouse, "create table finance.t distkey (k) sortkey (d) as select 1 as k, 2 as d")
    with connected(warehouse) as connection, pytest.raises(ProgrammingError, match="25001"):
        connection.cursor().execute(f"alter table finance.t {change}")
    assert do(warehouse, f"alter table finance.t {change}", KEYS) == [("t", *told)]


@pytest.mark.parametrize(("change", "message"), [
    ("drop column d", 'cannot drop sortkey column "d"'),
    ("drop column k", 'cannot drop distkey column "k"'),
    ("alter column d type varchar(90)", 'cannot alter sortkey column "d"'),
    ("alter column n type bigint", 'target data type "bigint" is not supported'),
    ("alter column n type varchar(9)", "cannot alter column \"n\" of type integer: only the size of VARCHAR changes"),
    ("alter column e type varchar(90)", 'cannot alter column "e" with encoding text255'),
    ("add column x int, add column y int", 'syntax error at or near ","'),
    ("set schema public", 'syntax error at or near "set"'),
])  # fmt: skip
def test_change_that_redshift_cannot_make_is_refused(warehouse: Redshift, change: str, message: str) -> None:
    do(warehouse, "create table finance.t (k int, d varchar(9), n int, e varchar(9) encode text255) distkey (k) sortkey (d)")
    assert refusal(warehouse, f"alter table finance.t {change}")[1] == message


def test_varchar_counts_bytes_also_where_it_was_widened_or_copied(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.t (name varchar(4))", "insert into finance.t values ('éé')")
    too_long = "insert into finance.{} values ('ééé')"
    assert refusal(warehouse, too_long.format("t")) == ("22001", "value too long for type character varying(4)")
    do(warehouse, "create table finance.u as select name from finance.t", "alter table finance.t alter column name type varchar(6)")
    assert refusal(warehouse, too_long.format("u")) == ("22001", "value too long for type character varying(4)")
    assert do(warehouse, too_long.format("t"), "select name from finance.t order by 1") == [("éé",), ("ééé",)]


def test_column_type_is_not_altered_in_a_transaction(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.t (name varchar(4))")
    with connected(warehouse) as connection, pytest.raises(ProgrammingError, match="25001"):
        connection.cursor().execute("alter table finance.t alter column name type varchar(6)")


@pytest.mark.parametrize(("kind", "held"), [
    ("text", "character varying(256)"), ("varchar", "character varying(256)"), ("varchar(max)", "character varying(65535)"),
    ("nvarchar(5)", "character varying(5)"), ("decimal", "numeric(18,0)"), ("super", "super"), ("varbyte(20)", "binary varying(64000)"),
    ("binary varying(64000)", "binary varying(64000)"), ("timestamptz", "timestamp with time zone"), ("int identity(5, 2)", "integer"),
])  # fmt: skip
def test_type_is_what_redshift_makes_of_it(warehouse: Redshift, kind: str, held: str) -> None:
    told = do(warehouse, f"create table finance.t (a {kind})", "set search_path to finance", "select type from pg_table_def")
    assert told == [(held,)]


@pytest.mark.parametrize("kind", ["decimal(39, 2)", "varchar(65536)", "uuid", "jsonb", "tinyint"])
def test_type_that_redshift_has_not_is_refused(warehouse: Redshift, kind: str) -> None:
    assert refusal(warehouse, f"create table finance.t (a {kind})")[0] in ("22023", "0A000")


def test_keys_are_accepted_and_not_enforced(warehouse: Redshift) -> None:
    rows = do(warehouse, "create table finance.t (a int primary key, b int unique, foreign key (b) references finance.t (a))",
              "insert into finance.t values (1, 7), (1, 7)", "select count(*) from finance.t")
    assert rows == [(2,)]


def test_identity_counts_by_its_step(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.t (id int identity(5, 2), a int)", "insert into finance.t (a) values (1), (2)")
    assert do(warehouse, "select id from finance.t order by 1") == [(5,), (7,)]


@pytest.mark.parametrize(("expression", "value"), [
    ("dateadd(month, 1, '2026-01-31')::date::varchar", "2026-02-28"),
    ("datediff(month, '2026-01-31'::date, '2026-02-01'::date)", 1),
    ("datediff(day, '2026-01-31 23:59'::timestamp, '2026-02-01 00:01'::timestamp)", 1),
    ("nvl(null, 3)", 3),
    ("convert_timezone('America/New_York', '2026-01-01 12:00'::timestamp)::varchar", "2026-01-01 07:00:00"),
    ("len('abc  ')", 3),
    ("json_extract_path_text('{\"a\": {\"b\": 1}}', 'a', 'b')", "1"),
    ("'a\\'b'", "a'b"),
    ("last_day('2026-02-03')::varchar", "2026-02-28"),
    ("trunc(date_trunc('month', '2026-02-03'::date))::varchar", "2026-02-01"),
    ("getdate() <= sysdate + interval '1 second'", True),
])  # fmt: skip
def test_expression_means_what_it_means_in_redshift(warehouse: Redshift, expression: str, value: object) -> None:
    assert do(warehouse, f"select {expression}") == [(value,)]


def test_listagg_joins_in_its_own_order(warehouse: Redshift) -> None:
    rows = "(select 2 as n, 'b' as x union all select 1, 'a' union all select 3, 'a') r"
    assert do(warehouse, f"select listagg(distinct x, '|') within group (order by x desc), listagg(n) within group (order by n), "
              f"listagg(x, ', ') from {rows} where x = 'a' or n = 2") == [("b|a", "123", "b, a, a")]


@pytest.mark.parametrize("statement", [
    "select string_agg('a', ',')", "select distinct on (a) a from finance.t", "select * from (values (1)) v",
    "create index i on finance.t (a)",
    "insert into finance.t values (1) on conflict do nothing", "insert into finance.t values (1) returning a",
    "select count(*) filter (where a > 1) from finance.t", "select 1 where 1 is distinct from 2", "unload ('select 1') to 's3://b/k'",
    "create table finance.u (a int generated always as (1) stored)", "use other",
])  # fmt: skip
def test_what_only_postgresql_can_do_is_refused(warehouse: Redshift, statement: str) -> None:
    assert refusal(warehouse, "create table finance.t (a int)", statement)[0] in ("42601", "42883", "0A000", "3D000")


def test_truncate_commits(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.t as select 1 as a")
    with connected(warehouse) as connection:
        connection.cursor().execute("truncate finance.t")
        connection.rollback()
    assert do(warehouse, "select count(*) from finance.t") == [(0,)]


def test_append_moves_rows_outside_of_transactions(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.a as select 1 as x", "create table finance.b as select 2 as x")
    with connected(warehouse) as connection, pytest.raises(ProgrammingError, match="25001"):
        connection.cursor().execute("alter table finance.a append from finance.b")
    do(warehouse, "alter table finance.a append from finance.b")
    assert do(warehouse, "select (select sum(x) from finance.a), (select count(*) from finance.b)") == [(3, 0)]


MERGE = """merge into finance.t using {source} on {target}.k = s.k {matched} then update set v = s.v
    when not matched then insert (k, v) values (s.k, s.v)"""


@pytest.fixture
def merged(warehouse: Redshift) -> Redshift:
    do(warehouse, "create table finance.t as select 1 as k, 10 as v",
       "create table finance.s as select 1 as k, 11 as v union all select 2, 20", "create view finance.w as select * from finance.s")
    return warehouse


def test_merge_updates_and_inserts(merged: Redshift) -> None:
    do(merged, MERGE.format(source="finance.s", target="finance.t", matched="when matched").replace("s.k", "finance.s.k"))
    assert do(merged, "select k, v from finance.t order by 1") == [(1, 11), (2, 20)]


@pytest.mark.parametrize("statement", [
    MERGE.format(source="finance.s s", target="t", matched="when matched").replace("finance.t using", "finance.t t using"),
    MERGE.format(source="(select * from finance.s) s", target="finance.t", matched="when matched"),
    MERGE.format(source="finance.w s", target="finance.t", matched="when matched"),
    MERGE.format(source="finance.s s", target="finance.t", matched="when matched and s.v > 1"),
    MERGE.format(source="finance.s s", target="finance.t", matched="when not matched by source"),
    MERGE.format(source="finance.s s", target="finance.t", matched="when matched").partition("when not")[0],
])  # fmt: skip
def test_merge_beyond_redshifts_limits_is_refused(merged: Redshift, statement: str) -> None:
    assert refusal(merged, statement)[0] in ("42601", "0A000")


def test_merge_with_two_rows_for_one_is_refused_unless_duplicates_are_removed(merged: Redshift) -> None:
    twice = MERGE.format(source="finance.s s", target="finance.t", matched="when matched")
    assert refusal(merged, "insert into finance.s values (1, 11)", twice)[1] == "Found multiple matches to update the same tuple."
    do(merged, "merge into finance.t using finance.s s on finance.t.k = s.k remove duplicates")
    assert do(merged, "select k, v from finance.t order by 1") == [(1, 11), (2, 20)]


def test_late_binding_view_outlives_its_table_and_finds_the_next(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.t as select 1 as a, 'x'::varchar(3) as b",
       "create table finance.n as select 2 as a, 'y'::varchar(3) as b",
       "create view finance.v as select a, b from finance.t with no schema binding",
       "create view finance.w as (select v.a from finance.v) with no schema binding",
       "begin", "alter table finance.t rename to o", "alter table finance.n rename to t", "commit", "drop table finance.o")
    assert do(warehouse, 'select x.a from "lakehouse"."finance"."W" x') == [(2,)]
    assert refusal(warehouse, "drop table finance.t", "select * from finance.w")[0] == "42P01"


def test_prepared_statement_over_a_late_binding_view_follows_it(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.t as select 1 as a", "create view finance.v as select a from finance.t with no schema binding")
    with connected(warehouse, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("select a from finance.v")
        do(warehouse, "create or replace view finance.v as select a + 1 as a from finance.t with no schema binding")
        cursor.execute("select a from finance.v")
        assert cursor.fetchall() == ([2],)


def test_late_binding_view_names_schemas_and_is_known_by_its_columns(warehouse: Redshift) -> None:
    view = "create view finance.v as select a, extract(year from d) as y from {} with no schema binding"
    assert "should be qualified" in refusal(warehouse, view.format("t"))[1]
    do(warehouse, "create table finance.t as select 1.5::decimal(9,2) as a, '2026-01-01'::date as d", view.format("finance.t"))
    columns = "select c, t from pg_get_late_binding_view_cols() cols(s name, v name, c name, t varchar, n int)"
    assert do(warehouse, columns) == [("a", "numeric(9,2)"), ("y", "numeric")]
    assert [row[3] for row in do(warehouse, "show columns from table lakehouse.finance.v")] == ["a", "y"]
    assert [(row[2], row[10]) for row in do(warehouse, "show tables from schema lakehouse.finance")] == [
        ("t", "REGULAR TABLE"), ("v", "LATE BINDING VIEW")]


def test_bound_view_is_in_the_way_of_its_table(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.t as select 1 as a", "create view finance.v as select a from finance.t")
    assert refusal(warehouse, "drop table finance.t")[0] == "2BP01"


def test_grants_to_roles_groups_and_users_are_told_apart(warehouse: Redshift) -> None:
    do(warehouse, "create table finance.t (a int)", "create role analyst", "create group people",
       "create user somebody password 'Somebody1'",
       "grant usage on schema finance to role analyst", "grant select on finance.t to role analyst, group people, somebody",
       "revoke select on finance.t from somebody")
    told = "select identity_name, identity_type, privilege_type from svv_relation_privileges where relation_name = 't' order by 1"
    assert do(warehouse, told) == [("analyst", "role", "SELECT"), ("people", "group", "SELECT")]
    do(warehouse, "drop table finance.t", "revoke usage on schema finance from role analyst", "drop role analyst", "drop group people",
       "drop user somebody")


def test_super_and_varbyte_come_as_redshifts_types(warehouse: Redshift) -> None:
    with connected(warehouse) as connection:
        cursor = connection.cursor()
        cursor.execute("select json_parse('{\"a\": [1]}') as j, to_varbyte('abc', 'utf8') as b")
        assert [column[1] for column in cursor.description] == [4000, 6551]
        assert cursor.fetchall() == (['{"a": [1]}', "abc"],)


def test_value_that_is_bound_is_not_read_as_sql(warehouse: Redshift) -> None:
    with connected(warehouse) as connection:
        cursor = connection.cursor()
        cursor.execute("create table finance.t (a varchar(20), b int)")
        cursor.execute("insert into finance.t values (%s, %s)", ("it's; -- \\", 3))
        cursor.execute("select a, b from finance.t")
        assert cursor.fetchall() == (["it's; -- \\", 3],)
