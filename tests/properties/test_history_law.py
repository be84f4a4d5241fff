"""Any changes, in any split into partitions, order and repetition: the Delta tables hold what one pass over the set gives."""

from __future__ import annotations

import os
import random as randomness
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse_platform.engines.base import Engine
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.zones import gate, hds, ods, raw
from lakehouse_platform.zones.lake import Lake
from tests.properties.feeds import KEY, Delivery, FeedSource, contract, fingerprint, instant
from tests.properties.oracle import PRESENT, Row, Values, history

EXAMPLES = int(os.environ.get("LAKEHOUSE_EXAMPLES", "200"))
LONG = "a very long key that is alike for more than sixty-four characters, then "
KEYS = [("north", 1), ("north", 2), (LONG + "x", 1), (LONG + "y", 1)]
VALUES = [("1.5", "a"), (None, "a"), ("1.500000001", None), ("99999999999999999999999999999.999999999", "é😀")]
DAYS = ["2026-03-02", "2026-03-03"]

small = st.integers(1, 4)
keys, values = st.sampled_from(KEYS), st.sampled_from(VALUES)
change = st.builds(Row, keys, st.integers(1, 8), st.just(False), small, st.one_of(values, values, st.none()), st.integers(1, 8))
feed = st.lists(change, max_size=5).map(lambda rows: Delivery(tuple(rows), seen=9))


@st.composite
def image(draw: st.DrawFn) -> Delivery:
    """A full image: any keys, one row each; of some it says only that they are there, as of rows that the gate holds back."""
    position, seen = draw(st.integers(1, 8)), draw(small)
    state = draw(st.dictionaries(keys, st.one_of(values, values, st.just(PRESENT)), max_size=4))
    return Delivery(tuple(Row(k, position, True, seen, v, seen) for k, v in state.items()), position, seen)


def one_delivery_each(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Two images of one position at one instant are the same image."""
    first: dict[object, Delivery] = {}
    return [d if d.position is None else first.setdefault((d.position, d.seen), d) for d in deliveries]


deliveries_of_a_table = st.lists(st.one_of(feed, image()), min_size=1, max_size=6).map(one_delivery_each)


def truth(deliveries: Sequence[Delivery]) -> set[Values]:
    rows = {_as_seen(row, d) for d in deliveries for row in d.rows}
    snapshots = {(d.position, d.seen) for d in deliveries if d.position is not None}
    values = {(r.key, r.value) for r in rows if r.value is not None and r.value != PRESENT}
    order: dict[tuple[Values, Values | None], str] = {(key, value): fingerprint(key, value) for key, value in values}
    return history(rows, snapshots, order)


def _as_seen(row: Row, delivery: Delivery) -> Row:
    """`_seen_at` is the delivery's: a source says one thing at one instant."""
    return row._replace(seen=delivery.seen)


class Warehouse:
    """One lake with the test's table."""

    def __init__(self, folder: str, engine: Engine | None = None) -> None:
        self.lake, self.source, self.contract = Lake(folder, engine or PolarsEngine()), FeedSource(), contract()

    def deliver(self, delivery: Delivery, day: str, run: str) -> raw.Extraction:
        self.source.next = delivery
        return raw.extract(self.lake, self.contract, self.source, day, run=run)

    def merge(self, day: str) -> None:
        gate.judge(self.lake, self.contract, day)
        ods.merge(self.lake, self.contract, day)
        hds.merge(self.lake, self.contract, day)

    def versions(self) -> set[Values]:
        columns = (*KEY, "amount", "note", "valid_from", "valid_to", "is_current")
        found = pl.scan_delta(self.lake.uri("hds", self.contract)).select(columns).collect()
        assert (found["is_current"] == found["valid_to"].is_null()).all()
        assert not found.select(*KEY, "valid_from").is_duplicated().any()
        return {((a, b), (None if c is None else _plain(c), d), e, f) for a, b, c, d, e, f, _ in found.rows()}

    def state(self) -> set[Values]:
        found = pl.scan_delta(self.lake.uri("ods", self.contract)).select(*KEY, "amount", "note").collect()
        assert not found.select(*KEY).is_duplicated().any()
        return {((a, b), (None if c is None else _plain(c), d)) for a, b, c, d in found.rows()}


def _plain(amount: object) -> str:
    text = str(amount).rstrip("0")
    return text.rstrip(".") if text.endswith(".") else text


def in_instants(versions: set[Values]) -> set[Values]:
    return {(k, v, instant(a), None if b is None else instant(b)) for k, v, a, b in versions}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(deliveries_of_a_table, st.randoms(use_true_random=False), st.data())
def test_any_split_order_and_repetition_gives_the_same_history(
    deliveries: list[Delivery], random: randomness.Random, data: st.DataObject,
) -> None:
    expected = in_instants(truth(deliveries))
    arriving = [*deliveries, *data.draw(st.lists(st.sampled_from(deliveries), max_size=2))]
    random.shuffle(arriving)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(folder)
        for number, delivery in enumerate(arriving):
            day = random.choice(DAYS)
            first = warehouse.deliver(delivery, day, f"run{number}")
            again = warehouse.deliver(delivery, day, f"run{number}")
            assert again == raw.Extraction(first.batch, new=False)
            if random.random() < 0.7:
                warehouse.merge(day)
        days = sorted({p.name.removeprefix("_partition=") for p in Path(folder, "raw/finance/ledger/_kind=batch").iterdir()})
        for day in random.sample(days, len(days)):
            warehouse.merge(day)
        assert warehouse.versions() == expected
        assert warehouse.state() == {(k, v) for k, v, _, end in expected if end is None}


def row(value: Values | None, seq: int, effective: int) -> Row:
    return Row(KEYS[0], seq, False, 0, value, effective)


def full(position: int, state: dict[Values, Values], seen: int) -> Delivery:
    return Delivery(tuple(Row(k, position, True, seen, v, seen) for k, v in state.items()), position, seen)


def told(*rows: Row, seen: int = 1) -> Delivery:
    return Delivery(rows, seen=seen)


A, B, C = VALUES[0], VALUES[1], VALUES[2]
CASES = {
    "a collapsed repeat hides a late row": [told(row(A, 1, 1)), told(row(A, 3, 3)), told(row(B, 2, 2))],
    "effective time goes back": [told(row(A, 1, 1), row(B, 2, 5)), told(row(C, 3, 3))],
    "the head has absorbed a later clock": [told(row(A, 1, 1)), told(row(B, 2, 5), row(A, 3, 5)), told(row(C, 4, 3))],
    "a state left and taken back in one instant": [told(row(A, 1, 1)), told(row(B, 2, 5), row(A, 3, 5))],
    "valid_from of the head is not its clamp": [told(row(A, 1, 1), row(B, 2, 5), row(A, 3, 5)), told(row(C, 4, 3))],
    "an older row moves a clamp": [told(row(A, 10, 5), row(B, 11, 3)), told(row(C, 9, 2))],
    "an empty image has no row": [full(1, {KEYS[0]: A, KEYS[1]: B}, 1), full(2, {}, 2), full(3, {KEYS[0]: A}, 3)],
    "a late image re-derives its successor": [full(1, {KEYS[0]: A}, 1), full(3, {KEYS[0]: A}, 3), full(2, {KEYS[1]: B}, 2)],
    "an image delivered again without a key": [full(2, {KEYS[0]: A, KEYS[1]: B}, 1), full(2, {KEYS[0]: A}, 2)],
    "a row read again": [told(row(A, 5, 5)), told(row(A, 5, 5), seen=2)],
    "the older observation of a tie arrives last": [told(row(B, 5, 5), seen=2), told(row(A, 5, 5), seen=1)],
    "a change found by an image, then told by the feed": [told(row(A, 1, 1)), full(4, {KEYS[0]: B}, 4), told(row(B, 3, 3))],
    "a late image ends an older version of a key that is gone": [
        told(row(A, 2, 1)), told(row(A, 6, 4), row(None, 8, 7)), full(2, {}, 2)],
    "a key that is there, is gone, and comes back": [
        told(row(A, 1, 1)), full(2, {KEYS[0]: PRESENT}, 2), full(3, {}, 3), told(row(A, 4, 4), seen=4)],
    "a version vanished, its clock did not": [full(3, {KEYS[0]: A}, 3), told(row(None, 4, 1)), told(row(A, 7, 1))],
    "a key that comes back": [told(row(A, 1, 1)), told(row(None, 2, 2)), told(row(A, 3, 3))],
}


@pytest.mark.parametrize("deliveries", CASES.values(), ids=CASES.keys())
def test_merging_batch_by_batch_equals_one_pass(deliveries: list[Delivery], tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    for number, delivery in enumerate(deliveries):
        warehouse.deliver(delivery, DAYS[0], f"run{number}")
        warehouse.merge(DAYS[0])
    expected = in_instants(truth(deliveries))
    assert warehouse.versions() == expected
    assert warehouse.state() == {(k, v) for k, v, _, end in expected if end is None}
