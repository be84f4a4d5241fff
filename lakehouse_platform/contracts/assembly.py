"""Turns a merged document into a Contract, or into what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lakehouse_platform.contracts.block import LakehouseBlock
from lakehouse_platform.contracts.capture import read_capture, read_source
from lakehouse_platform.contracts.columns import Columns, read_columns
from lakehouse_platform.contracts.contract import CaptureSpec, Compute, Contract, Drift, Landing, Rule, ScanBudget, SourceTable
from lakehouse_platform.contracts.fingerprints import digest, rules_version_of, shape_of
from lakehouse_platform.contracts.merge import BLOCK, block, block_entry
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.contracts.promises import check_heading, read_durations, read_owner, read_tags
from lakehouse_platform.contracts.rules import read_rules
from lakehouse_platform.contracts.served import read_certification, read_layout, read_publication, read_roles
from lakehouse_platform.contracts.serving import Publication, WarehouseLayout
from lakehouse_platform.contracts.standard import check_standard
from lakehouse_platform.contracts.steps import read_steps
from lakehouse_platform.contracts.strict import read_model
from lakehouse_platform.naming import Zone

MEGABYTE = 1_000_000
"""As Athena counts them."""


def check_defaults(defaults: Node, findings: Findings) -> None:
    """Note what is wrong with a domain's defaults by themselves: they need not be whole."""
    alone = Findings(partial=True)
    check_standard(defaults, alone)
    node = block(defaults)
    if node is not None:
        read_model(LakehouseBlock, node, alone)
    findings.found += alone.found


def assemble(document: Node, file: Path, findings: Findings) -> Contract | None:
    """The contract of a merged document; None, and problems, where it is not valid."""
    before = len(findings.found)
    check_standard(document, findings)
    check_heading(document, findings)
    owner, durations, tags = read_owner(document, findings), read_durations(document, findings), read_tags(document, findings)
    roles = read_roles(document, findings)
    domain, table = _domain(document, file, findings), _table(document, file, findings)
    lakehouse = _lakehouse(document, findings)
    body = _read_body(table, lakehouse, file, findings) if table is not None else None
    if body is None or table is None or len(findings.found) > before or findings.partial:
        return None
    columns = body.columns.columns
    return Contract(
        domain=domain, table=file.stem, version=document.text_of("version") or "",
        description=document.text_of("description", "purpose") or table.text_of("description") or "",
        owner=owner, freshness=durations.get("freshness"), retention=durations.get("retention"), tags=tags, path=file,
        columns=columns, key=body.columns.key, source=body.source, model=body.block.model, capture=body.capture,
        keeps_history=_keeps_history(body), drift=body.block.drift or Drift.EVOLVE, rules=body.rules, steps=body.steps,
        publication=body.publication, scan_budget=_scan_budget(body.block), compute=_compute(body.block),
        warehouse=body.layout, certification=read_certification(body.block), roles=roles,
        fingerprint=digest(document.plain()),
        shape=shape_of(columns, body.columns.key, body.steps), rules_version=rules_version_of(columns, body.rules),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Body:
    block: LakehouseBlock
    columns: Columns
    rules: tuple[Rule, ...]
    source: SourceTable | Landing | None
    capture: CaptureSpec | None
    steps: dict[str, Path]
    publication: Publication | None
    layout: WarehouseLayout | None


def _read_body(table: Node, lakehouse: Node | None, file: Path, findings: Findings) -> _Body | None:
    mart = lakehouse is not None and lakehouse.get("model") is not None and lakehouse.get("source") is None
    columns = read_columns(table, findings, mart=mart)
    rules = read_rules(table, columns, findings, mart=mart)
    read = read_model(LakehouseBlock, lakehouse, findings) if lakehouse is not None else None
    if read is None or lakehouse is None:
        return None
    source = read_source(read, lakehouse, findings)
    capture = read_capture(read, lakehouse, columns, findings) if lakehouse.get("source") is not None else None
    if read.compute is not None and mart and (said := lakehouse.find(("compute",))).file == file:
        findings.add(said, '"compute" has no effect on a mart: dbt builds it. Take it out.')
    steps = read_steps(read.steps, lakehouse.find(("steps",)), file, findings)
    publication = read_publication(read, lakehouse, columns, findings) if mart else None
    layout = read_layout(read, lakehouse, columns, findings, mart=mart)
    return _Body(read, columns, rules, source, capture, steps, publication, layout)


def _domain(document: Node, file: Path, findings: Findings) -> str:
    at, folder = document.get("domain"), file.parent.name
    if at is None:
        findings.missing(document, "domain", f"it is the folder's name, {folder}.")
    elif at.string is not None and at.string != folder:
        findings.add(at, f'domain "{at.string}" is not the folder\'s name. Write "{folder}", or move the file.')
    return folder


def _table(document: Node, file: Path, findings: Findings) -> Node | None:
    section = document.get("schema")
    tables = section.items if section is not None else []
    if section is None:
        findings.missing(document, "schema", "the table and its columns.")
    elif len(tables) != 1 and isinstance(section.value, list):
        findings.add(section, f"a contract describes one table, not {len(tables)}: one file a table.", absent=not tables)
    for table in tables[:1]:
        name = table.get("name")
        if name is not None and name.string is not None and name.string != file.stem:
            findings.add(name, f'table "{name.string}" is not the file\'s name. Write "{file.stem}", or rename the file.')
    return tables[0] if tables and tables[0].mapping else None


def _lakehouse(document: Node, findings: Findings) -> Node | None:
    node, entry = block(document), block_entry(document)
    if entry is None:
        findings.add(document, f"the custom property {BLOCK} is missing: add it under customProperties.", absent=True)
    elif node is not None and not isinstance(node.value, dict):
        findings.add(node, f"the value of {BLOCK} must be a mapping (key: value).")
        return None
    return node


def _keeps_history(body: _Body) -> bool:
    return body.source is not None and bool(body.columns.key) and body.block.history != "none"


def _scan_budget(read: LakehouseBlock) -> ScanBudget | None:
    athena = read.athena
    return ScanBudget(athena.scan_budget_mb * MEGABYTE, athena.query) if athena is not None else None


def _compute(read: LakehouseBlock) -> dict[Zone, Compute]:
    said = read.compute
    found = {Zone.ODS: said.ods, Zone.HDS: said.hds} if said is not None else {}
    return {zone: compute for zone, compute in found.items() if compute is not None}
