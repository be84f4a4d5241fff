from __future__ import annotations

import pyarrow as pa
import pytest

from lakehouse_platform.contracts.contract import Column
from lakehouse_platform.contracts.types import Kind, LakeType, parse_type
from lakehouse_platform.engines.arrow import arrow_type
from lakehouse_platform.errors import TerminalError
from lakehouse_platform.warehouse.base import WarehouseColumn
from lakehouse_platform.warehouse.columns import warehouse_columns
from lakehouse_platform.warehouse.types import RedshiftType, lake_type, redshift_type
from tests.core.warehouse_lake import contract
from tests.standins.redshift.parquet import Target

SAME = "the same"
ROWS = {
    "bit": ("boolean", SAME), "boolean": ("boolean", SAME),
    "tinyint": ("smallint", SAME), "smallint": ("smallint", SAME), "integer": ("integer", SAME), "bigint": ("bigint", SAME),
    "real": ("real", SAME), "float": ("double precision", SAME), "double precision": ("double precision", SAME),
    "numeric(38,9)": ("numeric(38,9)", SAME), "numeric(5,0)": ("numeric(5,0)", SAME), "money": ("numeric(19,4)", SAME),
    "varchar(12)": ("character varying(48)", SAME), "nvarchar(4000)": ("character varying(16000)", SAME),
    "char(3)": ("character varying(12)", SAME), "varchar(20000)": ("character varying(65535)", SAME),
    "text": ("character varying(65535)", SAME), "nvarchar(max)": ("character varying(65535)", SAME),
    "xml": ("character varying(65535)", SAME), "uuid": ("character varying(144)", SAME), "time": ("character varying(128)", SAME),
    "json": ("super", "character varying(65535)"), "jsonb": ("super", "character varying(65535)"),
    "bytea": ("binary varying(64000)", SAME), "varbinary(16)": ("binary varying(64000)", SAME),
    "date": ("date", SAME),
    "timestamp": ("timestamp with time zone", "timestamp without time zone"),
    "datetimeoffset": ("timestamp with time zone", "timestamp without time zone"),
}
"""Source type: Redshift's type of the table, and of the staging table that COPY fills."""


def column(declared: str) -> WarehouseColumn:
    """A column of a contract, on its way."""
    made = contract({"id": "bigint"}, columns=(Column("c", "c", parse_type(declared)),))
    return warehouse_columns(made, {"c": made.columns[0].type})[0]


@pytest.mark.parametrize(("declared", "held", "staged"), [(name, *row) for name, row in ROWS.items()])
def test_each_source_type_has_its_place_in_redshift(declared: str, held: str, staged: str) -> None:
    found = redshift_type(column(declared))
    assert (found.held, found.staged) == (held, held if staged == SAME else staged)


@pytest.mark.parametrize("declared", ROWS)
def test_each_staged_type_takes_what_the_lake_writes(declared: str) -> None:
    made = column(declared)
    assert Target("c", redshift_type(made).staged).takes(arrow_type(made.lake))


def test_instants_and_json_are_converted_on_the_way() -> None:
    assert redshift_type(column("timestamptz")).conversion.format("x") == "x AT TIME ZONE 'UTC'"
    assert redshift_type(column("json")).conversion.format("x") == "JSON_PARSE(x)"
    assert redshift_type(column("bigint")).conversion.format("x") == "x"


def test_the_platforms_own_texts_have_their_width() -> None:
    (made,) = warehouse_columns(contract(), {"_hash": LakeType(Kind.STRING)})
    assert redshift_type(made) == RedshiftType("character varying(256)", "character varying(256)")


def test_a_decimal_that_redshift_lacks_is_refused_by_name() -> None:
    with pytest.raises(TerminalError, match=r"column rate: Redshift has no type for decimal\(39,2\)"):
        redshift_type(WarehouseColumn("rate", LakeType(Kind.DECIMAL, 39, 2)))


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.uint32(), pa.time64("us"), pa.int8()])
def test_a_column_of_a_file_that_nothing_can_hold_is_refused_by_name(kind: pa.DataType) -> None:
    with pytest.raises(TerminalError, match=r"column odd is .* in its file"):
        lake_type("odd", kind)


@pytest.mark.parametrize("kind", Kind)
def test_what_the_lake_writes_is_read_back_as_its_type(kind: Kind) -> None:
    lake = LakeType(kind, 38, 9) if kind is Kind.DECIMAL else LakeType(kind)
    assert lake_type("c", arrow_type(lake)) == lake
