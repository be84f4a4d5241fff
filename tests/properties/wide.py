"""Many histories in one table: what Spark computes in one job, so that a few examples try hundreds of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pyarrow as pa

from tests.properties.feeds import Delivery, fingerprint, instant
from tests.properties.oracle import PRESENT, Row, Values
from tests.properties.test_history_law import VALUES, _plain, one_delivery_each

KEYS: list[Values] = [(f"region {number % 7}", number) for number in range(150)]


def deliveries(dice: random.Random, count: int) -> list[Delivery]:
    """Feeds and images that speak of many keys, each with a history of its own."""
    return one_delivery_each([_image(dice) if dice.random() < 0.6 else _feed(dice) for _ in range(count)])


def _feed(dice: random.Random) -> Delivery:
    told = [Row(key, dice.randint(1, 8), False, 9, dice.choice([*VALUES, *VALUES, None]), dice.randint(1, 8))
            for key in KEYS for _ in range(dice.choice([0, 1, 1, 3]))]
    return Delivery(tuple(told), seen=9)


def _image(dice: random.Random) -> Delivery:
    position, seen = dice.choice([3, 5, 7]), dice.randint(1, 6)
    there = dice.sample(KEYS, dice.choice([0, 80, 120]))
    said = [*VALUES, *[PRESENT] * len(VALUES)]
    return Delivery(tuple(Row(key, position, True, seen, dice.choice(said), seen) for key in there), position, seen)


def change_rows(told: Sequence[Delivery]) -> pa.Table:
    """All deliveries as the law takes them."""
    return pa.concat_tables(_accepted(delivery) for delivery in told)


def _accepted(delivery: Delivery) -> pa.Table:
    seen = pa.repeat(pa.scalar(instant(delivery.seen), pa.timestamp("us", "UTC")), len(delivery.rows))
    hashes = [fingerprint(r.key, (None, None) if r.value == PRESENT else r.value) if r.value is not None else "" for r in delivery.rows]
    return delivery.arrow.drop_columns(["_parked"]).append_column("_seen_at", seen).append_column("_hash", pa.array(hashes, pa.string()))


def snapshots(told: Sequence[Delivery]) -> pa.Table:
    """The deliveries' images."""
    images = [d for d in told if d.position is not None]
    seen = pa.array([instant(d.seen) for d in images], pa.timestamp("us", "UTC"))
    return pa.table({"_seq": pa.array([d.position for d in images], pa.int64()), "_seen_at": seen, "_effective_at": seen})


def versions(table: pa.Table) -> set[Values]:
    """A table of versions in the oracle's form."""
    return {((r["region"], r["number"]), (None if r["amount"] is None else _plain(r["amount"]), r["note"]), r["valid_from"], r["valid_to"])
            for r in table.to_pylist()}
