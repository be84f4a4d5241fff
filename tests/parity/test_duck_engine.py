"""The third engine of the parity suite casts, fingerprints and parks as the first does, so that what differs is a zone's doing."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.engines.polars import PolarsEngine
from tests.core.test_spark_casts import TEXTS, VALUES, collected, columns, conformed, differences, padded
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


def test_parked_values_come_back_alike() -> None:
    key = "Größe 'x'"
    table = pa.table({"_row": pa.array(range(4), pa.int64()), "_parked": [json.dumps({key: "7"}), "{}", None, '{"other":"1"}']})
    found = [collected(e, e.unpark(e.frame(table), {"size": key}, parked="_parked")) for e in (POLARS, DuckEngine())]
    assert differences(*found) == []
    assert found[0].column("size").to_pylist() == ["7", None, None, None]
