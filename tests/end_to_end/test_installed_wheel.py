"""The wheel, installed into an empty environment, makes a lakehouse of its own and takes in its first day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parents[2]
TABLE = """
create table public.product (
    product_id bigint primary key, product_name varchar(80) not null, price numeric(12, 2), updated_at timestamptz not null default now()
);
insert into public.product (product_id, product_name, price) values (1, ' Lamp ', 39.90), (2, 'Chair', 120.00), (3, 'Ghost', -1);
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin` of an environment that holds the wheel, the extra `local`, and nothing else of this checkout."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    uv, wheel = [sys.executable, "-m", "uv"], next(folder.glob("*.whl"))
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(folder / "venv/bin/python"), f"{wheel}[local]",
                    "--constraints", str(ROOT / "requirements.lock")], check=True)
    return folder / "venv/bin"


def lakehouse(bin_folder: Path, project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    return subprocess.run([str(bin_folder / "lakehouse"), *arguments], cwd=project, env={**kept, **environment}, capture_output=True,
                          text=True, check=False)


def test_a_lakehouse_of_ones_own_takes_in_its_first_day(installed: Path, postgres_uri: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres_uri, autocommit=True) as connection:
        connection.execute(TABLE)
    made = lakehouse(installed, tmp_path, "init", "shop", "--source-uri-env", "SHOP_URI")
    assert made.returncode == 0, made.stderr
    project = tmp_path / "shop"
    assert lakehouse(installed, project, "validate").returncode == 0
    day = next(word for word in (project / "README.md").read_text().split() if word.count("-") == 2 and word[:2] == "20")
    done = lakehouse(installed, project, "materialize", "*/shop/*", "--partition", day, SHOP_URI=postgres_uri)
    assert done.returncode == 0, done.stdout + done.stderr
    found = lakehouse(installed, project, "query", "select product_id, product_name, price from hds.shop.product order by 1", "--json")
    assert found.returncode == 0, found.stderr
    rows = json.loads(found.stdout)
    assert [(r["product_id"], r["product_name"], str(r["price"])) for r in rows] == [(1, "Lamp", "39.90"), (2, "Chair", "120.00")]


def test_without_its_source_it_says_what_is_missing(installed: Path, tmp_path: Path) -> None:
    lakehouse(installed, tmp_path, "init", "shop", "--source-uri-env", "SHOP_URI")
    project = tmp_path / "shop"
    day = next(word for word in (project / "README.md").read_text().split() if word.count("-") == 2 and word[:2] == "20")
    failed = lakehouse(installed, project, "materialize", "raw/shop/product", "--partition", day)
    assert failed.returncode == 1
    assert "SHOP_URI" in failed.stdout + failed.stderr
    assert "Traceback" not in failed.stderr
