"""How a contract's table is served: its dataset in Domo, its layout in the warehouse, its certificate, and who may read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Update(StrEnum):
    """What is sent of a mart to its dataset."""

    REPLACE = "replace"
    """All rows, each time."""
    UPSERT = "upsert"
    """Rows that are new or changed, by the contract's key; all rows where some have left the mart."""
    APPEND = "append"
    """Rows whose key is new, for marts whose rows never change; all rows where one did."""


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """Who sees which rows of a dataset (Domo's personalized data permissions)."""

    name: str
    column: str
    values: tuple[str, ...]
    """Rows with one of these are seen."""
    groups: tuple[str, ...] = ()
    """Names of Domo groups."""
    users: tuple[str, ...] = ()
    """E-mail addresses of Domo users."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A Domo dataset made of a mart."""

    dataset: str
    """Title in Domo."""
    description: str = ""
    tags: tuple[str, ...] = ()
    update: Update = Update.REPLACE
    partition_by: str | None = None
    """Column by whose values the dataset is divided: only divisions that changed are sent, and those that are gone are dropped."""
    owner: str | None = None
    """E-mail address of the Domo user who owns it; the contract's owner where that is an address."""
    row_access: tuple[RowPolicy, ...] = ()
    """Empty: who may see the dataset sees all of it."""
    waits_for: tuple[str, ...] = ()
    """Other marts (`domain.table`) that must be of the same business day before the dataset is sent."""
    dataflow: str | None = None
    """Id of the Domo dataflow that is run once the dataset is new."""


class Distribution(StrEnum):
    """How Redshift spreads a table's rows over its slices."""

    AUTO = "auto"
    EVEN = "even"
    ALL = "all"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class WarehouseLayout:
    """A table in the warehouse. What is not said is decided from sizes and joins (`warehouse/layout.py`)."""

    zones: tuple[str, ...] = ()
    """Zones that are loaded: ods, hds or curated; a mart that dbt builds in the warehouse itself has none."""
    distribution: Distribution | None = None
    dist_key: str | None = None
    """Column of `key` distribution."""
    sort_key: tuple[str, ...] = ()
    """Columns of the compound sort key."""
    encodings: Mapping[str, str] = field(default_factory=dict)
    """Compression by column; Redshift chooses where nothing is said."""


@dataclass(frozen=True, slots=True)
class Certification:
    """What the certificate of a mart asks for beside the gates that hold for all."""

    green_runs: int = 3
    """Runs in a row whose blocking checks passed."""


class Access(StrEnum):
    """What a role may do."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the contract (`roles` of the standard)."""

    name: str
    access: Access
