"""What landed files hold, and what makes one go to quarantine."""

from __future__ import annotations

import datetime as dt
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from lakehouse_platform.naming import Zone
from lakehouse_platform.sources.landing import delimited, json_lines
from lakehouse_platform.sources.landing.source import PLACES, ROWS
from tests.core.landing_cases import Shop, shop

COLUMNS = "order_id,amount,status,changed_at"
HEADER = f"{COLUMNS}\n"
SECRET = "s3cret"


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def parquet(**columns: object) -> bytes:
    """A Parquet file of one row a value."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({name: [value] for name, value in columns.items()}), sink)
    return sink.getvalue()


def refusal(made: Shop) -> str:
    """Why the one file that landed was refused; nothing of it is in Raw."""
    intake = made.take()
    assert not intake.taken
    assert made.rows(Zone.RAW, "order_id") == []
    (refused,) = intake.refused
    return refused.reason


def test_csv_keeps_digits_and_tells_an_empty_text_from_null(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + '1,0.10,"",\n2,,"a ""b""\n c",2026-11-02T10:00:00+02:00\n')
    made.take()
    assert made.rows(Zone.RAW, "order_id", "amount", "status", "changed_at") == [
        (1, Decimal("0.10"), "", None), (2, None, 'a "b"\n c', utc("2026-11-02 08:00")),
    ]


def test_csv_has_the_delimiter_that_the_contract_says(tmp_path: Path) -> None:
    made = shop(tmp_path, landing="{format: csv, delimiter: ';'}")
    made.land("a.csv", HEADER.replace(",", ";") + "1;2.50;a,b;\n")
    made.take()
    assert made.rows(Zone.RAW, "order_id", "amount", "status") == [(1, Decimal("2.50"), "a,b")]


def test_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", b"\xef\xbb\xbf" + HEADER.encode() + b"1,2,a,\n")
    made.take()
    assert made.rows(Zone.RAW, "order_id") == [(1,)]


def test_json_keeps_digits_and_takes_what_is_left_out_for_null(tmp_path: Path) -> None:
    made = shop(tmp_path, landing="{format: json}")
    made.land("a.json", '{"order_id": 9007199254740993, "amount": 0.10}\n\n{"order_id": 2, "amount": null, "status": "x"}\n')
    intake = made.take()
    assert made.rows(Zone.RAW, "order_id", "amount", "status") == [(2, None, "x"), (9007199254740993, Decimal("0.10"), None)]
    assert intake.taken[0].findings == ()


def test_parquet_is_read_by_its_types(tmp_path: Path) -> None:
    made = shop(tmp_path, landing="{format: parquet, time_zone: Asia/Tokyo}")
    made.land("a.parquet", parquet(order_id=1, amount=Decimal("1.5"), status="x", changed_at=dt.datetime(2026, 11, 2, 9)))  # noqa: DTZ001 (a wall clock)
    intake = made.take()
    assert made.rows(Zone.RAW, "order_id", "amount", "status", "changed_at") == [(1, Decimal("1.50"), "x", utc("2026-11-02 00:00"))]
    assert intake.taken[0].findings == ()


@pytest.mark.parametrize(("text", "instant"), [
    ("2026-03-08 01:59:59.5", "2026-03-08 06:59:59.5"), ("2026-11-01T01:30", "2026-11-01 05:30"),
    ("2026-07-01 00:00:00Z", "2026-07-01 00:00"),
    ("2026-03-08 02:30:00", None),
])  # fmt: skip
def test_wall_clock_times_are_those_of_the_contracts_zone(tmp_path: Path, text: str, instant: str | None) -> None:
    made = shop(tmp_path, landing="{format: csv, time_zone: America/New_York}")
    made.land("a.csv", HEADER + f"1,2,a,{text}\n")
    made.take()
    parked = None if instant else json.dumps({"changed_at": text}, separators=(",", ":"))
    assert made.rows(Zone.RAW, "changed_at", "_parked") == [(utc(instant) if instant else None, parked)]


def test_change_is_true_when_its_column_says_and_never_after_it_landed(tmp_path: Path) -> None:
    made = shop(tmp_path, capture="{mode: changes, effective_at: changed_at}")
    made.land("a.csv", HEADER + "1,2,a,2026-11-02 10:00:00\n2,2,a,2027-01-01 00:00:00\n3,2,a,\n", at="2026-11-03 06:00:00")
    made.take()
    landed = utc("2026-11-03 06:00")
    assert made.rows(Zone.RAW, "order_id", "_effective_at") == [(1, utc("2026-11-02 10:00")), (2, landed), (3, landed)]


@pytest.mark.parametrize(("delete_values", "ops"), [("[D]", ["delete", "upsert"]), ("[gone, U]", ["upsert", "delete"])])
def test_operation_column_says_what_was_deleted(tmp_path: Path, delete_values: str, ops: list[str]) -> None:
    made = shop(tmp_path, capture=f"{{mode: changes, operation: op, delete_values: {delete_values}}}")
    made.land("a.csv", f"{COLUMNS},op\n1,,,,D\n2,,,,U\n")
    intake = made.take()
    assert [op for _, op in made.rows(Zone.RAW, "order_id", "_op")] == ops
    assert intake.taken[0].findings == ()


def test_undeclared_column_is_parked_and_found(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", f"{COLUMNS},colour\n1,2,a,,red\n2,2,a,,\n")
    intake = made.take()
    assert made.rows(Zone.RAW, "_parked") == [('{"colour":"red"}',), (None,)]
    assert [str(f) for f in intake.taken[0].findings] == ["column colour (text) was added at the source"]


def test_column_that_is_gone_is_found_and_null(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", "order_id,amount,changed_at\n1,2,\n")
    intake = made.take()
    assert made.rows(Zone.RAW, "status") == [(None,)]
    assert [str(f) for f in intake.taken[0].findings] == ["column status (string) is gone from the source"]


def test_frozen_contract_refuses_a_file_that_drifted(tmp_path: Path) -> None:
    made = shop(tmp_path, drift="freeze")
    made.land("a.csv", f"{COLUMNS},colour\n1,2,a,,red\n")
    assert refusal(made).startswith("sales.orders: column colour (text) was added at the source. The contract freezes its schema")


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "The file is empty."),
    (b"\n1,2\n", "Line 1 names no column: the first line must be the header."),
    (f"1,2,{SECRET},\n".encode(), "It has 4 columns, and lacks order_id (key)."),
    (HEADER.encode() + b"1,2,a,\n2,2\n", "Row 2 after the header has 2 values, and the header has 4."),
    (HEADER.encode() + f"1,2,a,\n2,2,{SECRET},,,\n".encode(), "Row 2 after the header has 6 values, and the header has 4."),
    (HEADER.encode() + b"1,2,a,\n2,2,\xff,\n", "Line 3 is not UTF-8."),
    (HEADER.encode("utf-16"), "Line 1 is not UTF-8."),
    (HEADER.encode() + f'1,2,a,\n2,2,b,"{SECRET}'.encode(), "A quotation mark is not closed"),
    (b"order_id,amount,amount\n1,2,3\n", "Two columns have the same name."),
])  # fmt: skip
def test_malformed_csv_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    made = shop(tmp_path)
    made.land("a.csv", content)
    told = refusal(made)
    assert told.startswith(reason)
    assert SECRET not in told


def test_row_longer_than_a_block_is_refused(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "1,2,a,\n2,2," + SECRET * (2 * delimited.BLOCK // len(SECRET)) + ",\n")
    assert refusal(made) == "It cannot be parsed: a row is longer than 1 MB, or a quotation mark is not closed."


@pytest.mark.parametrize(("content", "reason"), [
    (b'{"order_id": 1}\n{"order_id": 2, "status": "s3cret', "Line 2 is not JSON: one whole object must stand on each line."),
    (b'[{"order_id": 1}]', "Line 1 is not an object: one whole object must stand on each line."),
    (b'{"order_id": 1, "status": "\xff"}', "Line 1 is not UTF-8."),
    (b'{"amount": 1}', "It has 1 columns, and lacks order_id (key)."),
])  # fmt: skip
def test_malformed_json_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    made = shop(tmp_path, landing="{format: json}")
    made.land("a.json", content)
    assert refusal(made).startswith(reason)


def test_line_that_is_too_long_is_refused(tmp_path: Path) -> None:
    made = shop(tmp_path, landing="{format: json}")
    made.land("a.json", '{"order_id": 1, "status": "' + "x" * json_lines.LONGEST + '"}\n')
    assert refusal(made) == "Line 1 is longer than 8 MB."


@pytest.mark.parametrize(("cut", "reason"), [
    (slice(0, -20), "It is not a Parquet file, or was cut off: its footer cannot be read."),
    (slice(0, 10), "It is not a Parquet file, or was cut off: its footer cannot be read."),
])  # fmt: skip
def test_truncated_parquet_is_refused(tmp_path: Path, cut: slice, reason: str) -> None:
    made = shop(tmp_path, landing="{format: parquet}")
    made.land("a.parquet", parquet(order_id=1, status="x")[cut])
    assert refusal(made) == reason


def test_damaged_pages_are_refused(tmp_path: Path) -> None:
    made = shop(tmp_path, landing="{format: parquet}")
    whole = bytearray(parquet(order_id=1, status="x" * 1000))
    whole[4:60] = bytes(56)
    made.land("a.parquet", bytes(whole))
    assert refusal(made) == "Its pages cannot be read: the file is damaged."


def test_file_that_breaks_late_leaves_nothing_in_raw(tmp_path: Path) -> None:
    made = shop(tmp_path)
    good = "".join(f"{number},2,{'x' * 200},\n" for number in range(50_000))
    made.land("a.csv", HEADER + good + "1,2\n")
    assert refusal(made) == "Row 50001 after the header has 2 values, and the header has 4."


def test_name_that_the_pattern_does_not_match_is_refused(tmp_path: Path) -> None:
    made = shop(tmp_path, landing="{format: csv, pattern: 'orders_*.csv'}")
    made.land("orders_1.csv", HEADER + "1,2,a,\n")
    made.land("prices.csv", HEADER + "2,2,a,\n")
    intake = made.take()
    assert [r.reason for r in intake.refused] == [
        'Its name does not match "orders_*.csv", the pattern that the contract of sales.orders says.']
    assert made.rows(Zone.RAW, "order_id") == [(1,)]


def test_refused_file_lies_in_quarantine_with_its_reason(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + f"1,{SECRET}\n")
    made.land("b.csv", HEADER + "1,2,a,\n")
    (refused,) = made.take().refused
    assert made.waiting == []
    assert (made.root / refused.path).read_text() == HEADER + f"1,{SECRET}\n"
    reason = json.loads((made.root / f"{refused.path}.reason.json").read_text())
    assert reason == {
        "file": "raw/sales/_landing/orders/a.csv", "landed_at": "2026-11-03T06:00:00+00:00", "bytes": 43, "identity": reason["identity"],
        "contract": "sales.orders", "fingerprint": made.contract.fingerprint,
        "reason": "Row 1 after the header has 2 values, and the header has 4.",
        "next": "Correct the file, or the contract, and have it land again in raw/sales/_landing/orders.",
    }
    assert made.rows(Zone.RAW, "order_id") == [(1,)]


def test_image_too_small_to_be_believed_is_refused(tmp_path: Path) -> None:
    made = shop(tmp_path, capture="{mode: snapshot, guard: {min_rows: 2}}")
    made.land("a.csv", HEADER + "1,2,a,\n")
    assert "has 1 rows" in refusal(made)


def test_each_row_of_a_long_file_has_its_own_place(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER + "".join(f"{number},2,a,\n" for number in range(2 * ROWS + 1)))
    made.take()
    places = [place for _, place in sorted(made.rows(Zone.RAW, "order_id", "_seq"), key=lambda row: int(str(row[0])))]
    first = made.batches[0].seen_at.timestamp() * PLACES
    assert places == list(range(int(first), int(first) + 2 * ROWS + 1))


def test_file_of_changes_may_hold_none(tmp_path: Path) -> None:
    made = shop(tmp_path)
    made.land("a.csv", HEADER)
    assert [taken.batch.rows for taken in made.take().taken] == [0]
