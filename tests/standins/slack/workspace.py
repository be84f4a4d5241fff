"""A Slack workspace in memory: its channels, what is written there, and the Web API's methods over it."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.standins.slack.blocks import SlackError, check_message

TEAM, BOT_USER, BOT = "T0STANDIN", "U0LAKEHOUSE", "B0LAKEHOUSE"
MOST_A_PAGE = 999
Arguments = Mapping[str, Any]
Reply = dict[str, Any]


@dataclass
class Message:
    """One message, as it stands now."""

    ts: str
    user: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: dict[str, Any] | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    """Users by the emoji's name, in their order."""
    versions: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    """Text and blocks as they were before each update."""

    @property
    def is_parent(self) -> bool:
        """Whether it stands in the channel itself."""
        return self.thread_ts in (None, self.ts)


@dataclass
class Channel:
    """One conversation."""

    id: str
    name: str
    member: bool = True
    """Whether the bot was invited."""
    archived: bool = False
    messages: list[Message] = field(default_factory=list)

    def find(self, ts: object) -> Message:
        """The message of an instant. Raises SlackError."""
        found = next((m for m in self.messages if m.ts == ts), None)
        if found is None:
            raise SlackError("message_not_found")
        return found

    def thread(self, ts: str) -> list[Message]:
        """A parent's replies, the oldest first."""
        return [m for m in self.messages if m.thread_ts == ts and m.ts != ts]


@dataclass
class Rate:
    """How many messages a channel takes: `burst` at once, then `per_second`."""

    per_second: float = 1.0
    burst: int = 1
    spent: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By channel: messages that are left, and when that was counted."""

    def wait(self, channel: str) -> int:
        """Whole seconds until another message is taken; 0 where it is taken now."""
        now = time.monotonic()
        left, since = self.spent.get(channel, (float(self.burst), now))
        left = min(float(self.burst), left + (now - since) * self.per_second)
        taken = left >= 1
        self.spent[channel] = (left - 1 if taken else left, now)
        return 0 if taken else max(1, round((1 - left) / self.per_second))


@dataclass
class Workspace:
    """All channels of one team, and the bot's token."""

    token: str = "xoxb-stand-in"
    scopes: frozenset[str] = frozenset({"chat:write", "channels:history", "channels:read", "reactions:read", "reactions:write"})
    clock: Callable[[], float] = time.time
    rate: Rate | None = None
    """None takes any number of messages."""
    names: dict[str, str] = field(default_factory=lambda: {BOT_USER: "Lakehouse"})
    """Of users and user groups, by id."""
    channels: dict[str, Channel] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    last: int = 0

    def add_channel(self, channel: str, name: str, *, member: bool = True) -> Channel:
        """A channel, known by its id."""
        return self.channels.setdefault(channel, Channel(channel, name, member))

    def react(self, channel: str, ts: str, emoji: str, user: str = "U0PERSON") -> None:
        """A person puts an emoji on a message."""
        with self.lock:
            users = self.channels[channel].find(ts).reactions.setdefault(emoji, [])
            users += [] if user in users else [user]

    def unreact(self, channel: str, ts: str, emoji: str, user: str = "U0PERSON") -> None:
        """A person takes an emoji back."""
        with self.lock:
            reactions = self.channels[channel].find(ts).reactions
            reactions[emoji].remove(user)
            if not reactions[emoji]:
                del reactions[emoji]

    def say(self, channel: str, text: str, user: str = "U0PERSON", thread_ts: str | None = None) -> str:
        """A person writes; the message's ts."""
        with self.lock:
            message = Message(self._ts(), user, text, thread_ts=thread_ts)
            self.channels[channel].messages.append(message)
            return message.ts

    def parents(self, channel: str) -> list[Message]:
        """Messages that stand in the channel itself, the oldest first."""
        return [m for m in self.channels[channel].messages if m.is_parent]

    def thread(self, channel: str, ts: str) -> list[Message]:
        """Replies to a message, the oldest first."""
        return self.channels[channel].thread(ts)

    def call(self, method: str, token: str | None, given: Arguments) -> Reply:
        """What the Web API answers. Raises SlackError."""
        if not token:
            raise SlackError("not_authed")
        if token != self.token:
            raise SlackError("invalid_auth")
        if method not in _METHODS:
            raise SlackError("unknown_method")
        scope, does = _METHODS[method]
        if scope and scope not in self.scopes:
            raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))
        with self.lock:
            return does(self, given)

    def _auth_test(self, _: Arguments) -> Reply:
        team = {"url": "https://stand-in.slack.com/", "team": "Stand-in", "team_id": TEAM}
        return {**team, "user": "lakehouse", "user_id": BOT_USER, "bot_id": BOT}

    def _post(self, given: Arguments) -> Reply:
        channel = self._channel(given, writing=True)
        check_message(given.get("text"), given.get("blocks"), given.get("metadata"))
        thread = given.get("thread_ts")
        if thread is not None and not any(m.ts == thread and m.is_parent for m in channel.messages):
            raise SlackError("invalid_thread_ts")
        message = Message(
            self._ts(), BOT_USER, given.get("text") or "", list(given.get("blocks") or []), thread, given.get("metadata"))
        channel.messages.append(message)
        return {"channel": channel.id, "ts": message.ts, "message": self._shown(channel, message, metadata=True)}

    def _update(self, given: Arguments) -> Reply:
        channel = self._channel(given, writing=True)
        message = channel.find(given.get("ts"))
        if message.user != BOT_USER:
            raise SlackError("cant_update_message")
        check_message(given.get("text", message.text), given.get("blocks"), given.get("metadata"))
        message.versions.append((message.text, message.blocks))
        # Text alone takes the blocks away; metadata that is not given stays.
        message.blocks = list(given["blocks"]) if given.get("blocks") is not None else [] if "text" in given else message.blocks
        message.text = given.get("text", message.text)
        message.metadata = given.get("metadata", message.metadata)
        return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": self._shown(channel, message, metadata=True)}

    def _delete(self, given: Arguments) -> Reply:
        channel = self._channel(given, writing=True)
        message = channel.find(given.get("ts"))
        if message.user != BOT_USER:
            raise SlackError("cant_delete_message")
        channel.messages.remove(message)
        return {"channel": channel.id, "ts": message.ts}

    def _react(self, given: Arguments) -> Reply:
        message = self._channel(given).find(given.get("timestamp"))
        users = message.reactions.setdefault(str(given.get("name")), [])
        if BOT_USER in users:
            raise SlackError("already_reacted")
        users.append(BOT_USER)
        return {}

    def _reactions(self, given: Arguments) -> Reply:
        channel = self._channel(given)
        message = self._shown(channel, channel.find(given.get("timestamp")), metadata=False)
        return {"type": "message", "channel": channel.id, "message": message}

    def _history(self, given: Arguments) -> Reply:
        channel = self._channel(given)
        if not channel.member:
            raise SlackError("not_in_channel")
        oldest, latest = float(given.get("oldest") or 0), float(given.get("latest") or "inf")
        inclusive = _true(given.get("inclusive"))
        found = [m for m in reversed(self.parents(channel.id)) if _within(float(m.ts), oldest, latest, inclusive=inclusive)]
        return self._page(channel, found, given)

    def _replies(self, given: Arguments) -> Reply:
        channel = self._channel(given)
        if not channel.member:
            raise SlackError("not_in_channel")
        try:
            parent = channel.find(given.get("ts"))
        except SlackError:
            raise SlackError("thread_not_found") from None
        return self._page(channel, [parent, *channel.thread(parent.ts)], given)

    def _info(self, given: Arguments) -> Reply:
        channel = self._channel(given)
        state = {"is_channel": True, "is_archived": channel.archived, "is_member": channel.member}
        return {"channel": {"id": channel.id, "name": channel.name, **state}}

    def _page(self, channel: Channel, found: Sequence[Message], given: Arguments) -> Reply:
        limit = min(int(given.get("limit") or 100), MOST_A_PAGE)
        if limit < 1:
            raise SlackError("invalid_limit")
        start = _cursor(given.get("cursor"))
        metadata = _true(given.get("include_all_metadata"))
        shown = [self._shown(channel, m, metadata=metadata) for m in found[start : start + limit]]
        more = len(found) > start + limit
        after = base64.b64encode(f"next:{start + limit}".encode()).decode() if more else ""
        return {"messages": shown, "has_more": more, "response_metadata": {"next_cursor": after}}

    def _shown(self, channel: Channel, message: Message, *, metadata: bool) -> Reply:
        shown: Reply = {"type": "message", "ts": message.ts, "user": message.user, "text": message.text}
        shown |= {"bot_id": BOT} if message.user == BOT_USER else {}
        shown |= {"blocks": message.blocks} if message.blocks else {}
        thread = message.thread_ts or (message.ts if channel.thread(message.ts) else None)
        shown |= {"thread_ts": thread} if thread else {}
        shown |= {"metadata": message.metadata} if metadata and message.metadata else {}
        said = [{"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()]
        return shown | ({"reactions": said} if said else {})

    def _channel(self, given: Arguments, *, writing: bool = False) -> Channel:
        found = self.channels.get(str(given.get("channel")))
        if found is None:
            raise SlackError("channel_not_found")
        if writing and not found.member:
            raise SlackError("not_in_channel")
        if writing and found.archived:
            raise SlackError("is_archived")
        return found

    def _ts(self) -> str:
        """Unlike any other of the team."""
        self.last = max(self.last + 1, int(self.clock() * 1_000_000))
        return f"{self.last // 1_000_000}.{self.last % 1_000_000:06}"


def _within(ts: float, oldest: float, latest: float, *, inclusive: bool) -> bool:
    return oldest <= ts <= latest if inclusive else oldest < ts < latest


def _true(value: object) -> bool:
    return value in (True, "1", "true", 1)


def _cursor(given: object) -> int:
    if not given:
        return 0
    try:
        return int(base64.b64decode(str(given)).decode().removeprefix("next:"))
    except ValueError:
        raise SlackError("invalid_cursor") from None


_METHODS: Mapping[str, tuple[str, Callable[[Workspace, Arguments], Reply]]] = {
    "auth.test": ("", Workspace._auth_test),
    "chat.postMessage": ("chat:write", Workspace._post),
    "chat.update": ("chat:write", Workspace._update),
    "chat.delete": ("chat:write", Workspace._delete),
    "reactions.add": ("reactions:write", Workspace._react),
    "reactions.get": ("reactions:read", Workspace._reactions),
    "conversations.history": ("channels:history", Workspace._history),
    "conversations.replies": ("channels:history", Workspace._replies),
    "conversations.info": ("channels:read", Workspace._info),
}
"""Scope and what is done, by the method's name."""
