"""What operations does: orders, ships, counts."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal

from resources.legacy.business import values as v
from resources.legacy.business.step import BASE, Row, Transaction, moment, step

ORDERS, ORDERS_A_DAY = 150, 15
SHIPMENTS, SHIPMENTS_A_DAY = 200, 40
ARTICLES = 30
COLUMNS = "ops.work_order (work_order_id, description, status, warehouse_code, quantity, cost, due_at, updated_at)"


@step("erp", "07:00", BASE)
def open_the_warehouses(tx: Transaction) -> None:
    """A month of work orders and shipments, and the stock."""
    days = [tx.date - dt.timedelta(n % 30) for n in range(30)]
    tx.insert(COLUMNS, (_order(tx, n, days[n % 30]) for n in range(1, ORDERS * tx.scale + 1)))
    tx.insert("ops.shipment", (_shipment(tx, n, days[n % 30]) for n in range(1, SHIPMENTS * tx.scale + 1)))
    tx.insert("ops.inventory_level", _stock(tx))


def _order(tx: Transaction, number: int, day: dt.date) -> Row:
    dice = tx.dice
    due = v.LAST_MOMENT if number % 40 == 0 else None if number % 9 == 0 else moment(day, "12:00") + dt.timedelta(14)
    status = dice.choices(("planned", "released", "done"), weights=(3, 4, 2))[0]
    text = v.odd_or(dice, dice.choice(v.TASKS).format(number))
    quantity = None if number % 7 == 0 else dice.randrange(500)
    cost = None if number % 13 == 0 else v.money(dice, 10, 5_000)
    return number, text, status, dice.choice(v.WAREHOUSES), quantity, cost, due, moment(day, "07:30") + dt.timedelta(seconds=number % 1800)


def _shipment(tx: Transaction, number: int, day: dt.date) -> Row:
    dice = tx.dice
    shipped = tx.instant(moment(day, "08:00") + dt.timedelta(microseconds=dice.randrange(10 * 3600 * 1_000_000)))
    promised = None if number % 10 == 0 else shipped + dt.timedelta(hours=dice.choice((-30, -5, 1, 4, 8)))
    tracking = None if number % 6 == 0 else uuid.UUID(int=dice.getrandbits(128), version=4)
    weight = None if number % 15 == 0 else Decimal(dice.randrange(1, 900_000)).scaleb(-3)
    order = dice.randrange(1, ORDERS * tx.scale + 1) if number % 4 else None
    return number, order, dice.choice(v.WAREHOUSES), dice.choice(v.CARRIERS), tracking, dice.randrange(1, 60), weight, promised, shipped


def _stock(tx: Transaction) -> Iterator[Row]:
    for warehouse in v.WAREHOUSES:
        for n in range(1, ARTICLES * tx.scale + 1):
            on_hand = tx.dice.randrange(20, 900)
            counted = None if n % 5 == 0 else tx.date - dt.timedelta(tx.dice.randrange(300))
            yield (warehouse, f"SKU-{n:05}", on_hand, None if n % 4 == 0 else tx.dice.randrange(20), v.money(tx.dice, 1, 400), counted)


@step("erp", "09:05")
def plan_orders(tx: Transaction) -> None:
    """The day's new work orders."""
    first = (ORDERS + ORDERS_A_DAY * (tx.day - 1)) * tx.scale + 1
    tx.insert(COLUMNS, (_order(tx, n, tx.date) for n in range(first, first + ORDERS_A_DAY * tx.scale)))


@step("erp", "12:00")
def ship(tx: Transaction) -> None:
    """The day's shipments."""
    first = (SHIPMENTS + SHIPMENTS_A_DAY * (tx.day - 1)) * tx.scale + 1
    tx.insert("ops.shipment", (_shipment(tx, n, tx.date) for n in range(first, first + SHIPMENTS_A_DAY * tx.scale)))


@step("erp", "14:00")
def work(tx: Transaction) -> None:
    """Orders go on; order 5 changes here, and again in the evening."""
    moved = [5, *tx.pick(12 * tx.scale, ORDERS * tx.scale)]
    tx.execute(
        "update ops.work_order set status = case status when 'planned' then 'released' else 'done' end, cost = coalesce(cost, 0) + 0.0001, "
        "updated_at = %(now)s where work_order_id = any(%(moved)s)", moved=moved)


@step("erp", "17:40")
def replan(tx: Transaction) -> None:
    """Order 5 changes a second time between two extractions, order 6 back and forth."""
    tx.execute("update ops.work_order set status = 'planned', quantity = %(day)s, updated_at = %(now)s where work_order_id = 5", day=tx.day)
    tx.execute("update ops.work_order set status = case when %(day)s %% 2 = 0 then 'planned' else 'cancelled' end, "
               "updated_at = %(now)s where work_order_id = 6", day=tx.day)


@step("erp", "17:50")
def count_stock(tx: Transaction) -> None:
    """Stock moves."""
    moved = [f"SKU-{n:05}" for n in sorted(tx.dice.sample(range(3, ARTICLES * tx.scale + 1), 6 * tx.scale))]
    tx.execute("update ops.inventory_level set quantity_on_hand = quantity_on_hand + %(more)s, counted_on = %(today)s "
               "where warehouse_code = %(warehouse)s and sku = any(%(moved)s)",
               more=tx.dice.randrange(1, 40), warehouse=v.WAREHOUSES[tx.day % 4], moved=moved)


@step("erp", "08:40", days=(3,))
def add_carrier_note(tx: Transaction) -> None:
    """A release of the ERP adds a column, and somebody fills it at once."""
    tx.execute("alter table ops.work_order add column carrier_note text")
    tx.execute("update ops.work_order set carrier_note = %(note)s, updated_at = %(now)s where work_order_id between 7 and 10",
               note="call before delivery ☎")


@step("erp", "15:00", days=(3,))
def discontinue(tx: Transaction) -> None:
    """An article leaves one warehouse."""
    tx.execute("delete from ops.inventory_level where warehouse_code = 'SEA' and sku = 'SKU-00001'")


@step("erp", "15:00", days=(5,))
def stock_again(tx: Transaction) -> None:
    """The article is back."""
    tx.execute("insert into ops.inventory_level values ('SEA', 'SKU-00001', 12, null, 9.9900, %(today)s)")
