"""The approvals beside a mart's contract: who asked for its certificate, who approved it and until when, who took it back."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.document import parse_document, read_document, write_scalar
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import ContractErrors, Findings, Problem
from lakehouse_platform.contracts.reading import APPROVALS
from lakehouse_platform.contracts.strict import Closed, read_model
from lakehouse_platform.errors import TerminalError

HEADER = "# The certificate of {name}: who asked for it, who approved it, who took it back. Entries are appended, never changed.\n"
_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")
"""ASCII alone: letters of other alphabets that look the same would make two people of one."""


class Act(StrEnum):
    """What somebody did about a certificate."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REVOKED = "revoked"


class ApprovalRefused(TerminalError):
    """What was to be written into a file of approvals is not allowed there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One act."""

    act: Act
    by: str
    """E-mail address."""
    at: dt.datetime
    contract: str = ""
    """Fingerprint of the contract that was requested or approved."""
    until: dt.datetime | None = None
    """When an approval ends."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the entries up to a moment come to."""

    request: Entry | None = None
    """Open: neither approved nor revoked yet."""
    approval: Entry | None = None
    """The newest that nobody revoked; it may have ended."""
    revocation: Entry | None = None
    """The last, where nothing was approved since."""


def _instant(text: str) -> str:
    try:
        said = dt.datetime.fromisoformat(text)
        if said.tzinfo is not None:
            said.astimezone(dt.UTC)  # which may lie beyond the calendar's end
            return text
    except (ValueError, OverflowError):
        pass
    raise ValueError(f'"{text}" is not an instant. Write it with its zone, as in 2026-11-20T09:00:00Z.')


def _words(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank. Say it in words.")
    return text


def _address(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueError(f'"{text}" is not an e-mail address as in ana@example.com.')
    return text


def _fingerprint(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError(f'"{text}" is not a contract\'s fingerprint: 64 digits of 0-9 and a-f, as `lakehouse certify` writes them.')
    return text


Text = Annotated[str, Field(min_length=1), AfterValidator(_words)]
Instant = Annotated[str, AfterValidator(_instant)]
Person = Annotated[str, AfterValidator(_address)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]


class RequestBlock(Closed):
    """Somebody asks for the certificate."""

    by: Person
    at: Instant
    contract: Fingerprint
    """Of the contract as it stood; `lakehouse certify request` writes it."""
    why: Text


class ApprovalBlock(Closed):
    """Somebody else approves the open request."""

    by: Person
    at: Instant
    until: Instant
    contract: Fingerprint
    why: str = ""


class RevocationBlock(Closed):
    """Somebody takes the certificate, or the request, back."""

    by: Person
    at: Instant
    why: Text


class EntryBlock(Closed):
    """One entry of the list."""

    requested: RequestBlock | None = None
    approved: ApprovalBlock | None = None
    revoked: RevocationBlock | None = None

    @model_validator(mode="after")
    def _one_act(self) -> EntryBlock:
        if len(self.said) != 1:
            raise ValueError(f"an entry says one of {', '.join(Act)}.")
        return self

    @property
    def said(self) -> list[tuple[Act, RequestBlock | ApprovalBlock | RevocationBlock]]:
        """The act and what stands below it."""
        every = ((Act.REQUESTED, self.requested), (Act.APPROVED, self.approved), (Act.REVOKED, self.revoked))
        return [(act, block) for act, block in every if block is not None]


def approvals_file(contract: Contract) -> Path:
    """Where a contract's approvals lie, if there are any."""
    return contract.path.with_name(contract.path.stem + APPROVALS)


def load_approvals(contract: Contract) -> tuple[Entry, ...]:
    """The contract's approvals in their order; none where there is no file. Raises ContractErrors with all that is wrong."""
    findings = Findings()
    file = approvals_file(contract)
    entries = read_approvals(file, findings) if file.is_file() else ()
    if findings.found:
        raise ContractErrors(findings.found)
    return entries


def check_approvals(folder: Path, contracts: Iterable[Contract]) -> tuple[Problem, ...]:
    """What is wrong with the files of approvals of a folder of contracts, the valid ones of which are given."""
    findings, known = Findings(), {approvals_file(contract): contract for contract in contracts}
    for file in sorted(folder.glob(f"*/*{APPROVALS}")):
        read_approvals(file, findings)
        beside = file.with_name(file.name.removesuffix(APPROVALS) + ".yaml")
        if not beside.is_file():
            findings.at(file, 1, f"there is no contract {beside.name} beside it. Rename it after its contract, or remove it.")
        elif file in known and known[file].certification is None:
            findings.at(file, 1, f"{beside.name} asks for no certificate. Add `certification: {{}}` to its lakehouse block.")
    return tuple(findings.found)


def read_approvals(file: Path, findings: Findings) -> tuple[Entry, ...]:
    """The entries of a file; what is wrong with it is noted at its line."""
    return _entries(read_document(file, findings), file, findings)


def _entries(document: Node | None, file: Path, findings: Findings) -> tuple[Entry, ...]:
    if document is None or document.value is None:
        return ()
    if not isinstance(document.value, list):
        findings.at(file, 1, "must be a list of entries, as in `- requested: {by: …, at: …, contract: …, why: …}`.")
        return ()
    read = [(node, entry) for node in document.items if (entry := _entry(node, findings)) is not None]
    if not findings.partial and len(read) == len(document.items):
        _check_order(read, findings)
    return tuple(entry for _, entry in read)


def _entry(node: Node, findings: Findings) -> Entry | None:
    before = len(findings.found)
    read = read_model(EntryBlock, node, findings)
    if read is None or len(findings.found) > before:
        return None
    (act, block), = read.said
    approved = block if isinstance(block, ApprovalBlock) else None
    return Entry(
        act, block.by, dt.datetime.fromisoformat(block.at), "" if isinstance(block, RevocationBlock) else block.contract,
        dt.datetime.fromisoformat(approved.until) if approved is not None else None, block.why)


def _check_order(read: Sequence[tuple[Node, Entry]], findings: Findings) -> None:
    standing = Standing()
    for number, (node, entry) in enumerate(read):
        at = node.find((entry.act,))
        if number and entry.at < read[number - 1][1].at:
            findings.add(at.find(("at",)), "is earlier than the entry before it: entries are appended in the order of time.")
        for key, message in _mistakes(standing, entry):
            findings.add(at.find((key,)) if key else at, message)
        standing = after(standing, entry)


def _mistakes(standing: Standing, entry: Entry) -> list[tuple[str, str]]:
    """Keys of an entry and what is wrong there, given what stood before it."""
    if entry.act is Act.REVOKED:
        nothing = standing.request is None and standing.approval is None
        return [("", "revokes what is neither requested nor approved.")] if nothing else []
    if entry.act is Act.REQUESTED:
        return []
    request, found = standing.request, []
    if entry.until is None or entry.until <= entry.at:
        found.append(("until", "`until` is not after `at`: the approval would have ended before it began."))
    if request is None:
        return [*found, ("", "approves without an open request: somebody has to request it first.")]
    if same_person(request.by, entry.by):
        found.append(("by", f"{entry.by} requested it and cannot approve it. Somebody else has to."))
    if request.contract != entry.contract:
        found.append(("contract", "`contract` is not what was requested. Request it again as it is now."))
    return found


def same_person(one: str, other: str) -> bool:
    """Whether two addresses are the same mailbox: `Ana+board@…` is `ana@…`."""
    return _mailbox(one) == _mailbox(other)


def _mailbox(address: str) -> str:
    return re.sub(r"\+[^@]*@", "@", address.strip().casefold())


def after(standing: Standing, entry: Entry) -> Standing:
    """What stands once an entry is added. An approval that is not allowed changes nothing."""
    if entry.act is Act.REQUESTED:
        return Standing(entry, standing.approval, standing.revocation)
    if entry.act is Act.REVOKED:
        return Standing(revocation=entry)
    return standing if _mistakes(standing, entry) else Standing(approval=entry)


def standing_at(entries: Iterable[Entry], now: dt.datetime) -> Standing:
    """What the entries up to a moment come to."""
    standing = Standing()
    for entry in entries:
        if entry.at <= now:
            standing = after(standing, entry)
    return standing


def append_entry(contract: Contract, entry: Entry) -> Path:
    """Add an entry to the contract's file of approvals, which keeps its comments; the file.

    Raises ApprovalRefused where the entry is not allowed after those that stand there, ContractErrors where they are wrong already.
    """
    load_approvals(contract)
    file = approvals_file(contract)
    held = file.read_text(encoding="utf-8") if file.is_file() else HEADER.format(name=contract.name)
    whole = held + ("" if held.endswith("\n") or not held else "\n") + entry_text(entry)
    findings = Findings()
    _entries(parse_document(whole, file, findings), file, findings)
    if findings.found:
        raise ApprovalRefused("Nothing was written.\n" + "\n".join(map(str, findings.found)))
    try:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(whole[len(held):] if file.stat().st_size else whole)
    except OSError as error:
        raise ApprovalRefused(f"{file}: cannot be written: {error.strerror}. Nothing was noted; write where you may.") from error
    return file


def entry_text(entry: Entry) -> str:
    """The entry as it stands in a file."""
    until = {"until": instant_text(entry.until)} if entry.until is not None else {}
    contract = {"contract": entry.contract} if entry.contract else {}
    said = {"by": entry.by, "at": instant_text(entry.at), **until, **contract, **({"why": entry.why} if entry.why else {})}
    return f"- {entry.act}:\n" + "".join(f"    {key}: {_written(value)}\n" for key, value in said.items())


def _written(value: str) -> str:
    # An instant is a text to our reader, quoted or not; without quotes it is easier on the eye.
    return value if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value) else write_scalar(value)


def instant_text(moment: dt.datetime) -> str:
    """An instant in UTC, as in 2026-11-20T09:00:00Z; parts of a second are kept."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"
