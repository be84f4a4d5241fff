"""What the platform's own columns and its zones mean, in words for people: the interface and the catalog show them."""

from __future__ import annotations

from collections.abc import Mapping

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.naming import Zone

COLUMNS: Mapping[str, str] = {
    "valid_from": "When the version became true.", "valid_to": "When it ceased to be true; NULL while it is.",
    "is_current": "Whether the version is the key's open one.", "_op": "upsert, delete, or present: a full image has the key.",
    "_seq": "Order of a key's changes at the source.", "_snapshot": "Whether the row is part of a full image.",
    "_seen_at": "When the source was seen to say so.", "_effective_at": "When it became true at the source.",
    "_hash": "Fingerprint of the contract's columns.", "_clamp": "The latest time of the changes that the version is made of.",
    "_batch_id": "Batch in Raw that the row comes from.", "_row": "Number of the row in its batch.",
    "_parked": "JSON of what the contract does not declare or cannot hold.", "_kind": "change, or batch: a batch's header row.",
    "_partition": "Business day that the batch was extracted for.", "_header": "JSON of what the batch says of itself.",
}
"""Columns that the platform adds to a table's own."""

_ZONES: Mapping[Zone, str] = {
    Zone.RAW: "Every change that was extracted, as the source had it; nothing is ever changed here.",
    Zone.ODS: "What is so now: one row for each key, the last that the gate let through.",
    Zone.HDS: "What was so, and when: every version of each key, from valid_from to valid_to.",
    Zone.CURATED: "A mart, built by dbt from ODS and HDS.",
}


def zone_meaning(zone: Zone, contract: Contract) -> str:
    """What the zone makes of the contract's table."""
    keyless = zone is Zone.ODS and not contract.key
    return "What is so now: the newest full image, for the table has no key." if keyless else _ZONES[zone]
