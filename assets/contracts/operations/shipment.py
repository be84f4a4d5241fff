"""Standardisation of shipments: the ERP lets every clerk spell the carriers in his own way."""

import narwhals as nw
from narwhals.typing import LazyFrameT

SPELLINGS = {
    "U.P.S.": "UPS",
    "UNITED PARCEL": "UPS",
    "FED EX": "FEDEX",
    "FEDEX GROUND": "FEDEX",
    "DHL EXPRESS": "DHL",
}


def standardise(frame: LazyFrameT) -> LazyFrameT:
    """Give each carrier one spelling; everything else stays as it is."""
    carrier = nw.col("carrier").str.strip_chars().str.to_uppercase()
    for spelling, name in SPELLINGS.items():
        carrier = nw.when(carrier == spelling).then(nw.lit(name)).otherwise(carrier)
    return frame.with_columns(carrier.alias("carrier"))
