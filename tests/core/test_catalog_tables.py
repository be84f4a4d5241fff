"""What a table is registered as: a pure function of contract, zone, place and log."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from lakehouse_platform.catalog.tables import (
    CLASSIFICATION,
    CatalogTable,
    changes,
    plan_table,
    read_table,
    schema_changed,
    table_input,
    zones_of,
)
from lakehouse_platform.catalog.types import hive_type, normal_type
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.types import Kind, LakeType
from lakehouse_platform.engines.base import Commit, Shape, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones.rows import declared
from tests.core.catalog_cases import CONTRACTS, INVOICE, MART, lake, uri, widened

ONE = Shape('{"type":"struct","fields":[{"name":"invoice_id","type":"long"}]}', ())

TYPES = [
    (LakeType(Kind.BOOLEAN), "boolean"),
    (LakeType(Kind.INT16), "smallint"),
    (LakeType(Kind.INT32), "int"),
    (LakeType(Kind.INT64), "bigint"),
    (LakeType(Kind.FLOAT32), "float"),
    (LakeType(Kind.FLOAT64), "double"),
    (LakeType(Kind.DECIMAL, 19, 4), "decimal(19,4)"),
    (LakeType(Kind.STRING), "string"),
    (LakeType(Kind.BINARY), "binary"),
    (LakeType(Kind.DATE), "date"),
    (LakeType(Kind.TIMESTAMP), "timestamp"),
]


def planned(contract: Contract = INVOICE, zone: str = Zone.ODS, shape: Shape = ONE) -> CatalogTable:
    return plan_table("lake", contract, zone, uri(zone, contract), shape)


def held(table: CatalogTable, **differing: Any) -> Any:
    """As Glue answers a table that was given to it."""
    return {**table_input(table), "DatabaseName": table.database, "VersionId": "1", **differing}


@pytest.mark.parametrize(("lake_type", "hive"), TYPES, ids=[str(kind) for kind, _ in TYPES])
def test_a_column_of_a_real_table_gets_its_hive_type(tmp_path: Path, lake_type: LakeType, hive: str) -> None:
    engine, place = PolarsEngine(), str(tmp_path / "table")
    engine.create(TableSpec(place, {"value": lake_type}))
    assert planned(shape=engine.open(place).shape).schema == {"value": hive}


def test_every_kind_of_the_lake_has_a_row_above() -> None:
    assert {kind.kind for kind, _ in TYPES} == set(Kind)


@pytest.mark.parametrize("delta", ["interval", "variant", {"type": "array", "elementType": "long", "containsNull": True}])
def test_a_type_that_the_platform_never_writes_is_an_error_naming_the_column(delta: object) -> None:
    with pytest.raises(TerminalError, match="column odd has Delta type"):
        hive_type("odd", delta)


@pytest.mark.parametrize(("spelt", "normal"), [("INTEGER", "int"), ("decimal( 19 , 4 )", "decimal(19,4)"), ("bigint", "bigint")])
def test_types_are_compared_in_one_spelling(spelt: str, normal: str) -> None:
    assert normal_type(spelt) == normal


def test_raw_is_registered_with_all_columns_comments_and_partitions(tmp_path: Path) -> None:
    table = planned(INVOICE, Zone.RAW, lake(tmp_path).raw(INVOICE).shape)
    assert (table.database, table.name) == ("lake_finance", "raw_invoice")
    assert [(c.name, c.type, c.comment) for c in table.partition_keys] == [
        ("_kind", "string", "change, or batch: a batch's header row."),
        ("_partition", "string", "Business day that the batch was extracted for."),
    ]
    by_name = {c.name: (c.type, c.comment) for c in table.columns}
    assert by_name["amount"] == ("decimal(19,4)", "Total without tax.")
    assert by_name["_seq"] == ("bigint", "Order of a key's changes at the source.")
    assert not by_name.keys() & {"_kind", "_partition"}
    assert [name for name, (_, comment) in by_name.items() if not comment] == []


def test_a_mart_has_the_columns_of_its_contract(tmp_path: Path) -> None:
    engine, place = PolarsEngine(), str(tmp_path / "mart")
    engine.create(TableSpec(place, declared(MART)))
    table = planned(MART, Zone.CURATED, engine.open(place).shape)
    assert table.name == "curated_kpi_revenue_daily"
    assert [(c.name, c.comment) for c in table.columns] == [(c.name, c.description) for c in MART.columns]


def test_every_contract_of_this_lakehouse_can_be_planned_in_every_zone(tmp_path: Path) -> None:
    engine = PolarsEngine()
    for contract in CONTRACTS.values():
        place = str(tmp_path / contract.name)
        engine.create(TableSpec(place, declared(contract)))
        for zone in zones_of(contract):
            assert len(planned(contract, zone, engine.open(place).shape).columns) == len(contract.columns)


def test_athena_spark_and_trino_each_find_what_they_look_for() -> None:
    made = table_input(planned())
    storage = made["StorageDescriptor"]
    assert made["TableType"] == "EXTERNAL_TABLE"
    assert made["Parameters"].items() >= {
        "EXTERNAL": "TRUE", "table_type": "DELTA", "spark.sql.sources.provider": "delta", "classification": "delta"}.items()
    assert storage["Location"] == "s3://lake-bucket/lake/ods/finance/invoice/"
    assert storage["SerdeInfo"]["Parameters"]["path"] == storage["Location"]


def test_a_table_says_which_contract_it_comes_from() -> None:
    assert planned().parameters.items() >= {
        "lakehouse.contract": "finance.invoice", "lakehouse.contract.version": INVOICE.version,
        "lakehouse.contract.fingerprint": INVOICE.fingerprint, "lakehouse.zone": "ods", "lakehouse.prefix": "lake",
        "lakehouse.key": "invoice_id"}.items()
    assert planned().owner == INVOICE.owner
    assert planned().description.startswith(INVOICE.description)


def test_a_commit_of_data_changes_nothing_that_is_registered(tmp_path: Path) -> None:
    table = lake(tmp_path).ods(INVOICE)
    before = planned(shape=table.shape)
    table.append(table.scan(), Commit("ods.append", transactions={"x": 1}))
    assert table.version == 1
    assert planned(shape=lake(tmp_path).ods(INVOICE).shape) == before


def test_a_classified_column_says_so() -> None:
    columns = tuple(replace(c, classification="confidential") if c.name == "invoice_id" else c for c in INVOICE.columns)
    column = planned(replace(INVOICE, columns=columns)).columns[0]
    assert column.parameters == {CLASSIFICATION: "confidential"}


def test_what_glue_is_given_keeps_to_its_limits() -> None:
    columns = tuple(replace(c, description="ä  line\nbreak\x00 " * 90) for c in INVOICE.columns)
    wordy = replace(INVOICE, columns=columns, description="ä" * 3000, owner="team:" + "x" * 400)
    made: Any = table_input(planned(wordy))
    comment = made["StorageDescriptor"]["Columns"][0]["Comment"]
    assert re.fullmatch(r"[\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF\t]*", comment)
    assert comment.startswith("ä line break ä")
    assert [len(text.encode()) <= most for text, most in ((comment, 255), (made["Description"], 2048), (made["Owner"], 255))] == [True] * 3
    assert [text[-1] for text in (comment, made["Description"], made["Owner"])] == ["…"] * 3


def test_boto_takes_what_is_planned() -> None:
    from botocore.validate import ParamValidator

    client = boto3.client("glue", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    shape: Any = client.meta.service_model.operation_model("CreateTable").input_shape
    request = {"DatabaseName": "lake_finance", "TableInput": table_input(planned())}
    assert not ParamValidator().validate(request, shape).has_errors()


def test_a_lake_in_a_folder_has_no_catalog() -> None:
    with pytest.raises(TerminalError, match=r"/tmp/lake/ods/finance/invoice: the Glue catalog only holds tables on S3"):
        plan_table("lake", INVOICE, Zone.ODS, "/tmp/lake/ods/finance/invoice", ONE)


def test_a_table_that_was_read_back_is_the_planned_one(tmp_path: Path) -> None:
    table = planned(INVOICE, Zone.HDS, lake(tmp_path).hds(INVOICE).shape)
    assert read_table(held(table)) == table
    assert changes(read_table(held(table)), table) == ()


DIFFERENCES = [
    ("a column more", {"PartitionKeys": [{"Name": "day", "Type": "date"}]}, True,
     ("column day (date) removed", "partitioned by nothing")),
    ("another type", {"StorageDescriptor": {"Columns": [{"Name": "invoice_id", "Type": "int", "Comment": INVOICE.columns[0].description}]}},
     True, ("column invoice_id: int is now bigint",)),
    ("another place", {"StorageDescriptor": {"Location": "s3://old/place/"}}, True,
     ("location is now s3://lake-bucket/lake/ods/finance/invoice/",)),
    ("no place for Spark", {"StorageDescriptor": {"SerdeInfo": {}}}, True,
     ("location is now s3://lake-bucket/lake/ods/finance/invoice/",)),
    ("another comment", {"StorageDescriptor": {"Columns": [{"Name": "invoice_id", "Type": "bigint", "Comment": "?"}]}}, False,
     ("comment of invoice_id",)),
    ("another owner", {"Owner": "nobody"}, False, (f"owner is now {INVOICE.owner}",)),
    ("another description", {"Description": ""}, False, ("description",)),
    ("a parameter of ours changed", {"Parameters": {"lakehouse.zone": "hds"}}, False, ("lakehouse.zone is now ods",)),
    ("a parameter of ours too many", {"Parameters": {"lakehouse.old": "1"}}, False, ("lakehouse.old removed",)),
    ("Athena's small letters", {"Parameters": {"table_type": "delta"}}, False, ()),
    ("a parameter of others", {"Parameters": {"delta.lastUpdateVersion": "7"}}, False, ()),
]


@pytest.mark.parametrize(("differing", "schema", "said"), [row[1:] for row in DIFFERENCES], ids=[str(row[0]) for row in DIFFERENCES])
def test_a_difference_is_named_and_only_the_schema_s_count_as_a_version(
    differing: dict[str, Any], schema: bool, said: tuple[str, ...]
) -> None:
    table = planned()
    made = held(table)
    for name, value in differing.items():
        made[name] = {**made[name], **value} if isinstance(value, dict) else value
    assert changes(read_table(made), table) == said
    assert schema_changed(read_table(made), table) is schema


def test_columns_in_another_order_are_a_difference() -> None:
    two = Shape(json.dumps({"fields": [{"name": "a", "type": "long"}, {"name": "b", "type": "long"}]}), ())
    turned = Shape(json.dumps({"fields": [{"name": "b", "type": "long"}, {"name": "a", "type": "long"}]}), ())
    assert changes(planned(shape=turned), planned(shape=two)) == ("order of columns",)


def test_an_update_keeps_what_others_have_set() -> None:
    made = table_input(planned(), held(planned(), Parameters={"delta.lastUpdateVersion": "7", "lakehouse.old": "1"}, Retention=9))
    assert made["Parameters"]["delta.lastUpdateVersion"] == "7"
    assert "lakehouse.old" not in made["Parameters"]
    assert made["Retention"] == 9


def test_zones_follow_the_contract() -> None:
    assert zones_of(INVOICE) == (Zone.RAW, Zone.ODS, Zone.HDS)
    assert zones_of(replace(INVOICE, keeps_history=False)) == (Zone.RAW, Zone.ODS)
    assert zones_of(MART) == (Zone.CURATED,)


def test_a_new_column_of_the_contract_is_in_the_plan(tmp_path: Path) -> None:
    place = lake(tmp_path)
    before = planned(INVOICE, Zone.ODS, place.ods(INVOICE).shape)
    after = planned(widened(INVOICE), Zone.ODS, place.ods(widened(INVOICE)).shape)
    assert changes(before, after)[0] == "column colour (string) added"
