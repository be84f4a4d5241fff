"""A folder of contracts full of mistakes: every one is told, once, at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_platform.contracts import ContractErrors, check, load
from tests.core.contract_cases import COLUMNS, SNAPSHOT, document, messages

FOLDER = Path(__file__).parent / "contracts_with_mistakes"
MISTAKES = {
    "_defaults": [
        (5, 'unknown unit "hrs". Did you mean "hours"?'),
        (9, 'unknown key "drfit". Did you mean "drift"?'),
    ],
    "invoice": [
        (4, '"version" must be a text, not 1.0'),
        (5, 'unsupported status "activ". Did you mean "active"?'),
        (6, 'domain "fiance" is not the folder\'s name. Write "finance", or move the file.'),
        (7, 'unknown key "nme". Did you mean "name"?'),
        (8, '"not a tag!" is not a valid tag: write key or key:value, with letters, digits, - _ and . only.'),
        (9, 'unknown key "owner".'),
        (11, 'table "invoices" is not the file\'s name. Write "invoice", or rename the file.'),
        (12, 'unknown key "dataGranularity". Did you mean "dataGranularityDescription"?'),
        (23, 'primaryKeyPosition 1 is taken by "invoice_id". Number the key columns 1 to 2.'),
        (25, 'unknown logicalType "timestmp". Did you mean "timestamp"?'),
        (26, 'unknown column type "timestmp". Did you mean "timestamp"?'),
        (28, 'logicalType "string" contradicts physicalType "numeric(19,4)", which is number.'),
        (30, 'transforms are for texts, and this column is decimal(19,4).'),
        (34, 'unknown key "requierd". Did you mean "required"?'),
        (35, '"required" must be true or false, not "no".'),
        (36, 'unknown transform "uper". Did you mean "upper"?'),
        (41, 'unknown severity "quarantaine". Did you mean "quarantine"?'),
        (42, 'unknown key "validValue". Did you mean "validValues"?'),
        (43, 'column "currency" is declared twice; the first is on line 31.'),
        (46, '"physicalType" is declared twice here; the first is on line 45'),
        (47, 'the column name "_seq" is reserved: is_current, valid_from, valid_to and names with a leading _'),
        (52, 'column type "numeric": needs a precision and a scale, as in numeric(18,2): an unbounded numeric'),
        (53, '"Due Date" is not a valid column name: use lower-case letters, digits and _, beginning with a l'),
        (56, '"classification" must be a text, not 3'),
        (57, '"name" is missing here.'),
        (59, '"logicalType" is missing here.'),
        (62, 'minimum 9 is above maximum 1.'),
        (63, '"high" is not a value of column priority, which is int16.'),
        (64, 'unknown metric "invalidValue". Did you mean "invalidValues"?'),
        (69, '"([" is not a regular expression: unterminated character set at position 1.'),
        (71, 'severity quarantine is impossible here: duplicateValues judges a whole batch, not single rows.'),
        (72, 'exactly one is needed here of: mustBe, mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mu'),
        (73, '"(amount >= 0" is not one SQL expression'),
        (74, 'mustBe is not taken here but as mustBe: 0: no row may break a rule.'),
        (76, 'unknown service level "freshnes". Did you mean "freshness"?'),
        (77, '"long" is not a duration: write a number above 0 and below 100000.'),
        (81, '"invoice" is not schema.table, as in finance.gl_journal.'),
        (81, 'unknown key "shema".'),
        (82, 'a contract has a source or a model, not both.'),
        (85, '"column" has no effect with mode snapshot: it belongs to window.'),
        (86, '"amount" is decimal(19,4); effective_at must name a timestamp or a date.'),
        (87, '"deletes" has no effect with mode snapshot: it belongs to row_version.'),
        (88, '"max_shrink" should be less than or equal to 1, not 2.5.'),
        (88, '"min_rows" should be greater than or equal to 0, not -1.'),
        (89, 'unknown history "scd1". Did you mean "scd2"?'),
        (90, '"../shared.py" lies outside the contract\'s folder: put the file beside the contract.'),
        (90, 'there is no file "invoice.sql" beside the contract'),
    ],
    "ledger": [
        (18, 'unknown column "entyr". Did you mean "entry"?'),
        (19, 'unknown column "booked_onn" in the expression. Did you mean "booked_on"?'),
        (24, 'column names an unknown column "booked_at". Did you mean "booked_on"?'),
        (24, 'mode window needs a key: mark its columns primaryKey: true, or take snapshots.'),
        (25, 'history scd2 needs a key: mark its columns primaryKey: true, or say history: none.'),
        (26, '"domo" has no effect on a source table: publish a mart made of it.'),
    ],
    "payment": [
        (3, 'the id "finance.invoice" is declared twice; the first is in finance/invoice.yaml.'),
        (14, 'a tab is used for indentation. YAML takes spaces only.'),
        (15, 'a quote or bracket that is opened here is never closed.'),
        (17, 'unknown logicalType "nmber". Did you mean "number"?'),
    ],
}  # fmt: skip


@pytest.mark.parametrize("table", MISTAKES)
def test_every_planted_mistake_is_told_at_its_line(table: str) -> None:
    problems = [problem for problem in check(FOLDER)[1] if problem.file.stem == table]
    assert [problem.line for problem in problems] == [line for line, _ in MISTAKES[table]]
    for problem, (_, start) in zip(problems, MISTAKES[table], strict=True):
        assert problem.message.startswith(start)


def test_all_files_are_told_at_once_by_file_and_line() -> None:
    with pytest.raises(ContractErrors) as caught:
        load(FOLDER)
    problems = caught.value.problems
    assert len(problems) == sum(map(len, MISTAKES.values()))
    assert list(problems) == sorted(problems, key=lambda problem: (problem.file, problem.line))
    assert str(problems[0]).startswith(f"{FOLDER.as_posix()}/finance/_defaults.yaml:5: unknown unit")


SOURCE = "source: {connection: erp, table: sales.orders}\n      "


@pytest.mark.parametrize(("block", "problem"), [
    ("drift: freeze", '16: "source" is missing here: say where the rows come from, or give the model of a mart.'),
    (SOURCE, '16: "capture" is missing here: say how changes are taken. Valid modes: change_log, changes, row_version, snapshot, window.'),
    (SOURCE + "captrue: {mode: snapshot}", '18: unknown key "captrue". Did you mean "capture"?'),
    (SOURCE + "capture: {mode: snapshoot}", '18: unknown mode "snapshoot". Did you mean "snapshot"?'),
    (SOURCE + "capture: {mode: window}", '18: "column" is missing here: mode window needs it.'),
    (SOURCE + "capture: {mode: window, column: placed_at}", '18: column names an unknown column "placed_at". Did you mean "PlacedAt"?'),
    (SOURCE + "capture: {mode: window, column: amount}", '18: "amount" is decimal(18,2); column must name a timestamp or a date.'),
    (SOURCE + "capture: {mode: change_log}", '18: "log" is missing here: mode change_log needs it.'),
    (SOURCE + "capture: {mode: change_log, log: {table: a.b, position: p, operation: o}}", '18: "changed_at" is missing here.'),
    (SOURCE + "capture: {mode: change_log, log: {table: a.b, position: p, operation: p, changed_at: c}}",
     '18: operation names "p", and so'),
    (SOURCE + "capture: {mode: change_log, log: {table: a.b, position: amount, operation: o, changed_at: c}}",
     '18: position names "amount"'),
    (SOURCE + "capture: {mode: row_version, guard: {min_rows: 3}}", '18: "guard" has no effect with mode row_version unless'),
    (SOURCE + "capture: {mode: row_version, log: {table: a.b, position: p, operation: o, changed_at: c}}", '18: "log" has no effect with'),
    ("model: fct_orders\n      capture: {mode: snapshot}", '18: "capture" has no effect on a mart'),
    (SNAPSHOT + "\n      domo: {dataset: Orders}", '19: "domo" has no effect on a source table'),
    (SNAPSHOT + "\n      athena: {scan_budget_mb: 1, query: select 1}", '19: "athena" has no effect on a source table'),
    ("model: fct_orders\n      athena: {scan_budget_mb: 0, query: select 1}", '18: "scan_budget_mb" should be greater than or equal to 1'),
    ("model: fct_orders\n      athena: {scan_budget_mb: 1}", '18: "query" is missing here'),
    (SNAPSHOT + "\n      steps: {standardise: orders.txt}", '19: "orders.txt" must be a .py file.'),
    (SNAPSHOT + "\n      steps: {extract: /etc/passwd}", '19: "/etc/passwd" lies outside the contract\'s folder'),
    (SNAPSHOT + "\n      drift: ignore", '19: unknown drift "ignore". Valid values: discard, evolve, freeze.'),
])  # fmt: skip
def test_block_that_contradicts_itself(tmp_path: Path, block: str, problem: str) -> None:
    found = messages(tmp_path, document(block=block))
    assert len(found) == 1
    assert found[0].startswith(problem)


@pytest.mark.parametrize(("quality", "problem"), [
    ("{metric: nullValues, arguments: {properties: [amonut]}, mustBe: 0, severity: warn}", 'unknown column "amonut". Did you mean'),
    ("{metric: nullValues, mustBe: 0, severity: warn}", '"properties" is missing here: put nullValues under a column'),
    ("{metric: rowCount, mustBeBetween: [9, 1], severity: warn}", "mustBeBetween: rowCount takes whole numbers, the smaller first"),
    ("{metric: rowCount, mustBe: 1, severity: quarantine}", "severity quarantine is impossible here: rowCount judges a whole batch"),
    ("{metric: rowCount, mustBe: 1}", '"severity" is missing here: valid severities: halt, quarantine, warn.'),
    ("{type: sql, query: select 1, mustBe: 0, severity: warn}", 'type "sql" is not taken'),
    ("{type: custom, engine: soda, implementation: amount > 0, name: a, severity: warn}", 'unknown engine "soda".'),
    ("{type: custom, engine: sql, implementation: amonut > 0, name: a, severity: warn}", 'unknown column "amonut" in'),
    ("{type: custom, engine: sql, implementation: 1 > 0, name: a, severity: warn}", '"1 > 0" looks at no column of the table.'),
    ("{type: custom, engine: sql, implementation: amount > 0, severity: warn}", '"name" is missing here'),
    ("{metric: invalidValues, arguments: {properties: [status], pattern: '(?!x)y'}, mustBe: 0, severity: warn}", '"(?!" is not'),
    ("{metric: invalidValues, arguments: {properties: [amount], pattern: x}, mustBe: 0, severity: warn}", "a pattern is for texts"),
    ("{metric: invalidValues, arguments: {properties: [amount], minimum: 0.123}, mustBe: 0, severity: warn}", '"0.123" is not'),
    ("{metric: invalidValues, arguments: {properties: [PlacedAt], minimum: x}, mustBe: 0, severity: warn}", 'unknown column "PlacedAt".'),
    ("{metric: invalidValues, arguments: {properties: [status]}, mustBe: 0, severity: warn}", '"validValues" is missing here'),
    ("{metric: invalidValues, arguments: {properties: [status], validValues: []}, mustBe: 0, severity: warn}", '"validValues" must not'),
])  # fmt: skip
def test_rule_that_cannot_be_kept(tmp_path: Path, quality: str, problem: str) -> None:
    (found,) = messages(tmp_path, document(quality=quality))
    assert found.startswith(f"15: {problem}")


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("varchar(10)}", "varchar(10), unique: true}", '13: "unique" has no effect here. Write a quality rule with metric duplicateValues.'),
    ("varchar(10)}", "varchar(10), physicalName: placedat}", '13: the source\'s column "placedat" is declared twice'),
    ("varchar(10)}", "varchar(10), physicalName: _op}", '13: "_op" cannot be a physicalName'),
    ("varchar(10)}", "varchar(10), primaryKeyPosition: 2}", "13: primaryKeyPosition has no effect without primaryKey: true."),
    ("numeric(18,2)", "numeric(40,2)", '12: column type "numeric(40,2)": precision must be 1 to 38'),
    ("name: amount", "name: valid_to", '12: the column name "valid_to" is reserved'),
    ("name: amount", "name: ORDER_ID", '12: "ORDER_ID" is not a valid column name'),
])  # fmt: skip
def test_column_that_cannot_be(tmp_path: Path, old: str, new: str, problem: str) -> None:
    found = messages(tmp_path, document(columns=COLUMNS.replace(old, new)))
    assert found[0].startswith(problem)
