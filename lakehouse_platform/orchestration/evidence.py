"""Dagster's event log as evidence for certificates: checks that matter to them, and what was materialized."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

from lakehouse_platform.certify.evidence import Evidence, Kind

FEED = (dg.DagsterEventType.ASSET_CHECK_EVALUATION, dg.DagsterEventType.ASSET_MATERIALIZATION)
BATCH = 500
"""Events of each type that are read at once."""
OVERLAP = 200
"""Storage ids that are read again: transactions of the log end in another order than they began."""
HISTORY = 400
"""Results that are read of a check that nobody followed before: more than a year of business days."""
COLUMNS = "columns"
"""Figure of the checks of a source's schema: names of the columns in which it differs."""
ENDED = frozenset({Status.SUCCEEDED, Status.FAILED})
Watched = Mapping[str, frozenset[str]]
"""Checks by asset."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the log was read, and for what."""

    after: int | None = None
    """Storage id; None before the log was ever read."""
    watched: Watched = field(default_factory=dict)

    @classmethod
    def from_cursor(cls, cursor: str | None) -> Position:
        """The position that a sensor's cursor holds."""
        if not cursor:
            return cls()
        held = json.loads(cursor)
        return cls(held["after"], {asset: frozenset(checks) for asset, checks in held["watched"].items()})

    @property
    def cursor(self) -> str:
        """As a sensor's cursor holds it."""
        return json.dumps({"after": self.after, "watched": {asset: sorted(checks) for asset, checks in sorted(self.watched.items())}})


def gather(instance: dg.DagsterInstance, watched: Watched, position: Position) -> tuple[tuple[Evidence, ...], Position]:
    """What the log says since `position` of the watched assets and checks; of those that are new, what it said before, too."""
    after = position.after if position.after is not None else _newest(instance)
    seen = [*_history(instance, watched, position.watched)]
    ends = [after]
    for kind in FEED:
        for record in _following(instance, kind, max(after - OVERLAP, 0)):
            ends.append(record.storage_id)
            seen += _of_event(record.event_log_entry, watched)
    return tuple(seen), Position(max(ends), watched)


def _newest(instance: dg.DagsterInstance) -> int:
    found = [_records(instance, kind, None, limit=1, ascending=False) for kind in FEED]
    return max((records[0].storage_id for records in found if records), default=0)


def _following(instance: dg.DagsterInstance, kind: dg.DagsterEventType, after: int) -> Iterator[dg.EventLogRecord]:
    while batch := _records(instance, kind, after, limit=BATCH, ascending=True):
        yield from batch
        after = batch[-1].storage_id
        if len(batch) < BATCH:
            break


def _records(
    instance: dg.DagsterInstance, kind: dg.DagsterEventType, after: int | None, *, limit: int, ascending: bool
) -> Sequence[dg.EventLogRecord]:
    wanted = dg.EventRecordsFilter(kind, after_cursor=after)
    return instance.event_log_storage.get_event_records(wanted, limit=limit, ascending=ascending)


def _history(instance: dg.DagsterInstance, watched: Watched, before: Watched) -> Iterator[Evidence]:
    for asset, checks in watched.items():
        key = dg.AssetKey.from_user_string(asset)
        for name in sorted(checks - before.get(asset, frozenset())):
            records = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(key, name), HISTORY, status=ENDED)
            for record in records:
                if record.event is not None:
                    yield from _of_event(record.event, watched)
        if asset not in before:
            for made in instance.fetch_materializations(key, limit=1).records:
                yield from _of_event(made.event_log_entry, watched)


def _of_event(entry: dg.EventLogEntry, watched: Watched) -> Iterator[Evidence]:
    event, at = entry.dagster_event, dt.datetime.fromtimestamp(entry.timestamp, dt.UTC)
    if event is None:
        return
    # What is told beside a run is each time an observation of its own.
    run = entry.run_id or f"at {entry.timestamp}"
    said = event.event_specific_data
    if isinstance(said, dg.AssetCheckEvaluation):
        asset = said.asset_key.to_user_string()
        if said.check_name in watched.get(asset, ()):
            yield Evidence(asset, Kind.CHECK, at, said.passed, said.check_name, run, said.partition or "", _figures(said))
    elif event.asset_key is not None and (asset := event.asset_key.to_user_string()) in watched:
        yield Evidence(asset, Kind.RUN, at, passed=True, run=run, partition=event.partition or "")


def _figures(said: dg.AssetCheckEvaluation) -> dict[str, object]:
    """Numbers that the check told, and columns' names; other texts may quote what nobody should read in the lake."""
    return {
        name: value.value for name, value in sorted(said.metadata.items())
        if isinstance(value.value, int | float | bool) or (name == COLUMNS and isinstance(value.value, str))}
