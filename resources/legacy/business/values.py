"""Values that the business draws from, the odd ones first."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

ODD_TEXTS = (
    "",
    "𝕏 🏭 astral",
    "שלום עולם",
    "مرحبا ١٢٣",
    "e\u0301cole, not é",
    "zero\u200bwidth\ufeff",
    "tab\tline\nquote\" ' back\\slash",
    "NULL",
    "\\N",
    "Straße İstanbul ﬁ",
    "   ",
    "日本語、ｶﾅ",
)
"""Texts that break careless readers: empty, beyond the basic plane, right to left, combining, look-alikes of NULL."""

NO_END = dt.date(9999, 12, 31)
NO_START = dt.date(1, 1, 1)
LAST_MOMENT = dt.datetime.fromisoformat("9999-12-31 23:59:59.999999")
FIRST_MOMENT = dt.datetime.fromisoformat("0001-01-01 00:00")
SKIPPED_HOUR = dt.datetime.fromisoformat("2025-03-09 02:30")
"""New York's clocks never showed it."""
DOUBLED_HOUR = dt.datetime.fromisoformat("2025-11-02 01:30")
"""New York's clocks showed it twice."""
MOST_MONEY = Decimal("999999999999999.9999")
"""Largest numeric(19,4)."""
MOST_RATE = Decimal("99999999999999999999999999999.999999999")
"""Largest numeric(38,9)."""

CURRENCIES = {"USD": "1", "EUR": "1.0842", "GBP": "1.2710", "JPY": "0.006612", "CHF": "1.1265", "CAD": "0.7288"}
WAREHOUSES = ("BOS", "EWR", "ORD", "SEA")
PRODUCTS = ("LOAN", "CARD", "LEASE")
REGIONS = ("north", "south", "east", "west")
SEGMENTS = ("retail", "business", "public")
CARRIERS = ("UPS", "ups", "U.P.S.", "United Parcel", "FedEx", "Fed Ex", "FedEx Ground", "DHL", "DHL Express", " dhl ")
FIRST_NAMES = ("Ada", "Zoë", "Jürgen", "Siobhán", "María", "Łukasz", "Nguyễn", "Olu", "Priya", "Ingrid", "Yusuf", "Mei")
LAST_NAMES = ("Okafor", "Smith", "Müller", "O’Brien", "García", "Nowak", "Trần", "Lindqvist", "Rao", "Haddad", "Chen", "Dubois")
CITIES = ("Boston", "Newark", "Chicago", "Seattle", "Montréal", "São Paulo", "Köln", "Zürich")
TASKS = ("Replace the belt of line {}", "Calibrate scale {}", "Build {} brackets", "Paint hall {}", "Inspect crane {}")


def money(dice: random.Random, low: int, high: int) -> Decimal:
    """An amount with four decimals."""
    return Decimal(dice.randrange(low * 10_000, high * 10_000)).scaleb(-4)


def person(dice: random.Random) -> str:
    """A name."""
    return f"{dice.choice(FIRST_NAMES)} {dice.choice(LAST_NAMES)}"


def odd_or(dice: random.Random, text: str | None, *, one_in: int = 12) -> str | None:
    """Mostly the text; now and then an odd one, or NULL."""
    if dice.randrange(one_in):
        return text
    return dice.choice((None, *ODD_TEXTS))
