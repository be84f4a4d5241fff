"""Messages that carry a key: posted, replaced, found again by it, and what people put on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slack_sdk.web.client import WebClient

from lakehouse_platform.slack.base import SlackMessageRefused
from lakehouse_platform.slack.client import answers

EVENT = "lakehouse_incident"
"""Type of the metadata that messages carry."""
PAGE = 200
SKEW = dt.timedelta(minutes=5)
"""How far this machine's clock may be from Slack's."""
MOST_TEXT = 3000
"""Characters of a message that goes out as plain text because its blocks were refused."""
Blocks = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class SlackMessages:
    """A workspace, through one bot's eyes. Every method raises the errors of this package's `base`."""

    connect: Callable[[], WebClient]
    """Gives the client; called when it is first needed."""

    @cached_property
    def client(self) -> WebClient:
        """The bot's client."""
        return self.connect()

    def post(self, channel: str, text: str, blocks: Blocks, key: str, *, thread: str | None = None) -> str:
        """Post a message that carries `key`, into `thread` where that is given; its ts."""
        metadata = {"event_type": EVENT, "event_payload": {"key": key}}
        place = {"channel": channel, "metadata": metadata, "unfurl_links": False, "unfurl_media": False}
        place |= {"thread_ts": thread} if thread is not None else {}
        return self._write(self.client.chat_postMessage, f"posting to {channel}", text, blocks, place)

    def update(self, channel: str, ts: str, text: str, blocks: Blocks) -> None:
        """Replace what a message says; its metadata stays."""
        self._write(self.client.chat_update, f"updating {ts} in {channel}", text, blocks, {"channel": channel, "ts": ts})

    def _write(self, send: Callable[..., Any], what: str, text: str, blocks: Blocks, place: Mapping[str, object]) -> str:
        said = {"text": text, "blocks": [dict(block) for block in blocks]} if blocks else {"text": text}
        try:
            with answers(what):
                return str(send(**place, **said)["ts"])
        except SlackMessageRefused:
            if not blocks:
                raise
        # A limit that nobody knew of must not keep people from being told.
        with answers(what):
            return str(send(**place, text=text[:MOST_TEXT])["ts"])

    def find(self, channel: str, key: str, *, since: dt.datetime, thread: str | None = None) -> str | None:
        """Ts of the message that carries `key`, the oldest first posted since then; of a reply in `thread` where that is given."""
        oldest = f"{(since - SKEW).timestamp():.6f}"
        given: dict[str, Any] = {"channel": channel, "oldest": oldest, "limit": PAGE, "include_all_metadata": True}
        found = [message for message in self._read(given, thread) if _key(message) == key]
        return min((str(message["ts"]) for message in found), default=None)

    def _read(self, given: Mapping[str, Any], thread: str | None) -> Iterator[Mapping[str, Any]]:
        """Messages of all pages."""
        cursor: str | None = ""
        while cursor is not None:
            asked = {**given, **({"cursor": cursor} if cursor else {})}
            with answers(f"reading {given['channel']}"):
                if thread is None:
                    page = self.client.conversations_history(**asked)
                else:
                    page = self.client.conversations_replies(ts=thread, **asked)
            yield from page.get("messages") or ()
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or None

    def reactions(self, channel: str, ts: str) -> dict[str, list[str]]:
        """Ids of the users that reacted to a message, by the emoji's name without skin tones."""
        with answers(f"reading reactions to {ts} in {channel}"):
            message = self.client.reactions_get(channel=channel, timestamp=ts, full=True)["message"]
        found: dict[str, list[str]] = {}
        for reaction in message.get("reactions") or ():
            found.setdefault(str(reaction["name"]).partition("::")[0], []).extend(reaction["users"])
        return found


def _key(message: Mapping[str, Any]) -> object:
    metadata = message.get("metadata") or {}
    return metadata.get("event_payload", {}).get("key") if metadata.get("event_type") == EVENT else None
