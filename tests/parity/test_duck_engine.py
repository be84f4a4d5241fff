"""The third engine of the parity suite casts, fingerprints and parks as the first does, so that what differs is a zone's doing."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.engines.polars import PolarsEngine
from tests.core.test_spark_casts import NARROWER, TEXTS, VALUES, collected, columns, conformed, differences, padded
from tests.parity.duck import DuckEngine

POLARS = PolarsEngine()


@pytest.mark.parametrize("kind", TEXTS)
def test_text_becomes_the_same_values_and_the_same_parked_text(kind: str) -> None:
    table = padded({kind: TEXTS[kind]}, [pa.string()])
    expected = conformed(POLARS, table, columns({kind: []}))
    assert differences(expected, conformed(DuckEngine(), table, columns({kind: []}))) == []


@pytest.mark.parametrize("kind", VALUES)
def test_every_value_has_the_same_fingerprint(kind: str) -> None:
    kinds = {"v": parse_type(kind).lake}
    table = pa.table({"v": pa.array([*VALUES[kind], None], POLARS.schema(kinds).field("v").type)})
    table = table.append_column("_row", pa.array(range(table.num_rows), pa.int64()))
    found = [collected(e, e.fingerprint(e.frame(table), kinds, into="_hash")) for e in (POLARS, DuckEngine())]
    assert differences(*found) == []


@pytest.mark.parametrize(("held", "wanted", "values"), NARROWER, ids=[f"{a} to {b}" for a, b, _ in NARROWER])
def test_a_source_of_another_type_is_read_alike(held: str, wanted: str, values: list[Any]) -> None:
    table = pa.table({"v": pa.array([*values, None], POLARS.schema({"v": parse_type(held).lake}).field("v").type)})
    kind = {"v": parse_type(wanted).lake}
    assert differences(conformed(POLARS, table, kind), conformed(DuckEngine(), table, kind)) == []


def test_parked_values_come_back_alike() -> None:
    key = "Größe 'x'"
    table = pa.table({"_row": pa.array(range(4), pa.int64()), "_parked": [json.dumps({key: "7"}), "{}", None, '{"other":"1"}']})
    found = [collected(e, e.unpark(e.frame(table), {"size": key}, parked="_parked")) for e in (POLARS, DuckEngine())]
    assert differences(*found) == []
    assert found[0].column("size").to_pylist() == ["7", None, None, None]
