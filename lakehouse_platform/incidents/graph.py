"""The asset graph as plain data, and walks through any graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from lakehouse_platform.incidents.base import Graph


@dataclass(frozen=True, slots=True)
class Asset:
    """What causes need to know of an asset."""

    upstream: tuple[str, ...] = ()
    """Assets that it is made of, directly."""
    owner: str = ""
    domain: str = ""
    connection: str = ""
    """Of an asset that is read from a source."""


@dataclass(frozen=True, slots=True)
class Assets:
    """A graph that is known by name. Names that it does not know have no neighbours, no owner and no domain."""

    known: Mapping[str, Asset]
    _below: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        below: dict[str, list[str]] = {}
        for name, asset in self.known.items():
            for above in asset.upstream:
                below.setdefault(above, []).append(name)
        object.__setattr__(self, "_below", {name: tuple(found) for name, found in below.items()})

    def upstream(self, asset: str) -> Collection[str]:
        """Assets that `asset` is made of."""
        return self._of(asset).upstream

    def downstream(self, asset: str) -> Collection[str]:
        """Assets that are made of `asset`."""
        return self._below.get(asset, ())

    def owner(self, asset: str) -> str:
        """Who answers for it."""
        return self._of(asset).owner

    def domain(self, asset: str) -> str:
        """Which business domain it belongs to."""
        return self._of(asset).domain

    def connection(self, asset: str) -> str:
        """Which source it is read from."""
        return self._of(asset).connection

    def _of(self, asset: str) -> Asset:
        return self.known.get(asset, _UNKNOWN)


_UNKNOWN = Asset()


@dataclass(frozen=True, slots=True)
class Family:
    """Ancestors and descendants in a graph, each looked up once."""

    graph: Graph
    _above: dict[str, frozenset[str]] = field(default_factory=dict)

    def ancestors(self, asset: str) -> frozenset[str]:
        """All assets that `asset` is made of, directly or not; without itself."""
        if asset not in self._above:
            self._above[asset] = reached({asset}, self.graph.upstream)
        return self._above[asset]

    def descendants(self, assets: Collection[str]) -> frozenset[str]:
        """All assets that are made of these, directly or not; without themselves."""
        return reached(assets, self.graph.downstream)


def reached(start: Collection[str], step: Callable[[str], Collection[str]]) -> frozenset[str]:
    """What steps lead to from `start`, without `start` itself."""
    found: set[str] = set()
    ahead = list(start)
    while ahead:
        for name in step(ahead.pop()):
            if name not in found:
                found.add(name)
                ahead.append(name)
    return frozenset(found - set(start))
