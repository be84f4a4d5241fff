from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.serving import RowPolicy
from lakehouse_platform.domo.public import HeldPolicy, PolicySpec
from lakehouse_platform.publish.access import plan_policies
from lakehouse_platform.publish.destination import PublicationRefused
from tests.core.domo_cases import NAME, Shop, sale, serving, shop

NORTHERNER, SOUTHERNER = "nora@example.com", "sam@example.com"
NORTH = RowPolicy("North", "region", ("north",), groups=("Sales North",))
SOUTH = RowPolicy("South", "region", ("south",), users=(SOUTHERNER,))
ROWS = (sale(1, region="north"), sale(2, region="south"))


@pytest.fixture
def sales(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as found:
        for name, address in (("Nora", NORTHERNER), ("Sam", SOUTHERNER)):
            found.domo.add_user(name, address)
        found.domo.add_group("Sales North", NORTHERNER)
        yield found


def restricted(*policies: RowPolicy) -> Contract:
    return serving(row_access=policies)


def seen(sales: Shop, user: str) -> list[object]:
    return [row["id"] for row in sales.domo.reader(NAME, user)]


def test_readers_see_the_rows_of_their_policies(sales: Shop) -> None:
    sales.send(*ROWS, contract=restricted(NORTH, SOUTH))
    assert (seen(sales, NORTHERNER), seen(sales, SOUTHERNER)) == ([1], [2])


def test_policies_are_in_force_before_rows_come(sales: Shop) -> None:
    sales.domo.refuse("PUT", "*/commit", status=403, times=None)
    with pytest.raises(Exception, match="403"):
        sales.send(*ROWS, contract=restricted(NORTH, SOUTH))
    assert (sales.domo.about(NAME)["pdp"], [policy["name"] for policy in sales.domo.policies(NAME)]) == (True, ["North", "South"])


def test_policy_that_changed_is_changed_and_one_that_is_gone_is_deleted(sales: Shop) -> None:
    sales.send(*ROWS, contract=restricted(NORTH, SOUTH))
    sales.later()
    sales.send(*ROWS, contract=restricted(replace(SOUTH, values=("north", "south"))))
    assert (seen(sales, NORTHERNER), seen(sales, SOUTHERNER)) == ([], [1, 2])


def test_policies_that_nobody_wants_any_more_go_after_the_rows(sales: Shop) -> None:
    sales.send(*ROWS, contract=restricted(NORTH))
    sales.later()
    sales.send(*ROWS)
    assert (seen(sales, SOUTHERNER), sales.domo.policies(NAME), sales.domo.about(NAME)["pdp"]) == ([1, 2], [], False)


def test_rows_that_somebody_else_restricted_are_not_opened(sales: Shop) -> None:
    sales.send(*ROWS)
    sales.domo.account.named(NAME).pdp = True
    sales.later()
    with pytest.raises(PublicationRefused, match=r"has row policies, and finance\.sales has none .* Write them as row_access"):
        sales.send(*ROWS, sale(3))
    assert (sales.domo.about(NAME)["pdp"], sales.ids()) == (True, [1, 2])


def test_policies_of_an_unchanged_mart_are_brought_to_its_contract(sales: Shop) -> None:
    sales.build(*ROWS)
    sales.publish(restricted(NORTH))
    assert sales.publish(restricted(NORTH, SOUTH)).mode == "nothing"
    assert seen(sales, SOUTHERNER) == [2]


def test_lost_answer_to_a_policy_makes_no_second_one(sales: Shop) -> None:
    number = sales.domo.drop_answer("POST", "*/policies")
    sales.send(*ROWS, contract=restricted(NORTH))
    assert (sales.domo.met(number), len(sales.domo.policies(NAME))) == (1, 1)


def test_lost_answer_to_a_removal_is_no_error(sales: Shop) -> None:
    sales.send(*ROWS, contract=restricted(NORTH, SOUTH))
    sales.later()
    number = sales.domo.drop_answer("DELETE", "*/policies/*")
    sales.send(*ROWS, contract=restricted(SOUTH))
    assert (sales.domo.met(number), [policy["name"] for policy in sales.domo.policies(NAME)]) == (1, ["South"])


def test_group_that_domo_does_not_have_is_named_and_no_row_sent(sales: Shop) -> None:
    with pytest.raises(PublicationRefused, match=r'no group "Sales Nord".*Did you mean "Sales North"'):
        sales.send(*ROWS, contract=restricted(replace(NORTH, groups=("Sales Nord",))))
    assert sales.ids() == []


def test_values_longer_than_domo_takes_are_refused(sales: Shop) -> None:
    with pytest.raises(PublicationRefused, match="255 characters or more together"):
        sales.send(*ROWS, contract=restricted(replace(NORTH, values=("x" * 128, "y" * 127))))


def test_plan_keeps_what_is_right_and_domos_own() -> None:
    north, south = (PolicySpec(name, "region", (name,), (), (1,)) for name in ("north", "south"))
    held = (HeldPolicy("1", None, "All Rows", system=True), HeldPolicy("2", north, "north", system=False),
            HeldPolicy("3", None, "south", system=False), HeldPolicy("4", north, "north", system=False))
    changes = plan_policies((north, south), held)
    assert (changes.create, changes.update, changes.delete) == ((), (("3", south),), ("2",))
