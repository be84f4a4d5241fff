"""Reads how a table is served, and refuses what could not be kept."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lakehouse_platform.contracts.block import DomoBlock, LakehouseBlock
from lakehouse_platform.contracts.columns import Columns
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.contracts.serving import (
    Access,
    Certification,
    Distribution,
    Publication,
    Role,
    RowPolicy,
    Update,
    WarehouseLayout,
)
from lakehouse_platform.contracts.types import Kind
from lakehouse_platform.errors import did_you_mean
from lakehouse_platform.naming import NAME

ENCODINGS = (
    *("raw", "az64", "bytedict", "delta", "delta32k", "lzo", "mostly8", "mostly16", "mostly32", "runlength", "text255", "text32k", "zstd"),)
"""Compression that Redshift has."""
_DIVIDES = (Kind.DATE, Kind.STRING, Kind.INT16, Kind.INT32, Kind.INT64)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def read_publication(block: LakehouseBlock, node: Node, columns: Columns, findings: Findings) -> Publication | None:
    """The dataset of a mart. Notes columns that there are not and words that contradict each other."""
    domo, at = block.domo, node.find(("domo",))
    if domo is None:
        return None
    _check_update(domo, at, columns, findings)
    for number, policy in enumerate(domo.row_access):
        place = at.find(("row_access", number))
        _check_column(policy.column, place.find(("column",)), columns, findings)
        if not policy.groups and not policy.users:
            findings.missing(place, "groups", "a policy that names no group and no user shows its rows to nobody.")
    _check_addresses(domo, at, findings)
    policies = tuple(RowPolicy(p.name, p.column, tuple(p.values), tuple(p.groups), tuple(p.users)) for p in domo.row_access)
    return Publication(
        domo.dataset, domo.description, tuple(domo.tags), domo.update, domo.partition_by, domo.owner, policies, tuple(domo.waits_for),
        domo.dataflow)


def _check_update(domo: DomoBlock, at: Node, columns: Columns, findings: Findings) -> None:
    if domo.update is not Update.REPLACE and not columns.key and columns.complete:
        findings.add(at.find(("update",)), f"update {domo.update} needs a key: mark its columns primaryKey: true, or say replace.")
    if domo.partition_by is None:
        return
    place = at.find(("partition_by",))
    if domo.update is not Update.REPLACE:
        findings.add(place, f"partition_by replaces whole divisions, and update is {domo.update}. Take one of them out.")
    column = columns.named(domo.partition_by)
    if column is not None and (column.type.kind not in _DIVIDES or not (column.required or column.name in columns.key)):
        findings.add(place, f"{column.name} cannot divide a dataset: take a required column with a date, a text or a whole number.")
    _check_column(domo.partition_by, place, columns, findings)


def _check_addresses(domo: DomoBlock, at: Node, findings: Findings) -> None:
    places: list[tuple[str, tuple[str | int, ...]]] = [(domo.owner, ("owner",))] if domo.owner else []
    places += [(user, ("row_access", n, "users", m)) for n, p in enumerate(domo.row_access) for m, user in enumerate(p.users)]
    for address, path in places:
        if not _EMAIL.fullmatch(address):
            findings.add(at.find(path), f'"{address}" is not an e-mail address, by which Domo knows its users.')


def read_layout(block: LakehouseBlock, node: Node, columns: Columns, findings: Findings, *, mart: bool) -> WarehouseLayout | None:
    """The table in the warehouse."""
    said, at = block.warehouse, node.find(("warehouse",))
    if said is None:
        return None
    for path, names in (("zones", said.zones), ("sort_key", said.sort_key)):
        if len(set(names)) < len(names):
            findings.add(at.find((path,)), f"{path} names one of them twice.")
    wrong = [zone for zone in said.zones if (zone == "curated") is not mart]
    if wrong:
        allowed = "curated" if mart else "ods, hds"
        findings.add(at.find(("zones",)), f'this table has no zone "{wrong[0]}". Valid zones: {allowed}.')
    if (said.distribution is Distribution.KEY) is not (said.dist_key is not None):
        findings.add(at.find(("distribution",)), "distribution key and dist_key go together: say both or neither.")
    for name, place in _named(said.dist_key, said.sort_key, said.encodings):
        _check_column(name, at.find(place), columns, findings, also=("valid_from", "valid_to", "is_current") if "hds" in said.zones else ())
    for column, encoding in said.encodings.items():
        if encoding not in ENCODINGS:
            known = did_you_mean(encoding, ENCODINGS, noun="encodings")
            findings.add(at.find(("encodings", column)), f'unknown encoding "{encoding}". {known}')
    return WarehouseLayout(tuple(said.zones), said.distribution, said.dist_key, tuple(said.sort_key), dict(said.encodings))


def _named(key: str | None, sort: Iterable[str], encodings: Iterable[str]) -> list[tuple[str, tuple[str | int, ...]]]:
    keys: list[tuple[str, tuple[str | int, ...]]] = [(key, ("dist_key",))] if key is not None else []
    return [*keys, *((n, ("sort_key", i)) for i, n in enumerate(sort)), *((n, ("encodings", n)) for n in encodings)]


def _check_column(name: str, at: Node, columns: Columns, findings: Findings, *, also: Iterable[str] = ()) -> None:
    known = [*(column.name for column in columns.columns), *also]
    if columns.complete and name not in known:
        findings.add(at, f'unknown column "{name}". {did_you_mean(name, known, noun="columns")}')


def read_certification(block: LakehouseBlock) -> Certification | None:
    """What the mart's certificate asks for."""
    said = block.certification
    return Certification(said.green_runs) if said is not None else None


def read_roles(document: Node, findings: Findings) -> tuple[Role, ...]:
    """The roles that may read the table or write it."""
    section = document.get("roles")
    roles: list[Role] = []
    for entry in section.items if section is not None else []:
        name, access = entry.text_of("role"), entry.text_of("access") or Access.READ
        at = entry.get("access") or entry
        if access not in set(Access):
            findings.add(at, f'unknown access "{access}". {did_you_mean(access, Access)}')
        elif name is not None and not NAME.match(name):
            findings.add(entry.find(("role",)), f'"{name}" is not a valid role: use lower-case letters, digits and _ only.')
        elif name is not None:
            roles.append(Role(name, Access(access)))
    return tuple(roles)
