"""Reads a folder of contracts: `<domain>/<table>.yaml`, each filled from its domain's `_defaults.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.document import read_document
from lakehouse_platform.contracts.merge import block, merge
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import ContractErrors, Findings, Problem
from lakehouse_platform.errors import ContractError, did_you_mean
from lakehouse_platform.naming import check_name

DEFAULTS = "_defaults.yaml"
"""File in a domain's folder with what its tables share."""
APPROVALS = ".approvals.yaml"
"""Ending of the file beside a mart's contract that says who asked for its certificate, who approved it, and until when."""


@dataclass(frozen=True, slots=True)
class Document:
    """A contract's file after the merge."""

    file: Path
    merged: Node
    partial: bool = False
    """Lines of it had to be left out."""

    @property
    def name(self) -> str:
        """`domain.table`, by where the file lies."""
        return f"{self.file.parent.name}.{self.file.stem}"


def load(folder: Path) -> tuple[Contract, ...]:
    """The contracts in the folder, by name. Raises ContractErrors with everything that is wrong."""
    contracts, problems = check(folder)
    if problems:
        raise ContractErrors(problems)
    return contracts


def check(folder: Path) -> tuple[tuple[Contract, ...], tuple[Problem, ...]]:
    """The valid contracts in the folder by name, and every problem by file and line."""
    return check_documents(*read_documents(folder))


def check_documents(documents: Iterable[Document], problems: Iterable[Problem]) -> tuple[tuple[Contract, ...], tuple[Problem, ...]]:
    """The contracts of merged documents, and what is wrong with them beside the problems that are known already."""
    from lakehouse_platform.contracts.assembly import assemble

    documents = list(documents)
    contracts: list[Contract] = []
    found = set(problems)
    ids: dict[str, Path] = {}
    for document in documents:
        findings = Findings(partial=document.partial)
        contract = assemble(document.merged, document.file, findings)
        _check_id(document, ids, findings)
        contracts += [contract] if contract is not None and not findings.found else []
        found |= set(findings.found)
    found |= set(_unknown_marts(contracts, documents))
    return tuple(sorted(contracts, key=lambda c: c.name)), tuple(sorted(found))


def _unknown_marts(contracts: Iterable[Contract], documents: Iterable[Document]) -> Iterator[Problem]:
    """A dataset waits for marts that there are, and not for its own."""
    nodes = {document.name: document.merged for document in documents}
    publishing = [contract for contract in contracts if contract.publication is not None]
    for contract in publishing:
        known = [other.name for other in contracts if other.model is not None and other.name != contract.name]
        for name in contract.publication.waits_for if contract.publication is not None else ():
            if name not in known:
                at = (block(nodes[contract.name]) or nodes[contract.name]).find(("domo", "waits_for"))
                yield Problem(at.file, at.place, f'"{name}" is no other mart. {did_you_mean(name, known, noun="marts")}')


def read_documents(folder: Path) -> tuple[list[Document], list[Problem]]:
    """Every contract's merged document, and what is wrong with files as YAML."""
    if not folder.is_dir():
        raise ContractError(f'there is no folder "{folder}". A lakehouse keeps its contracts in assets/contracts.')
    problems: list[Problem] = []
    documents: list[Document] = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith((".", "__")):
            documents += _read_domain(entry, problems)
        elif entry.suffix in (".yaml", ".yml"):
            problems.append(Problem(entry, 1, "lies outside a domain: move it into a folder that is named after its domain."))
    return documents, problems


def _read_domain(folder: Path, problems: list[Problem]) -> list[Document]:
    files = sorted(path for path in folder.rglob("*.y*ml") if path.suffix in (".yaml", ".yml") and not path.name.endswith(APPROVALS))
    defaults, findings = _read_defaults(folder / DEFAULTS), Findings()
    problems += defaults[1].found
    documents = []
    for file in files:
        if (file.name == DEFAULTS and file.parent == folder) or not _well_placed(file, folder, findings):
            continue
        own = Findings()
        node = _read_mapping(file, own)
        findings.found += own.found
        if node is not None:
            merged = merge(defaults[0], node)
            documents.append(Document(file, merged, own.partial or defaults[1].partial))
    problems += findings.found
    return documents


def _well_placed(file: Path, domain: Path, findings: Findings) -> bool:
    if file.suffix == ".yml":
        findings.at(file, 1, f"must end in .yaml: rename it to {file.stem}.yaml.")
    elif file.parent != domain:
        findings.at(file, 1, f"lies too deep: move it to {domain.name}/{file.name}.")
    else:
        return _well_named(file, domain, findings)
    return False


def _well_named(file: Path, domain: Path, findings: Findings) -> bool:
    for name, noun in ((domain.name, "domain (the folder's name)"), (file.stem, "table name (the file's name)")):
        try:
            check_name(name, noun=noun)
        except ContractError as error:
            findings.at(file, 1, str(error))
    return True


def _read_defaults(file: Path) -> tuple[Node | None, Findings]:
    from lakehouse_platform.contracts.assembly import check_defaults

    findings = Findings()
    node = _read_mapping(file, findings, empty=True) if file.exists() else None
    if node is not None:
        check_defaults(node, findings)
    elif findings.found:
        findings.partial = True
    return node, findings


def _read_mapping(file: Path, findings: Findings, *, empty: bool = False) -> Node | None:
    node = read_document(file, findings)
    if node is None or isinstance(node.value, dict):
        if node is None and not findings.found and not empty:
            findings.at(file, 1, "is empty. A contract begins with apiVersion, kind and id.")
        return node
    if not findings.partial:
        findings.add(node, "must be a mapping (key: value) at its top level.")
    return None


def _check_id(document: Document, ids: dict[str, Path], findings: Findings) -> None:
    at = document.merged.get("id")
    if at is None or at.string is None:
        return
    first = ids.setdefault(at.string, document.file)
    if first != document.file:
        findings.add(at, f'the id "{at.string}" is declared twice; the first is in {first.parent.name}/{first.name}.')
