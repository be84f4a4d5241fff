"""Reads what a contract promises about the table as a whole: owner, freshness, retention, tags, status."""

from __future__ import annotations

import datetime as dt
import re

from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings
from lakehouse_platform.errors import did_you_mean

STATUSES = ("active", "deprecated")
"""Statuses of a table that the platform builds."""
VERSIONS = ("v3.1.0", "v3.2.0")
"""Versions of the standard that the platform reads."""
PROMISES = ("freshness", "retention")
"""Service levels that the platform keeps."""

_HOUR, _DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
UNITS = {
    "min": _HOUR / 60, "minute": _HOUR / 60, "minutes": _HOUR / 60, "h": _HOUR, "hour": _HOUR, "hours": _HOUR,
    "d": _DAY, "day": _DAY, "days": _DAY, "w": 7 * _DAY, "week": 7 * _DAY, "weeks": 7 * _DAY,
    "y": 365.25 * _DAY, "yr": 365.25 * _DAY, "year": 365.25 * _DAY, "years": 365.25 * _DAY,
}  # fmt: skip
"""Units of a service level. `m` is not among them: it could be a minute or a month."""
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_TEAM = re.compile(r"[\w.-]+")
_TAG = re.compile(r"(?P<key>[A-Za-z0-9_.-]{1,63})(?::(?P<value>[A-Za-z0-9_.-]{0,63}))?")


def read_owner(document: Node, findings: Findings) -> str:
    """`team:name`, or the e-mail address of the member whose role is owner."""
    team = document.get("team")
    if team is None:
        findings.missing(document, "team", "an owner, as in team: {name: finance-data}.")
        return ""
    name = team.get("name")
    if name is not None and name.string is not None:
        if not _TEAM.fullmatch(name.string):
            findings.add(name, f'"{name.string}" is not a valid team name: use letters, digits, - _ and . only.')
        return f"team:{name.string}"
    members = team.get("members")
    return _member(team, (members or team).items, findings)


def _member(team: Node, members: list[Node], findings: Findings) -> str:
    owner = next((member for member in members if member.text_of("role") == "owner"), None)
    if owner is None:
        findings.missing(team, "name", "an owner is the team's name, or a member whose role is owner.")
        return ""
    address = owner.get("username")
    if address is not None and address.string is not None and not _EMAIL.fullmatch(address.string):
        findings.add(address, f'"{address.string}" is not an e-mail address, which the username of an owner must be.')
    return owner.text_of("username") or ""


def read_durations(document: Node, findings: Findings) -> dict[str, dt.timedelta]:
    """The service levels by name."""
    section = document.get("slaProperties")
    durations: dict[str, dt.timedelta] = {}
    for entry in section.items if section is not None else []:
        name = entry.get("property")
        if name is None or name.string is None:
            continue
        if name.string not in PROMISES:
            findings.add(name, f'unknown service level "{name.string}". {did_you_mean(name.string, PROMISES, noun="properties")}')
        elif name.string in durations:
            findings.add(name, f'"{name.string}" is declared twice.')
        elif (duration := _duration(entry, findings)) is not None:
            durations[name.string] = duration
    return durations


def _duration(entry: Node, findings: Findings) -> dt.timedelta | None:
    value, unit = entry.get("value"), entry.get("unit")
    if unit is None:
        findings.missing(entry, "unit", f"valid units: {', '.join(sorted(UNITS))}.")
    elif unit.string is not None and unit.string not in UNITS:
        findings.add(unit, f'unknown unit "{unit.string}". {did_you_mean(unit.string, UNITS, noun="units")}')
    if value is None or isinstance(value.value, (dict, list)):
        return None
    number = value.value
    if isinstance(number, (str, bool)) or number is None or not 0 < number < 100_000:
        findings.add(value, f'"{value.text}" is not a duration: write a number above 0 and below 100000.')
        return None
    return UNITS[unit.string] * number if unit is not None and unit.string in UNITS else None


def read_tags(document: Node, findings: Findings) -> dict[str, str]:
    """Tags as they are shown in the UI: `key:value`, or `key` alone."""
    section = document.get("tags")
    tags: dict[str, str] = {}
    for node in section.items if section is not None else []:
        if node.string is None:
            continue
        match = _TAG.fullmatch(node.string)
        if match is None:
            findings.add(node, f'"{node.string}" is not a valid tag: write key or key:value, with letters, digits, - _ and . only.')
        elif match["key"] in tags:
            findings.add(node, f'tag "{match["key"]}" is declared twice.')
        else:
            tags[match["key"]] = match["value"] or ""
    return tags


def check_heading(document: Node, findings: Findings) -> None:
    """Status and version of the standard must be ones that the platform knows."""
    status, version = document.get("status"), document.get("apiVersion")
    if status is not None and status.string is not None and status.string not in STATUSES:
        findings.add(status, f'unsupported status "{status.string}". {did_you_mean(status.string, STATUSES, noun="statuses")}')
    if version is not None and version.string in ("v3.0.2", "v3.0.1", "v3.0.0", "v2.2.2", "v2.2.1", "v2.2.0"):
        findings.add(version, f'apiVersion "{version.string}" is too old. Valid versions: {", ".join(VERSIONS)}.')
