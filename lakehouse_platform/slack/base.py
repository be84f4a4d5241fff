"""What Slack refuses, by what can be done about it."""

from __future__ import annotations

from lakehouse_platform.errors import TerminalError, TransientError


class SlackBusy(TransientError):
    """Slack takes no more calls for now."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that Slack asks for; None where it said nothing."""


class SlackUnavailable(TransientError):
    """Slack does not answer, or its answer was lost: what was asked may be done or not."""


class SlackAccessRefused(TerminalError):
    """The token is not valid, or lacks a scope."""


class SlackChannelRefused(TerminalError):
    """A channel is not there, archived, or closed to the bot."""


class SlackMessageGone(TerminalError):
    """A message was deleted, or is not the bot's."""


class SlackMessageRefused(TerminalError):
    """Slack does not take what a message says."""
