"""Columns that the platform adds to a table's own, zone by zone."""

from __future__ import annotations

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.types import Kind, LakeType

TEXT, WHOLE, INSTANT, TRUTH = LakeType(Kind.STRING), LakeType(Kind.INT64), LakeType(Kind.TIMESTAMP), LakeType(Kind.BOOLEAN)

UPSERT, DELETE, PRESENT = "upsert", "delete", "present"
"""`_op`: the row is so; the row is gone; a full image has the key, and nothing else is said of it."""

CHANGE, BATCH = "change", "batch"
"""`_kind` in Raw: a change row, or the header row of a batch."""

ABSENT = ""
"""`_hash` of a delete; a fingerprint is never empty."""

ORDER = ["_seq", "_snapshot", "_seen_at", "_op", "_hash", "_effective_at"]
"""Total order of a key's change rows. `_batch_id` is not in it: a re-run partition must not win by arriving later."""

CHANGE_COLUMNS: dict[str, LakeType] = {
    "_op": TEXT, "_seq": WHOLE, "_snapshot": TRUTH, "_seen_at": INSTANT, "_effective_at": INSTANT, "_hash": TEXT,
}
"""What the law looks at, beside the key."""

LINEAGE: dict[str, LakeType] = {"_batch_id": TEXT, "_row": WHOLE}
"""Where a row lies in Raw; for audit, never for order."""


def declared(contract: Contract) -> dict[str, LakeType]:
    """The contract's own columns and their types."""
    return {column.name: column.type for column in contract.columns}


def raw_columns(contract: Contract) -> dict[str, LakeType]:
    """Columns of the Raw table."""
    return {
        **declared(contract), **CHANGE_COLUMNS, **LINEAGE,
        "_parked": TEXT, "_kind": TEXT, "_partition": TEXT, "_header": TEXT,
    }


def ods_columns(contract: Contract) -> dict[str, LakeType]:
    """Columns of the ODS table."""
    return {**declared(contract), **CHANGE_COLUMNS, "_batch_id": TEXT}


def hds_columns(contract: Contract) -> dict[str, LakeType]:
    """Columns of the HDS table."""
    return {
        **declared(contract), "valid_from": INSTANT, "valid_to": INSTANT, "is_current": TRUTH,
        "_seq": WHOLE, "_hash": TEXT, "_effective_at": INSTANT, "_clamp": INSTANT, "_seen_at": INSTANT, "_batch_id": TEXT,
    }


def gate_columns() -> dict[str, LakeType]:
    """Columns of the gate's ledger: one row a judged batch, one row a quarantined row and rule."""
    return {
        "_kind": TEXT, "_partition": TEXT, "judgement": WHOLE, "_batch_id": TEXT, "verdict": TEXT,
        "_row": WHOLE, "rule": TEXT, "rule_version": TEXT, "key": TEXT, "reason": TEXT,
    }


def prunable(contract: Contract) -> tuple[str, ...]:
    """Key columns with file statistics: no decimals (kept as doubles), no instants (cut to milliseconds), and nothing
    classified, for the log of a table is metadata.
    """
    safe = {Kind.INT16, Kind.INT32, Kind.INT64, Kind.DATE, Kind.STRING}
    return tuple(name for name in contract.key if contract.column(name).type.kind in safe and not contract.column(name).classified)


def key_may_show(contract: Contract) -> bool:
    """Whether values of the key may appear in logs: no part of it is classified."""
    return not any(contract.column(name).classified for name in contract.key)


def bounded(contract: Contract) -> tuple[str, ...]:
    """Key columns whose least and greatest value say which files may hold a key."""
    return tuple(name for name in prunable(contract) if contract.column(name).type.kind is not Kind.STRING)
