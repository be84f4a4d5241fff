"""Sensors evaluated without the daemon."""

from __future__ import annotations

import pytest

from lakehouse_platform.errors import UnknownName
from lakehouse_platform.orchestration import build_definitions
from lakehouse_platform.orchestration.sensors import build_automation_sensor, build_freshness_sensor
from lakehouse_platform.orchestration.ticks import sensors_of, tick
from tests.definitions.conftest import Shop


def test_a_sensor_goes_on_where_its_last_evaluation_ended(shop: Shop) -> None:
    defs = build_definitions(shop.project, sensors=[build_freshness_sensor(shop.project)])
    first, second = (tick(defs, shop.instance, "data_freshness").said for _ in range(2))
    assert [first, second] == [f"{n} of 4 checks changed" for n in (4, 0)]


def test_automation_is_left_to_the_daemon(shop: Shop) -> None:
    defs = build_definitions(shop.project, sensors=[build_automation_sensor(), build_freshness_sensor(shop.project)])
    assert sensors_of(defs) == ("data_freshness",)


def test_a_sensor_that_there_is_not_is_told(shop: Shop) -> None:
    with pytest.raises(UnknownName, match='unknown sensor "freshness"'):
        tick(build_definitions(shop.project, sensors=[build_freshness_sensor(shop.project)]), shop.instance, "freshness")
