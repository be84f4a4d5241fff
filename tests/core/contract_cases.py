"""A small valid contract, and ways to say it differently."""

from __future__ import annotations

from pathlib import Path

from lakehouse_platform.contracts import check, load
from lakehouse_platform.contracts.contract import Contract, Rule

HEADING = """\
apiVersion: v3.1.0
kind: DataContract
id: sales.orders
version: 1.0.0
domain: sales
team: {name: sales-data}
"""
COLUMNS = """\
schema:
  - name: orders
    properties:
      - {name: order_id, logicalType: integer, physicalType: bigint, primaryKey: true}
      - {name: placed_at, physicalName: PlacedAt, logicalType: timestamp, physicalType: timestamp}
      - {name: amount, logicalType: number, physicalType: "numeric(18,2)"}
      - {name: status, logicalType: string, physicalType: varchar(10)}
"""
SNAPSHOT = "source: {connection: erp, table: sales.orders}\n      capture: {mode: snapshot}"


def lakehouse(block: str) -> str:
    """The custom property with the block, whose lines after the first are indented by six."""
    return f"customProperties:\n  - property: lakehouse\n    value:\n      {block}\n"


def document(*, heading: str = HEADING, columns: str = COLUMNS, block: str = SNAPSHOT, quality: str = "", more: str = "") -> str:
    """A contract for sales.orders; `quality` is one rule of the table's in flow style."""
    rules = f"    quality:\n      - {quality}\n" if quality else ""
    return heading + columns + rules + lakehouse(block) + more


def write(folder: Path, text: str, name: str = "orders.yaml") -> Path:
    """Put the text into the domain sales of the folder, and return the folder."""
    (folder / "sales").mkdir(exist_ok=True)
    (folder / "sales" / name).write_text(text, encoding="utf-8")
    return folder


def contract(folder: Path, text: str) -> Contract:
    """The one contract that the text makes."""
    (loaded,) = load(write(folder, text))
    return loaded


def rule(folder: Path, quality: str) -> Rule:
    """The one rule that the quality item makes."""
    (read,) = contract(folder, document(quality=quality)).rules
    return read


def messages(folder: Path, text: str) -> list[str]:
    """What is wrong with the text, as `line: message`."""
    contracts, problems = check(write(folder, text))
    if problems:
        return [f"{problem.line}: {problem.message}" for problem in problems]
    return [f"nothing is wrong with {found.name}" for found in contracts]
