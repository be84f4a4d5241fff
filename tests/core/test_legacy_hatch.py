"""The demo's hatch gives each carrier one spelling."""

from __future__ import annotations

import runpy
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest

HATCH = Path(__file__).parents[2] / "assets" / "contracts" / "operations" / "shipment.py"


@pytest.mark.parametrize(("written", "read"), [
    ("U.P.S.", "UPS"), ("ups", "UPS"), ("United Parcel", "UPS"), ("Fed Ex", "FEDEX"), ("FedEx Ground", "FEDEX"),
    (" dhl ", "DHL"), ("DHL Express", "DHL"), ("Local Van", "LOCAL VAN"), ("", ""), (None, None),
])
def test_carrier_gets_one_spelling(written: str | None, read: str | None) -> None:
    frame = nw.from_native(pl.LazyFrame({"carrier": [written], "units": [1]}, schema={"carrier": pl.String, "units": pl.Int32}))
    standardised = runpy.run_path(str(HATCH))["standardise"](frame)
    assert standardised.to_native().collect().rows() == [(read, 1)]
