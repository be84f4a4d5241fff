"""Stable digests of what a table's processing depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from lakehouse_platform.contracts.contract import Column, Rule


def digest(value: object) -> str:
    """sha256 of the value as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def shape_of(columns: Iterable[Column], key: tuple[str, ...], steps: Mapping[str, Path]) -> str:
    """Digest of what decides how a raw row reads: columns, key, transforms and the hatch's files."""
    read = [(c.name, c.physical_name, c.physical.name, str(c.type), c.physical.naive, c.transforms) for c in columns]
    hatch = {step: hashlib.sha256(file.read_bytes()).hexdigest() for step, file in steps.items()}
    return digest([read, key, hatch])


def rules_version_of(columns: Iterable[Column], rules: Iterable[Rule]) -> str:
    """Digest of what a verdict depends on beside the rows; not of descriptions."""
    judged = [{name: value for name, value in asdict(rule).items() if name != "description"} for rule in rules]
    return digest([judged, [column.name for column in columns if column.required]])
