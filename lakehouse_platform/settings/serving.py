"""What an environment says of where the business is served: Domo, the warehouse, Slack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from lakehouse_platform.contracts.strict import Closed
from lakehouse_platform.settings.cloud import Count, ObjectUri, Text
from lakehouse_platform.settings.references import Reference, ReferenceBlock

SEVERITIES = ("high", "medium", "low")
"""How bad an incident can be."""


def _time_of_day(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError(f'"{value}" is not a time of day. Write it as 08:00.')
    return value


def _route(value: str) -> str:
    first, _, last = value.partition("/")
    if not first or ("/" in value and last not in SEVERITIES):
        raise ValueError(f'"{value}" is no route. Write `default`, a domain, `domain/severity` or a severity: {", ".join(SEVERITIES)}.')
    return value


def _channel_id(value: str) -> str:
    if not re.fullmatch(r"[CDG][A-Z0-9]+", value):
        raise ValueError(f'"{value}" is not the id of a channel. It stands at the foot of the channel\'s details in Slack: C0123456789.')
    return value


def _member_id(value: str) -> str:
    if not re.fullmatch(r"[SUW][A-Z0-9]+", value):
        raise ValueError(f'"{value}" is not an id of Slack. Write U0123456789 for a user, S0123456789 for a user group.')
    return value


class FolderBlock(Closed):
    """Datasets go to a folder."""

    kind: Literal["folder"]
    path: Text


class InstanceBlock(Closed):
    """A Domo instance's own interface: certificates, tags, partitions, dataflows, lineage."""

    url: ReferenceBlock
    """As in https://acme.domo.com."""
    token: ReferenceBlock
    """A developer token."""


class DomoBlock(Closed):
    """Datasets go to Domo."""

    kind: Literal["domo"]
    client_id: ReferenceBlock
    client_secret: ReferenceBlock
    api: ReferenceBlock | None = None
    """Address of a stand-in; Domo's own where nothing is said."""
    instance: InstanceBlock | None = None
    """Without it datasets are published; there are no certificates' badges, no partitions, no dataflows."""
    commit_minutes: Annotated[float, Field(ge=0)] = 15
    """Domo takes one commit of a stream in so many minutes."""


class RedshiftBlock(Closed):
    """Amazon Redshift, a cluster or a workgroup of Redshift Serverless."""

    kind: Literal["redshift"]
    host: ReferenceBlock
    port: Annotated[int, Field(ge=1, le=65535)] = 5439
    port_from: ReferenceBlock | None = None
    """Where the port is to be had, of a stand-in that takes any; instead of `port`."""
    database: Text
    user: ReferenceBlock
    password: ReferenceBlock
    workgroup: Text | None = None
    """Name of the workgroup; the Data API is asked for it."""
    cluster: Text | None = None
    """Name of the cluster; instead of a workgroup."""
    copy_role: Text
    """ARN of the role by which COPY reads the lake."""
    manifests: ObjectUri
    """Where COPY's manifests are written."""
    tls: bool = True

    @model_validator(mode="after")
    def _one_place(self) -> RedshiftBlock:
        if (self.workgroup is None) is (self.cluster is None):
            raise ValueError("say either workgroup or cluster: the Data API is asked for one of them.")
        return self


class DuckDbBlock(Closed):
    """The embedded warehouse: a file."""

    kind: Literal["duckdb"]
    path: Text


class SlackBlock(Closed):
    """Where people are told."""

    token: ReferenceBlock
    """A bot's token, with the scopes chat:write, channels:history, reactions:read."""
    api: ReferenceBlock | None = None
    """Address of a stand-in, as in http://…/api/; Slack's own where nothing is said."""
    channels: dict[Annotated[str, AfterValidator(_route)], Annotated[str, AfterValidator(_channel_id)]]
    """Channel ids by `domain`, `domain/severity` or `severity`; `default` for all others."""
    mentions: dict[Text, Annotated[str, AfterValidator(_member_id)]] = Field(default={})
    """Slack's id of an owner (`team:name` or an address): U… of a user, S… of a user group."""
    digest_at: Annotated[str, AfterValidator(_time_of_day)] = "08:00"
    """When low severities are told, in the business's time zone."""
    repeat_minutes: Count = 30
    """How soon an incident that goes on is told again in its thread; the pause doubles each time."""
    ui: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    """Address of Dagster's interface, as in https://dagster.acme.com: messages link to runs there."""

    @model_validator(mode="after")
    def _has_default(self) -> SlackBlock:
        if "default" not in self.channels:
            raise ValueError("channels must have a `default`.")
        return self


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that datasets are published to."""

    path: Path
    kind: Literal["folder"] = "folder"


@dataclass(frozen=True, slots=True)
class DomoInstance:
    """A Domo instance's own interface."""

    url: Reference
    token: Reference


@dataclass(frozen=True, slots=True)
class Domo:
    """A Domo account that datasets are published to."""

    client_id: Reference
    client_secret: Reference
    api: Reference | None = None
    instance: DomoInstance | None = None
    commit_minutes: float = 15
    kind: Literal["domo"] = "domo"


@dataclass(frozen=True, slots=True)
class Redshift:
    """A Redshift database."""

    host: Reference
    port: int | Reference
    database: str
    user: Reference
    password: Reference
    copy_role: str
    manifests: str
    """`s3://bucket/folder`."""
    workgroup: str | None = None
    cluster: str | None = None
    tls: bool = True
    kind: Literal["redshift"] = "redshift"


@dataclass(frozen=True, slots=True)
class DuckDbWarehouse:
    """The embedded warehouse."""

    path: Path
    kind: Literal["duckdb"] = "duckdb"


@dataclass(frozen=True, slots=True)
class Slack:
    """A Slack workspace."""

    token: Reference
    channels: Mapping[str, str]
    api: Reference | None = None
    mentions: Mapping[str, str] = field(default_factory=dict)
    digest_at: str = "08:00"
    repeat_minutes: int = 30
    ui: str = ""
