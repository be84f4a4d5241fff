"""What `lakehouse demo` plays here: five days of a business in an embedded PostgreSQL, and what to look at afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from resources.legacy import Business, Legacy

REVENUE = """
select * from (
    select revenue_date as day, sum(invoices)::bigint as invoices, sum(revenue_usd) as revenue_usd
    from curated.finance.kpi_revenue_daily group by 1 order by 1 desc limit 10
) order by 1
"""
FIGURES = (("Revenue of the last ten days with invoices, US dollars", REVENUE),)
"""Titles and queries; the last column is drawn."""

BIN = ".venv/bin/lakehouse"
HISTORY = (
    "select invoice_no, status, amount, valid_from, valid_to from hds.finance.invoice "
    "where invoice_id in (select invoice_id from hds.finance.invoice where valid_to is not null) order by 1, 4 limit 20"
)
NEXT = (
    ("make dev", "the Dagster UI with these runs: assets, lineage, partitions, checks"),
    (f'{BIN} query "{HISTORY}"', "invoices that changed, each version with the time it was true"),
    (f"{BIN} quarantine finance.invoice", "the rows that the gate holds back, and why"),
    (f"{BIN} incidents list", "what the demo's days broke: one incident a cause, told in Slack where an environment names it"),
    (f"{BIN} certify status finance.kpi_revenue_daily", "why the dataset has its certificate, gate by gate"),
)
"""Commands to try next, and what they show."""


class Demo:
    """The business, one day at a time."""

    title = "five days of a business that runs on two old databases"
    figures = FIGURES
    next: Sequence[tuple[str, str]] = NEXT

    def __init__(self, business: Business) -> None:
        self._business = business

    @property
    def days(self) -> Sequence[dt.date]:
        """Its days."""
        return self._business.days

    def play(self, day: dt.date) -> None:
        """Play one of them; what was played already is left alone."""
        self._business.play(self.days.index(day) + 1)


@contextmanager
def open_demo(size: str, start: dt.date | None) -> Iterator[Demo]:
    """Start the legacy, and stop it at the end."""
    legacy = Legacy()
    with Business(legacy, size=size, start=start) as business:
        business.create()
        yield Demo(business)
