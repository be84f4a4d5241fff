"""What the risk desk does: grants limits, measures exposure, keeps a list of names."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal

from resources.legacy.business import values as v
from resources.legacy.business.step import BASE, Row, Transaction, step

LIMITED_CUSTOMERS = 60
COUNTERPARTIES = 60
LISTED = 40
KEPT_DAYS = 3
"""Closes of business that the exposure table keeps."""
FOREVER = v.LAST_MOMENT.replace(tzinfo=dt.UTC)


@step("erp", "06:30", BASE)
def open_the_desk(tx: Transaction) -> None:
    """Limits of a month ago, the last exposures, the list."""
    tx.clock("11:00", days=-29)
    tx.insert("risk.credit_limit", (row for n in range(1, LIMITED_CUSTOMERS * tx.scale + 1) for row in _limits(tx, n)))
    tx.clock("18:00", days=0)
    for back in range(KEPT_DAYS):
        tx.insert("risk.exposure", _exposures(tx, tx.date - dt.timedelta(back)))
    tx.insert("risk.watchlist", _listed(tx))


def _limits(tx: Transaction, customer: int) -> Iterator[Row]:
    for product in v.PRODUCTS[: 2 if customer % 3 else 3]:
        until = FOREVER if customer % 4 == 0 else None if customer % 7 == 0 else dt.datetime(2030, 6, 30, 16, tzinfo=dt.UTC)
        approver = None if customer % 10 == 0 else v.person(tx.dice)
        yield customer, product, v.money(tx.dice, 100, 90_000), tx.dice.choice(("USD", "USD", "EUR", "GBP")), approver, until


def _exposures(tx: Transaction, day: dt.date) -> Iterator[Row]:
    for n in range(1, COUNTERPARTIES * tx.scale + 1):
        product = v.PRODUCTS[n % 2]
        own = n % 12 != 0
        code = f"CP{n:06}-{product if own else 'BANK'}"
        collateral = None if n % 3 else v.money(tx.dice, 0, 9_000)
        probability = None if n % 8 == 0 else tx.dice.random() / 10
        rating = tx.dice.choice(("AAA", "BB+", None))
        yield (code, day, n if own else None, product if own else None, v.money(tx.dice, 0, 60_000), collateral, probability, rating)


def _listed(tx: Transaction) -> Iterator[Row]:
    for n in range(LISTED * tx.scale):
        name = v.ODD_TEXTS[n % len(v.ODD_TEXTS)].strip() if n % 8 == 0 else ""
        row = (name or v.person(tx.dice), v.odd_or(tx.dice, "sanctions"), tx.dice.choice(("OFAC", "EU", "UN", "internal")), v.NO_START)
        yield row
        if n % 10 == 0:
            yield row


@step("erp", "09:40")
def review_limits(tx: Transaction) -> None:
    """Limits go up and down; one key changes three times in the same instant."""
    for customer in tx.pick(6 * tx.scale, LIMITED_CUSTOMERS * tx.scale):
        tx.execute("update risk.credit_limit set limit_amount = %(limit)s, approved_by = %(by)s "
                   "where customer_id = %(customer)s and product_code = 'LOAN'",
                   limit=v.money(tx.dice, 100, 90_000), by=v.person(tx.dice), customer=customer)
    for limit in (Decimal("100.0001"), Decimal("200.0002"), Decimal("300.0003") + tx.day):
        tx.execute("update risk.credit_limit set limit_amount = %(limit)s where customer_id = 5 and product_code = 'CARD'", limit=limit)


@step("erp", "18:00")
def close_the_day(tx: Transaction) -> None:
    """Today's exposures replace the oldest; a name is put on the list."""
    tx.insert("risk.exposure", _exposures(tx, tx.date))
    tx.execute("delete from risk.exposure where as_of_date <= %(today)s - %(kept)s", kept=KEPT_DAYS)
    name = str(uuid.UUID(int=tx.dice.getrandbits(128)))
    tx.execute("insert into risk.watchlist values (%(name)s, null, 'internal', %(today)s)", name=f"Shell {name} Ltd")


@step("erp", "13:00", days=(2,))
def withdraw(tx: Transaction) -> None:
    """Limits are withdrawn, a name is taken off the list."""
    tx.execute("delete from risk.credit_limit where customer_id in (11, 12)")
    tx.insert("risk.watchlist", [("Comes & Goes", "one of two alike", "EU", tx.date)] * 2)


@step("erp", "13:00", days=(3,))
def renew_at_once(tx: Transaction) -> None:
    """A limit is withdrawn and granted again in the same instant; the list loses a name."""
    tx.execute("delete from risk.credit_limit where customer_id = 13 and product_code = 'LOAN'")
    tx.execute("insert into risk.credit_limit values (13, 'LOAN', 1313.1313, 'USD', null, %(forever)s)", forever=FOREVER)
    tx.execute("delete from risk.watchlist where entity_name = 'Comes & Goes'")


@step("erp", "13:00", days=(4,))
def grant_again(tx: Transaction) -> None:
    """A withdrawn limit is granted again; a name returns to the list."""
    tx.execute("insert into risk.credit_limit values (11, 'LOAN', 1111.1111, 'EUR', 'Ada Chen', null)")
    tx.execute("insert into risk.watchlist values ('Comes & Goes', 'one of two alike', 'EU', %(today)s)")
