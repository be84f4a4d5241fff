"""What of a mart is sent to its dataset: a pure plan over what was published last, what is there now, and what the dataset takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse_platform.contracts.serving import Update
from lakehouse_platform.publish.destination import Takes


@dataclass(frozen=True, slots=True)
class State:
    """A mart as it was published, or is to be."""

    version: int
    """Delta version."""
    schema: str
    """Fingerprint of the dataset's columns."""
    rows: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How the rows of a mart differ from those that were published last, by key."""

    new: int
    changed: int
    gone: int
    as_published: bool
    """Whether the older version still holds what was published of it: a table that was made anew has the same numbers."""


@dataclass(frozen=True, slots=True)
class ReplaceAll:
    """Every row is sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class Upsert:
    """Rows that are new or changed are sent; the dataset puts them in the place of those of the same key."""

    rows: int


@dataclass(frozen=True, slots=True)
class Append:
    """Rows that are new are sent."""

    rows: int


@dataclass(frozen=True, slots=True)
class Partitions:
    """Divisions are sent anew, or taken away."""

    restate: tuple[str, ...]
    drop: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """The dataset holds the mart's rows."""

    reason: str


Plan = ReplaceAll | Upsert | Append | Partitions | Nothing


def plan_at_once(update: Update, takes: Takes, last: State | None, now: State, held: int) -> ReplaceAll | Nothing | None:
    """What can be planned without looking at rows; None where the two versions have to be compared.

    `held` is what the dataset counts. `last` is None where nothing was published, or where it is not known what became of it.
    """
    if (reason := _broken(last, now, held)) is not None:
        return ReplaceAll(reason)
    if last is not None and last.version == now.version:
        return Nothing(f"version {now.version} is published already")
    if takes.division is not None:
        return None
    if update is Update.REPLACE:
        return ReplaceAll("its contract says so")
    return None if takes.key else ReplaceAll("the dataset was made without a key, by which rows could be put in the place of others")


def _broken(last: State | None, now: State, held: int) -> str | None:
    """Why what was sent before does not count."""
    if last is None:
        return "nothing was published before, or it is not known how that ended"
    if last.schema != now.schema:
        return "its columns have changed"
    if last.version > now.version:
        return "the mart was made anew"
    return f"the dataset holds {held} rows, and {last.rows} were published" if held != last.rows else None


def plan_by_rows(update: Update, found: Difference) -> ReplaceAll | Upsert | Append | Nothing:
    """What is sent to a dataset that takes changes."""
    if not found.as_published:
        return ReplaceAll("the mart was made anew")
    if found.gone:
        return ReplaceAll(f"rows have left the mart: {found.gone}")
    if not found.new + found.changed:
        return Nothing("the rows are those that were published")
    if update is Update.UPSERT:
        return Upsert(found.new + found.changed)
    return ReplaceAll(f"rows have changed that should only come: {found.changed}") if found.changed else Append(found.new)


def plan_by_division(
    before: Mapping[str, str] | None, now: Mapping[str, str], held: frozenset[str], *, reason: str = ""
) -> Partitions | Nothing:
    """What is sent to a divided dataset. The mappings hold fingerprints by division; `before` is None where all have to be sent.

    `held` are the divisions at the destination: one that it lost is sent again, and one that the mart has not is dropped.
    """
    same = {name for name, found in now.items() if name in held and before is not None and before.get(name) == found}
    restate, drop = tuple(sorted(now.keys() - same)), tuple(sorted(held - now.keys()))
    if not restate and not drop:
        return Nothing("every division is as it was published")
    return Partitions(restate, drop, reason or f"divisions that differ: {len(restate)} of {len(now)}; that are gone: {len(drop)}")
