"""Who may read a table in Redshift: the contract's roles, and no others."""

from __future__ import annotations

from collections.abc import Iterable

from lakehouse_platform.warehouse.base import Place
from lakehouse_platform.warehouse.ddl import at, quoted


def plan_grants(place: Place, held: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Statements that take a table's readers from the roles that are `held` to those that are `wanted`; none where they agree.

    The schema's usage is never taken back: other tables in it have readers, too.
    """
    before, after = set(held), tuple(dict.fromkeys(wanted))
    given = [role for role in after if role not in before]
    taken = sorted(before - set(after))
    return (
        *(f"GRANT USAGE ON SCHEMA {quoted(place.schema)} TO ROLE {quoted(role)}" for role in given),
        *(f"GRANT SELECT ON {at(place)} TO ROLE {quoted(role)}" for role in given),
        *(f"REVOKE SELECT ON {at(place)} FROM ROLE {quoted(role)}" for role in taken),
    )  # fmt: skip
