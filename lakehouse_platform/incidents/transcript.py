"""What a channel shows, as text: for the command line, and for people who read a test's output."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from lakehouse_platform.incidents.base import Message

_LINK = re.compile(r"<([^|<>]+)\|([^<>]*)>")
_MENTION = re.compile(r"<(?:!subteam\^|@|#)([^<>|]+)>")


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as it stands in a channel."""

    ts: str
    message: Message
    at: dt.datetime
    thread: str | None = None
    """Ts of its parent."""
    edited: bool = False
    reactions: tuple[str, ...] = ()


def transcript(posted: Iterable[Posted], zone: ZoneInfo) -> str:
    """Messages in their order, each with its thread below it."""
    ordered = sorted(posted, key=lambda p: p.ts)
    threads: dict[str, list[Posted]] = {}
    for one in ordered:
        if one.thread is not None:
            threads.setdefault(one.thread, []).append(one)
    parents = [one for one in ordered if one.thread is None]
    return "\n\n".join("\n".join(_parent(one, threads.get(one.ts, ()), zone)) for one in parents)


def _parent(one: Posted, replies: Sequence[Posted], zone: ZoneInfo) -> Iterable[str]:
    marks = " ".join(["(edited)"] * one.edited + [f":{name}:" for name in one.reactions])
    yield f"[{one.at.astimezone(zone):%a %d %b %H:%M}] {marks}".rstrip()
    yield from (f"  {line}" for line in shown(one.message))
    for reply in replies:
        first, *rest = shown(reply.message)
        yield f"    └ [{reply.at.astimezone(zone):%a %d %b %H:%M}] {first}"
        yield from (f"      {line}" for line in rest)


def shown(message: Message) -> list[str]:
    """The lines that a person sees of a message: its blocks, or its text where it has none."""
    texts = [text for block in message.blocks for text in _texts(block)] or [message.text]
    return [plain(line) for text in texts for line in text.splitlines()]


def _texts(block: Mapping[str, object]) -> Iterable[str]:
    for part in (block.get("text"), *_elements(block)):
        if isinstance(part, Mapping):
            yield str(part.get("text", ""))


def _elements(block: Mapping[str, object]) -> Iterable[object]:
    found = block.get("elements", ())
    return found if isinstance(found, list | tuple) else ()


def plain(text: str) -> str:
    """A line of Slack's markup as it is read: links by their names, mentions with @, entities as characters."""
    named = _MENTION.sub(lambda found: f"@{found[1]}", _LINK.sub(lambda found: f"{found[2]} ({found[1]})", text))
    bare = re.sub(r"\*([^*\n]+)\*", r"\1", named)
    return bare.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
