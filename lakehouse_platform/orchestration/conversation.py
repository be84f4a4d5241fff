"""How a job elsewhere is told what it is part of, and how its messages come home while it runs: Dagster Pipes over S3.

Dagster's own S3 classes choose random keys, leave them behind, and wait for ever at a message file that is lost.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dagster as dg
from dagster_pipes import PipesContextData, PipesParams

from lakehouse_platform.compute.runs import JobFolder

INTERVAL = 2.0
"""Seconds between looks for new messages."""
PATIENCE = 5.0
"""Seconds that a message file may be missing when a later one is there."""
LOST = "lost"


class ContextInjector(dg.PipesContextInjector):
    """Puts what the job is told under the key that follows from its work."""

    def __init__(self, folder: JobFolder, generation: int) -> None:
        self._folder, self._generation = folder, generation

    @contextmanager
    def inject_context(self, context: PipesContextData) -> Iterator[PipesParams]:
        """The job's parameters; a job that is adopted finds the same."""
        yield {"bucket": self._folder.bucket, "key": self._folder.tell(self._generation, json.dumps(context))}

    def no_messages_debug_text(self) -> str:
        """Where it was put."""
        return f"The job's context is {self._folder.uri}."


class MessageReader(dg.PipesBlobStoreMessageReader):
    """Reads the job's messages from the beginning, whoever started it, and goes past a file that is lost. For one session."""

    def __init__(self, folder: JobFolder, generation: int) -> None:
        super().__init__(interval=INTERVAL)
        self._folder, self._generation = folder, generation
        self._missing_since: float | None = None

    @contextmanager
    def get_params(self) -> Iterator[PipesParams]:
        """Where the job writes."""
        yield {"bucket": self._folder.bucket, "key_prefix": self._folder.messages_prefix(self._generation)}

    def messages_are_readable(self, params: PipesParams) -> bool:  # noqa: ARG002 (the place is known before the job is)
        """They are, from the beginning."""
        return True

    def download_messages_chunk(self, index: int, params: PipesParams) -> str | None:  # noqa: ARG002 (as above)
        """The next file, None while it is not there; a lost one reads as a line that is no message."""
        found = self._folder.message(self._generation, index)
        if found is None:
            return LOST if self._lost(index) else None
        self._missing_since = None
        return found

    def _lost(self, index: int) -> bool:
        """Whether a later file has been there for a while; files are written one after the other."""
        if self._folder.newest_message(self._generation) <= index:
            return False
        self._missing_since = self._missing_since or time.monotonic()
        lost = time.monotonic() - self._missing_since > PATIENCE
        self._missing_since = None if lost else self._missing_since
        return lost

    def no_messages_debug_text(self) -> str:
        """Where they were looked for."""
        return f"Messages were looked for in {self._folder.uri}."


def show_logs(streams: Mapping[str, str]) -> None:
    """Print what the driver printed where Dagster keeps a step's output."""
    for name, text in sorted(streams.items()):
        target = sys.stderr if name == "stderr" else sys.stdout
        target.write(f"--- the driver's {name}\n{text}\n")
        target.flush()
