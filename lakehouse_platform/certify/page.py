"""A dataset's page: what it means, whose it is, how its certificate stands and why, what it is made of, and what is made of it."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lakehouse_platform.certify.approvals import Act, Entry
from lakehouse_platform.certify.evidence import Evidence, Kind
from lakehouse_platform.certify.gates import Gate, shown
from lakehouse_platform.certify.state import Certificate, next_step
from lakehouse_platform.certify.subject import Subject
from lakehouse_platform.contracts.contract import Contract

_KINDS = {"DATA_SOURCE": "dataset"}
"""Domo's words for what people call otherwise."""
NEWEST = 20
"""Observations that a page lists."""
_STYLE = (
    "body{color:#1f2328;background:#fff;margin:2rem auto;max-width:60rem;font:15px/1.5 system-ui,sans-serif}"
    "table{border-collapse:collapse;margin:.5rem 0}th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #d1d9e0;"
    "vertical-align:top}h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: lines, then a table."""

    title: str
    lines: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Downstream:
    """What is made of the dataset in Domo."""

    cards: tuple[str, ...]
    """Titles."""
    others: tuple[tuple[str, str], ...]
    """Datasets and dataflows: kind and id."""


@dataclass(frozen=True, slots=True)
class Page:
    """The page of a dataset."""

    title: str
    sections: tuple[Section, ...]

    @property
    def markdown(self) -> str:
        """The page as Dagster's interface shows it."""
        return "\n\n".join([f"# {_plain(self.title)}", *(part for section in self.sections for part in _markdown(section))]) + "\n"

    @property
    def html(self) -> str:
        """The page as a file of its own."""
        title = html.escape(self.title)
        body = "\n".join(part for section in self.sections for part in _html(section))
        head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
        return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body><h1>{title}</h1>\n{body}\n</body></html>\n'


def build_page(
    contract: Contract, subject: Subject, found: Certificate, approvals: Sequence[Entry], evidence: Iterable[Evidence],
    downstream: Downstream | None, now: dt.datetime,
) -> Page:
    """The page at a moment; `downstream` is None where nobody can be asked for it."""
    title = contract.publication.dataset if contract.publication is not None else contract.name
    return Page(f"{title}: {'certified' if found.active else 'not certified'}", (
        _certificate(subject, found, now),
        Section("What it means", (contract.description,) if contract.description else (), ("column", "type", "required", "meaning"), tuple(
            (c.name, str(c.type), "yes" if c.required or c.name in contract.key else "", c.description) for c in contract.columns)),
        _ownership(contract),
        Section("Gates", (), ("gate", "verdict", "what is known", "since"), tuple(
            (str(gate.gate), str(gate.verdict), gate.text, _at(gate.since)) for gate in found.gates)),
        Section("Approvals", () if approvals else ("Nobody has asked for a certificate.",), *_approvals(approvals)),
        _lineage(subject),
        _downstream(downstream),
        _evidence(subject, evidence),
    ))


def _ownership(contract: Contract) -> Section:
    said = contract.publication
    lines = [f"Owner: {contract.owner}"]
    if said is not None and said.owner:
        lines.append(f"Owner in Domo: {said.owner}")
    policies = tuple(
        (policy.name, policy.column, ", ".join(policy.values), ", ".join([*policy.groups, *policy.users]))
        for policy in (said.row_access if said is not None else ()))
    if said is not None and not policies:
        lines.append("Who may see the dataset sees all of its rows.")
    return Section("Who owns it, and who sees what", tuple(lines), ("policy", "column", "values", "seen by") if policies else (), policies)


def _certificate(subject: Subject, found: Certificate, now: dt.datetime) -> Section:
    since = f" since {shown(found.since)}" if found.since is not None else ""
    ended = found.until is not None and found.until <= now
    until = f" The approval {'ended' if ended else 'ends'} on {shown(found.until)}." if found.until is not None else ""
    state = "active" if found.active else f"not active: its state is {found.state}"
    fresh = next((gate.text for gate in found.gates if gate.gate is Gate.FRESHNESS), "")
    step = next_step(found, subject.fingerprint)
    lines = [f"At {shown(now)} the certificate of {found.name} is {state}{since}.{until}"]
    lines += [f"Not active because of {reason.cause}, since {shown(reason.since)}: {reason.text}" for reason in found.causes]
    lines += [f"Data: {fresh}"] if fresh else []
    return Section("Certificate", (*lines, *([f"Next: {step}"] if step else [])))


def _approvals(entries: Sequence[Entry]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows = tuple(
        (str(entry.act), entry.by, shown(entry.at), _at(entry.until) if entry.act is Act.APPROVED else "", entry.contract[:12], entry.why)
        for entry in entries)
    return (("what", "by", "at", "until", "contract", "why") if rows else ()), rows


def _lineage(subject: Subject) -> Section:
    unknown = (f"Without a contract: {', '.join(subject.unknown)}.",) if subject.unknown else ()
    rows = tuple((asset.key, ", ".join(sorted(asset.checks | asset.schema_checks))) for asset in subject.upstream)
    return Section("What it is made of, down to the sources", unknown, ("table", "checks that count"), rows)


def _downstream(found: Downstream | None) -> Section:
    title = "What is made of it"
    if found is None:
        return Section(title, ("No Domo instance can be asked.",))
    rows = (*(("card", name) for name in found.cards), *((_KINDS.get(kind, kind.lower()), name) for kind, name in found.others))
    return Section(title, () if rows else ("Nothing yet.",), ("kind", "name") if rows else (), rows)


def _evidence(subject: Subject, evidence: Iterable[Evidence]) -> Section:
    keys = {subject.mart.key, *(asset.key for asset in subject.upstream), *([subject.dataset.key] if subject.dataset else [])}
    seen = sorted((e for e in evidence if e.subject in keys), key=lambda e: e.at, reverse=True)
    passed = {True: "yes", False: "no"}
    rows = tuple(
        (shown(e.at), e.subject, e.name or str(e.kind), passed[e.passed] if e.kind is Kind.CHECK else "", e.partition, e.run[:8])
        for e in seen[:NEWEST])
    return Section("Evidence", (f"{len(seen):,} observations; the newest:",), ("at", "asset", "what", "passed", "day", "run"), rows)


def _at(moment: dt.datetime | None) -> str:
    return shown(moment) if moment is not None else ""


def _markdown(section: Section) -> Iterator[str]:
    yield f"## {_plain(section.title)}"
    if section.lines:
        yield "\n\n".join(map(_plain, section.lines))
    if section.headings:
        rows = [section.headings, ("---",) * len(section.headings), *section.rows]
        yield "\n".join(f"| {' | '.join(cell if cell == '---' else _plain(cell) for cell in row)} |" for row in rows)


def _plain(text: str) -> str:
    """Text that markdown does not take for its own."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_|[]<>#" else letter for letter in text)
    return " ".join(escaped.split())


def _html(section: Section) -> Iterator[str]:
    yield f"<h2>{html.escape(section.title)}</h2>"
    yield from (f"<p>{html.escape(line)}</p>" for line in section.lines)
    if section.headings:
        yield "<table><tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in section.headings) + "</tr>"
        yield from ("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in section.rows)
        yield "</table>"
