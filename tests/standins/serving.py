"""What serves the business, beside an AWS account: Redshift on its S3, Domo, Slack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.standins.account import StandIns
from tests.standins.domo.stand_in import DomoStandIn, domo_stand_in
from tests.standins.redshift.service import Redshift, redshift_beside
from tests.standins.slack.server import SlackStandIn, slack_stand_in

OWNER = ("Finance Data", "finance-data@example.com")
PEOPLE = {"North": "ann@example.com", "South": "sam@example.com", "East": "eve@example.com", "West": "wim@example.com"}
"""E-mail address of who sells in a region."""
DIRECTOR = "dora@example.com"
ROLES = ("customer_reader", "customer_steward", "finance_reader", "operations_reader", "risk_reader")
"""Of the warehouse, as contracts name them."""


@dataclass(frozen=True, slots=True)
class Serving:
    """All of it, running."""

    warehouse: Redshift
    domo: DomoStandIn
    slack: SlackStandIn

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead there."""
        return {**self.warehouse.environment, **self.domo.environment, **self.slack.environment}


@contextmanager
def serving(running: StandIns) -> Iterator[Serving]:
    """Stand-ins of Redshift, Domo and Slack, with the people that the contracts' row access names."""
    with ExitStack() as stack:
        warehouse = stack.enter_context(redshift_beside(running))
        made = Serving(warehouse, stack.enter_context(domo_stand_in()), stack.enter_context(slack_stand_in()))
        _people(made.domo)
        for role in ROLES:
            warehouse.rows(f"create role {role}")
        yield made


def _people(domo: DomoStandIn) -> None:
    domo.add_user(*OWNER)
    domo.add_user("Director", DIRECTOR)
    for region, email in PEOPLE.items():
        domo.add_user(region, email)
        domo.add_group(f"Sales {region}", email)
    domo.add_group("Finance", OWNER[1], DIRECTOR)
