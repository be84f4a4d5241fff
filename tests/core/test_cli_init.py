"""init: a lakehouse of one's own out of the package."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lakehouse_platform.cli.app import run
from lakehouse_platform.settings import load_environment

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "lakehouse_platform" / "cli" / "templates"
SHARED = ["dagster.yaml", "workspace.yaml", "assets/marts/profiles.yml", *(
    path.relative_to(TEMPLATES).as_posix() for path in sorted(TEMPLATES.glob("assets/marts/macros/*.sql")))]
SAID_OF_MARTS = ("require-dbt-version", "on-run-start", "flags")
Captured = pytest.CaptureFixture[str]


def test_a_new_lakehouse_is_valid(tmp_path: Path, capsys: Captured) -> None:
    assert run(["init", str(tmp_path / "mine")]) == 0
    made = capsys.readouterr().out.splitlines()
    assert made[0] == f"Made {len(made) - 7} files in {tmp_path / 'mine'}:"
    assert "  assets/contracts/shop/product.yaml" in made
    assert "  .gitignore" in made
    assert run(["--project", str(tmp_path / "mine"), "validate"]) == 0


def test_no_place_to_fill_is_left(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path / "mine")]) == 0
    files = [path for path in (tmp_path / "mine").rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.endswith(".template")]
    assert not [word for path in files for word in path.read_text().split() if word.startswith("@") and word.endswith("@")]


def test_the_source_variable_and_the_time_zone_are_taken_over(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path), "--source-uri-env", "SHOP_URI", "--time-zone", "America/New_York"]) == 0
    environment = load_environment(tmp_path, "local")
    assert environment.connection("source").uri.target == "SHOP_URI"
    assert environment.partitions.time_zone == environment.connection("source").time_zone == "America/New_York"
    assert environment.partitions.start < dt.datetime.now(tz=dt.UTC).date()


def test_nothing_is_overwritten(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert run(["init", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"Error: {tmp_path}: nothing was written, for these files are there: README.md. Name an empty folder.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize(("option", "value", "message"), [
    ("--time-zone", "New York", '"New York" is not an IANA time zone'),
    ("--source-uri-env", "SHOP URI", '"SHOP URI" is not a name of an environment variable'),
])
def test_a_value_that_cannot_be_right_is_a_usage_error(tmp_path: Path, capsys: Captured, option: str, value: str, message: str) -> None:
    assert run(["init", str(tmp_path / "mine"), option, value]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("name", SHARED)
def test_what_a_new_lakehouse_shares_with_this_one_is_the_same(name: str) -> None:
    assert (TEMPLATES / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize("key", SAID_OF_MARTS)
def test_marts_of_a_new_lakehouse_are_built_as_those_of_this_one(key: str) -> None:
    new, this = (YAML(typ="safe").load((folder / "assets" / "marts" / "dbt_project.yml").read_text()) for folder in (TEMPLATES, ROOT))
    assert new[key] == this[key]
