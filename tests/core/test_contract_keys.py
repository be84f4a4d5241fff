"""Every key that the platform adds to the standard, or reads from it, changes the Contract."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from lakehouse_platform.contracts import load
from lakehouse_platform.contracts.block import (
    AthenaBlock,
    CaptureBlock,
    CertificationBlock,
    DomoBlock,
    FilesBlock,
    GuardBlock,
    LakehouseBlock,
    LogBlock,
    RowAccessBlock,
    SourceBlock,
    StepsBlock,
    WarehouseBlock,
    ZonesBlock,
)
from lakehouse_platform.contracts.contract import (
    Capture,
    CaptureSpec,
    ChangeLog,
    Compute,
    Drift,
    FileFormat,
    Landing,
    Metric,
    OnFailure,
    Rule,
    ScanBudget,
    SnapshotGuard,
    SourceTable,
)
from lakehouse_platform.contracts.serving import Publication
from lakehouse_platform.naming import Zone
from tests.core.contract_cases import COLUMNS, HEADING, SNAPSHOT, contract, document, lakehouse, messages, rule, write

SOURCE = "source: {connection: erp, table: sales.orders}\n      "
LANDING = "source: {{landing: {}}}\n      "
MART = "model: fct_orders\n      domo: {dataset: Orders, description: All of them, tags: [sales, daily]}"
LOG = "{table: audit.orders_log, position: log_id, operation: op, changed_at: logged_at, delete_values: [DEL, X]}"


def test_source_names_connection_and_table(tmp_path: Path) -> None:
    read = contract(tmp_path, document())
    assert (read.source, read.model) == (SourceTable("erp", "sales", "orders"), None)


def test_model_makes_a_mart(tmp_path: Path) -> None:
    read = contract(tmp_path, document(block="model: fct_orders"))
    assert (read.source, read.model, read.capture, read.keeps_history) == (None, "fct_orders", None, False)


@pytest.mark.parametrize(("capture", "expected"), [
    ("{mode: snapshot, guard: {min_rows: 10, max_shrink: 0.2}}", CaptureSpec(Capture.SNAPSHOT, guard=SnapshotGuard(10, 0.2))),
    ("{mode: snapshot, effective_at: PlacedAt}", CaptureSpec(Capture.SNAPSHOT, effective_at="PlacedAt")),
    ("{mode: row_version}", CaptureSpec(Capture.ROW_VERSION)),
    ("{mode: row_version, effective_at: PlacedAt}", CaptureSpec(Capture.ROW_VERSION, effective_at="PlacedAt")),
    ("{mode: row_version, deletes: reconcile}", CaptureSpec(Capture.ROW_VERSION, reconcile_deletes=True)),
    ("{mode: window, column: PlacedAt}", CaptureSpec(Capture.WINDOW, column="PlacedAt")),
    (f"{{mode: change_log, log: {LOG}}}",
     CaptureSpec(Capture.CHANGE_LOG, log=ChangeLog("audit", "orders_log", "log_id", "op", "logged_at", ("DEL", "X")))),
])  # fmt: skip
def test_capture(tmp_path: Path, capture: str, expected: CaptureSpec) -> None:
    assert contract(tmp_path, document(block=f"{SOURCE}capture: {capture}")).capture == expected


@pytest.mark.parametrize(("said", "expected"), [
    ("{format: csv}", Landing(FileFormat.CSV, "*", ",", None)),
    ("{format: csv, delimiter: ';', pattern: 'orders_*.csv'}", Landing(FileFormat.CSV, "orders_*.csv", ";")),
    ("{format: json, time_zone: Asia/Tokyo}", Landing(FileFormat.JSON, time_zone="Asia/Tokyo")),
    ("{format: parquet}", Landing(FileFormat.PARQUET)),
])  # fmt: skip
def test_landing_says_what_the_files_are(tmp_path: Path, said: str, expected: Landing) -> None:
    assert contract(tmp_path, document(block=f"{LANDING.format(said)}capture: {{mode: snapshot}}")).source == expected


@pytest.mark.parametrize(("capture", "expected"), [
    ("{mode: changes}", CaptureSpec(Capture.CHANGES)),
    ("{mode: changes, effective_at: PlacedAt}", CaptureSpec(Capture.CHANGES, effective_at="PlacedAt")),
    ("{mode: changes, operation: op}", CaptureSpec(Capture.CHANGES, operation="op")),
    ("{mode: changes, operation: op, delete_values: [DEL, X]}", CaptureSpec(Capture.CHANGES, operation="op", delete_values=("DEL", "X"))),
])  # fmt: skip
def test_capture_of_changes_in_files(tmp_path: Path, capture: str, expected: CaptureSpec) -> None:
    assert contract(tmp_path, document(block=f"{LANDING.format('{format: csv}')}capture: {capture}")).capture == expected


@pytest.mark.parametrize(("block", "message"), [
    ("source: {landing: {format: xml}}\n      capture: {mode: snapshot}",
     'unknown format "xml". Valid values: csv, json, parquet.'),
    ("source: {landing: {format: json, delimiter: ';'}}\n      capture: {mode: snapshot}",
     '"delimiter" has no effect with format json: it belongs to csv.'),
    ("source: {landing: {format: csv, time_zone: Europe/Berlim}}\n      capture: {mode: snapshot}",
     'unknown time zone "Europe/Berlim". Take an IANA name, as in Europe/Berlin.'),
    ("source: {landing: {format: csv}, table: a.b}\n      capture: {mode: snapshot}",
     '"table" has no effect with landing: files are read, and no table.'),
    ("source: {landing: {format: csv}}\n      capture: {mode: row_version}",
     "mode row_version asks a database, and files land. Valid modes: changes, snapshot."),
    ("source: {landing: {format: csv}}\n      capture: {mode: changes, delete_values: [D]}",
     '"delete_values" has no effect without operation, the column that it speaks of.'),
    ("source: {landing: {format: csv}}\n      capture: {mode: changes, operation: status}",
     'operation names "status", a column of the table: files have one beside them.'),
    ("source: {landing: {format: csv}}\n      capture: {mode: snapshot, operation: op}",
     '"operation" has no effect with mode snapshot: it belongs to changes.'),
    ("source: {table: a.b}\n      capture: {mode: snapshot}",
     '"connection" is missing here: or say `landing`, where other systems leave files.'),
    (f"{SOURCE}capture: {{mode: changes}}",
     "mode changes belongs to files that land: give the source a `landing`, or read the table another way."),
])  # fmt: skip
def test_landing_that_cannot_be_is_told(tmp_path: Path, block: str, message: str) -> None:
    (found,) = messages(tmp_path, document(block=block))
    assert found.partition(": ")[2] == message


def test_log_takes_d_for_a_delete_if_nothing_is_said(tmp_path: Path) -> None:
    log = "{table: audit.orders_log, position: log_id, operation: op, changed_at: logged_at}"
    capture = contract(tmp_path, document(block=f"{SOURCE}capture: {{mode: change_log, log: {log}}}")).capture
    assert capture is not None
    assert capture.log is not None
    assert capture.log.delete_values == ("D",)


@pytest.mark.parametrize(("extra", "kept"), [("", True), ("history: scd2", True), ("history: none", False)])
def test_history(tmp_path: Path, *, extra: str, kept: bool) -> None:
    assert contract(tmp_path, document(block=f"{SNAPSHOT}\n      {extra}")).keeps_history is kept


def test_keyless_table_keeps_no_history(tmp_path: Path) -> None:
    read = contract(tmp_path, document(columns=COLUMNS.replace(", primaryKey: true", "")))
    assert (read.key, read.keeps_history) == ((), False)


@pytest.mark.parametrize(("extra", "drift"), [("", Drift.EVOLVE), *((f"drift: {drift}", drift) for drift in Drift)])
def test_drift(tmp_path: Path, extra: str, drift: Drift) -> None:
    assert contract(tmp_path, document(block=f"{SNAPSHOT}\n      {extra}")).drift is drift


def test_steps_name_files_beside_the_contract(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    files = {"extract": tmp_path / "sales" / "orders.sql", "standardise": tmp_path / "sales" / "orders.py"}
    for file in files.values():
        file.write_text("")
    read = contract(tmp_path, document(block=f"{SNAPSHOT}\n      steps: {{standardise: orders.py, extract: orders.sql}}"))
    assert read.steps == files


def test_domo_publishes_a_mart(tmp_path: Path) -> None:
    assert contract(tmp_path, document(block=MART)).publication == Publication("Orders", "All of them", ("sales", "daily"))


def test_athena_bounds_what_a_mart_reads(tmp_path: Path) -> None:
    block = "model: fct_orders\n      athena: {scan_budget_mb: 50, query: select 1}"
    assert contract(tmp_path, document(block=block)).scan_budget == ScanBudget(50_000_000, "select 1")


@pytest.mark.parametrize(("said", "expected"), [
    ("glue", {Zone.ODS: Compute.GLUE, Zone.HDS: Compute.GLUE}),
    ("{hds: emr_serverless}", {Zone.HDS: Compute.EMR_SERVERLESS}),
    ("{ods: in_process, hds: spark}", {Zone.ODS: Compute.IN_PROCESS, Zone.HDS: Compute.SPARK}),
])  # fmt: skip
def test_compute(tmp_path: Path, said: str, expected: dict[Zone, Compute]) -> None:
    assert contract(tmp_path, document(block=f"{SNAPSHOT}\n      compute: {said}")).compute == expected


def test_size_decides_where_no_compute_is_declared(tmp_path: Path) -> None:
    assert contract(tmp_path, document()).compute == {}


def test_domain_may_say_where_its_steps_run(tmp_path: Path) -> None:
    write(tmp_path, lakehouse("compute: {hds: glue}"), "_defaults.yaml")
    write(tmp_path, document(block="model: mart").replace("orders", "mart"), "mart.yaml")
    computes = {loaded.table: loaded.compute for loaded in load(write(tmp_path, document()))}
    assert computes["orders"] == {Zone.HDS: Compute.GLUE}


@pytest.mark.parametrize(("block", "message"), [
    (f"{SNAPSHOT}\n      compute: glu",
     'unknown compute "glu". Did you mean "glue"? Valid values: emr_serverless, glue, in_process, spark.'),
    (f"{SNAPSHOT}\n      compute: {{hds: emr}}", 'unknown hds "emr". Valid values: emr_serverless, glue, in_process, spark.'),
    (f"{SNAPSHOT}\n      compute: {{odz: glue}}", 'unknown key "odz". Did you mean "ods"? Valid keys: hds, ods.'),
    (f"{SNAPSHOT}\n      compute: {{raw: glue}}", 'unknown key "raw". Valid keys: hds, ods.'),
    ("model: mart\n      compute: glue", '"compute" has no effect on a mart: dbt builds it. Take it out.'),
])  # fmt: skip
def test_compute_that_cannot_be_is_told(tmp_path: Path, block: str, message: str) -> None:
    (found,) = messages(tmp_path, document(block=block))
    assert found.partition(": ")[2] == message


def test_no_key_of_the_block_is_without_a_test() -> None:
    known = {model.__name__: sorted(model.model_fields) for model in (
        LakehouseBlock, SourceBlock, CaptureBlock, LogBlock, GuardBlock, StepsBlock, DomoBlock, AthenaBlock, ZonesBlock,
        FilesBlock, RowAccessBlock, WarehouseBlock, CertificationBlock,
    )}  # fmt: skip
    assert known == {
        "ZonesBlock": ["hds", "ods"],
        "LakehouseBlock": [
            "athena", "capture", "certification", "compute", "domo", "drift", "history", "model", "source", "steps", "warehouse"],
        "SourceBlock": ["connection", "landing", "table"],
        "FilesBlock": ["delimiter", "format", "pattern", "time_zone"],
        "CaptureBlock": ["column", "delete_values", "deletes", "effective_at", "guard", "log", "mode", "operation"],
        "LogBlock": ["changed_at", "delete_values", "operation", "position", "table"],
        "GuardBlock": ["max_shrink", "min_rows"],
        "StepsBlock": ["extract", "standardise"],
        "DomoBlock": ["dataflow", "dataset", "description", "owner", "partition_by", "row_access", "tags", "update", "waits_for"],
        "RowAccessBlock": ["column", "groups", "name", "users", "values"],
        "WarehouseBlock": ["dist_key", "distribution", "encodings", "sort_key", "zones"],
        "CertificationBlock": ["green_runs"],
        "AthenaBlock": ["query", "scan_budget_mb"],
    }


@pytest.mark.parametrize(("item", "expected"), [
    ("{metric: nullValues, arguments: {properties: [amount]}, mustBe: 0, severity: halt}",
     Rule("null_values_amount", Metric.NULL_VALUES, OnFailure.HALT, columns=("amount",))),
    ("{name: known, metric: invalidValues, arguments: {properties: [status], validValues: [open, no, 010]}, mustBe: 0, severity: warn}",
     Rule("known", Metric.INVALID_VALUES, OnFailure.WARN, columns=("status",), valid_values=("open", "no", "010"))),
    ("{metric: invalidValues, arguments: {properties: [status], pattern: '[a-z]+'}, mustBe: 0, severity: quarantine}",
     Rule("invalid_values_status", Metric.INVALID_VALUES, OnFailure.QUARANTINE, columns=("status",), pattern="[a-z]+")),
    ("{metric: invalidValues, arguments: {properties: [amount], minimum: 0.10, maximum: 99}, mustBe: 0, severity: warn}",
     Rule("invalid_values_amount", Metric.INVALID_VALUES, OnFailure.WARN, columns=("amount",), minimum="0.10", maximum="99")),
    ("{metric: missingValues, arguments: {properties: [status], missingValues: ['', n/a]}, mustBe: 0, severity: quarantine}",
     Rule("missing_values_status", Metric.MISSING_VALUES, OnFailure.QUARANTINE, columns=("status",), missing_values=("", "n/a"))),
    ("{metric: duplicateValues, arguments: {properties: [status, amount]}, mustBe: 0, severity: halt}",
     Rule("duplicate_values_status_amount", Metric.DUPLICATE_VALUES, OnFailure.HALT, columns=("status", "amount"))),
    ("{name: positive, description: Above, type: custom, engine: sql, implementation: amount > 0, severity: quarantine}",
     Rule("positive", Metric.EXPRESSION, OnFailure.QUARANTINE, expression="amount > 0", description="Above")),
])  # fmt: skip
def test_rule(tmp_path: Path, item: str, expected: Rule) -> None:
    assert rule(tmp_path, item) == expected


@pytest.mark.parametrize(("operator", "minimum", "maximum"), [
    ("mustBe: 5", "5", "5"), ("mustBeGreaterThan: 5", "6", None), ("mustBeGreaterOrEqualTo: 5", "5", None),
    ("mustBeLessThan: 5", None, "4"), ("mustBeLessOrEqualTo: 5", None, "5"), ("mustBeBetween: [1, 5]", "1", "5"),
])  # fmt: skip
def test_row_count_reads_the_standards_operators(tmp_path: Path, operator: str, minimum: str | None, maximum: str | None) -> None:
    read = rule(tmp_path, f"{{metric: rowCount, {operator}, severity: halt}}")
    assert read == Rule("row_count", Metric.ROW_COUNT, OnFailure.HALT, minimum=minimum, maximum=maximum)


def test_rule_under_a_column_looks_at_that_column(tmp_path: Path) -> None:
    columns = COLUMNS.replace("varchar(10)}", "varchar(10), quality: [{metric: nullValues, mustBe: 0, severity: warn}]}")
    assert contract(tmp_path, document(columns=columns)).rules[0].columns == ("status",)


def test_column_keys(tmp_path: Path) -> None:
    said = "varchar(10), required: true, classification: restricted, transformLogic: trim | upper, description: Where it stands}"
    column = contract(tmp_path, document(columns=COLUMNS.replace("varchar(10)}", said))).column("status")
    assert (column.required, column.classified, column.transforms, column.description) == (True, True, ("trim", "upper"), "Where it stands")


def test_physical_name_is_the_name_if_nothing_is_said(tmp_path: Path) -> None:
    assert [c.physical_name for c in contract(tmp_path, document()).columns] == ["order_id", "PlacedAt", "amount", "status"]


def test_key_follows_its_positions_and_is_required(tmp_path: Path) -> None:
    columns = COLUMNS.replace("primaryKey: true", "primaryKey: true, primaryKeyPosition: 2")
    read = contract(tmp_path, document(columns=columns.replace("varchar(10)", "varchar(10), primaryKey: true, primaryKeyPosition: 1")))
    assert read.key == ("status", "order_id")
    assert [c.name for c in read.columns if c.required] == ["order_id", "status"]


def test_service_levels(tmp_path: Path) -> None:
    levels = "slaProperties:\n  - {property: freshness, value: 26, unit: h}\n  - {property: retention, value: 2, unit: y}\n"
    read = contract(tmp_path, document(more=levels))
    assert (read.freshness, read.retention) == (dt.timedelta(hours=26), dt.timedelta(days=730.5))


@pytest.mark.parametrize(("team", "owner"), [
    ("{name: sales-data}", "team:sales-data"),
    ("{members: [{username: a@example.com}, {username: b@example.com, role: owner}]}", "b@example.com"),
])  # fmt: skip
def test_owner(tmp_path: Path, team: str, owner: str) -> None:
    assert contract(tmp_path, document(heading=HEADING.replace("{name: sales-data}", team))).owner == owner


def test_tags_and_description(tmp_path: Path) -> None:
    read = contract(tmp_path, document(more="tags: [certified, layer:gold]\ndescription: {purpose: Every order}\n"))
    assert (read.tags, read.description, read.version) == ({"certified": "", "layer": "gold"}, "Every order", "1.0.0")
