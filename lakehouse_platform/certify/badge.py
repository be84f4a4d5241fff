"""The badge of a dataset in Domo: certificates are mirrored there, and the badge shows nothing that is not so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from lakehouse_platform.errors import LakehouseError, TransientError

SHOWN = "ACTIVE"
"""State in which Domo shows a certificate as a badge."""


class Badges(Protocol):
    """Where datasets carry badges (`domo/instance.py`)."""

    def certificate(self, dataset: str) -> str | None:
        """State of a dataset's certificate; None where it has none."""
    def certify(self, dataset: str) -> None:
        """Give a dataset its badge."""
    def uncertify(self, dataset: str) -> None:
        """Take it away."""


@dataclass(frozen=True, slots=True)
class Change:
    """A badge that is not as it should be."""

    dataset: str
    """Id in Domo."""
    certified: bool
    """Whether it is to have one."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What became of badges."""

    changes: tuple[Change, ...] = ()
    """Done."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Why, for datasets whose badge could not be seen to; the next time is as good."""


@dataclass(slots=True)
class Waiting:
    """Time that was lost to calls that failed: once it is too much, the next ones are left for another time.

    Without it, a Domo that takes calls and answers none keeps a look at the certificates from ever ending.
    """

    seconds: float = 10.0
    clock: Callable[[], float] = time.monotonic
    _begun: float = 0.0
    _lost: float = 0.0

    def __enter__(self) -> None:
        """Begin a call. Raises TransientError where enough time was lost already."""
        if self._lost > self.seconds:
            raise TransientError("it was not asked: Domo has not answered for others in time.")
        self._begun = self.clock()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Count the call where it failed."""
        if error is not None:
            self._lost += self.clock() - self._begun


def plan_badge(dataset: str, found: str | None, *, wanted: bool) -> Change | None:
    """What has to change; None where nothing has. A certificate in another state than Domo shows is taken away where none is wanted."""
    right = found == SHOWN if wanted else found is None
    return None if right else Change(dataset, wanted)


def mirror(badges: Badges, wanted: Mapping[str, bool], waiting: Waiting) -> Mirrored:
    """See to every badge, those first that have to go; one that fails keeps none of the others from being seen to."""
    done: list[Change] = []
    failed: dict[str, str] = {}
    for dataset in sorted(wanted, key=lambda name: (wanted[name], name)):
        try:
            with waiting:
                change = plan_badge(dataset, badges.certificate(dataset), wanted=wanted[dataset])
                if change is not None:
                    (badges.certify if change.certified else badges.uncertify)(dataset)
                    done.append(change)
        except LakehouseError as error:
            failed[dataset] = str(error)
    return Mirrored(tuple(done), failed)
