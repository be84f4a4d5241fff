"""A mart that is to be certified, what opens every gate of it, and the approval that it has."""

from __future__ import annotations

import datetime as dt

from lakehouse_platform.certify.approvals import Act, Entry
from lakehouse_platform.certify.evidence import Evidence, Kind
from lakehouse_platform.certify.subject import Asset, Subject

ZERO = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
LAST = 12
ORDERS, MART, DATASET = "ods/shop/orders", "curated/shop/sales", "domo/shop/sales"
OURS, OTHER = "a" * 64, "b" * 64
SUBJECT = Subject(
    "shop.sales", OURS, Asset(MART, frozenset({"shape", "total"})), green_runs=2, dataset=Asset(DATASET, frozenset({"rows_match"})),
    upstream=(Asset("raw/shop/orders", schema_checks=frozenset({"schema"})), Asset(ORDERS, frozenset({"units"}), by_day=True)),
    control_totals=frozenset({"total"}), freshness=dt.timedelta(hours=4), owner="ana@shop.test", row_access=())
DOWN = Subject("shop.margin", OURS, Asset("curated/shop/margin", frozenset({"shape"})), upstream=(Asset(MART, frozenset({"shape"})),),
               certified_upstream=("shop.sales",))
EMPTY = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
"""Digest of no policies."""


def hour(number: float) -> dt.datetime:
    return ZERO + dt.timedelta(hours=number)


def green(at: float) -> list[Evidence]:
    """What opens every gate from then on, for as long as the data is young."""
    runs = [Evidence(MART, Kind.CHECK, hour(at), True, name, f"green {at} {n}") for n in (1, 2) for name in ("shape", "total")]
    days = [Evidence(ORDERS, Kind.CHECK, hour(at), True, "units", f"green {at}", day) for day in "12"]
    return [
        *runs, *days, Evidence("raw/shop/orders", Kind.CHECK, hour(at), True, "schema", f"green {at}"),
        Evidence(DATASET, Kind.CHECK, hour(at), True, "rows_match", f"green {at}"),
        Evidence(ORDERS, Kind.RUN, hour(at), True), Evidence("raw/shop/orders", Kind.RUN, hour(at), True),
        Evidence(MART, Kind.COMPLETE, hour(at), True, figures={"complete_through": hour(at).isoformat()}),
        Evidence(MART, Kind.CONTRACT, hour(at), True, figures={"fingerprint": OURS}),
        Evidence(DATASET, Kind.OWNER, hour(at), True, figures={"found": "ana@shop.test"}),
        Evidence(DATASET, Kind.ACCESS, hour(at), True, figures={"found": EMPTY}),
    ]


GRANTED = [Entry(Act.REQUESTED, "ana@shop.test", hour(0), OURS, why="x"),
           Entry(Act.APPROVED, "bo@shop.test", hour(0), OURS, hour(LAST - 1))]
