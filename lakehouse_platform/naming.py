"""The one place that derives names: asset keys, paths, catalog tables and SQL names of a contract's tables."""

from __future__ import annotations

import re
from enum import StrEnum

from lakehouse_platform.errors import ContractError

NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
"""What a domain, a table and a lake column may be called: valid unquoted on every engine."""


class Zone(StrEnum):
    """A floor of the lake."""

    RAW = "raw"
    ODS = "ods"
    HDS = "hds"
    CURATED = "curated"


INTERNAL = "_internal"
"""Folder of the lake for what no reader queries: gate ledgers, tombstones, what jobs cost, what was published."""


LANDING = "_landing"
"""Folder of a domain's Raw for files that other systems leave there; no table can be called so."""


def check_name(name: str, *, noun: str) -> str:
    """`name` as it is, or ContractError when it is not a plain lower-case identifier."""
    if not NAME.match(name):
        raise ContractError(f'"{name}" is not a valid {noun}: use lower-case letters, digits and _, beginning with a letter, at most 63.')
    return name


def asset_key(zone: str, domain: str, table: str) -> list[str]:
    """Asset key `zone/domain/table`; `zone` may also be `domo` or `warehouse`."""
    return [str(zone), domain, table]


def table_path(zone: str, domain: str, table: str) -> str:
    """Path under the lake's root: `<zone>/<domain>/<table>`."""
    return f"{zone}/{domain}/{table}"


def internal_path(kind: str, domain: str, table: str) -> str:
    """Path of an internal table: `_internal/<kind>/<domain>/<table>`; kinds are `gate`, `tombstones` and `landed`."""
    return f"{INTERNAL}/{kind}/{domain}/{table}"


def landing_path(domain: str, table: str = "") -> str:
    """Path of the folder in which a table's files land, or of all folders of a domain: `raw/<domain>/_landing/<table>`."""
    return f"{Zone.RAW}/{domain}/{LANDING}/{table}".rstrip("/")


def quarantine_path(domain: str, table: str) -> str:
    """Path of what landed and could not be taken in: `raw/<domain>/_landing/_quarantine/<table>`."""
    return f"{landing_path(domain)}/_quarantine/{table}".rstrip("/")


def cost_path() -> str:
    """Path of the ledger of what jobs cost."""
    return f"{INTERNAL}/cost/jobs"


def evidence_path() -> str:
    """Path of the table of evidence for certificates."""
    return f"{INTERNAL}/certification/evidence"


def dataset_asset_key(domain: str, title: str) -> list[str]:
    """Asset key of a dataset: `domo/<domain>/<title in small letters>`."""
    return asset_key("domo", domain, re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_"))


def publications_path() -> str:
    """Path of the ledger of what was published."""
    return f"{INTERNAL}/publications/datasets"


def catalog_database(prefix: str, domain: str) -> str:
    """Glue database of a domain."""
    return f"{prefix}_{domain}"


def audit_database(prefix: str, domain: str) -> str:
    """Glue database that a crawler writes what it finds of a domain's Raw tables into, and the crawler's own name."""
    return f"{prefix}_audit_{domain}"


def catalog_table(zone: str, table: str) -> str:
    """Glue table: `<zone>_<table>`."""
    return f"{zone}_{table}"


def pool(zone: str, domain: str, table: str) -> str:
    """Dagster concurrency pool of a Delta table."""
    return f"{zone}_{domain}_{table}"
