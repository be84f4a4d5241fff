"""What a job's consumption costs."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from lakehouse_platform.compute.base import Usage
from lakehouse_platform.settings import PricesBlock

UNIT = Decimal("0.000001")
"""Costs are whole millionths of the currency: sums of many small jobs stay exact."""


def cost(usage: Usage, prices: PricesBlock) -> Decimal:
    """What the consumption costs in `prices.currency`, rounded once, at the end, half to even."""
    exact = sum((
        _decimal(usage.vcpu_hours) * _decimal(prices.vcpu_hour),
        _decimal(usage.gb_hours) * _decimal(prices.gb_hour),
        _decimal(usage.storage_gb_hours) * _decimal(prices.storage_gb_hour),
        _decimal(usage.dpu_hours) * _decimal(prices.dpu_hour),
    ), Decimal(0))  # fmt: skip
    return exact.quantize(UNIT, ROUND_HALF_EVEN)


def _decimal(number: float) -> Decimal:
    """The number as it is written, without the tail of its binary form."""
    return Decimal(repr(number))
