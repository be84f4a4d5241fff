"""validate, explain and schema: what people read, and how the process ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lakehouse_platform.cli.app import run
from lakehouse_platform.cli.start import make_project

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lakehouse with one table, in the current folder."""
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_valid_contracts_end_well(project: Path, capsys: Captured) -> None:
    assert run(["validate"]) == 0
    assert capsys.readouterr().out == "1 contract and 1 environment are valid.\n"


def test_every_problem_is_shown_at_its_line(project: Path, capsys: Captured) -> None:
    edit(project / "assets/contracts/shop/product.yaml", "physicalType: bigint", "physicalType: bigin")
    edit(project / "resources/local.yaml", "time_zone: UTC #", "time_zon: UTC #")
    assert run(["validate"]) == 1
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith('assets/contracts/shop/product.yaml:12: unknown column type "bigin". Did you mean "bigint"?')
    assert [line.split(": ")[0] for line in lines[1:]] == ["resources/local.yaml:15"]
    assert shown.err == "2 problems in 2 files.\n"


def test_a_connection_that_an_environment_lacks_is_a_problem(project: Path, capsys: Captured) -> None:
    edit(project / "assets/contracts/shop/product.yaml", "connection: source", "connection: sauce")
    assert run(["validate"]) == 1
    assert capsys.readouterr().out == (
        'assets/contracts/shop/product.yaml:41: connection "sauce" is not in resources/local.yaml. '
        'Did you mean "source"? Valid connections there: source.\n')


def test_a_lakehouse_without_an_environment_is_a_problem(project: Path, capsys: Captured) -> None:
    (project / "resources/local.yaml").unlink()
    assert run(["validate"]) == 1
    assert "resources:1: has no environment." in capsys.readouterr().out


def test_the_project_is_found_from_a_folder_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "assets/contracts/shop")
    assert run(["validate"]) == 0


def test_outside_a_lakehouse_the_way_in_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["validate"]) == 2
    assert capsys.readouterr().err == (
        "Error: .: no lakehouse here or in a folder above: none holds assets/contracts. "
        "Go to one, name it with --project DIR, or make one with: lakehouse init DIR\n")


@pytest.mark.parametrize("arguments", [["--project", "{}", "validate"], ["validate", "--project", "{}"]])
def test_the_project_may_be_named_before_or_after_the_command(tmp_path: Path, arguments: list[str]) -> None:
    make_project(tmp_path / "mine")
    assert run([argument.format(tmp_path / "mine") for argument in arguments]) == 0


def test_explain_shows_values_with_their_origin_and_the_names_that_follow(project: Path, capsys: Captured) -> None:
    assert run(["explain", "product"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "# shop.product, from assets/contracts/shop/product.yaml"
    assert "domain: shop # shop/_defaults.yaml:2" in lines
    assert "physicalType: numeric(12,2) # shop/product.yaml:25" in lines
    assert "hds in SQL hds.shop.product" in lines
    assert "key product_id" in lines


def test_explain_of_an_unknown_table_offers_the_nearest(project: Path, capsys: Captured) -> None:
    assert run(["explain", "shop.produkt"]) == 2
    assert capsys.readouterr().err == (
        'Error: there is no table "shop.produkt". Did you mean "shop.product"? Valid tables: shop.product.\n')


def test_explain_of_a_name_that_two_domains_have_asks_which(project: Path, capsys: Captured) -> None:
    shutil.copytree(project / "assets/contracts/shop", project / "assets/contracts/web")
    assert run(["explain", "product"]) == 2
    assert "Say which: shop.product, web.product." in capsys.readouterr().err


def test_the_schemas_are_json(project: Path, capsys: Captured) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Lakehouse contract"
    assert run(["schema", "environment"]) == 0
    assert "connections" in json.loads(capsys.readouterr().out)["properties"]


def test_validate_also_writes_the_editors_schema(project: Path) -> None:
    assert run(["validate", "--schema", "made/contract.schema.json"]) == 0
    assert json.loads((project / "made/contract.schema.json").read_text())["title"] == "Lakehouse contract"


def test_a_file_that_cannot_be_written_is_an_error_without_a_traceback(project: Path, capsys: Captured) -> None:
    assert run(["schema", "-o", "README.md/schema.json"]) == 1
    assert capsys.readouterr().err.startswith("Error: README.md/schema.json: cannot be written")
