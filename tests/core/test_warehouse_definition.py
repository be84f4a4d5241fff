"""What Redshift is told of a table: layout, statements, changes in place and rebuilds, readers. All pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from lakehouse_platform.contracts.serving import Distribution, WarehouseLayout
from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.warehouse import ddl
from lakehouse_platform.warehouse.base import Layout, Place, WarehouseColumn, WarehouseTable
from lakehouse_platform.warehouse.evolution import Held, plan_evolution
from lakehouse_platform.warehouse.grants import plan_grants
from lakehouse_platform.warehouse.layout import LARGE_ROWS, SMALL_ROWS, Facts, Joins, joins_of, plan_layout
from tests.core.small_lake import CONTRACTS
from tests.core.warehouse_lake import contract

ID, DAY = WarehouseColumn("id", LakeType(Kind.INT64)), WarehouseColumn("day", LakeType(Kind.DATE))
NOTE = WarehouseColumn("note", LakeType(Kind.STRING), 5)
LAID = Layout(Distribution.KEY, "id", ("day",), {"note": "zstd"})
TABLE = WarehouseTable(Place("finance", "ods_sale"), (ID, DAY, NOTE), ("id",), LAID, "f" * 64, ("analyst",))
HELD = Held({"id": "bigint", "day": "date", "note": "character varying(20)"}, Distribution.KEY, "id", ("day",), {"note": "zstd"})


def said(held: Held | None, table: WarehouseTable = TABLE) -> list[str]:
    return [step.said for step in plan_evolution(held, table)]


def test_a_table_is_made_with_its_layout() -> None:
    assert ddl.create_table(TABLE.place, TABLE) == (
        'CREATE TABLE "finance"."ods_sale" ("id" bigint, "day" date, "note" character varying(20) ENCODE ZSTD) '
        'DISTSTYLE KEY DISTKEY ("id") COMPOUND SORTKEY ("day")')


def test_a_table_as_it_should_be_is_left_alone() -> None:
    assert said(HELD) == []


def test_a_distribution_that_redshift_does_not_say_is_not_changed() -> None:
    assert said(replace(HELD, distribution=None)) == []


def test_columns_are_added_one_a_statement() -> None:
    steps = plan_evolution(replace(HELD, columns={"id": "bigint"}, sort_key=("day",)), TABLE)
    assert [step.statements for step in steps if "added" in step.said] == [
        ('ALTER TABLE "finance"."ods_sale" ADD COLUMN "day" date',),
        ('ALTER TABLE "finance"."ods_sale" ADD COLUMN "note" character varying(20) ENCODE ZSTD',),
    ]


def test_text_is_widened_outside_a_transaction() -> None:
    (step,) = plan_evolution(replace(HELD, columns={**HELD.columns, "note": "character varying(12)"}), TABLE)
    assert (step.alone, step.statements) == (True, ('ALTER TABLE "finance"."ods_sale" ALTER COLUMN "note" TYPE character varying(20)',))


def test_an_encoding_that_the_contract_says_is_changed_in_place() -> None:
    (step,) = plan_evolution(replace(HELD, encodings={"note": "lzo", "id": "az64"}), TABLE)
    assert step.statements == ('ALTER TABLE "finance"."ods_sale" ALTER COLUMN "note" ENCODE ZSTD',)


@pytest.mark.parametrize(("held", "reason"), [
    (replace(HELD, columns={**HELD.columns, "old": "date"}), "column old is gone"),
    (replace(HELD, columns={**HELD.columns, "id": "integer"}), "column id is bigint, not integer"),
    (replace(HELD, columns={**HELD.columns, "note": "character varying(40)"}),
     "column note is character varying(20), not character varying(40)"),
    (replace(HELD, sort_key=()), "sort key is (day), not ()"),
    (replace(HELD, dist_key="day"), "distribution key is id, not day"),
    (replace(HELD, distribution=Distribution.EVEN, dist_key=None), "distribution key is id, not None"),
])  # fmt: skip
def test_what_redshift_cannot_alter_is_rebuilt(held: Held, reason: str) -> None:
    assert said(held) == [f"finance.ods_sale rebuilt: {reason}"]


@pytest.mark.parametrize("held", [
    replace(HELD, columns={**HELD.columns, "note": "character varying(12)"}, encodings={"note": "text255"}),
    replace(HELD, columns={**HELD.columns, "note": "character varying(12)"}, sort_key=("note",)),
])
def test_text_that_redshift_cannot_widen_is_rebuilt(held: Held) -> None:
    table = replace(TABLE, layout=replace(LAID, sort_key=held.sort_key, encodings={}))
    assert said(held, table) == ["finance.ods_sale rebuilt: column note is character varying(20), not character varying(12)"]


COPIED = (
    'INSERT INTO "finance"."ods_sale__new" ("id", "note") SELECT CAST("id" AS bigint), CAST("note" AS character varying(20)) '
    'FROM "finance"."ods_sale"')


def test_a_rebuild_swaps_the_tables_in_one_transaction_and_keeps_readers() -> None:
    (step,) = plan_evolution(replace(HELD, columns={"id": "integer", "note": "character varying(20)"}), TABLE)
    assert (step.alone, list(step.statements[1:])) == (False, [
        COPIED,
        'ALTER TABLE "finance"."ods_sale" RENAME TO "ods_sale__old"',
        'ALTER TABLE "finance"."ods_sale__new" RENAME TO "ods_sale"',
        'GRANT USAGE ON SCHEMA "finance" TO ROLE "analyst"',
        'GRANT SELECT ON "finance"."ods_sale" TO ROLE "analyst"',
        'DROP TABLE "finance"."ods_sale__old"',
    ])


def test_names_and_texts_are_quoted() -> None:
    assert ddl.quoted('a"b') == '"a""b"'
    assert [ddl.literal(value) for value in ("it's", None, True, -7, dt.date(2026, 11, 1))] == [
        "'it''s'", "NULL", "TRUE", "-7", "DATE '2026-11-01'"]


@pytest.mark.parametrize("value", ["a\\b", "a\nb", 1.5, dt.datetime(2026, 11, 1, tzinfo=dt.UTC)])
def test_a_text_that_servers_read_differently_is_refused(value: object) -> None:
    with pytest.raises(TerminalError, match="cannot stand in a statement"):
        ddl.literal(value)


def test_readers_are_those_of_the_contract() -> None:
    place = Place("finance", "ods_sale")
    assert plan_grants(place, ["old", "analyst"], ["analyst", "auditor"]) == (
        'GRANT USAGE ON SCHEMA "finance" TO ROLE "auditor"', 'GRANT SELECT ON "finance"."ods_sale" TO ROLE "auditor"',
        'REVOKE SELECT ON "finance"."ods_sale" FROM ROLE "old"')
    assert plan_grants(place, ["analyst"], ["analyst"]) == ()


WHOLE = LakeType(Kind.INT64)
COLUMNS = {"sale_id": WHOLE, "customer_id": WHOLE, "sold_on": LakeType(Kind.DATE), "_seq": WHOLE}
JOINS = Joins({"customer_id": ("sales.sale", "crm.customer", "crm.visit"), "sale_id": ("sales.sale", "sales.line")})
FACTS = Facts("ods", COLUMNS, ("sale_id",), LARGE_ROWS, JOINS)


@pytest.mark.parametrize(("facts", "expected"), [
    (replace(FACTS, rows=SMALL_ROWS), (Distribution.ALL, None)),
    (replace(FACTS, rows=SMALL_ROWS + 1), (Distribution.EVEN, None)),
    (replace(FACTS, rows=SMALL_ROWS * 4, held=Distribution.ALL), (Distribution.ALL, None)),
    (FACTS, (Distribution.KEY, "customer_id")),
    (replace(FACTS, rows=LARGE_ROWS - 1), (Distribution.EVEN, None)),
    (replace(FACTS, rows=LARGE_ROWS // 4, held=Distribution.KEY), (Distribution.KEY, "customer_id")),
    (replace(FACTS, joins=Joins({})), (Distribution.EVEN, None)),
    (replace(FACTS, joins=Joins({"customer_id": ("sales.sale", "a.b"), "sale_id": ("sales.sale", "a.c")})), (Distribution.KEY, "sale_id")),
])  # fmt: skip
def test_rows_are_spread_by_size_and_joins(facts: Facts, expected: tuple[Distribution, str | None]) -> None:
    found = plan_layout(None, facts, "sales.sale")
    assert (found.distribution, found.dist_key) == expected


def test_each_part_of_a_layout_has_its_reason() -> None:
    assert plan_layout(None, FACTS, "sales.sale").reasons == (
        "distribution key customer_id: 1,000,000 rows, joined by it with crm.customer, crm.visit",
        "sorted by sold_on: the first date, which most filters name")


def test_the_contract_has_the_last_word() -> None:
    declared = WarehouseLayout(("ods",), Distribution.KEY, "sale_id", ("customer_id",), {"customer_id": "raw"})
    found = plan_layout(declared, FACTS, "sales.sale")
    assert (found.distribution, found.dist_key, found.sort_key, found.encodings) == (
        Distribution.KEY, "sale_id", ("customer_id",), {"customer_id": "raw"})


@pytest.mark.parametrize(("facts", "sort_key"), [
    (FACTS, ("sold_on",)),
    (replace(FACTS, zone="hds", columns={**COLUMNS, "valid_from": LakeType(Kind.TIMESTAMP)}), ("valid_from",)),
    (replace(FACTS, columns={"sale_id": LakeType(Kind.INT64), "at": LakeType(Kind.TIMESTAMP)}), ("at",)),
    (replace(FACTS, columns={"sale_id": LakeType(Kind.INT64), "_seen_at": LakeType(Kind.TIMESTAMP)}), ("sale_id",)),
    (replace(FACTS, columns={"name": LakeType(Kind.STRING)}, key=()), ()),
])  # fmt: skip
def test_rows_are_sorted_by_the_date_that_filters_name(facts: Facts, sort_key: tuple[str, ...]) -> None:
    assert plan_layout(None, facts, "sales.sale").sort_key == sort_key


def test_joins_are_whole_keys_that_stand_in_other_tables() -> None:
    found = joins_of([CONTRACTS["finance.invoice"], CONTRACTS["finance.fct_revenue"], CONTRACTS["finance.fx_rate"]])
    assert found.partners == {"invoice_id": ("finance.invoice", "finance.fct_revenue")}
    assert joins_of([contract()]).partners == {"id": ("finance.sale",)}
