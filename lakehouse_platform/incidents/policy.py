"""Whom to tell, when, and how often."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from lakehouse_platform.incidents.base import Severity
from lakehouse_platform.settings.serving import Slack

DEFAULT = "default"
SETTLE = dt.timedelta(seconds=90)
"""Three ticks of a sensor that looks every 30 seconds."""
FLAPS = 3
"""Beginnings of one incident from which on its end is told only once that has lasted as long as the first pause."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How an environment wants to be told."""

    channels: Mapping[str, str]
    """Channel ids by `domain/severity`, `domain` or `severity`; `default` for all others."""
    zone: ZoneInfo
    """The business's time zone."""
    mentions: Mapping[str, str] = field(default_factory=dict)
    """Slack's id of an owner: U… or W… of a user, S… of a user group."""
    digest_at: dt.time = dt.time(8)
    repeat: dt.timedelta = dt.timedelta(minutes=30)
    """Before an incident that goes on is told again; the pause doubles each time."""
    longest_pause: dt.timedelta = dt.timedelta(days=1)
    settle: dt.timedelta = SETTLE
    """Before a new incident is told: its cause may be read after its effects, and what passes by itself is no news."""
    ui: str = ""
    """Address of Dagster's interface, as in https://dagster.acme.com; empty where nobody reaches it."""

    @classmethod
    def of(cls, slack: Slack, zone: str, *, ui: str = "", settle: dt.timedelta = SETTLE) -> Policy:
        """The policy that an environment's `slack` block states, in the business's time zone."""
        return cls(
            slack.channels, ZoneInfo(zone), slack.mentions, dt.time.fromisoformat(slack.digest_at),
            dt.timedelta(minutes=slack.repeat_minutes), ui=ui.rstrip("/"), settle=settle)

    def channel(self, domain: str, severity: Severity) -> str:
        """Id of the channel that is told."""
        for name in (f"{domain}/{severity}", domain, str(severity)):
            if name in self.channels:
                return self.channels[name]
        return self.channels[DEFAULT]

    def mention(self, owner: str) -> str:
        """What calls an owner in Slack; empty where no id of theirs is known."""
        found = self.mentions.get(owner, "")
        if found.startswith("S"):
            return f"<!subteam^{found}>"
        return f"<@{found}>" if found else ""

    def pause(self, repeats: int) -> dt.timedelta:
        """How long it is quiet after the given number of repeats."""
        factor: int = 2 ** min(repeats, 20)
        return min(self.repeat * factor, self.longest_pause)

    def slot(self, now: dt.datetime) -> dt.datetime:
        """The newest instant at which a digest is due, at or before now."""
        local = now.astimezone(self.zone)
        today = dt.datetime.combine(local.date(), self.digest_at, tzinfo=self.zone)
        if today <= local:
            return today
        return dt.datetime.combine(local.date() - dt.timedelta(days=1), self.digest_at, tzinfo=self.zone)
