"""Incidents as Slack messages: what broke, for whom, since when, what it means, what to do, and that it is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from lakehouse_platform.incidents import wording
from lakehouse_platform.incidents.base import Block, Incident, Message, Problem, Severity, Stage
from lakehouse_platform.incidents.blocks import TEXT, bullets, context, cut, escaped, fitted, header, section
from lakehouse_platform.incidents.policy import FLAPS, Policy
from lakehouse_platform.incidents.wording import days_of, duration, headline, moment, name_of, subject_of

MOST = 20
"""Assets that a list names."""
SIGNS = {Severity.HIGH: "🔴", Severity.MEDIUM: "🟠", Severity.LOW: "⚪"}
OVER, PART, BACK = "✅", "↪", "🔁"


def parent(incident: Incident, policy: Policy, into: Incident | None = None) -> Message:
    """The message that stands for the incident as it is; `into` is the one that it turned out to be part of."""
    if incident.stage is Stage.MERGED:
        return _merged(incident, into)
    if incident.stage is Stage.RECOVERED:
        return _recovered(incident, policy)
    title = f"{SIGNS[incident.severity]} {_title(incident)}"
    lists = [section(text) for text in (_members(incident), _downstream(incident)) if text]
    steps = "\n".join(["*Next:*", *(f"• {step}" for step in _steps(incident, policy))])
    blocks = (header(title), section("\n".join(_facts(incident, policy))), *lists, section(steps), context(_footer(incident, policy)))
    return Message(cut(escaped(f"{title}. {_extent(incident)}".strip()), TEXT), fitted(blocks))


def _title(incident: Incident) -> str:
    mended = incident.root_problem.closed is not None
    return f"{subject_of(incident)} is mended, what followed from it is not" if mended else headline(incident)


def _standing(incident: Incident) -> Problem:
    """What has to be seen to next: the root; once that is mended, the first of what goes on."""
    root = incident.root_problem
    return min(incident.open_problems, key=lambda p: (p.since, p.key), default=root) if root.closed is not None else root


def _cause(incident: Incident) -> tuple[Problem, list[Problem]]:
    """The root, and the same at the same asset for other business days; those that go on, where any do."""
    root = incident.root_problem
    same = [p for p in incident.problems if (p.asset, p.check, p.error) == (root.asset, root.check, root.error)]
    return root, [p for p in same if p.closed is None] or same


def _facts(incident: Incident, policy: Policy) -> Iterator[str]:
    root, same = _cause(incident)
    about = "" if incident.title == root.asset else f"{name_of(root.asset)}: "
    yield f"*What:* {escaped(about + wording.what(root, days_of(same)))}"
    if root.closed is not None:
        yield f"{OVER} *Mended:* {escaped(moment(root.closed, policy.zone))}"
    yield f"*Means:* {wording.means(_standing(incident))}"
    yield f"*Since:* {escaped(moment(incident.opened, policy.zone))}"
    yield f"*Owner:* {_owner(incident, policy)}"


def _owner(incident: Incident, policy: Policy) -> str:
    if not incident.owner:
        return "nobody is named"
    called = policy.mention(incident.owner)
    return f"{called} ({escaped(incident.owner)})" if called else escaped(incident.owner)


def _others(incident: Incident) -> list[Problem]:
    _, same = _cause(incident)
    return [p for p in incident.problems if p not in same and p.key != incident.root]


def _members(incident: Incident) -> str:
    going_on = [p for p in _others(incident) if p.closed is None]
    ended = len({p.asset for p in _others(incident)} - {p.asset for p in incident.open_problems})
    lines = sorted(_lines(going_on))
    mended = f"{OVER} In order again: {ended:,}" if ended else ""
    named = bullets(f"*Failed, held or late with it ({len(lines):,}):*", lines, MOST) if lines else ""
    return "\n".join(filter(None, (named, mended)))


def _lines(problems: Iterable[Problem]) -> list[str]:
    """One line an asset."""
    at: dict[str, list[Problem]] = {}
    for problem in problems:
        at.setdefault(problem.asset, []).append(problem)
    return [_line(asset, found) for asset, found in at.items()]


def _line(asset: str, problems: Sequence[Problem]) -> str:
    kinds = sorted({p.check if p.trouble.value == "warned" and p.check else str(p.trouble) for p in problems})
    days = days_of(problems)
    return escaped(f"{name_of(asset)}: {', '.join(kinds)}{f' ({wording.listed(days)})' if days else ''}")


def _downstream(incident: Incident) -> str:
    datasets = [a for a in incident.affected if a.startswith(f"{wording.DATASETS}/")]
    tables = [a for a in incident.affected if a not in datasets]
    parts = [("Datasets that wait", datasets), ("Tables that wait", tables)]
    return "\n".join(
        f"*{title} ({len(found):,}):* {escaped(wording.listed([name_of(a) for a in found], MOST))}" for title, found in parts if found)


def _extent(incident: Incident) -> str:
    """How far it reaches, for the line that a telephone shows."""
    going_on = {p.asset for p in incident.open_problems} - {incident.root_problem.asset}
    held = f"{_count(len(going_on), 'more asset')} failed, held or late. " if going_on else ""
    return held + (f"{_count(len(incident.affected), 'asset')} downstream." if incident.affected else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _steps(incident: Incident, policy: Policy) -> Iterator[str]:
    next_one = _standing(incident)
    if incident.title != incident.root_problem.asset and next_one.closed is None and next_one.key == incident.root:
        yield "See that the source can be reached; then, for each table:"
    days = days_of(p for p in incident.open_problems if (p.asset, p.check) == (next_one.asset, next_one.check))
    yield from (escaped(step) for step in wording.next_steps(next_one, days))
    if links := wording.links(next_one, policy.ui):
        yield ", ".join(f"<{escaped(address)}|{name}>" for name, address in links)


def _footer(incident: Incident, policy: Policy) -> str:
    if incident.stage is Stage.ACKNOWLEDGED:
        return f"Incident {incident.id} · 👀 {_person(incident.by)} is at it; its end will be told here"
    if incident.stage is Stage.MUTED:
        until = f"until {moment(incident.until, policy.zone)}" if incident.until else "until it recovers"
        return f"Incident {incident.id} · 🔇 muted {escaped(until)} by {_person(incident.by)}"
    return f"Incident {incident.id} · react with 👀 to take it on, with 🔇 to mute it"


def _person(name: str) -> str:
    """Slack's own ids become names; others stay as they are."""
    is_id = len(name) > 8 and name[0] in "UW" and name.isalnum() and name.isupper()
    return f"<@{name}>" if is_id else escaped(name or "somebody")


def _recovered(incident: Incident, policy: Policy) -> Message:
    title = f"{OVER} {subject_of(incident)} is in order again"
    root, same = _cause(incident)
    ended = incident.recovered or incident.opened
    lines = (
        f"*What was:* {escaped(wording.what(root, days_of(same)))}",
        f"*From:* {escaped(moment(incident.opened, policy.zone))}",
        f"*To:* {escaped(moment(ended, policy.zone))}: {duration(ended - incident.opened)}",
        *([f"*Owner:* {escaped(incident.owner)}"] if incident.owner else []),
    )
    members = _members(incident)
    blocks: Iterable[Block] = (
        header(title), section("\n".join(lines)), *([section(members)] if members else []), context(f"Incident {incident.id}"))
    return Message(escaped(f"{title} after {duration(ended - incident.opened)}."), fitted(blocks))


def _merged(incident: Incident, into: Incident | None) -> Message:
    title = f"{PART} {subject_of(incident)}: part of another incident"
    if into is None:
        said = "It has the same cause as another incident, which is over."
    else:
        where = f" in <#{into.told.channel}>" if into.told is not None else ""
        said = f"It has the same cause as “{escaped(headline(into))}”, incident {into.id}; that one goes on{where}."
    return Message(escaped(title), (header(title), section(said), context(f"Incident {incident.id}")))


def news(incident: Incident, problems: Sequence[Problem], policy: Policy) -> Message:
    """Into the thread: what has joined the incident; its cause, where that is known only now."""
    cause = [p for p in problems if p.key == incident.root]
    others = [p for p in problems if p.key != incident.root]
    told = [f"*The cause is known:* {escaped(name_of(p.asset))}. {escaped(wording.what(p, days_of([p])))}" for p in cause]
    lines = sorted(_lines(others))
    lists = [bullets(f"*Also ({len(lines):,}):*", lines, MOST)] if lines else []
    plain = f"The cause is known: {escaped(headline(incident))}" if cause else f"Also: {wording.listed(lines, 3)}"
    since = min(p.since for p in problems)
    text = "\n".join([*told, *lists])
    return Message(cut(plain, TEXT), (section(text), context(f"Since {escaped(moment(since, policy.zone))}")))


def repeat(incident: Incident, now: dt.datetime) -> Message:
    """Into the thread: that it goes on."""
    assets = len({p.asset for p in incident.open_problems})
    runs = sum(p.occurrences for p in incident.problems)
    seen = f", seen in {runs:,} runs" if runs > len(incident.problems) else ""
    text = f"It goes on: {duration(now - incident.opened)} by now, {_count(assets, 'asset')}{seen}."
    return Message(text, (section(text),))


def back(incident: Incident, policy: Policy) -> Message:
    """Into the thread: that it has come back."""
    since = max(p.since for p in incident.open_problems)
    text = f"{BACK} It is back since {moment(since, policy.zone)}: {headline(incident)}."
    if incident.openings >= FLAPS:
        text += f" It comes and goes: its end is told once that has lasted {duration(policy.pause(0))}."
    return Message(escaped(text), (section(escaped(text)),))


def recovery(incident: Incident) -> Message:
    """Into the thread: that it is over."""
    ended = incident.recovered or incident.opened
    others = len({p.asset for p in incident.problems} - {incident.root_problem.asset})
    also = f" and {_count(others, 'other asset')} are" if others else " is"
    text = f"{OVER} It is over after {duration(ended - incident.opened)}: {subject_of(incident)}{also} in order again."
    return Message(escaped(text), (section(escaped(text)),))


def digest(incidents: Sequence[Incident], fresh: frozenset[str], policy: Policy, day: dt.date) -> Message:
    """The day's low severities in one message; those that no digest has told yet are marked as new."""
    ordered = sorted(incidents, key=lambda i: (i.id not in fresh, i.opened, i.id))
    title = f"{SIGNS[Severity.LOW]} {_count(len(ordered), 'finding')} to look at when there is time"
    lines = [_finding(incident, policy, is_new=incident.id in fresh) for incident in ordered]
    text = escaped(f"{title}: {wording.listed([headline(i) for i in ordered], 3)}")
    return Message(cut(text, TEXT), (
        header(title), section(bullets(f"*{len(fresh):,} new since the last digest*", lines, 2 * MOST)),
        context(f"Digest of {day:%a %d %b %Y}; high and medium severities are told at once")))


def _finding(incident: Incident, policy: Policy, *, is_new: bool) -> str:
    root, same = _cause(incident)
    others = len({p.asset for p in incident.open_problems} - {root.asset})
    also = f" With it: {_count(others, 'other asset')}." if others else ""
    owner = f" · {incident.owner}" if incident.owner else ""
    began = f"{incident.opened.astimezone(policy.zone):%d %b %H:%M}"
    said = f"{subject_of(incident)}: {wording.what(root, days_of(same))}{also} Since {began}{owner} · {incident.id}"
    return escaped(f"{'(new) ' if is_new else ''}{said}")
