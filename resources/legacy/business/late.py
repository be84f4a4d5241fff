"""The transaction that begins on day 2 and commits on day 3, after day 2 was extracted."""

from __future__ import annotations

from decimal import Decimal

from resources.legacy.business.step import Transaction

BEGINS, COMMITS, DATABASE, NAME, BEGINS_AT = 2, 3, "erp", "late_month_end", "08:05"


def write(tx: Transaction) -> None:
    """Work orders, an invoice, a limit and ledger entries, all with times of day 2; nobody else touches these keys on that day."""
    tx.execute("update ops.work_order set status = 'done', cost = 333.3333, updated_at = %(now)s where work_order_id in (3, 4)")
    tx.execute("update finance.invoice set status = 'paid', note = 'settled late', updated_at = %(now)s where invoice_id = 3")
    tx.execute("update risk.credit_limit set limit_amount = 3333.3333 where customer_id = 3 and product_code = 'LOAN'")
    entry = "insert into finance.gl_journal values (%(number)s, '4100', %(side)s, %(amount)s, 'USD', %(now)s, %(now)s, 'month end', null)"
    for number, side, amount in ((700_001, "D", "333.3333"), (700_002, "C", "333.3333"), (700_003, "D", "0.0001")):
        tx.execute(entry, number=number, side=side, amount=Decimal(amount))
