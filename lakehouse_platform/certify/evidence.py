"""What was seen of tables that certificates depend on: an append-only table of the lake with one row an observation."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pyarrow as pa

from lakehouse_platform.contracts.fingerprints import digest
from lakehouse_platform.contracts.types import LakeType
from lakehouse_platform.engines.base import Commit, Table, TableSpec, opened
from lakehouse_platform.naming import evidence_path
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.replan import replanned
from lakehouse_platform.zones.rows import INSTANT, TEXT, TRUTH

COLUMNS: dict[str, LakeType] = {
    **dict.fromkeys(("id", "subject", "kind", "name"), TEXT), "at": INSTANT, "passed": TRUTH,
    **dict.fromkeys(("run", "partition", "figures"), TEXT),
}


class Kind(StrEnum):
    """What was looked at."""

    CHECK = "check"
    """A check of an asset, in one run and for one business day where it is about one."""
    RUN = "run"
    """The asset was materialized."""
    COMPLETE = "complete_through"
    """The source instant up to which a mart holds everything; written when it moves."""
    CONTRACT = "contract"
    """The fingerprint of a mart's contract; written when it changes."""
    READS = "reads"
    """The columns of its sources that a mart is made of, by Raw asset; written when they change."""
    OWNER = "owner"
    """Who owns a dataset in Domo; written when it changes."""
    ACCESS = "access"
    """Digest of the policies that Domo applies to a dataset's rows; written when it changes."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation. It holds figures and names, never values of rows."""

    subject: str
    """Asset, as `zone/domain/table`."""
    kind: Kind
    at: dt.datetime
    passed: bool
    name: str = ""
    """Of the check."""
    run: str = ""
    partition: str = ""
    """Business day; empty where it is about none."""
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Digest of the observation: the same one is kept once."""
        said = (self.subject, self.kind, self.name, self.at.astimezone(dt.UTC).isoformat(), self.passed, self.run, self.partition)
        return digest([*said, self.figures])[:32]


@dataclass(slots=True)
class Ledger:
    """The table of evidence as a process knows it: its rows are read again only where somebody else has written."""

    _at: tuple[str, int] | None = None
    """Address and version of the table that is known."""
    _known: dict[str, Evidence] = field(default_factory=dict)

    def recorded(self, lake: Lake) -> tuple[Evidence, ...]:
        """Every observation once, in the order of time; none where there is no table."""
        table = opened(lake.engine, _uri(lake))
        if table is None:
            return ()
        self._read(lake, table)
        return tuple(self._known[name] for name in sorted(self._known, key=lambda name: (self._known[name].at, name)))

    def record(self, lake: Lake, seen: Iterable[Evidence]) -> int:
        """Append the observations that are not in the table yet, in one commit; how many those were.

        Two processes that see the same at once may both write it: readers count it once.
        """
        rows = {evidence.id: _row(evidence) for evidence in seen}
        return replanned("evidence for certificates", lambda: self._append(lake, rows)) if rows else 0

    def _append(self, lake: Lake, rows: Mapping[str, dict[str, object]]) -> int:
        table = _table(lake)
        self._read(lake, table)
        new = {name: row for name, row in rows.items() if name not in self._known}
        if new:
            found, version = pa.Table.from_pylist(list(new.values()), schema=lake.engine.schema(COLUMNS)), table.version
            table.append(lake.engine.frame(found), Commit("evidence.append"))
            self._known |= {name: _evidence(row) for name, row in new.items()}
            self._at = (_uri(lake), version + 1)  # where another writer came between, the table is further, and is read again
        return len(new)

    def _read(self, lake: Lake, table: Table) -> None:
        at = (_uri(lake), table.version)
        if at != self._at:
            rows = lake.engine.collect(table.scan().select(*COLUMNS)).to_pylist()
            self._at, self._known = at, {row["id"]: _evidence(row) for row in rows}


def record(lake: Lake, seen: Iterable[Evidence]) -> int:
    """Append observations, by a process that knows nothing of the table yet."""
    return Ledger().record(lake, seen)


def recorded(lake: Lake) -> tuple[Evidence, ...]:
    """Every observation once, in the order of time; none where there is no table."""
    return Ledger().recorded(lake)


def changed(seen: Sequence[Evidence], held: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Those of `seen` that say something else than the newest observation of their kind and subject does."""
    newest: dict[tuple[str, Kind], Evidence] = {}
    for evidence in sorted(held, key=lambda found: found.at):
        newest[evidence.subject, evidence.kind] = evidence
    return tuple(new for new in seen if _said(new) != _said(newest.get((new.subject, new.kind))))


def _said(evidence: Evidence | None) -> tuple[bool, str] | None:
    return None if evidence is None else (evidence.passed, _figures(evidence))


def _uri(lake: Lake) -> str:
    return f"{lake.root}/{evidence_path()}"


def _table(lake: Lake) -> Table:
    return lake.engine.create(TableSpec(
        _uri(lake), COLUMNS, statistics=("at",), append_only=True, comment="What was seen of tables that certificates depend on"))


def _figures(evidence: Evidence) -> str:
    return json.dumps(dict(evidence.figures), sort_keys=True)


def _row(evidence: Evidence) -> dict[str, object]:
    named = {name: getattr(evidence, name) for name in COLUMNS if name not in ("figures", "kind")}
    return {**named, "kind": str(evidence.kind), "figures": _figures(evidence)}


def _evidence(row: Mapping[str, Any]) -> Evidence:
    values = {name: value for name, value in row.items() if name != "id"}
    return Evidence(**{**values, "kind": Kind(row["kind"]), "figures": json.loads(row["figures"])})
