"""Slack as a resource: dagster-slack's, with an address that can be set and a token that is fetched when it is first used."""

# Dagster reads the annotations of a resource as they are: no postponed annotations here.

from pathlib import Path
from typing import Literal

import dagster as dg
from dagster_slack import SlackResource
from pydantic import Field

from lakehouse_platform.incidents.slack import SlackChannel
from lakehouse_platform.settings.references import Reference
from lakehouse_platform.settings.serving import Slack
from lakehouse_platform.slack.client import Client, build_client
from lakehouse_platform.slack.messages import SlackMessages

SLACK = "slack"
"""The resource's key."""


class Where(dg.Config):
    """Where a value is to be had. Dagster stores and shows a resource's configuration, so the value is no part of it."""

    kind: Literal["env", "file", "call"]
    target: str
    project: str
    place: str

    @classmethod
    def of(cls, reference: Reference) -> "Where":
        """The same as a reference of an environment."""
        return cls(kind=reference.kind, target=reference.target, project=str(reference.project), place=reference.place)

    def resolve(self) -> str:
        """The value. Raises SettingsError where it is not to be had."""
        return Reference(self.kind, self.target, Path(self.project), self.place).resolve()


class SlackAt(SlackResource):
    """dagster-slack's resource for the workspace that an environment names."""

    token: str = Field(default="", description="Never set: `token_from` says where the token is to be had.")
    token_from: Where
    base_url_from: Where | None = None

    def get_client(self) -> Client:
        """A client with the bot's token. Raises SettingsError where that is not to be had."""
        base_url = self.base_url_from.resolve() if self.base_url_from is not None else None
        return build_client(self.token_from.resolve(), base_url)


def build_slack(slack: Slack) -> SlackAt:
    """The resource of an environment's `slack` block; nothing is resolved yet."""
    api = Where.of(slack.api) if slack.api is not None else None
    return SlackAt(token_from=Where.of(slack.token), base_url_from=api)


def build_channel(slack: Slack) -> SlackChannel:
    """The environment's Slack as incidents are told there; it is connected to when it is first needed."""
    return SlackChannel(SlackMessages(build_slack(slack).get_client))
