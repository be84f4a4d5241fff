"""Finds the calls that make something visible to readers, and asks for a fault point on each side of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef

ON_DELTA = {"create_write_transaction", "delete", "repair", "restore", "update", "commit_write_transaction"}
"""Methods that commit, in a module that imports deltalake; a dictionary there is updated with `|=`."""
ON_SPARK = {"sql", "save", "saveAsTable", "insertInto", "executeMerge", "executeDelete", "executeUpdate"}
"""Methods that commit, in a module that imports pyspark; a query is written with the DataFrame API, so that all of its SQL does."""
PARTS_OF_DELTA = {"alter", "optimize"}
"""`table.alter.…()` and `table.optimize.…()` commit."""


def commits_without_faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Commit calls that do not stand between two `faults.reach` of the same function."""
    known = {library for library in ("deltalake", "pyspark", "os", "pathlib") if _imports(tree, library)}
    for call, function in _calls(tree, None):
        what = _commit(call, known)
        if what and not _is_surrounded(call, function):
            yield call.lineno, f"{what} lacks faults.reach before or after it in its function"


def _calls(node: ast.AST, function: Function | None) -> Iterator[tuple[ast.Call, Function | None]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, function
        yield from _calls(child, child if isinstance(child, Function) else function)


def _imports(tree: ast.Module, *libraries: str) -> bool:
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        if any(name.split(".")[0] in libraries for name in names):
            return True
    return False


def _commit(call: ast.Call, known: set[str]) -> str | None:
    """Name of the call when it commits, in a module that knows the libraries."""
    function = call.func
    if isinstance(function, ast.Name):
        return function.id if function.id == "write_deltalake" else None
    if not isinstance(function, ast.Attribute):
        return None
    chain = _chain(function)
    if chain[-1] == "write_deltalake" or chain[-2:] in (["DeltaTable", "create"], ["os", "replace"], ["os", "rename"], ["shutil", "move"]):
        return ".".join(chain)
    if chain[-1] == "execute" and "merge" in chain:
        return "merge(…).execute"
    if "pyspark" in known and chain[-1] in ON_SPARK:
        return ".".join(chain)
    if "deltalake" in known and (chain[-1] in ON_DELTA or PARTS_OF_DELTA & set(chain[:-1])):
        return ".".join(chain)
    return f"Path.{chain[-1]}" if known & {"os", "pathlib"} and chain[-1] in {"rename", "replace"} and _takes_a_target(call) else None


def _chain(node: ast.expr) -> list[str]:
    """Names along `a.b(…).c`: a, b, c."""
    if isinstance(node, ast.Attribute):
        return [*_chain(node.value), node.attr]
    if isinstance(node, ast.Call):
        return _chain(node.func)
    return [node.id] if isinstance(node, ast.Name) else ["…"]


def _takes_a_target(call: ast.Call) -> bool:
    """One argument, as a file's new name is; text is replaced with two, a time with keywords, columns are renamed by a mapping."""
    return len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Dict | ast.DictComp)


def _is_surrounded(call: ast.Call, function: Function | None) -> bool:
    if function is None:
        return False
    own = [found for found, within in _calls(function, function) if within is function and _chain(found.func)[-1] == "reach"]
    return any(point.lineno < call.lineno for point in own) and any(point.lineno > (call.end_lineno or call.lineno) for point in own)
