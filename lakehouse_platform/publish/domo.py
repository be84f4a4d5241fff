"""Domo as a destination: datasets are adopted by name and mark, their rows replaced, upserted or restated, all or nothing."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from lakehouse_platform.contracts.serving import Update
from lakehouse_platform.domo.base import DomoAnswerLost, DomoRefused, DomoUnknown
from lakehouse_platform.domo.instance import Instance, Progress
from lakehouse_platform.domo.public import APPEND, REPLACE, DomoApi, HeldDataset, HeldStream, PolicySpec, schema_of
from lakehouse_platform.publish.access import plan_policies, policies_of, user_id
from lakehouse_platform.publish.destination import (
    DatasetSpec,
    Flow,
    Known,
    Method,
    PublicationIncomplete,
    PublicationRefused,
    PublicationTooSoon,
    Takes,
)
from lakehouse_platform.publish.executions import FIRST_LOOK, LONGEST_LOOK, DomoExecution, DomoRestatement, await_end
from lakehouse_platform.publish.mark import Mark

AT_ONCE = 2
"""Parts that are sent at the same time; with the one in the making they bound the memory."""
MARGIN = dt.timedelta(seconds=1)
"""Domo tells instants to the second."""
COUNTS = 12
"""Looks at a row count that is not yet what was sent: for some two minutes."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long Domo is waited for."""

    between_commits: dt.timedelta = dt.timedelta(minutes=15)
    """Domo takes one commit of a stream in this time."""
    before_commit: dt.timedelta = dt.timedelta(minutes=1)
    """What is waited for that; longer is for the next try of the run."""
    commit: dt.timedelta = dt.timedelta(minutes=30)
    """What a commit or an index may take."""
    dataflow: dt.timedelta = dt.timedelta(hours=1)
    """What a dataflow may take."""


class DomoDestination:
    """The datasets of one Domo account."""

    def __init__(self, api: DomoApi, instance: Instance | None = None, pace: Pace | None = None) -> None:
        """Without `instance` there are no tags, no divisions and no dataflows. Nothing is asked yet."""
        self._api, self._instance, self._pace = api, instance, pace or Pace()

    def adopt(self, spec: DatasetSpec, known: Known | None = None) -> DomoDataset:
        """The dataset that is known, whatever it is called by now, or the one of that name with the mart's mark or tag, created where
        there is none; one of another's is left alone.

        Raises PublicationRefused where several are marked, or where it cannot be written to.
        """
        held = self._still(spec, known) or self._marked(spec) or self._created(spec)
        stream = self._api.stream_of(held.id)
        if stream is None:
            raise PublicationRefused(
                f'Domo: "{spec.name}" ({held.id}) was not made through the API, so that Domo lets no rows be sent to it. '
                f"Take the tag {Mark(spec.mart).tag} away from it, or delete it.")
        mark = Mark.read(held.description) or Mark.read(known.mark if known else "") or Mark(spec.mart)
        return DomoDataset(self._api, self._instance, self._pace, spec, stream, mark)

    def _still(self, spec: DatasetSpec, known: Known | None) -> HeldDataset | None:
        """The dataset that is known, if it is still there and not another mart's."""
        try:
            held = self._api.dataset(known.id) if known is not None and known.mark else None
        except DomoUnknown:
            return None
        mark = Mark.read(held.description) if held is not None else None
        return held if mark is None or mark.mart == spec.mart else None

    def _marked(self, spec: DatasetSpec) -> HeldDataset | None:
        found = [held for held in self._api.datasets(spec.name) if self._is_marked(held, spec)]
        if len(found) > 1:
            raise PublicationRefused(
                f'Domo: several datasets called "{spec.name}" are marked as {spec.mart}: {", ".join(held.id for held in found)}. '
                "Delete those that nobody uses, or give them another name.")
        return found[0] if found else None

    def _is_marked(self, held: HeldDataset, spec: DatasetSpec) -> bool:
        mark = Mark.read(held.description)
        if mark is not None:
            return mark.mart == spec.mart
        return self._instance is not None and Mark(spec.mart).tag in self._instance.metadata(held.id).tags

    def _created(self, spec: DatasetSpec) -> HeldDataset:
        upserts = spec.update is not Update.REPLACE
        mark = Mark(
            spec.mart, spec.key if upserts else (), spec.division if self._instance is not None else None, bool(spec.row_access))
        columns = [(column.name, str(column.type)) for column in spec.columns]
        try:
            stream = self._api.create_stream(
                spec.name, _described(spec, mark), columns, method=APPEND if upserts else REPLACE, key=mark.key)
        except DomoAnswerLost:
            if (found := self._marked(spec)) is None:
                raise
            return found
        return self._api.dataset(stream.dataset)


def _described(spec: DatasetSpec, mark: Mark) -> str:
    return f"{spec.description}\n\n{mark}" if spec.description else str(mark)


@dataclass
class DomoDataset:
    """One dataset."""

    _api: DomoApi
    _instance: Instance | None
    _pace: Pace
    _spec: DatasetSpec
    _stream: HeldStream
    _mark: Mark
    _former: tuple[tuple[str, str], ...] | None = field(default=None, init=False)
    """Columns that it had; None where they are those of the mart."""
    _sending: DomoExecution | DomoRestatement | None = field(default=None, init=False)

    @property
    def id(self) -> str:
        """Domo's id."""
        return self._stream.dataset

    @property
    def mark(self) -> str:
        """The line at the end of its description, which somebody may take away."""
        return str(self._wanted)

    @property
    def _wanted(self) -> Mark:
        return replace(self._mark, restricted=bool(self._spec.row_access))

    @property
    def takes(self) -> Takes:
        """Upserts where it was made with the key that the mart has, divisions where it was made with them.

        Raises PublicationRefused where it was divided, and should not be so any more.
        """
        division = self._mark.division
        if division is not None and (division != self._spec.division or self._instance is None):
            raise PublicationRefused(
                f'Domo: "{self._spec.name}" ({self.id}) is divided by {division}, which cannot be changed. Set partition_by back'
                f"{' and name the instance in the environment' if self._instance is None else ''}, or delete the dataset.")
        return Takes(self._mark.key if self._mark.key == self._spec.key else (), division, AT_ONCE)

    def admit(self) -> None:
        """Wait until the stream takes a commit. Raises PublicationTooSoon where that is longer than the pace allows."""
        ended = [e.ended for e in self._api.executions(self._stream.id) if e.has_committed and e.ended is not None]
        if self._mark.division is not None or not ended:
            return
        patience = self._api.patience
        again = max(ended) + self._pace.between_commits + MARGIN
        if (left := again - patience.clock()) > self._pace.before_commit:
            raise PublicationTooSoon(
                f'Domo: "{self._spec.name}" ({self.id}) takes its next commit at {again:%Y-%m-%d %H:%M:%S} UTC: Domo allows one in '
                f"{self._pace.between_commits.total_seconds() / 60:g} minutes. Publish it again then.", left.total_seconds())
        if left > dt.timedelta():
            patience.pause(left.total_seconds())

    def prepare(self) -> None:
        """Columns, then policies: they are in force before readers see rows that were sent by them."""
        policies = policies_of(self._spec, self._api.users, self._api.groups) if self._spec.row_access else ()
        self._owner  # noqa: B018 - a name that Domo does not know is said before rows are sent
        held = self._api.dataset(self.id)
        if held.row_access and not (policies or self._mark.restricted):
            raise PublicationRefused(
                f'Domo: "{self._spec.name}" ({self.id}) has row policies, and {self._spec.mart} has none in its contract; the platform '
                "does not open what somebody else restricted. Write them as row_access, or disable them in Domo (PDP).")
        columns = tuple((column.name, str(column.type)) for column in self._spec.columns)
        if held.columns != columns:
            self._former = held.columns
            found = self._api.update_dataset(self.id, {"schema": schema_of(columns)})
            if found.columns != columns:
                raise PublicationIncomplete(f'Domo: "{self._spec.name}" ({self.id}) did not take the columns of {self._spec.mart}')
        if policies:
            self._restrict(policies, enabled=held.row_access)

    def restore(self) -> None:
        """Columns as they were, where no rows came under the new ones. A commit that goes on may yet bring them, so that they stay."""
        if self._former is not None and (self._sending is None or self._sending.undone()):
            self._api.update_dataset(self.id, {"schema": schema_of(self._former)})

    def _restrict(self, policies: tuple[PolicySpec, ...], *, enabled: bool) -> None:
        if not enabled and not self._api.update_dataset(self.id, {"pdpEnabled": True}).row_access:
            raise PublicationRefused(f'Domo: "{self._spec.name}" ({self.id}) does not let row access be restricted; nothing was sent')
        changes = plan_policies(policies, self._api.policies(self.id))
        for held, policy in changes.update:
            self._api.update_policy(self.id, held, policy)
        for policy in changes.create:
            self._create_policy(policy)
        for held in changes.delete:
            self._api.delete_policy(self.id, held)

    def _create_policy(self, policy: PolicySpec) -> None:
        try:
            self._api.create_policy(self.id, policy)
        except DomoAnswerLost:
            if policy not in [held.spec for held in self._api.policies(self.id)]:
                raise

    def begin(self, method: Method = Method.REPLACE) -> DomoExecution:
        """Open an execution; those that were left open are aborted, for a stream may have one."""
        for left in self._api.executions(self._stream.id):
            if left.open:
                with suppress(DomoRefused):  # it has ended in between, or its commit goes on and ends by itself
                    self._api.abort(self._stream.id, left.id)
        number = self._begun(method) or self._begun(method, last=True)
        self._sending = execution = DomoExecution(self._api, self._pace.commit, self._stream.id, number)
        return execution

    def _begun(self, method: Method, *, last: bool = False) -> str:
        """Id of a new execution; empty where the answer is lost, and what may have been opened is aborted."""
        try:
            return self._api.begin(self._stream.id, str(method)).id
        except DomoAnswerLost:
            self._api.abort_open(self._stream.id)
            if last:
                raise
        return ""

    def restate(self) -> DomoRestatement:
        """Begin to change divisions."""
        self._sending = restatement = DomoRestatement(self._divided, self._pace.commit, self._api.patience, self.id)
        return restatement

    def divisions(self) -> frozenset[str]:
        """The partitions that it has."""
        return frozenset(partition.name for partition in self._divided.partitions(self.id))

    @property
    def _divided(self) -> Instance:
        if self._instance is None:
            raise PublicationRefused(f'Domo: "{self._spec.name}" is divided, which needs `instance` in the environment\'s `domo`')
        return self._instance

    def row_count(self, expected: int | None = None) -> int:
        """Rows that readers see; Domo may take a while to count them."""
        found = self._api.dataset(self.id).rows
        for look in range(COUNTS - 1):
            if expected in (None, found):
                break
            self._api.patience.pause(min(FIRST_LOOK * 2**look, LONGEST_LOOK))
            found = self._api.dataset(self.id).rows
        return found

    def settle(self) -> None:
        """Name what it is and whose; policies that nobody wants any more go after the rows, since without them more is seen."""
        held, owner, described = self._api.dataset(self.id), self._owner, _described(self._spec, self._wanted)
        changes: dict[str, object] = {}
        if (held.name, held.description) != (self._spec.name, described):
            changes |= {"name": self._spec.name, "description": described}
        if owner is not None and held.owner != str(owner):
            changes["owner"] = {"id": owner, "name": self._spec.owner}
        if held.row_access and not self._spec.row_access:
            changes["pdpEnabled"] = False
        if changes:
            self._api.update_dataset(self.id, changes)
        if held.row_access and not self._spec.row_access:
            for left in plan_policies((), self._api.policies(self.id)).delete:
                self._api.delete_policy(self.id, left)
        self._tag()

    def _tag(self) -> None:
        wanted = tuple(sorted({*self._spec.tags, self._mark.tag}))
        if self._instance is not None and tuple(sorted(self._instance.metadata(self.id).tags)) != wanted:
            self._instance.set_tags(self.id, wanted)

    @cached_property
    def _owner(self) -> int | None:
        return user_id(self._spec, self._spec.owner, self._api.users) if self._spec.owner is not None else None

    def flow(self) -> Flow | None:
        """Run the dataflow that it feeds and follow it, no longer than the pace allows."""
        dataflow = self._spec.dataflow
        if dataflow is None:
            return None
        if self._instance is None:
            raise PublicationRefused(f"{self._spec.mart}: dataflow {dataflow} needs `instance` in the environment's `domo`")
        instance, run = self._instance, self._instance.run_dataflow(dataflow)

        def look() -> bool:
            nonlocal run
            run = instance.dataflow_execution(dataflow, run.id)
            return run.progress is not Progress.RUNNING

        with suppress(PublicationIncomplete):  # the rows are there: a dataflow that goes on has not succeeded, and is all that has not
            await_end(look, self._pace.dataflow, self._api.patience, f"dataflow {dataflow} (execution {run.id})")
        return Flow(dataflow, run.id, run.state, run.progress is Progress.SUCCEEDED)
