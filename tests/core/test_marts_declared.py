"""The dbt project says what the mart contracts say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.types import Kind, LakeType
from tests.core.small_lake import MARTS, PROJECT

FOLDER = PROJECT / "assets/marts"
WORDS = {
    Kind.INT64: "bigint", Kind.STRING: "varchar", Kind.BOOLEAN: "boolean", Kind.DATE: "date", Kind.FLOAT64: "double precision",
    Kind.TIMESTAMP: "timestamp with time zone",
}


def documents(*patterns: str) -> list[dict[str, Any]]:
    return [YAML(typ="safe").load(file) for pattern in patterns for file in sorted(FOLDER.glob(pattern))]


MODELS = {model["name"]: model for document in documents("models/*/*.yml") for model in document["models"]}


def word(lake: LakeType) -> str:
    return f"decimal({lake.precision}, {lake.scale})" if lake.kind is Kind.DECIMAL else WORDS[lake.kind]


@pytest.mark.parametrize("contract", MARTS, ids=lambda mart: mart.name)
def test_model_has_the_columns_of_its_contract(contract: Contract) -> None:
    declared = [(c.name, word(c.type), c.description) for c in contract.columns]
    assert [(c["name"], c["data_type"], c["description"]) for c in MODELS[contract.model or ""]["columns"]] == declared


@pytest.mark.parametrize("contract", MARTS, ids=lambda mart: mart.name)
def test_model_is_described_and_its_key_tested(contract: Contract) -> None:
    model = MODELS[contract.model or ""]
    keys = [test["unique_together"]["arguments"]["columns"] for test in model["data_tests"] if "unique_together" in test]
    assert keys == [list(contract.key)]
    assert model["description"] == contract.description


@pytest.mark.parametrize("contract", MARTS, ids=lambda mart: mart.name)
def test_required_columns_are_tested_for_null(contract: Contract) -> None:
    columns = MODELS[contract.model or ""]["columns"]
    tested = [c["name"] for c in columns if any("not_null" in test for test in c.get("data_tests", []))]
    assert set(tested) >= {c.name for c in contract.columns if c.required}


def test_every_model_has_a_contract_and_a_control_total() -> None:
    models = {file.stem for file in FOLDER.glob("models/*/*.sql")}
    assert models == {contract.model for contract in MARTS}
    assert {f"control_total_{model}" for model in models} == {file.stem for file in FOLDER.glob("tests/*.sql")}


def test_every_control_total_is_described_and_names_its_mart() -> None:
    declared = {test["name"]: test for document in documents("tests/*.yml") for test in document["data_tests"]}
    for file in FOLDER.glob("tests/*.sql"):
        assert declared[file.stem]["description"]
        assert f"control_total_{declared[file.stem]['config']['meta']['dagster']['ref']['name']}" == file.stem


def test_model_lies_in_the_folder_of_its_domain() -> None:
    assert {(file.parent.name, file.stem) for file in FOLDER.glob("models/*/*.sql")} == {(c.domain, c.model) for c in MARTS}


def test_every_mart_has_a_view_for_reports() -> None:
    views = {(file.parent.name, file.stem, file.read_text().strip()) for file in FOLDER.glob("models/reporting/*/*.sql")}
    assert views == {(c.domain, f"reporting_{c.model}", f"{{{{ reporting_view('{c.model}') }}}}") for c in MARTS}


def test_sources_say_where_they_lie() -> None:
    for source in documents("models/sources.yml")[0]["sources"]:
        meta = source["config"]["meta"]
        assert source["name"] == f"{meta['zone']}_{meta['domain']}"
        for table in source["tables"]:
            assert Path(PROJECT / "assets/contracts" / meta["domain"] / f"{table['name']}.yaml").exists()
            assert table["description"]
