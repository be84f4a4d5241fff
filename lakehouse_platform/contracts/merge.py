"""Fills a contract from its domain's defaults, exactly as HCL's merge() does, so that Terraform sees the same document."""

from __future__ import annotations

from lakehouse_platform.contracts.nodes import Node

BLOCK = "lakehouse"
"""Name of the custom property that holds what the standard has no word for."""


def merge(defaults: Node | None, table: Node) -> Node:
    """The table's top-level sections over the defaults' ones; within the `lakehouse` block, its keys over theirs."""
    if defaults is None:
        return table
    sections = {**defaults.mapping, **table.mapping}
    if (below := block_entry(defaults)) is not None:
        sections["customProperties"] = _custom_properties(sections["customProperties"], below, block_entry(table))
    return Node(table.file, table.line, sections)


def block_entry(document: Node) -> Node | None:
    """The custom property called `lakehouse`, if the document has one."""
    entries = document.mapping.get("customProperties")
    return next((entry for entry in entries.items if entry.text_of("property") == BLOCK), None) if entries else None


def block(document: Node) -> Node | None:
    """The value of the custom property called `lakehouse`, if the document has one."""
    entry = block_entry(document)
    return entry.get("value") if entry is not None else None


def _custom_properties(section: Node, defaults: Node, table: Node | None) -> Node:
    if not isinstance(section.value, list):
        return section
    merged = _merge_blocks(defaults, table) if table is not None else defaults
    others = [entry for entry in section.items if entry is not table and entry is not defaults]
    return Node(section.file, section.line, [merged, *others], key_line=section.key_line)


def _merge_blocks(defaults: Node, table: Node) -> Node:
    below, above = defaults.get("value"), table.get("value")
    if below is None or above is None or not isinstance(above.value, dict) or not isinstance(below.value, dict):
        return table if above is not None else defaults
    value = Node(above.file, above.line, {**below.mapping, **above.mapping}, key_line=above.key_line)
    return Node(table.file, table.line, {**table.mapping, "value": value})
