"""What a dataset in Domo says of whose it is and how it was made."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """By what a dataset is known as the platform's, at the end of its description. It is made with the dataset, in one call."""

    mart: str
    """`domain.table`."""
    key: tuple[str, ...] = ()
    """By which its stream puts rows in the place of others; that cannot be changed afterwards."""
    division: str | None = None
    """Column by which it is divided; nor can that."""

    @property
    def tag(self) -> str:
        """The same as a tag, by which a dataset without the mark is adopted."""
        return f"lakehouse:{self.mart}"

    def __str__(self) -> str:
        key = f"; key: {', '.join(self.key)}" if self.key else ""
        return f"Lakehouse mart {self.mart}{key}{f'; divided by: {self.division}' if self.division else ''}"

    @classmethod
    def read(cls, description: str) -> Mark | None:
        """The mark at the end of a description."""
        found = _MARK.search(description)
        return cls(found["mart"], tuple(found["key"].split(", ")) if found["key"] else (), found["division"]) if found else None


_MARK = re.compile(r"Lakehouse mart (?P<mart>[\w.]+)(?:; key: (?P<key>\w+(?:, \w+)*))?(?:; divided by: (?P<division>\w+))?\s*\Z")
