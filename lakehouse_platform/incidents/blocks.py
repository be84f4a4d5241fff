"""Slack's Block Kit, as far as incidents need it, and its limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakehouse_platform.incidents.base import Block

HEADER, SECTION, BLOCKS, TEXT = 150, 3000, 50, 3000
"""Characters of a header, of a section and of the plain text, and blocks of a message."""


def escaped(text: str) -> str:
    """Text in which Slack sees no markup of its own: only &, < and > are special."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """The text, shortened to `most` characters; never within an entity of `escaped`."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    entity = kept.rfind("&", len(kept) - 4)
    return f"{kept if entity < 0 or ';' in kept[entity:] else kept[:entity]}…"


def header(text: str) -> Block:
    """A title; plain text."""
    return {"type": "header", "text": {"type": "plain_text", "text": cut(text, HEADER), "emoji": True}}


def section(text: str) -> Block:
    """A paragraph in Slack's markup; what it quotes has to be `escaped` before."""
    return {"type": "section", "text": _mrkdwn(text)}


def context(text: str) -> Block:
    """A small line at the end."""
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _mrkdwn(text: str) -> Block:
    """Verbatim: an @here, a #channel or an address in what is quoted stays text."""
    return {"type": "mrkdwn", "text": cut(text, SECTION), "verbatim": True}


def bullets(title: str, lines: Sequence[str], most: int) -> str:
    """A title over at most `most` lines that together fit a section, and how many more there are."""
    kept = list(lines[:most])
    while kept and len(_list(title, kept, len(lines))) > SECTION:
        kept.pop()
    return _list(title, kept, len(lines))


def _list(title: str, kept: Sequence[str], count: int) -> str:
    rest = [f"and {count - len(kept):,} more"] if count > len(kept) else []
    return "\n".join([title, *(f"• {line}" for line in kept), *rest])


def fitted(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """As many blocks as a message may have."""
    return tuple(blocks)[:BLOCKS]
