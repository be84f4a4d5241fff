from __future__ import annotations

import pytest

from lakehouse_platform.contracts.serving import Update
from lakehouse_platform.publish.changes import (
    Append,
    Difference,
    Nothing,
    Partitions,
    Plan,
    ReplaceAll,
    State,
    Upsert,
    plan_at_once,
    plan_by_division,
    plan_by_rows,
)
from lakehouse_platform.publish.destination import Takes

LAST = State(3, "s", 10)
KEYED, PLAIN = Takes(key=("id",)), Takes()
GROWN, CHANGED, SHRUNK, SAME = (Difference(*d, as_published=True) for d in ((2, 0, 0), (1, 2, 0), (1, 0, 1), (0, 0, 0)))


@pytest.mark.parametrize(("update", "takes", "last", "now", "held", "expected"), [
    (Update.UPSERT, KEYED, LAST, State(4, "s", 11), 10, None),
    (Update.APPEND, KEYED, LAST, State(4, "s", 11), 10, None),
    (Update.UPSERT, KEYED, LAST, LAST, 10, Nothing("version 3 is published already")),
    (Update.REPLACE, PLAIN, LAST, State(4, "s", 11), 10, ReplaceAll("its contract says so")),
    (Update.UPSERT, KEYED, None, LAST, 0, ReplaceAll("nothing was published before, or it is not known how that ended")),
    (Update.UPSERT, KEYED, LAST, State(4, "t", 11), 10, ReplaceAll("its columns have changed")),
    (Update.UPSERT, KEYED, LAST, State(2, "s", 11), 10, ReplaceAll("the mart was made anew")),
    (Update.UPSERT, KEYED, LAST, LAST, 9, ReplaceAll("the dataset holds 9 rows, and 10 were published")),
])
def test_what_is_planned_without_looking_at_rows(
    update: Update, takes: Takes, last: State | None, now: State, held: int, expected: Plan | None
) -> None:
    assert plan_at_once(update, takes, last, now, held) == expected


@pytest.mark.parametrize(("update", "found", "expected"), [
    (Update.UPSERT, CHANGED, Upsert(3)), (Update.UPSERT, GROWN, Upsert(2)), (Update.APPEND, GROWN, Append(2)),
    (Update.APPEND, CHANGED, ReplaceAll("rows have changed that should only come: 2")),
    (Update.UPSERT, SHRUNK, ReplaceAll("rows have left the mart: 1")), (Update.APPEND, SHRUNK, ReplaceAll("rows have left the mart: 1")),
    (Update.UPSERT, SAME, Nothing("the rows are those that were published")),
    (Update.UPSERT, Difference(1, 0, 0, as_published=False), ReplaceAll("the mart was made anew")),
])
def test_what_is_planned_by_rows(update: Update, found: Difference, expected: Plan) -> None:
    assert plan_by_rows(update, found) == expected


@pytest.mark.parametrize(("before", "now", "held", "restate", "drop"), [
    ({"a": "1", "b": "1"}, {"a": "1", "b": "2", "c": "1"}, {"a", "b"}, ("b", "c"), ()),
    ({"a": "1", "b": "1"}, {"a": "1"}, {"a", "b"}, (), ("b",)),
    ({"a": "1", "b": "1"}, {"a": "1", "b": "1"}, {"b"}, ("a",), ()),
    (None, {"a": "1"}, {"a", "z"}, ("a",), ("z",)),
])
def test_what_is_planned_by_division(
    before: dict[str, str] | None, now: dict[str, str], held: set[str], restate: tuple[str, ...], drop: tuple[str, ...]
) -> None:
    found = plan_by_division(before, now, frozenset(held))
    assert isinstance(found, Partitions)
    assert (found.restate, found.drop) == (restate, drop)


def test_divisions_that_are_all_as_published_need_nothing() -> None:
    assert isinstance(plan_by_division({"a": "1"}, {"a": "1"}, frozenset({"a"})), Nothing)
