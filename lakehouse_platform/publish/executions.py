"""Executions of Domo's streams, and restatements of partitions: how rows get to readers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from lakehouse_platform import faults
from lakehouse_platform.domo.base import DomoAnswerLost, DomoRefused, DomoUnknown, Patience
from lakehouse_platform.domo.instance import Instance, Progress
from lakehouse_platform.domo.public import DomoApi
from lakehouse_platform.publish.destination import PublicationIncomplete

FIRST_LOOK, LONGEST_LOOK = 0.5, 15.0
"""Seconds between two looks at what goes on; the pause doubles."""


def await_end(ended: Callable[[], bool], most: dt.timedelta, patience: Patience, what: str) -> None:
    """Look until something has ended. Raises PublicationIncomplete where it takes longer than `most`."""
    until, wait = patience.clock() + most, FIRST_LOOK
    while not ended():
        if patience.clock() >= until:
            raise PublicationIncomplete(f"Domo: {what} goes on after {most.total_seconds() / 60:g} minutes; look at it in Domo")
        patience.pause(wait)
        wait = min(wait * 2, LONGEST_LOOK)


@dataclass(frozen=True, slots=True)
class DomoExecution:
    """One execution of a stream."""

    _api: DomoApi
    _longest: dt.timedelta
    """What a commit may take."""
    _stream: str
    id: str

    def upload(self, number: int, part: bytes) -> None:
        """Send a part; it is tried again by itself."""
        self._api.upload(self._stream, self.id, number, part)

    def commit(self) -> None:
        """Commit, and wait until readers see the rows. Raises PublicationIncomplete where Domo ends it otherwise."""
        faults.reach("domo.commit.before")
        self._ask()
        faults.reach("domo.commit.after")
        await_end(self._has_ended, self._longest, self._api.patience, f"the commit of execution {self.id}")
        found = self._api.execution(self._stream, self.id)
        if not found.committed:
            raise PublicationIncomplete(f"Domo: execution {self.id} of stream {self._stream} ended as {found.state}; publish it again")

    def _has_ended(self) -> bool:
        return not self._api.execution(self._stream, self.id).open

    def _ask(self) -> None:
        """The answer may be lost, and the commit done: it is asked again, and then a refusal says that it was."""
        try:
            self._api.commit(self._stream, self.id)
        except DomoAnswerLost:
            if not self._has_ended():
                with suppress(DomoRefused, DomoAnswerLost):
                    self._api.commit(self._stream, self.id)

    def abort(self) -> None:
        """Forget it; one that has ended stays as it is."""
        with suppress(DomoRefused):
            self._api.abort(self._stream, self.id)

    def undone(self) -> bool:
        """Whether its rows have not come and will not, nor those of another that began after it."""
        return not any(e.open or (e.committed and int(e.id) >= int(self.id)) for e in self._api.executions(self._stream))


@dataclass(slots=True)
class DomoDivision:
    """A partition's rows anew."""

    _instance: Instance
    _dataset: str
    _name: str
    id: str

    def upload(self, number: int, part: bytes) -> None:
        """Send a part; it is tried again by itself."""
        self._instance.upload_part(self._dataset, self.id, number, part)

    def commit(self) -> None:
        """Put the rows in their place; readers see them with the whole restatement.

        Raises PublicationIncomplete where Domo does not have all parts.
        """
        try:
            try:
                self._instance.commit_upload(self._dataset, self.id, self._name)
            except DomoAnswerLost:
                with suppress(DomoUnknown):  # it was done the first time, and the upload is no more
                    self._instance.commit_upload(self._dataset, self.id, self._name)
        except DomoRefused as error:
            raise PublicationIncomplete(f"{error} Nothing of it is shown; publish it again.") from error

    def abort(self) -> None:
        """An upload that is never committed is nobody's."""


@dataclass(slots=True)
class DomoRestatement:
    """A change of several partitions, which one index shows."""

    _instance: Instance
    _longest: dt.timedelta
    """What an index may take."""
    _patience: Patience
    _dataset: str
    id: str = field(default="", init=False)
    """Id of the index; empty before the commit."""
    _asked: bool = field(default=False, init=False)

    def division(self, name: str) -> DomoDivision:
        """A partition's rows anew."""
        return DomoDivision(self._instance, self._dataset, name, self._instance.begin_upload(self._dataset, name))

    def drop(self, name: str) -> None:
        """Take a partition's rows away with the index."""
        self._instance.drop_partition(self._dataset, name)

    def commit(self) -> None:
        """Show readers all partitions as they are now. Raises PublicationIncomplete where Domo fails to."""
        faults.reach("domo.index.before")
        self._asked = True
        self.id = index = self._instance.index(self._dataset)
        faults.reach("domo.index.after")
        progress = Progress.RUNNING

        def look() -> bool:
            nonlocal progress
            progress = self._instance.index_progress(self._dataset, index)
            return progress is not Progress.RUNNING

        await_end(look, self._longest, self._patience, f"index {index} of dataset {self._dataset}")
        if progress is Progress.FAILED:
            raise PublicationIncomplete(f"Domo: index {index} of dataset {self._dataset} failed; publish it again")

    def undone(self) -> bool:
        """Whether its rows have not come, and will not."""
        return not self._asked
