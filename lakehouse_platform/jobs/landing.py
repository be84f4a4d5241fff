"""Takes landed files into Raw, each as one batch and once, and those that cannot be taken in into quarantine."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from lakehouse_platform.contracts.contract import Contract, Landing
from lakehouse_platform.errors import DriftError, SourceError
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.naming import landing_path
from lakehouse_platform.sources.landing import FileGone, Inbox, LandedFile, LandedSource
from lakehouse_platform.zones import raw


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was moved into quarantine."""

    file: str
    """Its name."""
    path: str
    """Where it lies now, below the lake's root."""
    reason: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of the files of a table and a business day."""

    taken: tuple[raw.Extraction, ...]
    """In the order in which the files landed."""
    refused: tuple[Refused, ...]


def day_of(project: Project, file: LandedFile) -> str:
    """The business day of a file: the last one that had ended when it landed, as for what is read from databases, or the first there is.

    What tells it is the file alone, so that it is the same whenever the file is found.
    """
    days = project.environment.partitions
    ended = file.landed_at.astimezone(ZoneInfo(days.time_zone)).date() - dt.timedelta(days=1)
    return max(ended, days.start).isoformat()


def waiting(project: Project, contract: Contract) -> tuple[LandedFile, ...]:
    """Files of a table that are neither in Raw nor in quarantine, in the order in which they landed."""
    return project.inbox(contract.domain).waiting(contract.table)


def take_in(project: Project, contract: Contract, day: str) -> Intake:
    """Take in the files that wait for a business day. One that is refused keeps no other from being taken in.

    The commit comes first, then the file is moved. Whatever is killed in between finds the file again, and its batch in Raw.
    Raises TransientError where a place does not answer; what is done then is done.
    """
    inbox = project.inbox(contract.domain)
    taken, refused = [], []
    for file in inbox.waiting(contract.table):
        if day_of(project, file) == day:
            found = _take(project, inbox, contract, file, day)
            taken += [found] if isinstance(found, raw.Extraction) else []
            refused += [found] if isinstance(found, Refused) else []
    return Intake(tuple(taken), tuple(refused))


def _take(project: Project, inbox: Inbox, contract: Contract, file: LandedFile, day: str) -> raw.Extraction | Refused | None:
    """None for a file that somebody else took, or replaced: what replaced it waits by itself."""
    try:
        why = _misnamed(contract, file)
        if why:
            return _refuse(inbox, contract.table, file, why, contract)
        try:
            source = LandedSource(inbox.files, file, project.environment.partitions.time_zone)
            found = raw.extract(project.lake, contract, source, day, run=f"landed/{file.identity}")
        except (SourceError, DriftError) as error:
            return _refuse(inbox, contract.table, file, str(error), contract)
        inbox.keep(file, contract.table)
        return found
    except FileGone:
        return None


def _misnamed(contract: Contract, file: LandedFile) -> str:
    """Why a file is not even opened, if it is not."""
    if not isinstance(contract.source, Landing) or fnmatchcase(file.name, contract.source.pattern):
        return ""
    return f'Its name does not match "{contract.source.pattern}", the pattern that the contract of {contract.name} says.'


def refuse_undeclared(project: Project, domain: str) -> tuple[Refused, ...]:
    """Move into quarantine what landed in a folder of the domain that no contract takes files from, or beside the folders."""
    inbox = project.inbox(domain)
    declared = {c.table for c in project.landing if c.domain == domain}
    found = [(folder, file) for folder in ("", *inbox.folders) if folder not in declared for file in inbox.waiting(folder)]
    refused = []
    for folder, file in found:
        where = f"{landing_path(domain)}/{', '.join(sorted(declared))}" if declared else f"no folder of {domain}"
        try:
            why = f"No contract takes files from {landing_path(domain, folder)}. Files may land in {where}."
            refused.append(_refuse(inbox, folder, file, why, None))
        except FileGone:
            continue
    return tuple(refused)


def _refuse(inbox: Inbox, folder: str, file: LandedFile, why: str, contract: Contract | None) -> Refused:
    back = f"Correct the file, or the contract, and have it land again in {landing_path(inbox.domain, folder)}."
    declared = {"contract": contract.name, "fingerprint": contract.fingerprint} if contract is not None else {}
    path = inbox.refuse(file, folder, {**declared, "reason": why, "next": back})
    return Refused(file.name, path, why)
