"""Who sees which rows of a dataset, and whose it is: a contract's words turned into Domo's policies, users and groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lakehouse_platform.contracts.serving import RowPolicy
from lakehouse_platform.domo.public import HeldPolicy, PolicySpec
from lakehouse_platform.errors import did_you_mean
from lakehouse_platform.publish.destination import DatasetSpec, PublicationRefused

MOST_CHARACTERS = 255
"""What the values of a policy are together shorter than, by Domo's rule."""


@dataclass(frozen=True, slots=True)
class PolicyChanges:
    """What has to be done for a dataset's policies to be those that are wanted."""

    create: tuple[PolicySpec, ...]
    update: tuple[tuple[str, PolicySpec], ...]
    """Id of the held policy, and how it should be."""
    delete: tuple[str, ...]


def plan_policies(wanted: Iterable[PolicySpec], held: Iterable[HeldPolicy]) -> PolicyChanges:
    """Policies are known by their names; Domo's own stay."""
    named = {policy.name: policy for policy in held if not policy.system}
    specs = {policy.name: policy for policy in wanted}
    kept = {named[name].id for name in specs if name in named}
    return PolicyChanges(
        tuple(spec for name, spec in specs.items() if name not in named),
        tuple((named[name].id, spec) for name, spec in specs.items() if name in named and named[name].spec != spec),
        tuple(policy.id for policy in held if not policy.system and policy.id not in kept))


def policies_of(spec: DatasetSpec, users: Mapping[str, int], groups: Mapping[str, int]) -> tuple[PolicySpec, ...]:
    """A dataset's policies with Domo's ids. Raises PublicationRefused for a user, a group or a list that Domo has no place for."""
    return tuple(_policy(spec, policy, users, groups) for policy in spec.row_access)


def _policy(spec: DatasetSpec, policy: RowPolicy, users: Mapping[str, int], groups: Mapping[str, int]) -> PolicySpec:
    if sum(map(len, policy.values)) >= MOST_CHARACTERS:
        raise PublicationRefused(
            f'{spec.mart}: the values of row_access "{policy.name}" have {MOST_CHARACTERS} characters or more together, which Domo does '
            "not take. Divide it into several policies, or use a column with fewer values.")
    return PolicySpec(
        policy.name, policy.column, policy.values,
        tuple(sorted(user_id(spec, address, users) for address in policy.users)),
        tuple(sorted(_known(spec, name, groups, "group", f'row_access "{policy.name}"') for name in policy.groups)))


def user_id(spec: DatasetSpec, address: str, users: Mapping[str, int]) -> int:
    """Domo's id of a user. Raises PublicationRefused."""
    return _known(spec, address.lower(), users, "user", "the dataset's owner and row_access")


def _known(spec: DatasetSpec, name: str, ids: Mapping[str, int], what: str, where: str) -> int:
    if name not in ids:
        near = did_you_mean(name, ids, noun=f"{what}s") if len(ids) <= 50 else f"Domo has {len(ids)} {what}s."
        raise PublicationRefused(f'{spec.mart}: Domo has no {what} "{name}", which {where} in its contract names. {near}')
    return ids[name]
