"""What Slack takes as a message: its limits, and how it says that one is passed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

MOST_TEXT, MOST_BLOCKS, MOST_BLOCKS_TEXT, MOST_METADATA = 40_000, 50, 13_000, 8_000
"""Characters of `text`, number of blocks, characters of all blocks as JSON (measured by others, not in Slack's pages), of metadata."""
TYPES = frozenset({
    "actions", "context", "divider", "file", "header", "image", "input", "markdown", "rich_text", "section", "table", "video",
})  # fmt: skip

Block = Mapping[str, Any]
Faulty = Iterator[tuple[str, str]]
"""Where below the block, and what is wrong there."""


class SlackError(Exception):
    """An answer `ok: false`."""

    def __init__(self, error: str, messages: Sequence[str] = (), **details: Any) -> None:
        super().__init__(error)
        self.error = error
        self.details = details | ({"response_metadata": {"messages": list(messages)}} if messages else {})


def check_message(text: object, blocks: object, metadata: object) -> None:
    """Refuse what Slack refuses. Raises SlackError."""
    if blocks is None and not (isinstance(text, str) and text.strip()):
        raise SlackError("no_text")
    if isinstance(text, str) and len(text) > MOST_TEXT:
        raise SlackError("msg_too_long")
    if blocks is not None:
        _check_blocks(blocks)
    if metadata is not None:
        _check_metadata(metadata)


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(metadata)) > MOST_METADATA:
        raise SlackError("metadata_too_large")


def _check_blocks(blocks: object) -> None:
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    if len(blocks) > MOST_BLOCKS:
        raise SlackError("invalid_blocks", [f"[ERROR] no more than {MOST_BLOCKS} items allowed [json-pointer:/blocks]"])
    found = [f"[ERROR] {what} [json-pointer:/blocks/{n}{where}]" for n, block in enumerate(blocks) for where, what in _faults(block)]
    if found:
        raise SlackError("invalid_blocks", found)
    if len(json.dumps(blocks, ensure_ascii=False)) > MOST_BLOCKS_TEXT:
        raise SlackError("msg_blocks_too_long")


def _faults(block: Block) -> Faulty:
    kind = block.get("type")
    if kind not in TYPES:
        yield "/type", "unsupported type" if "type" in block else "missing required field: type"
        return
    if len(str(block.get("block_id", ""))) > 255:
        yield "/block_id", "must be less than 256 characters"
    check = _CHECKS.get(str(kind))
    if check is not None:
        yield from check(block)


def _header(block: Block) -> Faulty:
    yield from _text(block.get("text"), "/text", 150, kinds=("plain_text",))


def _section(block: Block) -> Faulty:
    if "text" not in block and "fields" not in block:
        yield "", "missing required field: text"
    if "text" in block:
        yield from _text(block["text"], "/text", 3000)
    yield from _each(block.get("fields", []), "/fields", 10, lambda field, where: _text(field, where, 2000))


def _context(block: Block) -> Faulty:
    yield from _each(block.get("elements"), "/elements", 10, _context_element)


def _context_element(element: Any, where: str) -> Faulty:
    if not isinstance(element, dict) or element.get("type") != "image":
        yield from _text(element, where, 3000)


def _actions(block: Block) -> Faulty:
    yield from _each(block.get("elements"), "/elements", 25, _button)


def _button(element: Any, where: str) -> Faulty:
    if isinstance(element, dict) and element.get("type") == "button":
        yield from _text(element.get("text"), f"{where}/text", 75, kinds=("plain_text",))
        if len(str(element.get("url", ""))) > 3000:
            yield f"{where}/url", "must be less than 3001 characters"


def _markdown(block: Block) -> Faulty:
    if not isinstance(block.get("text"), str) or len(block["text"]) > 12_000:
        yield "/text", "must be less than 12001 characters"


_CHECKS: Mapping[str, Callable[[Block], Faulty]] = {
    "header": _header, "section": _section, "context": _context, "actions": _actions, "markdown": _markdown,
}  # fmt: skip


def _each(items: object, where: str, most: int, check: Callable[[Any, str], Faulty]) -> Faulty:
    if not isinstance(items, list):
        yield where, f"missing required field: {where.strip('/')}"
        return
    if len(items) > most:
        yield where, f"no more than {most} items allowed"
    for number, item in enumerate(items):
        yield from check(item, f"{where}/{number}")


def _text(text: object, where: str, most: int, *, kinds: Sequence[str] = ("plain_text", "mrkdwn")) -> Faulty:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield where, f"must be a valid text object of type {' or '.join(kinds)}"
        return
    content = text.get("text")
    if not isinstance(content, str) or not content:
        yield f"{where}/text", "must be more than 0 characters"
    elif len(content) > most:
        yield f"{where}/text", f"must be less than {most + 1} characters"
