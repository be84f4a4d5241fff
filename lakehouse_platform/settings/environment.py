"""An environment: what a lakehouse is bound to where it runs. Secrets are references, resolved when they are first used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from lakehouse_platform.contracts.document import read_document
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings, Problem
from lakehouse_platform.contracts.strict import Closed, read_model
from lakehouse_platform.errors import ContractError, SettingsError, UnknownName, did_you_mean
from lakehouse_platform.naming import Zone as LakeZone
from lakehouse_platform.naming import check_name
from lakehouse_platform.settings.cloud import (
    AthenaBlock,
    Aws,
    AwsBlock,
    CatalogBlock,
    ComputeBlock,
    LandingBlock,
    ObjectStore,
    StorageClass,
)
from lakehouse_platform.settings.references import Reference, ReferenceBlock, reference_of
from lakehouse_platform.settings.serving import (
    Domo,
    DomoBlock,
    DomoInstance,
    DuckDbBlock,
    DuckDbWarehouse,
    Folder,
    FolderBlock,
    Redshift,
    RedshiftBlock,
    Slack,
    SlackBlock,
)

FOLDER = "resources"
"""Folder of a project with one file an environment."""
IN_PROCESS = ComputeBlock()
"""Nothing but this process runs steps."""


class SettingsErrors(SettingsError):
    """Everything that is wrong with an environment's file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """Where the lake is."""

    root: str
    """Absolute path, or a URI as it was written, without a trailing slash."""
    store: ObjectStore | None = None
    """How its objects are reached; None for folders."""


@dataclass(frozen=True, slots=True)
class PartitionSettings:
    """The business days."""

    start: dt.date
    """First day there is a partition for."""
    time_zone: str
    """IANA name of where a day begins and ends."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A source database."""

    name: str
    kind: str
    uri: Reference
    time_zone: str
    """What its wall-clock times mean."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that differs between a laptop, test and production."""

    name: str
    path: Path
    """The environment's file."""
    project: Path
    """Folder that relative paths start from."""
    lake: LakeSettings
    partitions: PartitionSettings
    connections: Mapping[str, Connection]
    domo: Folder | Domo | None = None
    """Where datasets are published; None: nowhere."""
    warehouse: Redshift | DuckDbWarehouse | None = None
    """None: nothing is loaded."""
    slack: Slack | None = None
    """None: incidents are only logged."""
    demo: str | None = None
    """`module:function` of the instance that opens the business which `lakehouse demo` plays."""
    aws: Aws | None = None
    catalog: CatalogBlock | None = None
    """None: no table is registered anywhere."""
    athena: AthenaBlock | None = None
    compute: ComputeBlock = IN_PROCESS
    landing: Reference | None = None
    """URL of the queue that says which files have landed."""

    def connection(self, name: str) -> Connection:
        """The connection called `name`. Raises UnknownName where there is none."""
        if name not in self.connections:
            known = did_you_mean(name, self.connections, noun="connections")
            raise UnknownName(f'{self.path.as_posix()}: unknown connection "{name}". {known}')
        return self.connections[name]


def environment_names(folder: Path) -> tuple[str, ...]:
    """Names of the environments of the project in `folder`."""
    return tuple(sorted(file.stem for file in (folder / FOLDER).glob("*.yaml") if not file.name.startswith(("_", "."))))


def load_environment(folder: Path, name: str) -> Environment:
    """The environment `resources/<name>.yaml` of the project in `folder`.

    Raises UnknownName where there is no such file and SettingsErrors with everything that is wrong with it.
    """
    if name not in (names := environment_names(folder)):
        raise UnknownName(f'unknown environment "{name}". {did_you_mean(name, names, noun="environments")}')
    file, findings = folder / FOLDER / f"{name}.yaml", Findings()
    node = read_document(file, findings) or Node(file, 1, {})
    read = read_model(EnvironmentFile, node, findings)
    if findings.found or read is None:
        raise SettingsErrors(findings.found)
    return _environment(read, node, file, folder.absolute())


def environment_schema() -> dict[str, object]:
    """JSON Schema of an environment's file, for editors."""
    return EnvironmentFile.model_json_schema()


def _zone(value: object) -> object:
    try:
        return ZoneInfo(value).key if isinstance(value, str) else value
    except (ValueError, OSError, ZoneInfoNotFoundError):
        near = get_close_matches(str(value), available_timezones(), n=1)
        hint = f'Did you mean "{near[0]}"? ' if near else ""
        raise ValueError(f'unknown time zone "{value}". {hint}Take an IANA name.') from None


def _name(value: str) -> str:
    try:
        return check_name(value, noun="connection name")
    except ContractError as error:
        raise ValueError(str(error)) from None


def _day(value: object) -> object:
    try:
        return dt.date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f'"{value}" is not a day. Write it as 2026-11-01.') from None


Text = Annotated[str, Field(min_length=1)]
Zone = Annotated[str, BeforeValidator(_zone)]
Day = Annotated[dt.date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Name = Annotated[str, AfterValidator(_name)]


class LakeBlock(Closed):
    """Where the lake is."""

    root: Text
    """Relative to the project, absolute, or a URI."""
    kms_key: Text | None = None
    """ARN of the key that objects are encrypted with (SSE-KMS); the bucket's default without."""
    storage_class: dict[Annotated[LakeZone, Field(strict=False)], StorageClass] = Field(default={})
    """Storage class of a zone's objects."""


class PartitionsBlock(Closed):
    """The business days."""

    start: Day
    time_zone: Zone


class ConnectionBlock(Closed):
    """A source database."""

    kind: Literal["postgresql"]
    uri: ReferenceBlock
    time_zone: Zone


class PublishBlock(Closed):
    """The destinations."""

    domo: Annotated[FolderBlock | DomoBlock, Field(discriminator="kind")] | None = None


class EnvironmentFile(Closed):
    """The whole file."""

    lake: LakeBlock
    partitions: PartitionsBlock
    connections: dict[Name, ConnectionBlock]
    publish: PublishBlock = PublishBlock()
    warehouse: Annotated[RedshiftBlock | DuckDbBlock, Field(discriminator="kind")] | None = None
    slack: SlackBlock | None = None
    demo: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    """`module:function` that opens the business which `lakehouse demo` plays."""
    aws: AwsBlock | None = None
    catalog: CatalogBlock | None = None
    athena: AthenaBlock | None = None
    compute: ComputeBlock = ComputeBlock()
    landing: LandingBlock | None = None

    @model_validator(mode="after")
    def _on_aws(self) -> EnvironmentFile:
        on_s3 = self.lake.root.startswith("s3://")
        redshift = isinstance(self.warehouse, RedshiftBlock)
        if redshift and not on_s3:
            raise ValueError("Redshift's COPY cannot see a folder of this machine: lake.root must be on S3.")
        needing = [n for n in ("catalog", "athena", "landing") if getattr(self, n)] + (["a lake on S3"] if on_s3 else [])
        if needing and self.aws is None:
            raise ValueError(f"{', '.join(needing)}: the environment must say which region. Add `aws: {{region: …}}`.")
        jobs = [n for n in ("emr_serverless", "glue") if getattr(self.compute, n)]
        if (jobs or self.catalog or self.athena) and not on_s3:
            raise ValueError(f"{', '.join(jobs) or 'the catalog'} cannot see a folder of this machine: lake.root must be on S3.")
        if not on_s3 and (self.lake.kms_key or self.lake.storage_class):
            raise ValueError("kms_key and storage_class are about objects on S3, and the lake is a folder.")
        return self


def _environment(read: EnvironmentFile, node: Node, file: Path, project: Path) -> Environment:
    def reference(block: ReferenceBlock, *path: str) -> Reference:
        return reference_of(block, node.find(path), project)

    connections = {
        name: Connection(name, block.kind, reference(block.uri, "connections", name, "uri"), block.time_zone)
        for name, block in read.connections.items()
    }
    block = read.aws
    endpoint = reference(block.endpoint, "aws", "endpoint") if block is not None and block.endpoint is not None else None
    aws = Aws(block.region, endpoint) if block is not None else None
    return Environment(
        name=file.stem, path=file, project=project, lake=_lake(read.lake, aws, project),
        partitions=PartitionSettings(read.partitions.start, read.partitions.time_zone), connections=connections,
        domo=_domo(read.publish.domo, reference, project), warehouse=_warehouse(read.warehouse, reference, project),
        slack=_slack(read.slack, reference), demo=read.demo,
        aws=aws, catalog=read.catalog, athena=read.athena, compute=read.compute,
        landing=reference(read.landing.queue, "landing", "queue") if read.landing is not None else None,
    )  # fmt: skip


class _Refers(Protocol):
    def __call__(self, block: ReferenceBlock, *path: str) -> Reference: ...


def _domo(block: FolderBlock | DomoBlock | None, reference: _Refers, project: Path) -> Folder | Domo | None:
    if block is None or isinstance(block, FolderBlock):
        return Folder(project / block.path) if block is not None else None
    at = ("publish", "domo")
    inside, where = block.instance, (*at, "instance")
    instance = DomoInstance(reference(inside.url, *where, "url"), reference(inside.token, *where, "token")) if inside is not None else None
    api = reference(block.api, *at, "api") if block.api is not None else None
    client, secret = reference(block.client_id, *at, "client_id"), reference(block.client_secret, *at, "client_secret")
    return Domo(client, secret, api, instance, block.commit_minutes)


def _warehouse(block: RedshiftBlock | DuckDbBlock | None, reference: _Refers, project: Path) -> Redshift | DuckDbWarehouse | None:
    if block is None or isinstance(block, DuckDbBlock):
        return DuckDbWarehouse(project / block.path) if block is not None else None
    host, user, password = (reference(getattr(block, name), "warehouse", name) for name in ("host", "user", "password"))
    port = reference(block.port_from, "warehouse", "port_from") if block.port_from is not None else block.port
    return Redshift(host, port, block.database, user, password, block.copy_role, block.manifests, block.workgroup, block.cluster, block.tls)


def _slack(block: SlackBlock | None, reference: _Refers) -> Slack | None:
    if block is None:
        return None
    api = reference(block.api, "slack", "api") if block.api is not None else None
    token = reference(block.token, "slack", "token")
    return Slack(token, block.channels, api, block.mentions, block.digest_at, block.repeat_minutes, block.ui or "")


def _lake(block: LakeBlock, aws: Aws | None, project: Path) -> LakeSettings:
    if "://" not in block.root:
        return LakeSettings(str(project / block.root))
    store = ObjectStore(aws.region, aws.endpoint, block.kms_key, {str(z): c for z, c in block.storage_class.items()}) if aws else None
    return LakeSettings(block.root.rstrip("/"), store)
