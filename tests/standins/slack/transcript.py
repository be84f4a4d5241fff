"""A channel as a person reads it: parents in their order, threads indented below, edits and reactions marked."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.standins.slack.workspace import Channel, Message

ZONE = dt.UTC


def transcript(channel: Channel, names: Mapping[str, str]) -> str:
    """The channel's text; `names` are those of users and groups by id."""
    lines = [f"#{channel.name}"]
    for parent in (m for m in channel.messages if m.is_parent):
        lines += ["", *_message(parent, names)]
        for reply in channel.thread(parent.ts):
            lines += [f"    {line}".rstrip() for line in _message(reply, names)]
    return "\n".join(lines) + "\n"


def _message(message: Message, names: Mapping[str, str]) -> Iterator[str]:
    at = dt.datetime.fromtimestamp(float(message.ts), ZONE).strftime("%H:%M")
    edits = len(message.versions)
    edited = f"  (updated{f' {edits} times' if edits > 1 else ''})" if edits else ""
    yield f"{names.get(message.user, message.user)}  {at}{edited}"
    body = [line for block in message.blocks for line in _block(block)] or message.text.splitlines()
    yield from (f"  {_plain(line, names)}".rstrip() for line in body)
    said = [f":{name}: {len(users)} ({', '.join(names.get(u, u) for u in users)})" for name, users in message.reactions.items()]
    if said:
        yield f"  {'  '.join(said)}"


def _block(block: Mapping[str, Any]) -> Iterator[str]:
    kind = block["type"]
    if kind == "divider":
        yield "─" * 24
    elif kind == "header":
        yield f"━━ {block['text']['text']} ━━"
    elif kind == "section":
        yield from block.get("text", {}).get("text", "").splitlines()
        for part in block.get("fields", ()):
            yield from part["text"].splitlines()
    elif kind == "context":
        yield " · ".join(part.get("text", part.get("alt_text", "")) for part in block["elements"])
    elif kind == "actions":
        yield "  ".join(f"[{part['text']['text']}]" for part in block["elements"] if "text" in part)
    elif kind == "markdown":
        yield from block["text"].splitlines()


def _plain(line: str, names: Mapping[str, str]) -> str:
    """Mentions by name, links by their text."""
    line = re.sub(r"<@([UW]\w+)>", lambda found: f"@{names.get(found[1], found[1])}", line)
    line = re.sub(r"<!subteam\^(\w+)(?:\|[^>]*)?>", lambda found: f"@{names.get(found[1], found[1])}", line)
    line = re.sub(r"<!(here|channel|everyone)>", r"@\1", line)
    line = re.sub(r"<!date\^\d+\^[^|>]*\|([^>]*)>", r"\1", line)
    line = re.sub(r"<(?:https?|mailto):[^|>]*\|([^>]*)>", r"\1", line)
    return html.unescape(re.sub(r"<((?:https?|mailto):[^>]*)>", r"\1", line))
