"""PostgreSQL's errors as Redshift says them."""

from __future__ import annotations

from tests.standins.faults import Fault
from tests.standins.redshift.backend import RefusedError
from tests.standins.redshift.merging import TWICE

CONFLICT = "conflict"
"""Asks for what Redshift says of definitions that two transactions change."""


def as_redshift(refused: RefusedError) -> RefusedError:
    """The same, in Redshift's words."""
    checked = refused.fields.get("n", "")
    if refused.code == "23514" and checked.startswith("standin_bytes_"):
        return RefusedError("22001", f"value too long for type character varying({checked.rpartition('_')[2]})")
    if refused.code == "21000" and "MERGE" in refused.message:
        return RefusedError("21000", TWICE)
    if refused.code == "40001":
        return isolation_violation()
    return refused


def isolation_violation() -> RefusedError:
    """What Redshift says when transactions cannot be put in an order."""
    return RefusedError("40001", "1023", "Serializable isolation violation on table - 100167, "
                        "transactions forming the cycle are: 55705701, 55705754 (pid:16606)")  # fmt: skip


def planned_refusal(fault: Fault) -> RefusedError:
    """The error that a fault wants."""
    if fault.code == "1023":
        return isolation_violation()
    if fault.code == CONFLICT:
        return RefusedError("XX000", "could not complete because of conflict with concurrent transaction")
    return RefusedError(fault.code, f"refused on purpose ({fault.code})")
