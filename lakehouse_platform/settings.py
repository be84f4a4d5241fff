"""An environment: what a lakehouse is bound to where it runs. Secrets are references, resolved when they are first used."""

from __future__ import annotations

import datetime as dt
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from lakehouse_platform.contracts.document import read_document
from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.problems import Findings, Problem
from lakehouse_platform.contracts.strict import Closed, read_model
from lakehouse_platform.errors import ContractError, SettingsError, UnknownName, did_you_mean
from lakehouse_platform.naming import check_name

FOLDER = "resources"
"""Folder of a project with one file an environment."""


class SettingsErrors(SettingsError):
    """Everything that is wrong with an environment's file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is to be had; never the secret itself."""

    kind: Literal["env", "file", "call"]
    target: str
    """Name of an environment variable, path of a file (relative to the project), or `module:function`."""
    project: Path
    place: str
    """File and line that hold the reference."""

    def __repr__(self) -> str:
        return f"Reference({self.kind}: {self.target})"

    def resolve(self) -> str:
        """The value. Raises SettingsError where it is not to be had."""
        value = {"env": self._variable, "file": self._content, "call": self._result}[self.kind]()
        if not value:
            raise self._error(f"{self.kind} {self.target} gives nothing. It must give a text.")
        return value

    def _variable(self) -> str | None:
        if self.target not in os.environ:
            raise self._error(f"the environment variable {self.target} is not set. Set it, or refer to a file or a call.")
        return os.environ[self.target]

    def _content(self) -> str:
        try:
            return (self.project / self.target).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._error(f"the file {self.target} cannot be read: {type(error).__name__}.") from error

    def _result(self) -> str | None:
        value = load_function(self.project, self.target, self.place)()
        return value if isinstance(value, str) else None

    def _error(self, message: str) -> SettingsError:
        return SettingsError(f"{self.place}: {message}")


def load_function(project: Path, target: str, place: str) -> Callable[..., object]:
    """The project's function `module:function`, which `place` refers to. Raises SettingsError where there is none."""
    module, _, function = target.partition(":")
    if str(project) not in sys.path:
        sys.path.insert(0, str(project))
    try:
        found: Callable[..., object] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"{place}: {target} cannot be called: {error}.") from error
    return found


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """Where the lake is."""

    root: str
    """Absolute path, or a URI as it was written."""


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
class Destination:
    """Where datasets are published."""

    kind: str
    path: Path


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
    publish: Mapping[str, Destination]
    """By name of the destination; `domo` is the only one."""
    demo: str | None = None
    """`module:function` of the instance that opens the business which `lakehouse demo` plays."""

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


def _spelled(pattern: str, what: str, value: object) -> object:
    # A secret that was put here by mistake must not get into the message.
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError(f"what stands here is not {what}. A reference says where the secret is, never the secret.")
    return value


Text = Annotated[str, Field(min_length=1)]
Zone = Annotated[str, BeforeValidator(_zone)]
Day = Annotated[dt.date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Name = Annotated[str, AfterValidator(_name)]


class ReferenceBlock(Closed):
    """Exactly one way to a secret."""

    env: Annotated[str, BeforeValidator(partial(_spelled, r"[A-Za-z_]\w*", "the name of an environment variable"))] | None = None
    """Name of an environment variable."""
    file: Text | None = None
    """Path of a file, relative to the project."""
    call: Annotated[str, BeforeValidator(partial(_spelled, r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", "module:function"))] | None = None
    """`module:function`; the function takes nothing and gives a text."""

    @model_validator(mode="after")
    def _exactly_one(self) -> ReferenceBlock:
        if len(self.model_fields_set) != 1:
            raise ValueError("a reference is exactly one of env, file and call.")
        return self


class LakeBlock(Closed):
    """Where the lake is."""

    root: Text
    """Relative to the project, absolute, or a URI."""


class PartitionsBlock(Closed):
    """The business days."""

    start: Day
    time_zone: Zone


class ConnectionBlock(Closed):
    """A source database."""

    kind: Literal["postgresql"]
    uri: ReferenceBlock
    time_zone: Zone


class DestinationBlock(Closed):
    """Where datasets are published."""

    kind: Literal["folder"]
    path: Text


class PublishBlock(Closed):
    """The destinations."""

    domo: DestinationBlock | None = None


class EnvironmentFile(Closed):
    """The whole file."""

    lake: LakeBlock
    partitions: PartitionsBlock
    connections: dict[Name, ConnectionBlock]
    publish: PublishBlock = PublishBlock()
    demo: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    """`module:function` that opens the business which `lakehouse demo` plays."""


def _environment(read: EnvironmentFile, node: Node, file: Path, project: Path) -> Environment:
    connections = {
        name: Connection(name, block.kind, _reference(block.uri, node.find(("connections", name, "uri")), project), block.time_zone)
        for name, block in read.connections.items()
    }
    domo = read.publish.domo
    root = read.lake.root
    return Environment(
        name=file.stem, path=file, project=project, lake=LakeSettings(root if "://" in root else str(project / root)),
        partitions=PartitionSettings(read.partitions.start, read.partitions.time_zone), connections=connections,
        publish={"domo": Destination(domo.kind, project / domo.path)} if domo is not None else {}, demo=read.demo,
    )  # fmt: skip


def _reference(block: ReferenceBlock, node: Node, project: Path) -> Reference:
    place = f"{node.file.as_posix()}:{node.place}"
    if block.env is not None:
        return Reference("env", block.env, project, place)
    if block.file is not None:
        return Reference("file", block.file, project, place)
    return Reference("call", block.call or "", project, place)
