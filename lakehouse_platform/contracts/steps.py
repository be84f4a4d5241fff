"""Finds the hatch's files: one beside the contract that replaces one step."""

from __future__ import annotations

import os
from pathlib import Path

from lakehouse_platform.contracts.block import StepsBlock
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings

SUFFIXES = {"extract": ".sql", "standardise": ".py"}
"""What kind of file each step takes."""


def read_steps(steps: StepsBlock | None, node: Node, contract: Path, findings: Findings) -> dict[str, Path]:
    """The file of each step that the contract replaces."""
    files: dict[str, Path] = {}
    for step, suffix in SUFFIXES.items():
        name = getattr(steps, step, None)
        if name is not None and _check_file(contract.parent, name, suffix, node.find((step,)), findings):
            files[step] = contract.parent / name
    return files


def _check_file(folder: Path, name: str, suffix: str, at: Node, findings: Findings) -> bool:
    file = folder / name
    try:
        inside = file.resolve().is_relative_to(folder.resolve())
        exists = file.is_file() and os.access(file, os.R_OK)
    except (OSError, ValueError, RuntimeError):
        inside, exists = True, False
    if not inside or Path(name).is_absolute():
        findings.add(at, f'"{name}" lies outside the contract\'s folder: put the file beside the contract.')
    elif file.suffix != suffix:
        findings.add(at, f'"{name}" must be a {suffix} file.')
    elif not exists:
        findings.add(at, f'there is no file "{name}" beside the contract that can be read.')
    else:
        return True
    return False
