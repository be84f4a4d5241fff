"""Slack as a channel of incidents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lakehouse_platform.incidents.base import (
    AccessRefused,
    ChannelBusy,
    ChannelRefused,
    ChannelUnavailable,
    Message,
    MessageGone,
    MessageRefused,
)
from lakehouse_platform.slack.base import (
    SlackAccessRefused,
    SlackBusy,
    SlackChannelRefused,
    SlackMessageGone,
    SlackMessageRefused,
    SlackUnavailable,
)
from lakehouse_platform.slack.messages import SlackMessages


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """Channels of one workspace; implements `Channel`."""

    messages: SlackMessages

    def post(self, channel: str, message: Message, key: str) -> str:
        """Post a parent message; its ts."""
        with _errors():
            return self.messages.post(channel, message.text, message.blocks, key)

    def reply(self, channel: str, thread: str, message: Message, key: str) -> str:
        """Post into a thread; the reply's ts."""
        with _errors():
            return self.messages.post(channel, message.text, message.blocks, key, thread=thread)

    def update(self, channel: str, ts: str, message: Message, key: str) -> None:  # noqa: ARG002 - Slack keeps the metadata
        """Replace what a message says."""
        with _errors():
            self.messages.update(channel, ts, message.text, message.blocks)

    def find(self, channel: str, key: str, *, since: dt.datetime, thread: str | None = None) -> str | None:
        """Ts of the message that carries `key`, among those since then."""
        with _errors():
            return self.messages.find(channel, key, since=since, thread=thread)

    def reactions(self, channel: str, ts: str) -> Mapping[str, Sequence[str]]:
        """Names of the reactions to a message, and who reacted."""
        with _errors():
            return self.messages.reactions(channel, ts)


@contextmanager
def _errors() -> Iterator[None]:
    """Slack's errors as those that the engine knows."""
    try:
        yield
    except SlackBusy as error:
        raise ChannelBusy(str(error), retry_after=error.retry_after) from error
    except SlackUnavailable as error:
        raise ChannelUnavailable(str(error)) from error
    except SlackAccessRefused as error:
        raise AccessRefused(str(error)) from error
    except SlackMessageGone as error:
        raise MessageGone(str(error)) from error
    except SlackMessageRefused as error:
        raise MessageRefused(str(error)) from error
    except SlackChannelRefused as error:
        raise ChannelRefused(str(error)) from error
