"""What is to be certified, as the contracts and the dbt project declare it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from lakehouse_platform.contracts.fingerprints import digest
from lakehouse_platform.contracts.serving import RowPolicy


@dataclass(frozen=True, slots=True)
class Asset:
    """A table or dataset that a certificate depends on."""

    key: str
    """As `zone/domain/table`."""
    checks: frozenset[str] = frozenset()
    """Its blocking checks."""
    schema_checks: frozenset[str] = frozenset()
    """Those that hold its source against the contract."""
    by_day: bool = False
    """Each business day has a result of its own, which stands until the day is run again; otherwise the newest run counts."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be certified, as the contracts and the dbt project declare it now."""

    name: str
    """The mart, `domain.table`."""
    fingerprint: str
    """Of its contract."""
    mart: Asset
    green_runs: int = 1
    dataset: Asset | None = None
    upstream: tuple[Asset, ...] = ()
    """Everything that the mart is made of, down to Raw."""
    unknown: tuple[str, ...] = ()
    """What the mart is made of and the platform has no contract of."""
    certified_upstream: tuple[str, ...] = ()
    """Marts, `domain.table`, that it is made of and that are to be certified, too."""
    control_totals: frozenset[str] = frozenset()
    """Those of the mart's checks that compare it with the tables that it is made of."""
    freshness: dt.timedelta | None = None
    owner: str | None = None
    """Who must own the dataset in Domo; None where there is no dataset there."""
    row_access: tuple[RowPolicy, ...] | None = None
    """Who may see which rows in Domo; None where there is no dataset there."""


def access_digest(policies: Iterable[RowPolicy]) -> str:
    """Digest of row policies, whatever their order and that of what they name."""
    said = sorted(
        [policy.name, policy.column, sorted(policy.values), sorted(policy.groups), sorted(user.casefold() for user in policy.users)]
        for policy in policies)
    return digest(said)
