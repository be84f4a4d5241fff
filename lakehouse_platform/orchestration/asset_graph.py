"""The definitions' asset graph, as causes are sought in it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode

SOURCE, LANDING = "source", "landing"
"""First part of the keys of what nothing here writes, and second part where it comes in files."""
NO_GROUP = "default"


@dataclass(frozen=True, slots=True)
class DefinedGraph:
    """Implements `incidents.base.Graph`; assets go by their keys as texts."""

    nodes: AssetGraph

    def upstream(self, asset: str) -> Collection[str]:
        """Assets that `asset` is made of, directly."""
        node = self._node(asset)
        return sorted(key.to_user_string() for key in node.parent_keys) if node is not None else ()

    def downstream(self, asset: str) -> Collection[str]:
        """Assets that are made of `asset`, directly."""
        node = self._node(asset)
        return sorted(key.to_user_string() for key in node.child_keys) if node is not None else ()

    def owner(self, asset: str) -> str:
        """The first owner; empty where nobody is named."""
        node = self._node(asset)
        return next(iter(node.owners), "") if node is not None else ""

    def domain(self, asset: str) -> str:
        """Its domain; empty where it has none."""
        node = self._node(asset)
        if node is None:
            return ""
        return node.tags.get("domain") or (node.group_name if node.group_name not in (None, NO_GROUP) else "") or ""

    def connection(self, asset: str) -> str:
        """Connection that the asset itself is read from; empty where it is made of other assets."""
        node = self._node(asset)
        paths = [key.path for key in node.parent_keys] if node is not None else []
        return next((path[1] for path in paths if path[0] == SOURCE and len(path) > 2 and path[1] != LANDING), "")

    def _node(self, asset: str) -> AssetNode | None:
        key = dg.AssetKey.from_user_string(asset)
        return self.nodes.get(key) if self.nodes.has(key) else None
