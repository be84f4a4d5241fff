from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse_platform.publish import refresh
from lakehouse_platform.publish.destination import PublicationIncomplete, PublicationRefused
from tests.core.domo_cases import NAME, Shop, sale, serving, shop
from tests.standins.domo import state

DIVIDED = serving(partition_by="sold_on")


@pytest.fixture
def sales(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as found:
        yield found


@pytest.fixture
def two_days(sales: Shop) -> Shop:
    sales.build(sale(1, day=2), sale(2, day=3))
    sales.publish(DIVIDED)
    return sales


def test_each_value_is_a_partition(two_days: Shop) -> None:
    assert (two_days.domo.partitions(NAME), two_days.ids()) == ({"2026-11-02": 1, "2026-11-03": 1}, [1, 2])


def test_only_divisions_that_differ_are_sent_and_readers_see_all_at_once(two_days: Shop) -> None:
    two_days.build(sale(1, day=2), sale(2, "5.00", day=3), sale(3, day=3), sale(4, day=4))
    done = two_days.publish(DIVIDED)
    assert (done.mode, done.sent.rows) == ("partitions", 3)
    assert [sorted(row["id"] for row in state) for state in two_days.domo.seen(NAME)] == [[], [1, 2], [1, 2, 3, 4]]


def test_division_that_left_the_mart_is_dropped(two_days: Shop) -> None:
    two_days.build(sale(2, day=3))
    done = two_days.publish(DIVIDED)
    assert (done.sent.rows, two_days.domo.partitions(NAME), two_days.ids()) == (0, {"2026-11-03": 1}, [2])


def test_unchanged_divisions_send_nothing(two_days: Shop) -> None:
    two_days.build(sale(2, day=3), sale(1, day=2))
    assert two_days.publish(DIVIDED).mode == "nothing"


def test_part_that_is_lost_shows_readers_nothing_and_the_next_publication_sends_all(two_days: Shop) -> None:
    two_days.build(sale(1, "3.00", day=2), sale(2, "3.00", day=3))
    two_days.domo.lose_part(skip=1)
    with pytest.raises(PublicationIncomplete, match="part is missing"):
        two_days.publish(DIVIDED)
    assert set(two_days.amounts().values()) == {sale(1)[3]}
    assert two_days.publish(DIVIDED).sent.rows == 2
    assert set(two_days.amounts().values()) == {sale(1, "3.00")[3]}


@pytest.mark.parametrize(("method", "path"), [("POST", "*/uploads"), ("PUT", "*/uploads/*/commit"), ("POST", "*/indexes"), ("DELETE", "*")])
def test_lost_answer_does_no_harm(two_days: Shop, method: str, path: str) -> None:
    two_days.build(sale(2, "5.00", day=3))
    number = two_days.domo.drop_answer(method, path)
    two_days.publish(DIVIDED)
    assert (two_days.domo.met(number), two_days.amounts()) == (1, {2: sale(2, "5.00")[3]})


def test_divided_dataset_stays_divided(two_days: Shop) -> None:
    with pytest.raises(PublicationRefused, match="is divided by sold_on, which cannot be changed"):
        two_days.publish()


def test_more_divisions_than_domo_takes_are_refused(sales: Shop) -> None:
    by_number = serving(partition_by="id")
    sales.build(*(sale(n) for n in range(refresh.MOST_DIVISIONS + 1)))
    with pytest.raises(PublicationRefused, match="id has 401 values"):
        sales.publish(by_number)


def test_full_dataset_takes_a_division_where_another_leaves(two_days: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MOST_PARTITIONS", 2)
    two_days.build(sale(2, day=3), sale(3, day=4))
    two_days.publish(DIVIDED)
    assert two_days.domo.partitions(NAME) == {"2026-11-03": 1, "2026-11-04": 1}


@pytest.mark.parametrize("region", [None, "", "..", "."])
def test_division_without_a_name_is_refused_before_anything_is_sent(sales: Shop, region: str | None) -> None:
    sales.build(sale(1), (2, region, *sale(2)[2:]))
    with pytest.raises(PublicationRefused, match=r"region is empty .* a partition has to have a name"):
        sales.publish(serving(partition_by="region"))
    assert sales.domo.partitions(NAME) == {}


def test_divisions_have_hostile_names(sales: Shop) -> None:
    names = ["a/b", "50%", " x ", "None", "NULL", "ä?&#", 'quo"te\'s', "%2F", "../.."]
    sales.build(*(sale(n, region=name) for n, name in enumerate(names)))
    sales.publish(serving(partition_by="region"))
    assert sales.domo.partitions(NAME) == dict.fromkeys(names, 1)
    sales.build(sale(0, region="a/b"))
    sales.publish(serving(partition_by="region"))
    assert (sales.domo.partitions(NAME), sales.ids()) == ({"a/b": 1}, [0])


def test_division_whose_second_commit_is_refused_shows_readers_nothing(two_days: Shop) -> None:
    two_days.build(sale(1, "3.00", day=2), sale(2, "3.00", day=3))
    two_days.domo.reset("PUT", "*/uploads/*/commit")
    two_days.domo.refuse("PUT", "*/uploads/*/commit", status=403)
    with pytest.raises(PublicationIncomplete, match="403"):
        two_days.publish(DIVIDED)
    assert set(two_days.amounts().values()) == {sale(1)[3]}


def test_without_an_instance_all_rows_are_sent(sales: Shop) -> None:
    sales.with_instance = False
    sales.build(sale(1))
    assert (sales.publish(DIVIDED).mode, sales.ids()) == ("replace", [1])
