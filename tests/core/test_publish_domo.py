from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse_platform.contracts.contract import Column, Contract
from lakehouse_platform.contracts.serving import Update
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.publish.dataset import dataset_spec
from lakehouse_platform.publish.destination import PublicationIncomplete, PublicationRefused, PublicationTooSoon
from tests.core.domo_cases import CONTRACT, NAME, SEEN, Shop, sale, serving, shop

UPSERT = serving(Update.UPSERT)


@pytest.fixture
def sales(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as found:
        yield found


def test_values_arrive_exactly_with_explicit_types(sales: Shop) -> None:
    sales.build(sale(1, "0.10"), (2, None, None, None, None))
    sales.publish()
    assert sales.domo.about(NAME)["schema"] == {
        "id": "LONG", "region": "STRING", "sold_on": "DATE", "amount": "DECIMAL", "seen_at": "DATETIME"}
    assert [tuple(row.values()) for row in sales.domo.reader(NAME)] == [
        (1, "north", dt.date(2026, 11, 2), Decimal("0.10"), SEEN.replace(tzinfo=None)), (2, None, None, None, None)]


def odd(**types: str) -> Contract:
    return replace(CONTRACT, columns=tuple(Column(name, name, parse_type(kind)) for name, kind in {"id": "bigint", **types}.items()))


TEXTS = (
    'quote"s', '""', '"', "comma, ", "line\nfeed", "return\rline", "both\r\n", "\r", "nul\0inside", " blanks ", "\t", "NULL", "null", "\\N",
    "\\", 'ends in \\"', "", None, "NaN", "ünï🏭", "x" * 1_000_000, "=1+1", "\u2028", "\ufeff")
INSTANTS = ("0001-01-01", "1969-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999")


@pytest.mark.parametrize(("kind", "values"), [
    ("text", TEXTS),
    ("bigint", (2**63 - 1, -(2**63), 0, None)),
    ("numeric(38,18)", (Decimal("-0.000000000000000001"), Decimal("99999999999999999999.999999999999999999"), Decimal(0), None)),
    ("double precision", (0.1, -1.7976931348623157e308, 5e-324, -0.0, 1e16, None)),
    ("date", (dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(9999, 12, 31), None)),
    ("timestamp", (*map(dt.datetime.fromisoformat, INSTANTS), None)),
    ("boolean", (True, False, None)),
])
def test_hostile_values_arrive_as_they_are(sales: Shop, kind: str, values: tuple[object, ...]) -> None:
    hostile = odd(value=kind)
    sales.build(*enumerate(values), contract=hostile)
    sales.publish(hostile)
    assert [row["value"] for row in sales.domo.reader(NAME)] == list(values)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_number_that_datasets_cannot_hold_is_refused_and_its_column_named(sales: Shop, value: float) -> None:
    hostile = odd(value="double precision")
    sales.build((1, 0.5), (2, value), contract=hostile)
    with pytest.raises(PublicationRefused, match=r"value is NaN or infinite .* Make it NULL in the mart"):
        sales.publish(hostile)
    assert (sales.ids(), sales.domo.open_executions()) == ([], [])


def test_second_publication_replaces_all_rows(sales: Shop) -> None:
    sales.build(sale(1), sale(2))
    sales.publish()
    sales.build(sale(2), sale(3))
    sales.later()
    assert (sales.publish().mode, sales.ids()) == ("replace", [2, 3])


def test_nothing_is_sent_of_a_version_that_is_published(sales: Shop) -> None:
    sales.build(sale(1))
    sales.publish()
    done = sales.publish()
    assert (done.mode, done.sent.rows, sales.modes()) == ("nothing", 0, ["REPLACE"])


def test_upsert_sends_only_rows_that_are_new_or_changed(sales: Shop) -> None:
    sales.build(sale(1), sale(2), sale(3))
    sales.publish(UPSERT)
    sales.build(sale(1), sale(2, "9.99"), sale(3), sale(4))
    sales.later()
    done = sales.publish(UPSERT)
    assert (done.mode, done.sent.rows, sales.modes()) == ("upsert", 2, ["REPLACE", "UPSERT"])
    assert sales.amounts() == {1: Decimal("1.00"), 2: Decimal("9.99"), 3: Decimal("1.00"), 4: Decimal("1.00")}


def test_a_row_that_leaves_the_mart_leaves_the_dataset(sales: Shop) -> None:
    sales.build(sale(1), sale(2))
    sales.publish(UPSERT)
    sales.build(sale(2))
    sales.later()
    done = sales.publish(UPSERT)
    assert (done.mode, done.reason, sales.ids()) == ("replace", "rows have left the mart: 1", [2])


def test_mart_that_only_grows_is_appended_to(sales: Shop) -> None:
    growing = serving(Update.APPEND)
    sales.build(sale(1))
    sales.publish(growing)
    sales.build(sale(1), sale(2))
    sales.later()
    done = sales.publish(growing)
    assert (done.mode, done.sent.rows, sales.ids()) == ("append", 1, [1, 2])


def test_row_that_changed_where_rows_should_only_come_replaces_all(sales: Shop) -> None:
    growing = serving(Update.APPEND)
    sales.build(sale(1))
    sales.publish(growing)
    sales.build(sale(1, "2.00"), sale(2))
    sales.later()
    done = sales.publish(growing)
    assert (done.mode, done.reason) == ("replace", "rows have changed that should only come: 1")
    assert sales.amounts() == {1: Decimal("2.00"), 2: Decimal("1.00")}


def test_dataset_made_without_a_key_is_never_upserted(sales: Shop) -> None:
    sales.build(sale(1))
    sales.publish()
    sales.build(sale(1, "2.00"))
    sales.later()
    done = sales.publish(UPSERT)
    assert (done.mode, sales.amounts()) == ("replace", {1: Decimal("2.00")})
    assert done.reason.startswith("the dataset was made without a key")


def test_mart_made_anew_under_the_same_versions_is_sent_whole(sales: Shop, tmp_path: Path) -> None:
    sales.build(sale(1), sale(2))
    sales.publish(UPSERT)
    (tmp_path / "lake" / "curated" / "finance" / "sales").rename(tmp_path / "gone")
    sales.build(sale(1), sale(3))
    sales.build(sale(1), sale(3), sale(4))
    sales.later()
    assert sales.publish(UPSERT).mode == "replace"
    assert sales.ids() == [1, 3, 4]


def test_older_version_that_was_vacuumed_means_all_rows(sales: Shop, tmp_path: Path) -> None:
    sales.build(sale(1))
    sales.publish(UPSERT)
    old = set((tmp_path / "lake" / "curated" / "finance" / "sales").glob("*.parquet"))
    sales.build(sale(1), sale(2))
    for file in old:
        file.unlink()
    sales.later()
    done = sales.publish(UPSERT)
    assert (done.mode, sales.ids()) == ("replace", [1, 2])
    assert "cannot be read any more" in done.reason


def test_dataset_that_somebody_emptied_is_filled_again(sales: Shop) -> None:
    sales.build(sale(1))
    sales.publish()
    held = sales.domo.account.named(NAME)
    held.seen.append(held.visible.slice(0, 0))
    sales.later()
    done = sales.publish()
    assert (done.reason, sales.ids()) == ("the dataset holds 0 rows, and 1 were published", [1])


def test_parts_are_sent_side_by_side_and_none_is_lost(sales: Shop) -> None:
    sales.part_bytes = 1
    sales.build(*(sale(n) for n in range(70_000)))
    done = sales.publish()
    assert done.sent.parts >= 2
    assert len(sales.ids()) == 70_000


def test_lost_part_fails_the_commit_and_readers_keep_their_rows(sales: Shop) -> None:
    sales.build(sale(1))
    sales.publish()
    sales.build(sale(2))
    sales.later()
    sales.domo.lose_part()
    with pytest.raises(PublicationIncomplete, match="ended as FAILED"):
        sales.publish()
    assert (sales.ids(), sales.domo.open_executions()) == ([1], [])
    sales.later()
    assert (sales.publish().reason, sales.ids()) == ("nothing was published before, or it is not known how that ended", [2])


def test_execution_that_was_left_open_is_aborted_first(sales: Shop) -> None:
    sales.send(sale(1))
    api = sales.api
    stream = api.stream_of(sales.domo.about(NAME)["id"])
    assert stream is not None
    api.begin(stream.id, "REPLACE")
    api.close()
    sales.later()
    sales.send(sale(2))
    assert sales.domo.executions(NAME) == ["SUCCESS", "ABORTED", "SUCCESS"]


@pytest.mark.parametrize(("method", "path"), [
    ("POST", "/v1/streams/"), ("POST", "*/executions"), ("PUT", "*/part/1"), ("PUT", "*/commit"), ("POST", "/oauth/token"), ("GET", "*")])
def test_lost_answer_does_nothing_twice(sales: Shop, method: str, path: str) -> None:
    number = sales.domo.drop_answer(method, path)
    sales.send(sale(1))
    assert sales.domo.met(number) == 1
    assert (sales.domo.datasets, sales.ids(), sales.domo.open_executions(), sales.modes()) == ([NAME], [1], [], ["REPLACE"])


def test_token_that_expired_is_renewed_in_between(sales: Shop) -> None:
    number = sales.domo.refuse("PUT", "*/part/1", status=401)
    sales.send(sale(1))
    assert (sales.domo.met(number), sales.ids(), sales.domo.count("POST", "/oauth/token")) == (1, [1], 2)


def test_busy_answer_is_waited_out_as_long_as_it_says(sales: Shop) -> None:
    sales.domo.refuse("PUT", "*/part/1", status=429, wait=7)
    sales.send(sale(1))
    assert 7.0 in sales.paused


def test_commit_that_domo_broke_at_is_asked_for_again(sales: Shop) -> None:
    number = sales.domo.refuse("PUT", "*/commit", status=500)
    sales.send(sale(1))
    assert (sales.domo.met(number), sales.ids(), sales.modes()) == (1, [1], ["REPLACE"])


def test_commit_that_fails_for_good_leaves_no_execution_open(sales: Shop) -> None:
    sales.domo.refuse("PUT", "*/commit", status=403, times=None)
    with pytest.raises(Exception, match="403"):
        sales.send(sale(1))
    assert (sales.domo.open_executions(), sales.ids()) == ([], [])


def test_second_commit_within_the_limit_is_for_later(sales: Shop) -> None:
    sales.send(sale(1))
    sales.build(sale(2))
    sales.later(5)
    with pytest.raises(PublicationTooSoon, match=r"next commit at .* UTC: Domo allows one in 15 minutes") as refused:
        sales.publish()
    assert 9 * 60 < refused.value.wait <= 10 * 60 + 1
    assert sales.domo.executions(NAME) == ["SUCCESS"]


def test_short_rest_of_the_limit_is_waited_for(sales: Shop) -> None:
    sales.send(sale(1))
    sales.build(sale(2))
    sales.later(14.5)
    sales.publish()
    assert sales.ids() == [2]


def test_dataset_of_that_name_that_is_anothers_is_left_alone(sales: Shop) -> None:
    theirs = sales.domo.add_dataset(NAME, {"id": "LONG"})
    sales.send(sale(1))
    assert sales.domo.account.datasets[theirs].commits == []


def test_two_datasets_with_the_mark_are_an_error(sales: Shop) -> None:
    sales.send(sale(1))
    held = sales.domo.account.named(NAME)
    sales.domo.account.add_dataset(NAME, held.columns, held.description)
    with pytest.raises(PublicationRefused, match=r'several datasets called "Sales" are marked as finance\.sales'):
        sales.send(sale(1))


def test_dataset_that_somebody_renamed_is_found_again_and_named_as_the_contract_says(sales: Shop) -> None:
    sales.build(sale(1))
    sales.publish()
    held = sales.domo.account.named(NAME)
    held.name = "Sales (old)"
    sales.build(sale(2))
    sales.later()
    assert sales.publish().dataset == held.id
    assert (sales.domo.datasets, sales.ids()) == ([NAME], [2])


def test_dataset_keeps_its_identity_under_another_title_in_the_contract(sales: Shop) -> None:
    sales.build(sale(1))
    first = sales.publish().dataset
    assert sales.publish(serving(dataset="Sales by day")).dataset == first
    assert sales.domo.datasets == ["Sales by day"]


def test_dataset_whose_description_somebody_wrote_anew_is_found_again_and_still_upserted(sales: Shop) -> None:
    sales.with_instance = False
    sales.build(sale(1))
    sales.publish(UPSERT)
    sales.domo.account.named(NAME).description = "Ask Pat"
    sales.build(sale(1), sale(2))
    sales.later()
    assert (sales.publish(UPSERT).mode, sales.domo.datasets, sales.ids()) == ("upsert", [NAME], [1, 2])
    assert sales.domo.about(NAME)["description"] == "What was sold\n\nLakehouse mart finance.sales; key: id"


def test_dataset_that_was_deleted_is_made_anew(sales: Shop) -> None:
    sales.build(sale(1))
    first = sales.publish().dataset
    sales.domo.account.datasets.clear()
    assert sales.publish().dataset != first
    assert sales.ids() == [1]


def test_dataset_with_the_tag_is_adopted(sales: Shop) -> None:
    api = sales.api
    made = api.create_stream(NAME, "By hand", [("id", "LONG")], method="REPLACE").dataset
    api.close()
    instance = sales.instance
    instance.set_tags(made, ["lakehouse:finance.sales"])
    instance.close()
    sales.send(sale(1))
    assert (sales.domo.about(NAME)["id"], sales.ids()) == (made, [1])


def test_dataset_that_a_connector_fills_cannot_be_adopted(sales: Shop) -> None:
    theirs = sales.domo.add_dataset(NAME, {"id": "LONG"})
    instance = sales.instance
    instance.set_tags(theirs, ["lakehouse:finance.sales"])
    instance.close()
    with pytest.raises(PublicationRefused, match="was not made through the API"):
        sales.send(sale(1))


def test_new_column_replaces_all_under_the_new_schema(sales: Shop) -> None:
    sales.build(sale(1))
    sales.publish(UPSERT)
    wide = replace(UPSERT, columns=(*UPSERT.columns, Column("colour", "colour", parse_type("text"))))
    (uri,) = Path(sales.lake.root).glob("curated/finance/sales")
    uri.rename(uri.with_name("old"))
    sales.build((*sale(1), "red"), contract=wide)
    sales.later()
    done = sales.publish(wide)
    assert (done.reason, sales.domo.reader(NAME)[0]["colour"]) == ("its columns have changed", "red")


def test_schema_that_domo_refuses_stops_before_rows_are_sent(sales: Shop) -> None:
    sales.build(sale(1))
    sales.publish()
    sales.build((1, "red"), contract=(narrow := replace(CONTRACT, columns=CONTRACT.columns[:2])))
    sales.later()
    sales.domo.refuse("PUT", "/v1/datasets/*", status=400)
    with pytest.raises(Exception, match="400"):
        sales.publish(narrow)
    assert (sales.modes(), len(sales.domo.reader(NAME)[0])) == (["REPLACE"], 5)


def test_columns_go_back_where_no_rows_came_under_the_new_ones(sales: Shop) -> None:
    sales.send(sale(1))
    sales.later()
    sales.domo.lose_part()
    with pytest.raises(PublicationIncomplete):
        sales.send((2, "red"), contract=replace(CONTRACT, columns=CONTRACT.columns[:2]))
    assert list(sales.domo.about(NAME)["schema"]) == list(sales.domo.reader(NAME)[0])


def test_columns_stay_new_where_another_publication_sends_rows_under_them(sales: Shop) -> None:
    narrow = replace(CONTRACT, columns=CONTRACT.columns[:2])
    sales.send(sale(1))
    sales.later()
    with sales.destination() as destination, sales.destination() as other:
        mine = destination.adopt(dataset_spec(narrow))
        mine.prepare()
        mine.begin()
        theirs = other.adopt(dataset_spec(narrow)).begin()
        mine.restore()
        assert list(sales.domo.about(NAME)["schema"]) == ["id", "region"]
        theirs.upload(1, gzip.compress(b"2,red\n"))
        theirs.commit()
        mine.restore()
    assert list(sales.domo.about(NAME)["schema"]) == list(sales.domo.reader(NAME)[0]) == ["id", "region"]


def test_columns_stay_new_where_the_commit_goes_on(sales: Shop) -> None:
    sales.send(sale(1))
    sales.later()
    sales.domo.take(9999)
    with pytest.raises(PublicationIncomplete, match="goes on"):
        sales.send((2, "red"), contract=replace(CONTRACT, columns=CONTRACT.columns[:2]))
    sales.domo.settle()
    assert list(sales.domo.about(NAME)["schema"]) == list(sales.domo.reader(NAME)[0]) == ["id", "region"]


def test_description_tags_and_owner_are_the_contracts(sales: Shop) -> None:
    owner = "sales-data@example.com"
    sales.domo.add_user("Sales data", owner)
    sales.send(sale(1), contract=serving(owner=owner))
    about = sales.domo.about(NAME)
    assert (about["owner"], about["tags"]) == (owner, ("lakehouse:finance.sales", "sales"))
    assert about["description"] == "What was sold\n\nLakehouse mart finance.sales"


def test_owner_whom_domo_does_not_know_is_named_before_rows_are_sent(sales: Shop) -> None:
    with pytest.raises(PublicationRefused, match=r'Domo has no user "nobody@example\.com".*platform@example\.com'):
        sales.send(sale(1), contract=serving(owner="nobody@example.com"))
    assert sales.modes() == []


def test_account_without_an_instance_publishes_without_tags(sales: Shop) -> None:
    sales.with_instance = False
    sales.send(sale(1))
    assert (sales.ids(), sales.domo.tags(NAME)) == ([1], ())
