"""What may stand nowhere in the library or the instance, found in the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

Check = Callable[[ast.Module], Iterator[tuple[int, str]]]


def found_habits(root: Path, paths: Iterable[Path], check: Check) -> list[str]:
    """What `check` finds in the files, one line each."""
    return [
        f"{path.relative_to(root)}:{line}: {what}" for path in paths for line, what in check(ast.parse(path.read_text(), str(path)))
    ]


def bare_asserts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """`assert`, which `python -O` takes away."""
    return ((node.lineno, "assert outside tests") for node in ast.walk(tree) if isinstance(node, ast.Assert))


def nameless_errors(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """`raise Exception`, which no caller can tell from any other."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, ast.Name) and raised.id in {"Exception", "BaseException"}:
                yield node.lineno, f"raise {raised.id}"


def engine_branches(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Code that asks which engine it has; differences are data on the engine."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(_is_engine(side) for side in (node.left, *node.comparators)):
            if not all(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops):
                yield node.lineno, "an engine is compared"
        elif isinstance(node, ast.Match) and _is_engine(node.subject):
            yield node.lineno, "an engine is matched"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance" and _is_engine(node.args[0]):
            yield node.lineno, "an engine's class is asked for"


def _is_engine(node: ast.expr) -> bool:
    """`engine`, `self._engine`, `engine.name`, `engine_name`, `type(engine)`, `str(engine)`."""
    if isinstance(node, ast.Call) and node.args:
        return _is_engine(node.args[0])
    if isinstance(node, ast.Attribute):
        return _says_engine(node.attr) or (node.attr in {"name", "kind", "__class__", "__name__"} and _is_engine(node.value))
    return isinstance(node, ast.Name) and _says_engine(node.id)


def _says_engine(name: str) -> bool:
    return name.strip("_").lower() in {"engine", "engine_name", "engine_kind"}


def environment_reads(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Uses of the environment other than setting a variable for a process that is started."""
    written = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_environment(node) and id(node) not in written:
            yield node.lineno, f"os.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from ((node.lineno, f"os.{alias.name}") for alias in node.names if alias.name in _ENVIRONMENT)


_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}


def _is_environment(node: ast.Attribute) -> bool:
    return node.attr in _ENVIRONMENT and isinstance(node.value, ast.Name) and node.value.id == "os"
