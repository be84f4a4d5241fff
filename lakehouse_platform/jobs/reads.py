"""Which columns of its sources a mart is made of, read from the SQL that dbt compiled."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.jobs.marts import Mart, mart_project
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import Zone, asset_key
from lakehouse_platform.zones import rows

if TYPE_CHECKING:
    from sqlglot import exp

Schema = Mapping[str, Mapping[str, Mapping[str, str]]]
"""`zone_domain` to table to columns."""


def columns_read(project: Project, marts: Sequence[Mart]) -> dict[str, list[str]] | None:
    """Physical names of the columns that the marts' SQL reads anywhere, by Raw asset, and of those by which rows are known and ordered.

    None where one of the marts was not compiled yet, or its SQL does not give it away.
    """
    manifest: dict[str, Any] = json.loads(mart_project(project).manifest.read_text(encoding="utf-8"))
    compiled = {str(node["name"]): node.get("compiled_code") for node in manifest["nodes"].values()}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for mart in marts:
        sql = compiled.get(str(mart.contract.model))
        reads = read_columns(str(sql), schema_of(mart)) if sql else None
        if reads is None:
            return None
        for zone, contract in mart.upstream:
            if zone != Zone.CURATED:
                found[_raw(contract)] |= _physical(contract, reads.get((f"{zone}_{contract.domain}", contract.table), set()))
    return {asset: sorted(names) for asset, names in sorted(found.items())}


def schema_of(mart: Mart) -> dict[str, dict[str, dict[str, str]]]:
    """Columns of what the mart reads, as the SQL names it."""
    found: defaultdict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for zone, contract in mart.upstream:
        found[f"{zone}_{contract.domain}"][contract.table] = dict.fromkeys(_columns(zone, contract), "text")
    return dict(found)


def _columns(zone: str, contract: Contract) -> Mapping[str, object]:
    if zone == Zone.CURATED:
        return rows.declared(contract)
    return rows.hds_columns(contract) if zone == Zone.HDS else rows.ods_columns(contract)


def _raw(contract: Contract) -> str:
    return "/".join(asset_key(Zone.RAW, contract.domain, contract.table))


def _physical(contract: Contract, names: set[str]) -> set[str]:
    """Names at the source; rows are known by their key, and ordered and merged by what the capture names."""
    capture = contract.capture
    ordered = (capture.column, capture.effective_at, capture.operation) if capture is not None else ()
    read = {column.physical_name for column in contract.columns if column.name in names or column.name in contract.key}
    return read | {name for name in ordered if name is not None}


def read_columns(sql: str, schema: Schema) -> dict[tuple[str, str], set[str]] | None:
    """Columns that a query reads of each table, `zone_domain` and name; None where sqlglot cannot tell."""
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.pushdown_projections import pushdown_projections
    from sqlglot.optimizer.qualify import qualify

    try:
        tree = parse_one(sql, dialect="duckdb")
        for table in tree.find_all(exp.Table):
            table.set("catalog", None)
        # Stars are spelt out, and then each query gives only what the one around it takes.
        read = pushdown_projections(qualify(tree, schema={**schema}, dialect="duckdb"))
    except (SqlglotError, ValueError, KeyError):
        return None
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for table, column in _reads(read):
        found[table.db, table.name].add(column)
    return dict(found)


def _reads(tree: exp.Expr) -> Iterator[tuple[exp.Table, str]]:
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    for scope in traverse_scope(tree):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table):
                yield source, column.name
