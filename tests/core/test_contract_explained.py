"""What is made of a contract for people and editors: explanation, schema, patches, and digests that change when they should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft201909Validator
from ruamel.yaml import YAML

from lakehouse_platform.contracts import ContractErrors
from lakehouse_platform.contracts.editor import editor_schema
from lakehouse_platform.contracts.explain import explain
from lakehouse_platform.contracts.patch import propose_column, propose_type
from lakehouse_platform.contracts.reading import read_documents
from lakehouse_platform.errors import UnknownName
from tests.core.contract_cases import COLUMNS, HEADING, SNAPSHOT, contract, document, lakehouse, write

ASSETS = Path(__file__).parents[2] / "assets" / "contracts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "team: {name: sales-data}\n" + lakehouse("drift: freeze"), "_defaults.yaml")
    return write(tmp_path, document(heading=HEADING.replace("team: {name: sales-data}\n", "")))


def test_explanation_says_where_each_value_came_from(folder: Path) -> None:
    origins = {entry.path: (entry.value, entry.file.name, entry.line) for entry in explain(folder, "sales.orders").entries}
    assert origins[("team", "name")] == ("sales-data", "_defaults.yaml", 1)
    assert origins[("customProperties", 0, "value", "drift")] == ("freeze", "_defaults.yaml", 5)
    assert origins[("customProperties", 0, "value", "capture", "mode")] == ("snapshot", "orders.yaml", 17)
    assert origins[("schema", 0, "properties", 1, "physicalName")] == ("PlacedAt", "orders.yaml", 10)


def test_explanation_is_yaml_that_reads_as_the_merged_contract(folder: Path) -> None:
    explanation = explain(folder, "sales.orders")
    assert YAML(typ="safe", pure=True).load(explanation.as_yaml()) == explanation.merged.plain()
    assert "drift: freeze" in explanation.as_yaml()
    assert "# sales/_defaults.yaml:5" in explanation.as_yaml()


def test_explanation_derives_the_names(folder: Path) -> None:
    derived = explain(folder, "sales.orders").derived
    assert derived["hds asset"] == "hds/sales/orders"
    assert derived["ods in SQL"] == "ods.sales.orders"
    assert (derived["history"], derived["drift"], derived["owner"]) == ("scd2", "freeze", "team:sales-data")
    assert derived["compute"] == "ods by size, hds by size"


def test_another_tables_mistake_does_not_keep_a_table_from_being_explained(folder: Path) -> None:
    write(folder, "nonsense: 1\n", "refunds.yaml")
    assert explain(folder, "sales.orders").contract.name == "sales.orders"
    with pytest.raises(ContractErrors, match="unknown key"):
        explain(folder, "sales.refunds")


def test_unknown_table_is_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(UnknownName, match=r'Did you mean "sales\.orders"\?'):
        explain(folder, "sales.order")


def test_editor_schema_takes_this_lakehouse_and_its_defaults() -> None:
    schema = editor_schema()
    Draft201909Validator.check_schema(schema)
    for read in read_documents(ASSETS)[0]:
        assert [error.message for error in Draft201909Validator(schema).iter_errors(read.merged.plain())] == []
    assert Draft201909Validator(schema).is_valid({"domain": "sales", "status": "active"})


def in_block(value: object) -> dict[str, Any]:
    return {"customProperties": [{"property": "lakehouse", "value": value}]}


def in_column(**keys: object) -> dict[str, Any]:
    return {"schema": [{"name": "a", "properties": [{"name": "b", "logicalType": "string", **keys}]}]}


@pytest.mark.parametrize("wrong", [
    in_block({"drfit": "freeze"}), in_block({"drift": "frezee"}), in_block({"compute": "glu"}), in_block({"compute": {"raw": "glue"}}),
    in_block({"capture": {"mode": "snapshot", "guard": {"min_rows": -1}}}),
    in_column(transformLogic="trim | uper"), in_column(quality=[{"metric": "nullValues", "mustBe": 0, "severity": "hlat"}]),
    in_column(quality=[{"metric": "invalidValues", "mustBe": 0, "arguments": {"validValue": ["a"]}}]),
    {"status": "activ"}, {"slaProperties": [{"property": "freshnes", "value": 1, "unit": "h"}]},
])  # fmt: skip
def test_editor_schema_marks_what_the_platform_refuses(wrong: dict[str, Any]) -> None:
    assert not Draft201909Validator(editor_schema()).is_valid(wrong)


def test_digests_of_two_readings_are_equal(tmp_path: Path) -> None:
    first, second = contract(tmp_path, document()), contract(tmp_path, "# A comment\n" + document())
    assert (first.fingerprint, first.shape, first.rules_version) == (second.fingerprint, second.shape, second.rules_version)


RULE = "{name: positive, type: custom, engine: sql, implementation: amount > 0, severity: warn}"
STEPS = f"{SNAPSHOT}\n      steps: {{standardise: orders.py}}"


@pytest.mark.parametrize(("old", "new", "changed"), [
    ("varchar(10)}", "varchar(10), description: Where it stands}", {"fingerprint"}),
    ("varchar(10)}", "varchar(10), transformLogic: trim}", {"fingerprint", "shape"}),
    ("varchar(10)}", "varchar(10), required: true}", {"fingerprint", "rules_version"}),
    ("varchar(10)}", "varchar(10), classification: restricted}", {"fingerprint"}),
    ("numeric(18,2)", "numeric(18,3)", {"fingerprint", "shape"}),
    ("physicalName: PlacedAt", "physicalName: Placed", {"fingerprint", "shape"}),
    ("amount > 0", "amount > 1", {"fingerprint", "rules_version"}),
    ("severity: warn", "severity: quarantine", {"fingerprint", "rules_version"}),
    ("name: positive", "name: positive, description: Above nothing", {"fingerprint"}),
    ("version: 1.0.0", "version: 1.0.1", {"fingerprint"}),
])  # fmt: skip
def test_digests_change_with_what_they_stand_for(tmp_path: Path, old: str, new: str, changed: set[str]) -> None:
    text = document(quality=RULE)
    before, after = contract(tmp_path, text), contract(tmp_path, text.replace(old, new))
    assert {name for name in ("fingerprint", "shape", "rules_version") if getattr(before, name) != getattr(after, name)} == changed


def test_shape_changes_with_the_hatchs_file(tmp_path: Path) -> None:
    hatch = write(tmp_path, "") / "sales" / "orders.py"
    hatch.write_text("a = 1")
    before = contract(tmp_path, document(block=STEPS))
    hatch.write_text("a = 2")
    after = contract(tmp_path, document(block=STEPS))
    assert (before.fingerprint, before.shape != after.shape) == (after.fingerprint, True)


def test_patch_for_a_new_column_can_be_pasted(tmp_path: Path) -> None:
    patch = propose_column(contract(tmp_path, document()), "ShipDate", "timestamp with time zone")
    assert patch.lines == (
        "      - name: ship_date", "        physicalName: ShipDate", "        logicalType: timestamp",
        "        physicalType: timestamp with time zone",
    )  # fmt: skip
    read = contract(tmp_path, document(columns=COLUMNS + "\n".join(patch.lines) + "\n"))
    assert read.column("ship_date").physical_name == "ShipDate"


@pytest.mark.parametrize(("physical", "name"), [
    ("order_id", "order_id_source"), ("2nd name", "column_2nd_name"), ("is_current", "is_current_source"),
])  # fmt: skip
def test_patch_finds_a_name_that_may_be(tmp_path: Path, physical: str, name: str) -> None:
    assert propose_column(contract(tmp_path, document()), physical, "text").column == name


def test_patch_for_a_retyped_column(tmp_path: Path) -> None:
    patch = propose_type(contract(tmp_path, document()), "amount", "numeric(20,4)")
    assert patch.lines == ("      - name: amount", "        logicalType: number", "        physicalType: numeric(20,4)")
    assert str(patch).startswith(f"# {tmp_path}/sales/orders.yaml, under properties\n")


def test_patch_for_a_type_without_a_lake_type_proposes_text(tmp_path: Path) -> None:
    (_, logical, physical) = propose_type(contract(tmp_path, document()), "amount", "numeric").lines
    assert (logical.strip(), physical.strip().split("  #")[0]) == ("logicalType: string", "physicalType: text")
