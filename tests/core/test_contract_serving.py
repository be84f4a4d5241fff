"""What a contract says of how its table is served: dataset, row access, warehouse, certificate, roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_platform.contracts import check, load
from lakehouse_platform.contracts.serving import (
    Access,
    Certification,
    Distribution,
    Publication,
    Role,
    RowPolicy,
    Update,
    WarehouseLayout,
)
from tests.core.contract_cases import COLUMNS, SNAPSHOT, contract, document, messages, write

MART = "model: fct_orders\n      "
DOMO = MART + "domo: {{dataset: Orders, {}}}"
NORTH = "{name: North, column: status, values: [open, paid], groups: [Sales], users: [ann@example.com]}"


@pytest.mark.parametrize(("said", "expected"), [
    ("update: upsert", Publication("Orders", update=Update.UPSERT)),
    ("update: append", Publication("Orders", update=Update.APPEND)),
    ("partition_by: order_id", Publication("Orders", partition_by="order_id")),
    ("owner: ann@example.com", Publication("Orders", owner="ann@example.com")),
    (f"row_access: [{NORTH}]", Publication("Orders", row_access=(
        RowPolicy("North", "status", ("open", "paid"), ("Sales",), ("ann@example.com",)),))),
    ("dataflow: '42'", Publication("Orders", dataflow="42")),
])  # fmt: skip
def test_dataset(tmp_path: Path, said: str, expected: Publication) -> None:
    assert contract(tmp_path, document(block=DOMO.format(said))).publication == expected


def test_dataset_is_sent_whole_if_nothing_is_said(tmp_path: Path) -> None:
    assert contract(tmp_path, document(block=DOMO.format("tags: [a]"))).publication == Publication("Orders", tags=("a",))


def test_dataset_waits_for_other_marts(tmp_path: Path) -> None:
    other = document(block=MART).replace("orders", "returns")
    write(tmp_path, other, "returns.yaml")
    loaded = {found.table: found for found in load(write(tmp_path, document(block=DOMO.format("waits_for: [sales.returns]"))))}
    assert loaded["orders"].publication == Publication("Orders", waits_for=("sales.returns",))


@pytest.mark.parametrize(("said", "message"), [
    ("update: upsrt", 'unknown update "upsrt". Did you mean "upsert"? Valid values: append, replace, upsert.'),
    ("partition_by: region", 'unknown column "region". Valid columns: amount, order_id, placed_at, status.'),
    ("partition_by: amount", "amount cannot divide a dataset: take a required column with a date, a text or a whole number."),
    ("partition_by: status", "status cannot divide a dataset: take a required column with a date, a text or a whole number."),
    ("partition_by: order_id, update: upsert", "partition_by replaces whole divisions, and update is upsert. Take one of them out."),
    ("owner: sales", '"sales" is not an e-mail address, by which Domo knows its users.'),
    ("row_access: [{name: North, column: regio, values: [n], groups: [g]}]",
     'unknown column "regio". Valid columns: amount, order_id, placed_at, status.'),
    ("row_access: [{name: North, column: status, values: [n]}]",
     '"groups" is missing here: a policy that names no group and no user shows its rows to nobody.'),
    ("row_access: [{name: North, column: status, values: [n], users: [ann]}]",
     '"ann" is not an e-mail address, by which Domo knows its users.'),
    ("waits_for: [sales.returns]", '"sales.returns" is no other mart. Valid marts: .'),
    ("waits_for: [sales.orders]", '"sales.orders" is no other mart. Valid marts: .'),
])  # fmt: skip
def test_dataset_that_cannot_be_is_told(tmp_path: Path, said: str, message: str) -> None:
    (found,) = messages(tmp_path, document(block=DOMO.format(said)))
    assert found.partition(": ")[2] == message


def test_rows_without_a_key_cannot_be_upserted(tmp_path: Path) -> None:
    text = document(columns=COLUMNS.replace(", primaryKey: true", ""), block=DOMO.format("update: upsert"))
    (found,) = messages(tmp_path, text)
    assert found.partition(": ")[2] == "update upsert needs a key: mark its columns primaryKey: true, or say replace."


@pytest.mark.parametrize(("block", "expected"), [
    (f"{SNAPSHOT}\n      warehouse: {{zones: [ods, hds]}}", WarehouseLayout(("ods", "hds"))),
    (f"{SNAPSHOT}\n      warehouse: {{zones: [hds], sort_key: [valid_from]}}", WarehouseLayout(("hds",), sort_key=("valid_from",))),
    (f"{MART}warehouse: {{zones: [curated], distribution: all}}", WarehouseLayout(("curated",), Distribution.ALL)),
    (f"{MART}warehouse: {{distribution: key, dist_key: order_id, sort_key: [placed_at, order_id], encodings: {{status: bytedict}}}}",
     WarehouseLayout((), Distribution.KEY, "order_id", ("placed_at", "order_id"), {"status": "bytedict"})),
])  # fmt: skip
def test_warehouse(tmp_path: Path, block: str, expected: WarehouseLayout) -> None:
    assert contract(tmp_path, document(block=block)).warehouse == expected


@pytest.mark.parametrize(("block", "message"), [
    (f"{SNAPSHOT}\n      warehouse: {{zones: [curated]}}", 'this table has no zone "curated". Valid zones: ods, hds.'),
    (f"{MART}warehouse: {{zones: [ods]}}", 'this table has no zone "ods". Valid zones: curated.'),
    (f"{MART}warehouse: {{dist_key: order_id}}", "distribution key and dist_key go together: say both or neither."),
    (f"{MART}warehouse: {{distribution: key}}", "distribution key and dist_key go together: say both or neither."),
    (f"{MART}warehouse: {{distribution: al}}", 'unknown distribution "al". Did you mean "all"? Valid values: all, auto, even, key.'),
    (f"{MART}warehouse: {{distribution: key, dist_key: order}}",
     'unknown column "order". Did you mean "order_id"? Valid columns: amount, order_id, placed_at, status.'),
    (f"{MART}warehouse: {{sort_key: [valid_from]}}",
     'unknown column "valid_from". Valid columns: amount, order_id, placed_at, status.'),
    (f"{MART}warehouse: {{sort_key: [order_id, order_id]}}", "sort_key names one of them twice."),
    (f"{MART}warehouse: {{encodings: {{amount: az46}}}}", 'unknown encoding "az46". Did you mean "az64"? Valid encodings: az64, bytedict,'),
])  # fmt: skip
def test_layout_that_cannot_be_is_told(tmp_path: Path, block: str, message: str) -> None:
    (found,) = messages(tmp_path, document(block=block))
    assert found.partition(": ")[2].startswith(message)


def test_certification_asks_for_green_runs(tmp_path: Path) -> None:
    assert contract(tmp_path, document(block=f"{MART}certification: {{green_runs: 5}}")).certification == Certification(5)
    assert contract(tmp_path, document(block=f"{MART}certification: {{}}")).certification == Certification(3)
    assert contract(tmp_path, document(block=MART)).certification is None


def test_source_table_has_no_certificate(tmp_path: Path) -> None:
    (found,) = messages(tmp_path, document(block=f"{SNAPSHOT}\n      certification: {{}}"))
    assert found.partition(": ")[2] == '"certification" has no effect on a source table: publish a mart made of it.'


def test_roles_may_read_or_write(tmp_path: Path) -> None:
    read = contract(tmp_path, document(more="roles: [{role: analyst}, {role: loader, access: write}]\n"))
    assert read.roles == (Role("analyst", Access.READ), Role("loader", Access.WRITE))


@pytest.mark.parametrize(("role", "message"), [
    ("{role: analyst, access: reed}", 'unknown access "reed". Did you mean "read"? Valid values: read, write.'),
    ("{role: The Analysts}", '"The Analysts" is not a valid role: use lower-case letters, digits and _ only.'),
])  # fmt: skip
def test_role_that_cannot_be_is_told(tmp_path: Path, role: str, message: str) -> None:
    (found,) = messages(tmp_path, document(more=f"roles: [{role}]\n"))
    assert found.partition(": ")[2] == message


def test_approvals_beside_a_contract_are_no_contract(tmp_path: Path) -> None:
    write(tmp_path, "approvals: []\n", "orders.approvals.yaml")
    contracts, problems = check(write(tmp_path, document(block=MART)))
    assert ([found.name for found in contracts], problems) == (["sales.orders"], ())
