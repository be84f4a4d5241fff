"""Rows that break rules, by plan: what the gate has to hold back, since when, and until when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from resources.legacy.business.step import BASE, EVERY_DAY, Transaction, step


@dataclass(frozen=True, slots=True)
class Broken:
    """A key whose row breaks a rule from one day on."""

    contract: str
    key: tuple[object, ...]
    """The contract's key; the name for the keyless list. A relative day stands for a date: 3 is day 3."""
    rule: str
    """Name of the contract's rule; `<column>_present` where a required column is NULL."""
    day: int
    breaks: str
    """Statement that breaks it."""
    ends: int | None = None
    """Day on which the row is put right or deleted; None where that never happens."""
    mends: str | None = None
    good_before: bool = False
    """Whether an earlier, good state of the key is already known: ODS keeps that one meanwhile."""

    @property
    def database(self) -> str:
        """Where it happens."""
        return "crm" if self.contract.startswith("customer.") else "erp"


_INVOICE = "insert into finance.invoice values ({}, 'INV-{}', {}, %(today)s, null, '{}', {}, null, 'open', null, null, %(now)s)"
_ORDER = ("insert into ops.work_order (work_order_id, description, status, warehouse_code, quantity, updated_at) "
          "values ({}, '{}', 'planned', 'BOS', {}, %(now)s)")
_SHIPMENT = "insert into ops.shipment values ({}, null, 'BOS', '{}', null, {}, 1.000, null, {})"
_NOON = "(%(today)s + time '12:00') at time zone 'America/New_York'"

BROKEN: tuple[Broken, ...] = (
    Broken("finance.invoice", (900_001,), "amount_not_negative", 2, _INVOICE.format(900_001, 900_001, "'B00041'", "USD", "-120.0000"),
           4, "update finance.invoice set amount = 120.0000, updated_at = %(now)s where invoice_id = 900001"),
    Broken("finance.invoice", (900_002,), "currency_known", 3, _INVOICE.format(900_002, 900_002, "'B00042'", "XXZ", "250.5000"),
           5, "update finance.invoice set currency_code = 'EUR', updated_at = %(now)s where invoice_id = 900002"),
    Broken("finance.invoice", (900_003,), "customer_no_present", 3, _INVOICE.format(900_003, 900_003, "null", "GBP", "99.9900")),
    Broken("finance.invoice", (900_004,), "amount_not_negative", 4,
           "update finance.invoice set amount = -1.0000, updated_at = %(now)s where invoice_id = 900004", good_before=True),
    Broken("finance.invoice", (900_005,), "amount_not_negative", 2, _INVOICE.format(900_005, 900_005, "'B00043'", "CAD", "-0.0001"),
           3, "delete from finance.invoice where invoice_id = 900005"),
    Broken("finance.fx_rate", (2, "CHF"), "rate_positive", 2,
           "update finance.fx_rate set rate = 0 where rate_date = %(today)s and currency_code = 'CHF'",
           3, "update finance.fx_rate set rate = 1.126512345 where rate_date = %(today)s - 1 and currency_code = 'CHF'"),
    Broken("finance.gl_journal", (900_001,), "currency_known", 4,
           "insert into finance.gl_journal values (900001, '1100', 'D', 12.5000, 'ZZZ', %(now)s, null, 'slip', null)"),
    Broken("finance.billing_customer", ("B90001",), "terms_within_a_year", 2,
           "insert into billing.customer values ('B90001', null, 'Minus Days Ltd', -5, false, 'USD', %(now)s)",
           3, "update billing.customer set terms = 5, updated_at = %(now)s where cust_no = 'B90001'"),
    Broken("finance.gl_account", ("6100",), "account_type_known", 3,
           "update finance.gl_account set account_type = 'misc' where account_code = '6100'",
           5, "update finance.gl_account set account_type = 'expense' where account_code = '6100'", good_before=True),
    Broken("risk.credit_limit", (900_001, "LOAN"), "limit_not_negative", 3,
           "update risk.credit_limit set limit_amount = -1 where customer_id = 900001",
           3, "update risk.credit_limit set limit_amount = 1 where customer_id = 900001", good_before=True),
    Broken("risk.credit_limit", (900_002, "CARD"), "currency_known", 4,
           "update risk.credit_limit set currency_code = 'JPY' where customer_id = 900002", good_before=True),
    Broken("risk.exposure", ("CP900001-LOAN", 3), "probability_between_0_and_1", 3,
           "insert into risk.exposure values ('CP900001-LOAN', %(today)s, null, null, 10, null, 1.5, null)",
           4, "update risk.exposure set default_probability = 0.15 where counterparty_code = 'CP900001-LOAN'"),
    Broken("risk.watchlist", ("",), "name_not_blank", 3,
           "insert into risk.watchlist values ('   ', 'a blank name', 'internal', %(today)s)",
           4, "delete from risk.watchlist where reason = 'a blank name'"),
    Broken("operations.work_order", (900_001,), "quantity_not_negative", 3, _ORDER.format(900_001, "Minus four", -4),
           4, "update ops.work_order set quantity = 4, updated_at = %(now)s where work_order_id = 900001"),
    Broken("operations.work_order", (900_002,), "status_known", 4,
           "update ops.work_order set status = 'lost', updated_at = %(now)s where work_order_id = 900002", good_before=True),
    Broken("operations.shipment", (900_001,), "units_positive", 2, _SHIPMENT.format(900_001, "UPS", 0, _NOON)),
    Broken("operations.shipment", (900_002,), "carrier_not_blank", 4, _SHIPMENT.format(900_002, "", 5, _NOON)),
    Broken("customer.customer", (900_001,), "customer_name_present", 2,
           "insert into public.customer values (900001, null, null, null, null, 'retail', 'north', null, null)",
           3, "update public.customer set customer_name = 'Named At Last' where customer_id = 900001"),
    Broken("customer.customer", (900_002,), "region_known", 4,
           "update public.customer set region = 'offshore' where customer_id = 900002", good_before=True),
    Broken("customer.address", (900_001,), "country_two_letters", 3,
           "insert into public.address values (900001, 41, 'home', '1 Nowhere Rd', null, 'Boston', '02101', '1Z', %(now)s)",
           4, "update public.address set country_code = 'US', updated_at = %(now)s where addr_id = 900001"),
)
"""Every row of the estate that breaks a halting or quarantining rule; none halts."""


def broken_after(day: int) -> tuple[Broken, ...]:
    """What the gate still holds back at the end of a day."""
    return tuple(b for b in BROKEN if b.day <= day and (b.ends is None or b.ends > day))


def dated(key: tuple[object, ...], start: dt.date, contract: str) -> tuple[object, ...]:
    """A planned key with its date: `fx_rate` and `exposure` have the day's number in its place."""
    if contract not in ("finance.fx_rate", "risk.exposure"):
        return key
    return tuple(start + dt.timedelta(part - 1) if isinstance(part, int) else part for part in key)


@step("erp", "07:30", BASE)
def prepare_erp(tx: Transaction) -> None:
    """The good states that are broken later."""
    tx.execute(_INVOICE.format(900_004, 900_004, "'B00044'", "USD", "44.4400"))
    tx.execute(_ORDER.format(900_002, "Will be lost", 2))
    tx.insert("risk.credit_limit", [(900_001, "LOAN", 7, "USD", "Ada Chen", None), (900_002, "CARD", 8, "EUR", "Ada Chen", None)])


@step("crm", "07:30", BASE)
def prepare_crm(tx: Transaction) -> None:
    """The good state that is broken later."""
    tx.execute("insert into public.customer values (900002, 'Sails Away', null, null, null, 'business', 'east', null, null)")


@step("erp", "15:20", EVERY_DAY)
def break_rules_in_erp(tx: Transaction) -> None:
    """The slips of the day in the ERP."""
    _break(tx, "erp")


@step("crm", "15:20", EVERY_DAY)
def break_rules_in_crm(tx: Transaction) -> None:
    """The slips of the day in the CRM."""
    _break(tx, "crm")


@step("erp", "16:10", EVERY_DAY)
def mend_in_erp(tx: Transaction) -> None:
    """What is put right in the ERP."""
    _mend(tx, "erp")


@step("crm", "16:10", EVERY_DAY)
def mend_in_crm(tx: Transaction) -> None:
    """What is put right in the CRM."""
    _mend(tx, "crm")


def _break(tx: Transaction, database: str) -> None:
    for broken in BROKEN:
        if broken.database == database and broken.day == tx.day:
            tx.execute(broken.breaks)


def _mend(tx: Transaction, database: str) -> None:
    for broken in BROKEN:
        if broken.database == database and broken.ends == tx.day and broken.mends:
            tx.execute(broken.mends)
