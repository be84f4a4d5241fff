"""Shows a contract as the platform sees it: merged, with the file and line that every value came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.document import write_scalar
from lakehouse_platform.contracts.nodes import Node, Scalar
from lakehouse_platform.contracts.problems import ContractErrors
from lakehouse_platform.contracts.reading import check_documents, read_documents
from lakehouse_platform.errors import UnknownName, did_you_mean
from lakehouse_platform.naming import Zone, asset_key, catalog_table, table_path


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of the merged contract."""

    path: tuple[str | int, ...]
    """Keys and places in lists that lead to it."""
    value: Scalar
    """Empty mappings and lists are shown as the texts `{}` and `[]`."""
    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A contract, the origin of its values, and the names that follow from it."""

    contract: Contract
    merged: Node
    """The contract's document, filled from its domain's defaults."""
    derived: Mapping[str, str]
    """What the platform makes of it, by a short description: asset keys, paths, catalog tables, defaults that nobody wrote."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every value of the merged contract, in the document's order."""
        return tuple(_entries(self.merged, ()))

    def as_yaml(self) -> str:
        """The merged contract as YAML, with the origin of each value as a comment."""
        lines = list(_render(self.merged, ""))
        width = min(max((len(text) for text, _ in lines), default=0), 100)
        return "\n".join(f"{text:<{width}}  # {origin}" if origin else text for text, origin in lines) + "\n"


def explain(folder: Path, name: str) -> Explanation:
    """Explain the contract called `name` (`domain.table`) in the folder. Other tables may be wrong.

    Raises UnknownName where there is none, ContractErrors where it is not valid.
    """
    documents, problems = read_documents(folder)
    merged = {document.name: document.merged for document in documents}
    if name not in merged and not problems:
        raise UnknownName(f'there is no table "{name}". {did_you_mean(name, merged, noun="tables")}')
    contracts, found = check_documents(documents, problems)
    contract = next((contract for contract in contracts if contract.name == name), None)
    if contract is None:
        raise ContractErrors(found)
    return Explanation(contract, merged[name], derived_names(contract))


def derived_names(contract: Contract) -> dict[str, str]:
    """Names and defaults that follow from a contract."""
    zones = [Zone.CURATED] if contract.source is None else [Zone.RAW, Zone.ODS, *([Zone.HDS] if contract.keeps_history else [])]
    names: dict[str, str] = {}
    for zone in zones:
        names[f"{zone} asset"] = "/".join(asset_key(zone, contract.domain, contract.table))
        names[f"{zone} path"] = table_path(zone, contract.domain, contract.table)
        names[f"{zone} in SQL"] = f"{zone}.{contract.domain}.{contract.table}"
        names[f"{zone} in the catalog"] = catalog_table(zone, contract.table)
    if contract.publication is not None:
        names["Domo asset"] = "/".join(asset_key("domo", contract.domain, contract.table))
    names |= {"owner": contract.owner, "key": ", ".join(contract.key) or "none"}
    if contract.source is not None:
        names |= {"history": "scd2" if contract.keeps_history else "none", "drift": str(contract.drift), "compute": _compute(contract)}
    return names | {"fingerprint": contract.fingerprint, "shape": contract.shape, "rules version": contract.rules_version}


def _compute(contract: Contract) -> str:
    zones = [zone for zone in (Zone.ODS, Zone.HDS) if zone is Zone.ODS or contract.keeps_history]
    return ", ".join(f"{zone} {contract.compute.get(zone, 'by size')}" for zone in zones)


def _children(node: Node) -> list[tuple[str | int, Node]]:
    return [*node.mapping.items(), *enumerate(node.items)]


def _shown(node: Node) -> Scalar:
    return node.value if not isinstance(node.value, dict | list) else "{}" if isinstance(node.value, dict) else "[]"


def _entries(node: Node, path: tuple[str | int, ...]) -> Iterator[Entry]:
    if not _children(node):
        yield Entry(path, _shown(node), node.file, node.line)
    for key, child in _children(node):
        yield from _entries(child, (*path, key))


def _render(node: Node, margin: str) -> Iterator[tuple[str, str]]:
    """Lines of YAML, and the origin of the value on each."""
    for key, child in _children(node):
        lead = f"{margin}- " if isinstance(key, int) else f"{margin}{key}:"
        if not _children(child):
            text = child.value if isinstance(child.value, dict | list) else write_scalar(child.value)
            yield f"{lead.rstrip()} {text}", f"{child.file.parent.name}/{child.file.name}:{child.line}"
            continue
        below = _render(child, margin + "  ")
        if isinstance(key, int):
            text, origin = next(below)
            yield lead + text.removeprefix(margin + "  "), origin
        else:
            yield lead, ""
        yield from below
