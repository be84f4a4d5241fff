"""Each commit of the library can be interrupted by a test, just before and just after it."""

from __future__ import annotations

import ast
import textwrap

import pytest

from tests.architecture.commits import commits_without_faults
from tests.architecture.habits import found_habits
from tests.architecture.house import LIBRARY, ROOT, sources

COMMITS = {
    "write_deltalake(uri, rows)": "import deltalake",
    "deltalake.write_deltalake(uri, rows)": "import deltalake",
    "table.merge(rows, predicate).when_matched_update_all().execute()": "",
    "DeltaTable.create(uri, schema)": "from deltalake import DeltaTable",
    "table.create_write_transaction(actions)": "from deltalake import DeltaTable",
    "table.delete(predicate)": "from deltalake import DeltaTable",
    "table.update(updates)": "from deltalake import DeltaTable",
    "table.alter.add_columns(fields)": "from deltalake import DeltaTable",
    "table.optimize.compact()": "from deltalake import DeltaTable",
    'session.sql("MERGE INTO delta.`t` …")': "from pyspark.sql import SparkSession",
    'frame.write.format("delta").mode("append").options(**said).save(uri)': "from pyspark.sql import DataFrame",
    'frame.write.saveAsTable("t")': "import pyspark.sql",
    "os.replace(staged, path)": "import os",
    "staged.replace(path)": "from pathlib import Path",
    "staged.rename(path)": "from pathlib import Path",
    "shutil.move(staged, path)": "import shutil",
}
NO_COMMITS = [
    'text.replace("a", "b")',
    "moment.replace(tzinfo=UTC)",
    'frame.rename({"a": "b"})',
    "dataclasses.replace(spec, uri=uri)",
    "cursor.execute(statement)",
]


def problems(imported: str, *lines: str) -> list[tuple[int, str]]:
    """What is found in a function of these lines."""
    body = textwrap.indent("\n".join(lines), "    ")
    return list(commits_without_faults(ast.parse(f"{imported}\ndef act() -> None:\n{body}\n")))


def test_every_commit_stands_between_two_fault_points() -> None:
    assert found_habits(ROOT, sources(ROOT, LIBRARY), commits_without_faults) == []


@pytest.mark.parametrize(("module", "commits"), [("polars.py", 4), ("spark/table.py", 3), ("spark/engine.py", 2)])
def test_commits_are_found_where_they_are_known_to_be(module: str, commits: int) -> None:
    engine = ast.parse((ROOT / LIBRARY / "engines" / module).read_text())
    without = ast.fix_missing_locations(_WithoutFaults().visit(engine))
    assert len(list(commits_without_faults(without))) >= commits


class _WithoutFaults(ast.NodeTransformer):
    """Takes every `faults.reach` out of a module."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        return ast.Expr(ast.Constant(None), lineno=node.lineno, col_offset=0) if "faults.reach" in ast.unparse(node) else node


@pytest.mark.parametrize(("commit", "imported"), COMMITS.items())
def test_a_commit_between_two_fault_points_passes(commit: str, imported: str) -> None:
    assert not problems(imported, 'faults.reach("x.before")', commit, 'faults.reach("x.after")')


@pytest.mark.parametrize(("commit", "imported"), COMMITS.items())
def test_a_commit_that_lacks_a_fault_point_is_found(commit: str, imported: str) -> None:
    before, after = 'faults.reach("x.before")', 'faults.reach("x.after")'
    for lines in ([commit], [before, commit], [commit, after], [before, after, commit], [f"def inner() -> None: {commit}", before, after]):
        assert problems(imported, *lines), lines


@pytest.mark.parametrize("line", NO_COMMITS)
def test_what_commits_nothing_needs_no_fault_point(line: str) -> None:
    assert not problems("import os\nfrom pathlib import Path", line)
