"""Domo as tests hold it: served in this process or in one of its own, scripted, and looked at as a person would."""

from __future__ import annotations

import json
import pickle
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, cast

from tests.standins.calls import CONTROL_PATH
from tests.standins.child import announce, child
from tests.standins.domo.instance import DEVELOPER_TOKEN
from tests.standins.domo.rows import Column, Row
from tests.standins.domo.service import DomoListener
from tests.standins.domo.state import COMMIT_SECONDS, Account, Commit, Dataflow, Dataset, State
from tests.standins.domo.tokens import CLIENT, SECRET
from tests.standins.faults import Answered, Effect, Fault

LONGEST_SECONDS = 60.0
"""What a commit or an index takes at most when nobody asks how far it is."""
OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda value, wanted: value == wanted,
    "CONTAINS": lambda value, wanted: wanted in value,
    "BEGINS_WITH": str.startswith,
    "ENDS_WITH": str.endswith,
}
"""Of policies, as far as readers of the stand-in have them."""


class DomoStandIn:
    """A Domo account, its service, and what goes wrong there."""

    def __init__(self, account: Account) -> None:
        self._listener, self._pace = DomoListener(account), (account.commit_seconds, account.polls)
        self._listener.scripted = self
        self._faults, self._log = self._listener.faults, self._listener.log

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead there."""
        return _environment(self._listener.server_port)

    @property
    def account(self) -> Account:
        """All that it holds."""
        return self._listener.account

    def renew(self) -> None:
        """Begin with an account that nobody used; faults and calls are forgotten."""
        self._listener.account = Account(*self._pace)
        self._faults.clear()
        self._log.entries.clear()

    def snapshot(self) -> bytes:
        """The account as it is."""
        return pickle.dumps(self.account)

    def restore(self, snapshot: bytes) -> None:
        """Be the account that it was; faults and calls are forgotten."""
        self._listener.account = pickle.loads(snapshot)
        self._faults.clear()
        self._log.entries.clear()

    # What goes wrong, and when.

    def plan(self, fault: Fault) -> int:
        """Plan a fault; its number."""
        return self._faults.add(fault)

    def refuse(
        self, method: str = "*", path: str = "*", *, status: int = 503, times: int | None = 1, skip: int = 0, wait: float = 0.0,
    ) -> int:  # fmt: skip
        """Answer calls with an error, undone; `wait` is said as Retry-After. The first `skip` calls that fit pass."""
        return self.plan(Fault(Effect.REFUSE, "domo*", method, path, times, None, status, "", wait, skip))

    def reset(self, method: str = "*", path: str = "*", *, times: int | None = 1, skip: int = 0) -> int:
        """Reset the connection, the call undone."""
        return self.plan(Fault(Effect.RESET, "domo*", method, path, times, skip=skip))

    def drop_answer(self, method: str = "*", path: str = "*", *, times: int | None = 1, skip: int = 0) -> int:
        """Do what is asked, and close the connection without a word."""
        return self.plan(Fault(Effect.DROP, "domo*", method, path, times, skip=skip))

    def delay_answer(self, method: str = "*", path: str = "*", *, seconds: float, times: int | None = 1) -> int:
        """Do what is asked, and say so late."""
        return self.plan(Fault(Effect.DELAY, "domo*", method, path, times, delay=seconds))

    def lose_part(self, path: str = "*/part*/*", *, times: int = 1, skip: int = 0) -> int:
        """Answer a part as if it were kept; its commit fails."""
        return self.plan(Fault(Effect.LOSE, "domo*", "PUT", path, times, skip=skip))

    def met(self, number: int) -> int:
        """Calls that a fault met."""
        return self._faults.met(number)

    def clear(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    def move_clock(self, seconds: float) -> None:
        """Let time pass, on the account's clock; what goes on has ended after a minute."""
        if seconds >= LONGEST_SECONDS:
            self.settle()
        self.account.moved += seconds

    def limit_commits(self, seconds: float) -> None:
        """How far apart the commits of a stream must be."""
        self.account.commit_seconds = seconds

    def take(self, polls: int) -> None:
        """How many answers say that a commit, an index or a dataflow goes on, the first included."""
        self.account.polls = polls

    def fail_commits(self, times: int = 1, reason: str = "the service broke") -> None:
        """Have the next commits end as FAILED."""
        self.account.doomed_commits += [reason] * times

    def fail_dataflows(self, times: int = 1) -> None:
        """Have the next dataflow executions end as FAILED_DATA_FLOW."""
        self.account.doomed_dataflows += times

    def expire_tokens(self) -> None:
        """Refuse all tokens that were given out so far."""
        self.account.tokens.clear()

    def settle(self) -> None:
        """End all commits and indexes that go on."""
        account = self.account
        with account.lock:
            for stream in account.streams.values():
                for execution in stream.executions.values():
                    if execution.state is State.ACTIVE and execution.polls is not None:
                        stream.settle(execution, account.now)
            for dataset in account.datasets.values():
                if any(left >= 0 for left in dataset.indexes.values()):
                    dataset.indexes = dict.fromkeys(dataset.indexes, -1)
                    dataset.index(account.now)

    # What else the account has.

    def add_dataset(self, name: str, columns: dict[str, str]) -> str:
        """A dataset that a connector fills, not the API (types by column); its id."""
        given = tuple(Column(column, kind) for column, kind in columns.items())
        return self.account.add_dataset(name, given, from_api=False).id

    def add_user(self, name: str, email: str) -> int:
        """A user; the id."""
        number = next(self.account.numbers) + 1000
        self.account.users[number] = {"id": number, "name": name, "email": email, "role": "Participant"}
        return number

    def add_group(self, name: str, *emails: str) -> int:
        """A group of users; the id."""
        account, number = self.account, next(self.account.numbers) + 1000
        account.groups[number] = {"id": number, "name": name, "active": True, "default": False}
        account.members[number] = [user["id"] for user in account.users.values() if user["email"] in emails]
        return number

    def add_dataflow(self, dataflow_id: str, name: str, inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> None:
        """A dataflow between datasets, by their names."""
        into, out = (tuple(self.account.named(dataset).id for dataset in side) for side in (inputs, outputs))
        self.account.dataflows[dataflow_id] = Dataflow(dataflow_id, name, into, out)

    def add_connector(self) -> int:
        """A connector's stream; the id."""
        number = next(self.account.numbers)
        self.account.connectors[number] = []
        return number

    def add_card(self, title: str, dataset: str) -> int:
        """A card that a dataset feeds, by its name; the id."""
        number = next(self.account.numbers)
        found = self.account.named(dataset).id
        self.account.cards.setdefault(found, []).append({"id": number, "urn": str(number), "title": title, "type": "kpi"})
        return number

    # What a person sees.

    @property
    def datasets(self) -> list[str]:
        """Names."""
        return sorted(dataset.name for dataset in self.account.datasets.values())

    def about(self, name: str) -> dict[str, Any]:
        """What a dataset's page says of it: id, description, owner, tags, schema."""
        dataset = self.account.named(name)
        owner = self.account.users[dataset.owner]["email"]
        schema = {column.name: column.type for column in dataset.columns}
        return {"id": dataset.id, "description": dataset.description, "owner": owner, "tags": tuple(dataset.tags), "schema": schema,
                "pdp": dataset.pdp}  # fmt: skip

    def reader(self, name: str, user: str | None = None) -> list[Row]:
        """The rows that readers see, of the schema's types; with an e-mail address, as policies let that user see them."""
        dataset = self.account.named(name)
        rows: list[Row] = dataset.visible.to_pylist()
        return rows if user is None or not dataset.pdp else [row for row in rows if self._may_see(dataset, user, row)]

    def seen(self, name: str) -> list[list[Row]]:
        """All states of a dataset that readers have seen, the empty one first."""
        return [table.to_pylist() for table in self.account.named(name).seen]

    def policies(self, name: str) -> list[dict[str, Any]]:
        """A dataset's policies, without Domo's own."""
        return [policy for policy in self.account.named(name).policies.values() if policy["type"] != "system"]

    def tags(self, name: str) -> tuple[str, ...]:
        """Of a dataset."""
        return tuple(self.account.named(name).tags)

    def badge(self, name: str) -> bool:
        """Whether a dataset is shown as certified."""
        return self.account.named(name).badge == "ACTIVE"

    def open_executions(self) -> list[tuple[str, int]]:
        """Executions that wait for their client: the dataset's name, and the execution's id."""
        streams = self.account.streams.values()
        return [(stream.dataset.name, found.id) for stream in streams for found in stream.executions.values() if found.open]

    def executions(self, name: str) -> list[str]:
        """States of a dataset's executions, the oldest first."""
        wanted = self.account.named(name)
        streams = [stream for stream in self.account.streams.values() if stream.dataset is wanted]
        return [str(found.state) for stream in streams for found in stream.executions.values()]

    def commits(self, name: str) -> list[Commit]:
        """What was put into a dataset, the oldest first."""
        return list(self.account.named(name).commits)

    def partitions(self, name: str) -> dict[str, int]:
        """Row counts by partition."""
        return self.account.named(name).partitions()

    def dataflow_runs(self, dataflow_id: str) -> int:
        """How often a dataflow was started."""
        return len(self.account.dataflows[dataflow_id].executions)

    def connector_runs(self, stream_id: int) -> int:
        """How often a connector was started."""
        return len(self.account.connectors[stream_id])

    def calls(self) -> list[Answered]:
        """All calls, in the order in which they were answered."""
        return list(self._log.entries)

    def count(self, method: str = "*", path: str = "*", *, status: int | None = None) -> int:
        """Calls so far that fit, and that were answered so."""
        fits = (fnmatchcase(entry.call.method, method) and fnmatchcase(entry.call.key, path) for entry in self.calls())
        return sum(fit and status in (None, entry.status) for fit, entry in zip(fits, self.calls(), strict=False))

    def _may_see(self, dataset: Dataset, email: str, row: Row) -> bool:
        account = self.account
        (user,) = (number for number, user in account.users.items() if user["email"] == email)
        groups = {number for number, members in account.members.items() if user in members}
        mine = (policy for policy in dataset.policies.values() if user in policy["users"] or groups & set(policy["groups"]))
        return any(all(_passes(found, row) for found in policy["filters"]) for policy in mine)


def _passes(found: dict[str, Any], row: Row) -> bool:
    value = row[found["column"]]
    passes = value is not None and any(OPERATORS[found["operator"]](str(value), str(wanted)) for wanted in found["values"])
    return bool(passes) is not bool(found["not"])


class RemoteStandIn:
    """Every verb of DomoStandIn, of one in another process."""

    def __init__(self, port: int) -> None:
        self.environment, self._port = _environment(port), port

    def __getattr__(self, verb: str) -> Any:
        if isinstance(getattr(DomoStandIn, verb), property):
            return self._ask(verb)
        return lambda *given, **named: self._ask(verb, *given, **named)

    def _ask(self, verb: str, *given: Any, **named: Any) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{CONTROL_PATH}{verb}", pickle.dumps((given, named)), method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return pickle.loads(answer.read())


def _environment(port: int) -> dict[str, str]:
    return {
        "LAKEHOUSE_DOMO_API": f"127.0.0.1:{port}", "LAKEHOUSE_DOMO_CLIENT": CLIENT, "LAKEHOUSE_DOMO_SECRET": SECRET,
        "LAKEHOUSE_DOMO_INSTANCE": f"http://127.0.0.1:{port}", "LAKEHOUSE_DOMO_TOKEN": DEVELOPER_TOKEN,
    }  # fmt: skip


@contextmanager
def domo_stand_in(*, commit_seconds: float = COMMIT_SECONDS, polls: int = 2) -> Iterator[DomoStandIn]:
    """Domo on a thread of this process, until left."""
    running = DomoStandIn(Account(commit_seconds, polls))
    with running._listener.listening():
        yield running


@contextmanager
def domo_process(*, commit_seconds: float = COMMIT_SECONDS, polls: int = 2) -> Iterator[DomoStandIn]:
    """The same in a process of its own: its time and memory are not the caller's."""
    with child("tests.standins.domo.stand_in", json.dumps({"commit_seconds": commit_seconds, "polls": polls})) as port:
        yield cast("DomoStandIn", RemoteStandIn(port))


if __name__ == "__main__":
    with domo_stand_in(**json.loads(sys.argv[1])) as served:
        announce(served._listener.server_port)
