"""References to secrets: they say where a value is to be had, never the value; it is fetched when it is first used."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from lakehouse_platform.contracts.nodes import Node
from lakehouse_platform.contracts.strict import Closed
from lakehouse_platform.errors import SettingsError


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


def surroundings(added: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `added`, for a process that is started."""
    return {**os.environ, **added}


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


def _spelled(pattern: str, what: str, value: object) -> object:
    # A secret that was put here by mistake must not get into the message.
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError(f"what stands here is not {what}. A reference says where the secret is, never the secret.")
    return value


Text = Annotated[str, Field(min_length=1)]


class ReferenceBlock(Closed):
    """Exactly one way to a secret."""

    env: Annotated[str, BeforeValidator(partial(_spelled, r"[A-Za-z_]\w*", "the name of an environment variable"))] | None = None
    """Name of an environment variable."""
    file: Text | None = None
    """Path of a file, relative to the project."""
    call: Annotated[str, BeforeValidator(partial(_spelled, r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", "module:function"))] | None = None
    """`module:function`; the function takes nothing and gives a text."""

    @model_validator(mode="before")
    @classmethod
    def _refers(cls, value: object) -> object:
        if not isinstance(value, dict | ReferenceBlock):  # without the value: it may be a secret that was put here by mistake
            raise ValueError('a reference is needed: {env: NAME}, {file: path} or {call: "module:function"}.')
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> ReferenceBlock:
        if len(self.model_fields_set) != 1:
            raise ValueError("a reference is exactly one of env, file and call.")
        return self


def reference_of(block: ReferenceBlock, node: Node, project: Path) -> Reference:
    """The reference that stands at a node."""
    place = f"{node.file.as_posix()}:{node.place}"
    if block.env is not None:
        return Reference("env", block.env, project, place)
    if block.file is not None:
        return Reference("file", block.file, project, place)
    return Reference("call", block.call or "", project, place)
