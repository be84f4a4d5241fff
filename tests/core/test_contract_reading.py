"""How files are found, read as YAML 1.2, and filled from their domain's defaults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_platform.contracts import ContractErrors, check, load
from lakehouse_platform.contracts.document import parse_document
from lakehouse_platform.contracts.merge import merge
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.errors import ContractError
from tests.core.contract_cases import COLUMNS, SNAPSHOT, contract, document, lakehouse, messages, write

ASSETS = Path(__file__).parents[2] / "assets" / "contracts"


def parse(text: str) -> tuple[Node, list[str]]:
    findings = Findings()
    node = parse_document(text, Path("a.yaml"), findings)
    return node or Node(Path("a.yaml"), 1, None), [f"{problem.line}: {problem.message}" for problem in findings.found]


@pytest.mark.parametrize(("written", "value"), [
    ("no", "no"), ("yes", "yes"), ("on", "on"), ("N", "N"), ("010", 10), ("0o10", 8), ("0x1F", 31), ("1_000", "1_000"), ("1:30", "1:30"),
    ("2026-11-01", "2026-11-01"), ("1.0.0", "1.0.0"), ("1.50", 1.5), ("1e3", 1000.0), ("true", True), ("~", None), ("'1'", "1"), ("+1", 1),
])  # fmt: skip
def test_scalars_follow_yaml_1_2(written: str, value: object) -> None:
    node, problems = parse(f"a: {written}")
    assert (node.plain(), problems) == ({"a": value}, [])


@pytest.mark.parametrize(("text", "problem"), [
    ("a: 1\n\tb: 2\n", "2: a tab is used for indentation"),
    ("a: 1\nb: 'x\nc: 2\n", "2: a quote or bracket that is opened here is never closed"),
    ("a: [1,\nb: 2\n", "1: a quote or bracket that is opened here is never closed"),
    ("a: 1\nb: c: d\n", "2: is not valid YAML: mapping values are not allowed here"),
    ("a: 1\nb: &x 2\n", "2: anchors and aliases"),
    ("a: 1\nb: !!str 2\n", "2: tags such as"),
    ("a: 1\n---\nb: 2\n", "2: begins a second document"),
    ("a: 1\nb: 2\na: 3\n", '3: "a" is declared twice here; the first is on line 1'),
    ("a: 1\n? [b]\n: 2\n", "2: a key must be a plain word"),
    ("[" * 500, "1: is nested deeper than 40 levels"),
    ("a: \x01", "1: holds a character that YAML does not allow"),
    ('a: "\\ud800"', "1: holds half of a character"),
])  # fmt: skip
def test_what_is_no_yaml_is_named_with_its_line(text: str, problem: str) -> None:
    _, problems = parse(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_one_bad_line_does_not_hide_the_next(tmp_path: Path) -> None:
    text = document().replace("version: 1.0.0", "version: 1.0.0: x").replace("varchar(10)", "varchr(10)")
    assert [line.split(":")[0] for line in messages(tmp_path, text)] == ["4", "13"]


def test_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "")
    (tmp_path / "sales" / "orders.yaml").write_bytes(b"kind: DataContract\nid: \xff\n")
    assert [(problem.line, problem.message) for problem in check(tmp_path)[1]] == [(2, "is not UTF-8. Save the file as UTF-8.")]


def merged(defaults: str, table: str) -> object:
    return merge(parse(defaults)[0], parse(table)[0]).plain()


def test_whole_sections_of_the_table_win() -> None:
    assert merged("a: {x: 1, y: 2}\nb: 1", "a: {x: 3}") == {"a": {"x": 3}, "b": 1}


def test_lakehouse_block_is_merged_key_by_key_and_no_deeper() -> None:
    defaults = lakehouse("drift: freeze\n      capture: {mode: snapshot, guard: {min_rows: 5}}")
    table = lakehouse("history: none\n      capture: {mode: row_version}")
    (entry,) = merge(parse(defaults)[0], parse(table)[0]).mapping["customProperties"].items
    assert entry.mapping["value"].plain() == {"drift": "freeze", "capture": {"mode": "row_version"}, "history": "none"}


def test_other_custom_properties_are_a_section_like_any() -> None:
    defaults = "customProperties:\n  - {property: lakehouse, value: {drift: freeze}}\n  - {property: a, value: 1}"
    assert merged(defaults, "customProperties: [{property: b, value: 2}]") == {
        "customProperties": [{"property": "lakehouse", "value": {"drift": "freeze"}}, {"property": "b", "value": 2}]
    }


def test_null_in_the_table_takes_a_default_away(tmp_path: Path) -> None:
    write(tmp_path, lakehouse("history: none"), "_defaults.yaml")
    assert contract(tmp_path, document(block=f"{SNAPSHOT}\n      history: null")).keeps_history


def test_mistake_in_defaults_is_told_once_at_its_own_line(tmp_path: Path) -> None:
    write(tmp_path, "status: activ\n", "_defaults.yaml")
    write(tmp_path, document().replace("sales.orders\n", "sales.more\n", 1).replace("- name: orders", "- name: more"), "more.yaml")
    _, problems = check(write(tmp_path, document()))
    assert [str(problem) for problem in problems] == [
        f'{tmp_path}/sales/_defaults.yaml:1: unsupported status "activ". Did you mean "active"? Valid statuses: active, deprecated.'
    ]


def test_mistake_in_a_default_that_every_table_overrides_is_told_too(tmp_path: Path) -> None:
    write(tmp_path, "team: {nam: x}\n", "_defaults.yaml")
    assert messages(tmp_path, document())[0].startswith('1: unknown key "nam". Did you mean "name"?')


def test_default_that_a_mart_has_no_use_for_is_no_mistake_of_the_mart(tmp_path: Path) -> None:
    write(tmp_path, lakehouse("drift: freeze"), "_defaults.yaml")
    assert contract(tmp_path, document(block="model: fct_orders")).model == "fct_orders"


@pytest.mark.parametrize(("name", "problem"), [
    ("sales/orders.yml", "must end in .yaml: rename it to orders.yaml."),
    ("sales/deep/orders.yaml", "lies too deep: move it to sales/orders.yaml."),
    ("orders.yaml", "lies outside a domain: move it into a folder that is named after its domain."),
    ("sales/empty.yaml", "is empty. A contract begins with apiVersion, kind and id."),
])  # fmt: skip
def test_file_in_the_wrong_place(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("" if "empty" in name else document())
    assert [(found.file, found.message) for found in check(tmp_path)[1]] == [(tmp_path / name, problem)]


def test_folder_that_is_not_there_is_a_contract_error(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="there is no folder"):
        load(tmp_path / "nowhere")


def test_load_raises_everything_that_is_wrong(tmp_path: Path) -> None:
    text = document().replace("bigint", "bigin").replace("domain: sales", "domain: sale")
    with pytest.raises(ContractErrors) as caught:
        load(write(tmp_path, text))
    assert [problem.line for problem in caught.value.problems] == [5, 10]
    assert str(caught.value).count("\n") == 1


def test_this_lakehouse_is_valid_and_so_by_the_standards_own_schema() -> None:
    from jsonschema import Draft201909Validator

    from lakehouse_platform.contracts.reading import read_documents
    from lakehouse_platform.contracts.standard import standard_schema

    assert check(ASSETS)[1] == ()
    for read in read_documents(ASSETS)[0]:
        assert [error.message for error in Draft201909Validator(standard_schema()).iter_errors(read.merged.plain())] == []


def test_reading_contracts_imports_nothing_heavy(tmp_path: Path) -> None:
    write(tmp_path, document())
    code = f"import sys, pathlib; from lakehouse_platform.contracts import load; load(pathlib.Path({str(tmp_path)!r})); print(*sys.modules)"
    heavy = {"polars", "dagster", "duckdb", "pyarrow", "deltalake", "narwhals", "sqlalchemy", "rich"}
    assert not heavy & set(modules_after(code))


def modules_after(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_importing_contracts_leaves_the_parsers_unimported() -> None:
    loaded = modules_after("import sys; import lakehouse_platform.contracts; print(*sys.modules)")
    assert not {"pydantic", "jsonschema", "ruamel.yaml"} & set(loaded)


WHOLE = document(
    columns=COLUMNS.replace("varchar(10)}", "varchar(10), transformLogic: trim, classification: public}"),
    quality="{name: r, metric: invalidValues, arguments: {properties: [amount], minimum: 1}, mustBe: 0, severity: halt}",
    block="source: {connection: erp, table: sales.orders}\n      capture: {mode: window, column: PlacedAt}\n      steps: {extract: o.sql}",
    more="slaProperties:\n  - {property: freshness, value: 26, unit: h}\ntags: [a]\n",
)
SNIPPETS = st.sampled_from([
    "\t", "\n", ": ", "- ", "{", "}", "[", "]", '"', "'", "#", "&a ", "*a", "!t ", "|", ">", "%", "---\n", "null", "[]", "{}", "-1",
    "1e999",
    ".nan", "9" * 500, "\x00", "\ud7ff", "\ufeff", "\u2028", "\r", "true", "x", "  ", "? ", "<<: ", "../", "\\ud800", "0x", "..",
    "(?=a)", "((",
])  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = WHOLE
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.sampled_from([0, 0, 1, 3, 20]))
        text = text[:start] + draw(st.one_of(SNIPPETS, st.text(max_size=3), st.just(""))) + text[end:]
    return text


@settings(max_examples=200)
@given(text=mutated())
def test_mutated_file_is_a_contract_or_problems_and_never_a_traceback(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("contracts")
    (folder / "sales").mkdir()
    (folder / "sales" / "orders.yaml").write_bytes(text.encode("utf-8", "replace"))
    contracts, problems = check(folder)  # load raises these problems
    assert bool(contracts) is not bool(problems)
    lines = sum(text.count(end) for end in "\n\r\x85\u2028\u2029") + 1
    assert all(1 <= problem.line <= lines for problem in problems)
