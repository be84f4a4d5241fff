from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse_platform import faults
from lakehouse_platform.contracts.serving import Update
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.publish import publications
from lakehouse_platform.publish.domo import Pace
from lakehouse_platform.publish.publications import Entry, Event, history, recorded
from lakehouse_platform.zones.lake import Lake
from tests.core.domo_cases import Shop, sale, serving, shop

UPSERT, DIVIDED = serving(Update.UPSERT), serving(partition_by="sold_on")
AT = dt.datetime(2026, 11, 2, 5, tzinfo=dt.UTC)
BEGUN = Entry("one", Event.BEGUN, "finance.sales", "d1", 3, 7, "s", AT)


class Stopped(BaseException):
    """What a planted fault raises: no one catches it, as no one catches a kill."""


@pytest.fixture
def stop_at() -> Iterator[list[str]]:
    points: list[str] = []

    def hook(point: str) -> None:
        if points and point == points[0]:
            raise Stopped(points.pop(0))

    faults.install(hook)
    yield points
    faults.install(None)


@pytest.fixture
def sales(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as found:
        yield found


@pytest.mark.parametrize(("point", "contract"), [
    ("publication.append.before", UPSERT), ("publication.append.after", UPSERT), ("domo.commit.before", UPSERT),
    ("domo.commit.after", UPSERT), ("domo.index.before", DIVIDED), ("domo.index.after", DIVIDED)])
def test_stopped_at_a_commit_readers_see_old_or_new_rows_and_the_next_publication_completes_it(
    sales: Shop, stop_at: list[str], point: str, contract: object
) -> None:
    wanted = UPSERT if contract is UPSERT else DIVIDED
    sales.build(sale(1), sale(2))
    sales.publish(wanted)
    sales.build(sale(1), sale(2, "2.00"), sale(3))
    sales.later()
    stop_at.append(point)
    with pytest.raises(Stopped):
        sales.publish(wanted)
    sales.domo.settle()
    assert sales.ids() in ([1, 2], [1, 2, 3])
    sales.later()
    done = sales.publish(wanted)
    assert (done.rows, sales.ids(), sales.domo.open_executions()) == (3, [1, 2, 3], [])


def test_what_began_and_is_not_known_to_have_ended_does_not_count(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path), PolarsEngine())
    publications.record(lake, BEGUN)
    publications.record(lake, done := replace(BEGUN, event=Event.DONE, content="c", divisions={"a": "1"}, sent=7))
    assert history(recorded(lake, "finance.sales"), "d1").done == done
    publications.record(lake, replace(BEGUN, publication="two", at=AT + dt.timedelta(hours=1)))
    assert history(recorded(lake, "finance.sales"), "d1").done is None


def test_publication_that_ended_after_the_next_one_began_leaves_nothing_known(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path), PolarsEngine())
    other = replace(BEGUN, publication="two", version=4)
    for entry in (BEGUN, other, replace(other, event=Event.DONE), replace(BEGUN, event=Event.DONE)):
        publications.record(lake, replace(entry, at=AT + dt.timedelta(hours=len(recorded(lake, "finance.sales")))))
    assert history(recorded(lake, "finance.sales"), "d1").done is None


def test_datasets_and_marts_have_histories_of_their_own(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path), PolarsEngine())
    publications.record(lake, BEGUN)
    publications.record(lake, replace(BEGUN, event=Event.DONE))
    assert history(recorded(lake, "finance.sales"), "d2").done is None
    assert history(recorded(lake, "finance.other"), "d1").done is None


def test_entry_recorded_twice_stands_once(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path), PolarsEngine())
    publications.record(lake, BEGUN)
    publications.record(lake, BEGUN)
    assert recorded(lake, "finance.sales") == (BEGUN,)


def test_dataflow_that_takes_too_long_has_not_succeeded_and_the_rows_are_published(sales: Shop) -> None:
    sales.build(sale(1))
    sales.publish()
    sales.domo.add_dataflow("42", "Sales by week")
    sales.domo.take(9999)
    sales.pace = Pace(dataflow=dt.timedelta(minutes=1))
    done = sales.publish(serving(dataflow="42"))
    assert done.flow is not None
    assert (done.flow.state, done.flow.succeeded, sales.ids()) == ("RUNNING", False, [1])


def test_dataflow_runs_on_new_rows_once_and_again_where_it_failed(sales: Shop) -> None:
    flowing = serving(dataflow="42")
    sales.domo.add_dataflow("42", "Sales by week")
    sales.domo.fail_dataflows()
    sales.build(sale(1))
    first = sales.publish(flowing).flow
    assert first is not None
    assert (first.state, first.succeeded) == ("FAILED_DATA_FLOW", False)
    again = sales.publish(flowing)
    assert again.mode == "nothing"
    assert again.flow is not None
    assert again.flow.succeeded
    assert (sales.publish(flowing).flow, sales.domo.dataflow_runs("42")) == (None, 2)
