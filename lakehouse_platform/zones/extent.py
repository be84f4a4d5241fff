"""How much a step would read, by the logs of the tables alone."""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.engines.base import opened
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.rows import CHANGE


def touched(lake: Lake, contract: Contract, zone: str, days: Sequence[str]) -> int:
    """Bytes that merging the days into `zone` reads: their files of Raw, and the target's. Nothing is created.

    Late rows make their keys be computed again from all of Raw; that is not foreseen here.
    """
    raw, target = lake.uri("raw", contract), lake.uri(zone, contract)
    of_days = {"_kind": [CHANGE], "_partition": list(days)}
    read, held = opened(lake.engine, raw), opened(lake.engine, target)
    return (read.size(partitions=of_days) if read is not None else 0) + (held.size() if held is not None else 0)
