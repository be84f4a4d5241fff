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
    restricted: bool = False
    """Whether it is the platform that restricts who sees which rows: what others restrict it does not open."""

    @property
    def tag(self) -> str:
        """The same as a tag, by which a dataset without the mark is adopted."""
        return f"lakehouse:{self.mart}"

    def __str__(self) -> str:
        key = f"; key: {', '.join(self.key)}" if self.key else ""
        division = f"; divided by: {self.division}" if self.division else ""
        return f"Lakehouse mart {self.mart}{key}{division}{_RESTRICTED if self.restricted else ''}"

    @classmethod
    def read(cls, description: str) -> Mark | None:
        """The mark at the end of a description."""
        found = _MARK.search(description)
        key = tuple(found["key"].split(", ")) if found and found["key"] else ()
        return cls(found["mart"], key, found["division"], bool(found["restricted"])) if found else None


_RESTRICTED = "; rows restricted"
_MARK = re.compile(
    r"Lakehouse mart (?P<mart>[\w.]+)(?:; key: (?P<key>\w+(?:, \w+)*))?(?:; divided by: (?P<division>\w+))?"
    rf"(?P<restricted>{_RESTRICTED})?\s*\Z")
