"""The floors of the house as data, and what each import in it breaks."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "lakehouse_platform"
INSTANCE = ("assets", "resources", "sensors")

FLOORS = {
    **dict.fromkeys(("__init__", "contracts", "errors", "faults", "naming", "settings"), 0),
    **dict.fromkeys(("aws", "catalog", "compute", "domo", "engines", "lake", "slack", "sources", "warehouse"), 1),
    **dict.fromkeys(("certify", "drift", "incidents", "legacy", "publish", "quality", "reconcile", "zones"), 2),
    "jobs": 3,
    "orchestration": 4,
    **dict.fromkeys(("__main__", "cli"), 5),
}
"""Floor of each package and module of the library. Imports go down, or stay on their floor where it is not floor 1."""

SHARED = "base"
"""The one module that neighbours on floor 1 may see of each other: a package's own interface."""


def on_floors(*floors: int) -> frozenset[str]:
    """Packages on the given floors."""
    return frozenset(unit for unit, floor in FLOORS.items() if floor in floors)


DRIVERS = (
    *("adbc_driver_manager", "adbc_driver_postgresql", "mssql_python", "psycopg", "pydomo", "redshift_connector", "requests", "slack_sdk"),
    *("boto3", "botocore", "delta", "deltalake", "duckdb", "duckdb_extensions", "pandas", "polars", "polars_hash", "pyspark"),
)

RESERVED = {
    "dagster": frozenset({"orchestration"}),
    "dagster_pipes": frozenset({"jobs", "orchestration"}),
    "dbt": on_floors(1) | {"orchestration"},
    **dict.fromkeys(DRIVERS, on_floors(1)),
    **dict.fromkeys(("narwhals", "pyarrow", "sqlalchemy"), on_floors(1, 2, 3, 4, 5)),
    **dict.fromkeys(("click", "rich"), on_floors(5)),
}
"""Libraries that only some packages may import. Dagster's integrations (`dagster_*`) count as `dagster`."""


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, absolute, and where it stands."""

    name: str
    line: int


def imports(path: Path, root: Path) -> Iterator[Import]:
    """Every import of a file, wherever it stands: in a function, under TYPE_CHECKING, or spelt as a call."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*above, *filter(None, [node.module])])
            yield from (Import(f"{source}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node.func) and node.args and isinstance(node.args[0], ast.Constant):
            yield Import(str(node.args[0].value), node.lineno)


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    return name in {"import_module", "__import__", "find_spec"}


def sources(root: Path, *folders: str) -> list[Path]:
    """Python files below the folders, and the folders that are files."""
    found = (root / folder for folder in folders)
    return sorted(file for path in found for file in ([path] if path.is_file() else path.rglob("*.py")))


def unit_of(path: Path, root: Path) -> str:
    """Package or module of the library, or room of the instance, that a file belongs to."""
    first, *rest = path.relative_to(root).with_suffix("").parts
    return rest[0] if first == LIBRARY else first


def broken_imports(root: Path, paths: Iterable[Path]) -> list[str]:
    """What the files import although their floor forbids it, one line each."""
    return [
        f"{path.relative_to(root)}:{found.line}: {reason}"
        for path in paths
        for found in imports(path, root)
        if (reason := forbidden(unit_of(path, root), found.name))
    ]


def forbidden(unit: str, name: str) -> str | None:
    """Why `unit` may not import `name`; None when it may."""
    top, *inner = name.split(".")
    if unit in INSTANCE:
        return f"{unit} imports {name}: only definitions.py joins the rooms" if top in {*INSTANCE, "definitions"} - {unit} else None
    if top in {*INSTANCE, "definitions"}:
        return f"{unit} imports {name}: the library does not know the instance"
    if top == LIBRARY:
        return _upward(unit, inner) if inner and inner[0] in FLOORS else None
    return _reserved(unit, top)


def _upward(unit: str, inner: list[str]) -> str | None:
    target = inner[0]
    if target == unit or FLOORS[target] < FLOORS[unit]:
        return None
    if FLOORS[target] > FLOORS[unit]:
        return f"{unit} (floor {FLOORS[unit]}) imports {target} (floor {FLOORS[target]}): imports go down"
    if FLOORS[unit] == 1 and inner[1:2] != [SHARED]:
        return f"{unit} imports {'.'.join(inner)}: neighbours on floor 1 see each other's {SHARED} at most; callers pass objects in"
    return None


def _reserved(unit: str, top: str) -> str | None:
    library = "dagster" if top.startswith("dagster_") and top != "dagster_pipes" else top
    if unit in RESERVED.get(library, {unit}):
        return None
    return f"{unit} imports {top}: that is for {', '.join(sorted(RESERVED[library]))}"
