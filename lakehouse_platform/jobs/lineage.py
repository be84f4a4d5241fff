"""Which columns a mart's columns are made of, read from the SQL that dbt compiled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.jobs.marts import Mart, mart_project
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones import rows

Lineage = Mapping[str, tuple[tuple[str, str, str], ...]]
"""Column of the mart to zone, `domain.table` and column upstream."""


def mart_lineage(project: Project, mart: Mart) -> Lineage:
    """Lineage of a mart's columns; a column that SQL does not give away is left out. Empty before the model was compiled."""
    manifest = json.loads(mart_project(project).manifest.read_text(encoding="utf-8"))
    sql = next((n.get("compiled_code") for n in manifest["nodes"].values() if n["name"] == mart.contract.model), None)
    if not sql:
        return {}
    tables = tuple((zone, contract.name, tuple(_columns(zone, contract))) for zone, contract in mart.upstream)
    return lineage_of_sql(str(sql), tuple(c.name for c in mart.contract.columns), tables)


def _columns(zone: str, contract: Contract) -> Mapping[str, object]:
    if zone == Zone.CURATED:
        return rows.declared(contract)
    return rows.hds_columns(contract) if zone == Zone.HDS else rows.ods_columns(contract)


@lru_cache(maxsize=256)
def lineage_of_sql(sql: str, columns: tuple[str, ...], tables: tuple[tuple[str, str, tuple[str, ...]], ...]) -> Lineage:
    """Lineage of a query's columns. A table is `zone_domain.table` in the SQL."""
    from sqlglot import exp, lineage, parse_one
    from sqlglot.errors import SqlglotError

    places = {(f"{zone}_{name.split('.')[0]}", name.split(".")[1]): (zone, name) for zone, name, _ in tables}
    schema = {place[0]: {p[1]: _typed(t[2]) for p, t in zip(places, tables, strict=True) if p[0] == place[0]} for place in places}
    tree = parse_one(sql, dialect="duckdb")
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
    found: dict[str, tuple[tuple[str, str, str], ...]] = {}
    for column in columns:
        try:
            root = lineage.lineage(column, tree, schema=schema, dialect="duckdb")
        except (SqlglotError, ValueError, KeyError):
            continue
        ends = [
            (*places[end.source.db, end.source.name], end.name.split(".")[-1].strip('"'))
            for end in root.walk() if isinstance(end.source, exp.Table) and (end.source.db, end.source.name) in places
        ]
        found[column] = tuple(dict.fromkeys(ends))
    return found


def _typed(columns: tuple[str, ...]) -> dict[str, str]:
    return dict.fromkeys(columns, "text")
