"""What finance does: books, invoices, converts, bills."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from decimal import Decimal

from resources.legacy.business import values as v
from resources.legacy.business.step import BASE, Row, Transaction, moment, step

INVOICES, INVOICES_A_DAY = 250, 30
JOURNALS, JOURNALS_A_DAY = 400, 60
BILLING_CUSTOMERS = 100
REMEMBERED_DAYS = 31
"""How far back the base data goes."""

ACCOUNTS: tuple[Row, ...] = (
    ("1000", "Assets", "asset", None, True, v.NO_START),
    ("1100", "Cash", "asset", "1000", True, dt.date(1998, 1, 1)),
    ("1200", "Receivables", "asset", "1000", True, dt.date(1998, 1, 1)),
    ("1300", "Inventory", "asset", "1000", True, dt.date(1998, 1, 1)),
    ("1900", "Suspense", "asset", "1000", True, None),
    ("2000", "Liabilities", "liability", None, True, v.NO_START),
    ("2100", "Payables", "liability", "2000", True, dt.date(1998, 1, 1)),
    ("2200", "Steuerrückstellungen", "liability", "2000", True, dt.date(2004, 2, 29)),
    ("3000", "Equity", "equity", None, True, v.NO_START),
    ("4000", "Income", "income", None, True, v.NO_START),
    ("4100", "Sales of goods", "income", "4000", True, dt.date(1998, 1, 1)),
    ("4200", "Service revenue", "income", "4000", True, dt.date(2011, 7, 1)),
    ("5000", "Expenses", "expense", None, True, v.NO_START),
    ("5100", "Wages", "expense", "5000", True, dt.date(1998, 1, 1)),
    ("5200", "Rent", "expense", "5000", True, dt.date(1998, 1, 1)),
    ("5300", "Energy", "expense", "5000", True, dt.date(1998, 1, 1)),
    ("6100", "Freight", "expense", "5000", True, dt.date(2001, 5, 1)),
    ("6200", "Ausbuchungen 🧾", "expense", "5000", False, None),
)
BOOKED = tuple(str(account[0]) for account in ACCOUNTS if account[3] and account[0] != "1900")


@step("erp", "06:00", BASE)
def open_the_books(tx: Transaction) -> None:
    """Accounts, a month of journal entries, invoices and rates, and who is billed."""
    tx.insert("finance.gl_account", ACCOUNTS)
    tx.insert("billing.customer", _billing_customers(tx))
    days = [tx.date - dt.timedelta(n) for n in range(REMEMBERED_DAYS)]
    tx.insert("finance.fx_rate", (row for day in days for row in _rates(tx.dice, day)))
    tx.insert("finance.fx_rate", [(v.NO_START, "XTS", v.MOST_RATE, None), (v.NO_END, "XTS", Decimal("0.000000001"), None)])
    entries = JOURNALS * tx.scale
    tx.insert("finance.gl_journal", (_entry(tx.dice, n, days[n * REMEMBERED_DAYS // (entries + 1)]) for n in range(1, entries + 1)))
    tx.insert("finance.gl_journal", _odd_entries(tx.date))
    invoices = INVOICES * tx.scale
    tx.insert("finance.invoice", (_invoice(tx, n, days[5 + n % (REMEMBERED_DAYS - 5)]) for n in range(1, invoices + 1)))


def _billing_customers(tx: Transaction) -> Iterator[Row]:
    since = moment(tx.date - dt.timedelta(60), "10:00")
    for n in range(1, BILLING_CUSTOMERS * tx.scale + 1):
        name = f"{v.person(tx.dice)}  & Sons " if n % 9 == 0 else v.person(tx.dice)
        yield number_of(n), None if n % 25 == 0 else n, name, tx.dice.choice((0, 14, 30, None)), n % 17 == 0, _currency(tx.dice), since


def number_of(customer: int) -> str:
    """Billing number of a customer."""
    return f"B{customer:05}"


def _currency(dice: random.Random) -> str:
    return dice.choices(tuple(v.CURRENCIES), weights=(10, 5, 3, 2, 1, 2))[0]


def _rates(dice: random.Random, day: dt.date) -> Iterator[Row]:
    for currency, rate in v.CURRENCIES.items():
        wobble = 1 if currency == "USD" else 1 + Decimal(dice.randrange(-20_000_000, 20_000_000)).scaleb(-9)
        yield day, currency, (Decimal(rate) * wobble).quantize(Decimal("1e-9")), "ECB" if day.day % 7 else None


def _entry(dice: random.Random, number: int, day: dt.date) -> Row:
    booked = moment(day, "08:00") + dt.timedelta(microseconds=dice.randrange(10 * 3600 * 1_000_000))
    reverses = number - 1 if number % 20 == 0 else None
    amount = v.money(dice, 1, 20_000) * (-1 if reverses else 1)
    memo = v.odd_or(dice, f"Entry {number}")
    valued = None if number % 5 == 0 else booked.replace(microsecond=0)
    return number, dice.choice(BOOKED), "DC"[number % 2], amount, _currency(dice), booked, valued, memo, reverses


def _odd_entries(day: dt.date) -> list[Row]:
    booked = moment(day, "12:00")
    return [
        (800_001, "1100", "D", v.MOST_MONEY, "USD", booked, v.SKIPPED_HOUR, "the largest amount", None),
        (800_002, "1100", "C", -v.MOST_MONEY, "USD", booked, v.DOUBLED_HOUR, "the smallest amount", None),
        (800_003, "1100", "D", Decimal("0.0001"), "XTS", booked, v.FIRST_MOMENT, "", None),
    ]


def _invoice(tx: Transaction, number: int, day: dt.date, *, priority: str | None = None) -> Row:
    dice, amount = tx.dice, v.money(tx.dice, 5, 9_000)
    due = v.NO_END if number % 50 == 0 else None if number % 30 == 0 else day + dt.timedelta(30)
    tax = None if number % 11 == 0 else (amount * Decimal("0.0825")).quantize(Decimal("1e-4"))
    status = dice.choices(("draft", "open", "paid", "void"), weights=(1, 4, 4, 1))[0]
    customer = number_of(dice.randrange(1, BILLING_CUSTOMERS * tx.scale + 1))
    rank = priority or (None if number % 6 == 0 else str(dice.randrange(1, 6)))
    updated = moment(day, "16:00") + dt.timedelta(seconds=number % 3600)
    note = v.odd_or(dice, None, one_in=8)
    return number, f"INV-{number:07}", customer, day, due, _currency(dice), amount, tax, status, rank, note, updated


@step("erp", "09:10")
def book_the_day(tx: Transaction) -> None:
    """The day's journal entries."""
    first = (JOURNALS + JOURNALS_A_DAY * (tx.day - 1)) * tx.scale + 1
    tx.insert("finance.gl_journal", (_entry(tx.dice, n, tx.date) for n in range(first, first + JOURNALS_A_DAY * tx.scale)))


@step("erp", "09:20")
def publish_rates(tx: Transaction) -> None:
    """Today's rates, and a correction of yesterday's."""
    tx.insert("finance.fx_rate", _rates(tx.dice, tx.date))
    tx.execute("update finance.fx_rate set rate = rate + 0.000000001 where rate_date = %(today)s - 1 and currency_code = 'EUR'")


@step("erp", "10:00")
def send_invoices(tx: Transaction) -> None:
    """The day's invoices; from day 3 on, priorities are words for some."""
    first = (INVOICES + INVOICES_A_DAY * (tx.day - 1)) * tx.scale + 1
    numbers = range(first, first + INVOICES_A_DAY * tx.scale)
    words = {0: "high", 1: "low"} if tx.day >= 3 else {}
    tx.insert("finance.invoice", (_invoice(tx, n, tx.date, priority=words.get(n % 5)) for n in numbers))


@step("erp", "16:30")
def receive_payments(tx: Transaction) -> None:
    """Open invoices are paid, drafts are opened."""
    paid = tx.pick(10 * tx.scale, INVOICES * tx.scale)
    tx.execute(
        "update finance.invoice set status = case status when 'open' then 'paid' when 'draft' then 'open' else status end, "
        "updated_at = %(now)s where invoice_id = any(%(paid)s)", paid=paid)


@step("erp", "17:00")
def change_terms(tx: Transaction) -> None:
    """Billing customers get other terms; some are put on hold."""
    changed = [number_of(n) for n in tx.pick(3 * tx.scale, BILLING_CUSTOMERS * tx.scale)]
    tx.execute("update billing.customer set terms = 7 * %(day)s, updated_at = %(now)s where cust_no = any(%(changed)s)",
               day=tx.day, changed=changed)
    tx.execute("update billing.customer set credit_hold = not credit_hold, updated_at = %(now)s where cust_no = %(one)s", one=changed[0])


@step("erp", "11:00", days=(2,))
def delete_drafts(tx: Transaction) -> None:
    """Some invoices are deleted for good, and an account is closed."""
    tx.execute("delete from finance.invoice where invoice_id between 31 and 34")
    tx.execute("delete from finance.gl_account where account_code = '1900'")


@step("erp", "08:30", days=(3,))
def retype_priority(tx: Transaction) -> None:
    """A release of the ERP turns priorities from numbers to words."""
    tx.execute("alter table finance.invoice alter column priority type text using priority::text")


@step("erp", "11:00", days=(3,))
def rename_accounts(tx: Transaction) -> None:
    """Accounts change name and state, one is opened."""
    tx.execute("update finance.gl_account set account_name = 'Sales of goods and licences' where account_code = '4100'")
    tx.execute("update finance.gl_account set is_active = false, parent_code = null where account_code = '5200'")
    tx.execute("insert into finance.gl_account values ('5400', 'Cloud', 'expense', '5000', true, %(today)s)")


@step("erp", "11:00", days=(4,))
def bring_back(tx: Transaction) -> None:
    """A deleted invoice and a closed account are there again."""
    tx.insert("finance.invoice", [_invoice(tx, 31, tx.date)])
    tx.execute("insert into finance.gl_account values ('1900', 'Suspense (reopened)', 'asset', '1000', true, null)")


@step("erp", "11:00", days=(5,))
def turn_back_names(tx: Transaction) -> None:
    """An account gets its old name again."""
    tx.execute("update finance.gl_account set account_name = 'Sales of goods' where account_code = '4100'")
