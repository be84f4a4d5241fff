"""The badge of a dataset in Domo: certificates are mirrored there, and the badge shows nothing that is not so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from lakehouse_platform.errors import LakehouseError

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


def plan_badge(dataset: str, found: str | None, *, wanted: bool) -> Change | None:
    """What has to change; None where nothing has. A certificate in another state than Domo shows is taken away where none is wanted."""
    right = found == SHOWN if wanted else found is None
    return None if right else Change(dataset, wanted)


def mirror(badges: Badges, wanted: Mapping[str, bool]) -> Mirrored:
    """See to every badge, those first that have to go; one that fails keeps none of the others from being seen to."""
    done: list[Change] = []
    failed: dict[str, str] = {}
    for dataset in sorted(wanted, key=lambda name: (wanted[name], name)):
        try:
            change = plan_badge(dataset, badges.certificate(dataset), wanted=wanted[dataset])
            if change is not None:
                (badges.certify if change.certified else badges.uncertify)(dataset)
                done.append(change)
        except LakehouseError as error:
            failed[dataset] = str(error)
    return Mirrored(tuple(done), failed)
