"""What the customer desk does in the CRM."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from resources.legacy.business import values as v
from resources.legacy.business.step import BASE, Row, Transaction, moment, step

CUSTOMERS, CUSTOMERS_A_DAY = 120, 3
ADDRESSES, ADDRESSES_A_DAY = 150, 4


@step("crm", "06:00", BASE)
def open_the_crm(tx: Transaction) -> None:
    """Everybody who was a customer two months ago, with addresses."""
    tx.clock("09:00", days=-59)
    tx.insert("public.customer", (_customer(tx, n) for n in range(1, CUSTOMERS * tx.scale + 1)))
    since = tx.clock("09:30", days=-58)
    tx.insert("public.address", (_address(tx, n, since) for n in range(1, ADDRESSES * tx.scale + 1)))


def _customer(tx: Transaction, number: int) -> Row:
    dice, company = tx.dice, number % 4 == 0
    name = v.ODD_TEXTS[number % len(v.ODD_TEXTS)].strip() if number % 10 == 0 else ""
    born = None if company else v.NO_START if number % 37 == 0 else dt.date(1940, 1, 1) + dt.timedelta(dice.randrange(24_000))
    email = None if number % 14 == 0 else f"{'Desk' if company else 'mail'}{number}@Example.com" if number % 33 else "not an address"
    tax_id = None if number % 5 == 0 else f"{dice.randrange(10**9):09}"
    vip = None if number % 16 == 0 else number % 19 == 0
    return (number, name or v.person(dice), email, tax_id, born, dice.choice(v.SEGMENTS), dice.choice(v.REGIONS), vip,
            v.odd_or(dice, None, one_in=6))


def _address(tx: Transaction, number: int, updated: dt.datetime) -> Row:
    dice = tx.dice
    customer = 1 + (number - 1) % (CUSTOMERS * tx.scale)
    second = v.odd_or(dice, None, one_in=5)
    city = dice.choice(v.CITIES) + ("  " if number % 6 == 0 else "")
    code = None if number % 20 == 0 else f"{dice.randrange(100_000):05}"
    kind = "home" if number <= CUSTOMERS * tx.scale else dice.choice(("billing", "delivery"))
    street = f"{dice.randrange(1, 400)} {dice.choice(v.LAST_NAMES)} St"
    return number, customer, kind, street, second, city, code, dice.choice(("US", "us", "CA", "DE")), updated


@step("crm", "09:30")
def welcome(tx: Transaction) -> None:
    """New customers with their addresses."""
    customers = _new(CUSTOMERS, CUSTOMERS_A_DAY, tx)
    addresses = _new(ADDRESSES, ADDRESSES_A_DAY, tx)
    tx.insert("public.customer", (_customer(tx, n) for n in customers))
    tx.insert("public.address", (_address(tx, n, tx.now) for n in addresses))


def _new(base: int, a_day: int, tx: Transaction) -> Iterator[int]:
    first = (base + a_day * (tx.day - 1)) * tx.scale + 1
    return iter(range(first, first + a_day * tx.scale))


@step("crm", "10:30")
def regroup(tx: Transaction) -> None:
    """Customers move between segments and regions; customer 5 twice within the transaction."""
    for customer in tx.pick(5 * tx.scale, CUSTOMERS * tx.scale):
        tx.execute("update public.customer set region = %(region)s, segment = %(segment)s where customer_id = %(customer)s",
                   region=tx.dice.choice(v.REGIONS), segment=tx.dice.choice(v.SEGMENTS), customer=customer)
    for note in ("first call", f"second call of day {tx.day}"):
        tx.execute("update public.customer set notes = %(note)s where customer_id = 5", note=note)


@step("crm", "15:45")
def move_house(tx: Transaction) -> None:
    """Customers move; customer 5 is noted once more."""
    tx.execute("update public.address set line_1 = line_1 || ' ', city = %(city)s, updated_at = %(now)s where addr_id = any(%(moved)s)",
               city=tx.dice.choice(v.CITIES), moved=tx.pick(6 * tx.scale, ADDRESSES * tx.scale))
    tx.execute("update public.customer set notes = 'third call' where customer_id = 5")


@step("crm", "14:10", days=(2,))
def say_goodbye(tx: Transaction) -> None:
    """Customers leave, and their addresses are deleted for good."""
    tx.execute("delete from public.customer where customer_id in (11, 12)")
    tx.execute("delete from public.address where addr_id in (21, 22, 23)")


@step("crm", "14:10", days=(3,))
def correct_an_address(tx: Transaction) -> None:
    """An address is deleted; an hour later another clerk enters it again."""
    tx.execute("delete from public.address where addr_id = 24")


@step("crm", "15:10", days=(3,))
def enter_it_again(tx: Transaction) -> None:
    """The address that was deleted an hour ago."""
    tx.insert("public.address", [_address(tx, 24, moment(tx.date, "15:10"))])


@step("crm", "14:10", days=(4,))
def win_back(tx: Transaction) -> None:
    """A customer and an address that were deleted on day 2 return."""
    tx.insert("public.customer", [_customer(tx, 11)])
    tx.insert("public.address", [_address(tx, 21, tx.now)])


@step("crm", "14:10", days=(5,))
def replace_at_once(tx: Transaction) -> None:
    """A customer is deleted and entered again in the same instant."""
    tx.execute("delete from public.customer where customer_id = 13")
    tx.insert("public.customer", [_customer(tx, 13)])
