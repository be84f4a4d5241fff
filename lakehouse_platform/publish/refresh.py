"""A dataset brought to its mart's newest version: what has changed since the last publication is sent, or all of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.serving import Update
from lakehouse_platform.engines.base import Table
from lakehouse_platform.errors import VersionUnreadable
from lakehouse_platform.naming import Zone
from lakehouse_platform.publish import publications
from lakehouse_platform.publish.changes import (
    Append,
    Difference,
    Nothing,
    Partitions,
    Plan,
    ReplaceAll,
    State,
    Upsert,
    plan_at_once,
    plan_by_division,
    plan_by_rows,
)
from lakehouse_platform.publish.dataset import dataset_spec, undoing, verify
from lakehouse_platform.publish.destination import Dataset, DatasetSpec, Destination, Execution, Flow, Method, PublicationRefused
from lakehouse_platform.publish.parts import PART_BYTES, Sent, send
from lakehouse_platform.publish.publications import Entry, Event, History
from lakehouse_platform.settings import ObjectStore
from lakehouse_platform.zones.lake import Lake

if TYPE_CHECKING:
    from lakehouse_platform.lake.versions import TableVersions

MOST_DIVISIONS = 400
"""Partitions that Domo allows a dataset."""
UNNAMED = frozenset({"", ".", ".."})
"""What cannot stand in an address as a partition's name; a row without a value is in ""."""
MODES = {ReplaceAll: "replace", Upsert: "upsert", Append: "append", Partitions: "partitions", Nothing: "nothing"}
Clock = Callable[[], dt.datetime]
Reading = Callable[[str, ObjectStore | None], "TableVersions"]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a publication did."""

    dataset: str
    """Id at the destination."""
    mode: str
    """replace, upsert, append, partitions or nothing."""
    reason: str
    version: int
    """Delta version of the mart that the dataset is of."""
    rows: int
    """Of the dataset."""
    sent: Sent = field(default_factory=lambda: Sent(0, 0, 0))
    execution: str = ""
    """Empty where nothing was sent."""
    commit_seconds: float = 0.0
    """How long the destination took to show the rows."""
    flow: Flow | None = None
    """The dataflow that ran on them."""


def refresh_dataset(
    lake: Lake, destination: Destination, contract: Contract, *, store: ObjectStore | None = None, part_bytes: int = PART_BYTES,
    clock: Clock = lambda: dt.datetime.now(tz=dt.UTC), reading: Reading | None = None,
) -> Refreshed:
    """Bring the dataset of a mart to the mart's newest version, and what it says of itself to its contract.

    `store` says how a lake on S3 is reached, `reading` opens the mart's versions to be compared. Raises UnknownName where there is no
    mart yet, PublicationRefused before anything is sent, PublicationTooSoon, PublicationIncomplete. Whatever goes wrong, readers see the
    rows from before or those of the newest version, and the next refresh sends all of them.
    """
    spec, place = dataset_spec(contract), lake.uri(Zone.CURATED, contract)
    table = lake.engine.open(place)
    recorded = publications.recorded(lake, contract.name)
    dataset = destination.adopt(spec, publications.known(recorded))
    said = publications.history(recorded, dataset.id)
    with ExitStack() as held:
        versions = cache(lambda: held.enter_context((reading or _reading)(place, store)))
        now = State(table.version, spec.schema, table.count())
        refresh = _Refresh(lake, table, spec, dataset, versions, now, said, part_bytes, clock)
        return refresh.carry_out(refresh.intent())


def _reading(place: str, store: ObjectStore | None) -> TableVersions:
    """Imports DuckDB, which a dataset that takes all rows anew never needs."""
    from lakehouse_platform.lake.versions import TableVersions

    return TableVersions(place, store)


@dataclass(frozen=True, slots=True)
class _Intent:
    """A plan, and what the ledger will say of the rows."""

    plan: Plan
    content: str = ""
    divisions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Landed:
    """Rows that readers see."""

    sent: Sent
    execution: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Refresh:
    lake: Lake
    table: Table
    spec: DatasetSpec
    dataset: Dataset
    versions: Callable[[], TableVersions]
    now: State
    said: History
    part_bytes: int
    clock: Clock

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.spec.columns]

    def intent(self) -> _Intent:
        takes, last = self.dataset.takes, self.said.done
        found = plan_at_once(self.spec.update, takes, last.state if last else None, self.now, self.dataset.row_count())
        if isinstance(found, Nothing):
            return _Intent(found)
        if takes.division is not None:
            return self._by_division(takes.division, None if found or last is None else last, found.reason if found else "")
        if found is None and last is not None:
            return self._by_rows(last)
        keyed = takes.key and self.spec.update is not Update.REPLACE
        content = self.versions().fingerprint(self.now.version, self.names) if keyed else ""
        return _Intent(found or ReplaceAll("nothing was published before"), content)

    def _by_division(self, by: str, last: Entry | None, reason: str) -> _Intent:
        now = self.versions().divisions(self.now.version, self.names, by)
        if unfit := sorted(UNNAMED & now.keys()):
            raise PublicationRefused(
                f'{self.spec.mart}: {by} is empty or "." or ".." in some rows ("{unfit[0]}"), and a partition has to have a name. '
                "Give those rows a value in the mart, or take another column as partition_by.")
        if len(now) > MOST_DIVISIONS:
            raise PublicationRefused(
                f"{self.spec.mart}: {by} has {len(now)} values, and a dataset takes {MOST_DIVISIONS} partitions at most. "
                "Take a column with fewer values as partition_by, such as the month.")
        before = last.divisions if last is not None else None
        return _Intent(plan_by_division(before, now, self.dataset.divisions(), reason=reason), divisions=now)

    def _by_rows(self, last: Entry) -> _Intent:
        try:
            found = self.versions().compare(last.version, self.now.version, self.names, self.spec.key)
        except VersionUnreadable:
            why = f"version {last.version} of the mart, which was published last, cannot be read any more"
            return _Intent(ReplaceAll(why), self.versions().fingerprint(self.now.version, self.names))
        difference = Difference(found.new, found.changed, found.gone, as_published=found.before == last.content)
        return _Intent(plan_by_rows(self.spec.update, difference), found.after)

    def carry_out(self, intent: _Intent) -> Refreshed:
        """Rules before rows, rows all at once and counted, then what is said of them; the ledger on both sides of the rows."""
        plan, last = intent.plan, self.said.done
        found = Refreshed(self.dataset.id, MODES[type(plan)], _reason(plan), self.now.version, self.now.rows)
        if isinstance(plan, Nothing):
            self.dataset.prepare()
        else:
            last, landed = self._send(intent)
            found = replace(found, sent=landed.sent, execution=landed.execution, commit_seconds=landed.seconds)
        self.dataset.settle()
        if isinstance(plan, Nothing) and self.said.flowed:
            return found
        flow = self.dataset.flow()
        if flow is not None and flow.succeeded and last is not None:
            self._record(replace(last, event=Event.FLOWED, execution=flow.execution))
        return replace(found, flow=flow)

    def _send(self, intent: _Intent) -> tuple[Entry, _Landed]:
        self.dataset.admit()
        begun = Entry(
            publications.new_publication(), Event.BEGUN, self.spec.mart, self.dataset.id, self.now.version, self.now.rows, self.now.schema,
            self.clock(), MODES[type(intent.plan)], _reason(intent.plan), mark=self.dataset.mark)
        with undoing(self.dataset.restore):
            self.dataset.prepare()
            self._record(begun)
            landed = self._transmit(intent.plan)
        verify(self.spec, self.dataset, self.now.rows)
        done = replace(
            begun, event=Event.DONE, content=intent.content, divisions=intent.divisions, execution=landed.execution,
            sent=landed.sent.rows, parts=landed.sent.parts, bytes=landed.sent.bytes)
        self._record(done)
        return done, landed

    def _transmit(self, plan: Plan) -> _Landed:
        if isinstance(plan, Partitions):
            return self._restate(plan)
        last, method = self.said.done, Method.REPLACE if isinstance(plan, ReplaceAll) else Method.APPEND
        if method is Method.REPLACE or last is None:
            rows = self.table.batches(self.names)
        else:
            rows = self.versions().changed(last.version, self.now.version, self.names, self.spec.key)
        execution = self.dataset.begin(method)
        with undoing(execution.abort):
            sent = self._upload(execution, rows)
            seconds = self._timed(execution.commit)
        return _Landed(sent, execution.id, seconds)

    def _restate(self, plan: Partitions) -> _Landed:
        restatement, by, sent = self.dataset.restate(), str(self.spec.division), Sent(0, 0, 0)
        for name in plan.drop:  # first: a dataset that is full takes no other division
            restatement.drop(name)
        for name in plan.restate:
            execution = restatement.division(name)
            with undoing(execution.abort):
                sent += self._upload(execution, self.versions().division(self.now.version, self.names, by, name))
                execution.commit()
        return _Landed(sent, restatement.id, self._timed(restatement.commit))

    def _upload(self, execution: Execution, rows: pa.RecordBatchReader) -> Sent:
        return send(execution.upload, rows, part_bytes=self.part_bytes, at_once=self.dataset.takes.at_once)

    def _timed(self, commit: Callable[[], None]) -> float:
        begun = self.clock()
        commit()
        return (self.clock() - begun).total_seconds()

    def _record(self, entry: Entry) -> None:
        publications.record(self.lake, replace(entry, at=self.clock()))


def _reason(plan: Plan) -> str:
    return f"rows that are new or changed: {plan.rows}" if isinstance(plan, Upsert | Append) else plan.reason
