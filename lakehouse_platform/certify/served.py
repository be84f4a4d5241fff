"""What Domo says of a dataset whose mart is to be certified: who owns it, and who may see which of its rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Protocol

from lakehouse_platform.certify.evidence import Evidence, Kind
from lakehouse_platform.certify.subject import access_digest
from lakehouse_platform.contracts.serving import RowPolicy
from lakehouse_platform.domo.public import HeldDataset, HeldPolicy

UNREADABLE = "a policy that contracts cannot express"
OFF = "policies that are switched off"


class Account(Protocol):
    """What is asked of Domo (`domo/public.py`)."""

    @property
    def users(self) -> Mapping[str, int]:
        """Ids of users by e-mail address in small letters."""
    @property
    def groups(self) -> Mapping[str, int]:
        """Ids of groups by name."""
    def dataset(self, dataset: str) -> HeldDataset:
        """A dataset."""
    def policies(self, dataset: str) -> tuple[HeldPolicy, ...]:
        """Its row policies."""


def observe(account: Account, dataset: str, key: str, now: dt.datetime) -> Iterator[Evidence]:
    """Owner and row policies of the dataset with the id `dataset`, whose asset is `key`. Raises what asking Domo raises."""
    held = account.dataset(dataset)
    addresses = {str(number): address for address, number in account.users.items()}
    owner = addresses.get(held.owner, "")
    yield Evidence(key, Kind.OWNER, now, bool(owner), figures={"found": owner})
    found = found_access(account, account.policies(dataset), applied=held.row_access)
    yield Evidence(key, Kind.ACCESS, now, found not in (UNREADABLE, OFF), figures={"found": found})


def found_access(account: Account, policies: tuple[HeldPolicy, ...], *, applied: bool) -> str:
    """Digest of the policies, by the names of groups and the addresses of users; Domo's own do not count."""
    own = [policy for policy in policies if not policy.system]
    if own and not applied:
        return OFF
    groups = {number: name for name, number in account.groups.items()}
    users = {number: address for address, number in account.users.items()}
    specs = [policy.spec for policy in own]
    known = [spec for spec in specs if spec is not None and groups.keys() >= set(spec.groups) and users.keys() >= set(spec.users)]
    if len(known) < len(own):
        return UNREADABLE
    return access_digest(
        RowPolicy(s.name, s.column, s.values, tuple(groups[g] for g in s.groups), tuple(users[u] for u in s.users)) for s in known)
