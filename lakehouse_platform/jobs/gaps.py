"""Business days that have ended and that Raw has nothing of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from lakehouse_platform.contracts.contract import Contract, SourceTable
from lakehouse_platform.engines.base import opened
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.steps import CheckOutcome, CheckSpec
from lakehouse_platform.naming import Zone
from lakehouse_platform.zones.ledger import read_ledger

NO_DAY_MISSING = CheckSpec(
    "no_day_missing", "Every business day that has ended has a batch in Raw, from the first one that was taken in.", about_now=True)
GRACE = dt.timedelta(hours=6)
"""After the end of a business day, until its batch is missed."""
NAMED = 10
"""Days that are listed; of more, the number is said."""


def watched(project: Project) -> tuple[Contract, ...]:
    """Tables that have a batch for every business day: those that are read, and not those whose files land when they land."""
    return tuple(contract for contract in project.tables if isinstance(contract.source, SourceTable))


def gap_outcome(project: Project, contract: Contract, ended: Iterable[str]) -> CheckOutcome | None:
    """Whether Raw lacks one of the business days that have `ended`; None where it holds nothing yet."""
    lake = project.lake
    table = opened(lake.engine, lake.uri(Zone.RAW, contract))
    held = {batch.partition for batch in read_ledger(lake, table).batches} if table is not None else set()
    return judge(missing_days(held, ended)) if held else None


def missing_days(held: Iterable[str], ended: Iterable[str]) -> tuple[str, ...]:
    """Days that have ended and are not held, from the first one that is."""
    known = set(held)
    return tuple(sorted(day for day in ended if day not in known and day > min(known, default=day)))


def judge(missing: tuple[str, ...]) -> CheckOutcome:
    """The check's outcome."""
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    said = f"No batch of {', '.join(missing[:NAMED])}{more}." if missing else ""
    return CheckOutcome(NO_DAY_MISSING.name, not missing, figures={"days_missing": len(missing)}, description=said)
