"""Domo's public API as a publication needs it: datasets, streams and their executions, policies, users and groups.

The calls are those of pydomo's low-level clients. Its helpers (`ds_create`, `stream_upload`, …) are not used: they guess types, ignore
statuses and leave executions open.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lakehouse_platform.domo.base import DomoRefused, DomoUnknown, Line, Patience
from lakehouse_platform.errors import LakehouseError

if TYPE_CHECKING:
    from pydomo.datasets import DataSetClient
    from pydomo.groups import GroupClient
    from pydomo.streams import StreamClient
    from pydomo.users import UserClient

    from lakehouse_platform.domo.transport import Transport

PUBLIC = "https://api.domo.com"
PAGE = 500
"""Users or groups, or executions, that are asked for at once."""
REPLACE, APPEND = "REPLACE", "APPEND"
METHODS = (REPLACE, APPEND)
"""What `updateMethod` may be. Rows are upserted by APPEND, to a stream with keys; a word that Domo does not know means REPLACE to it."""


@dataclass(frozen=True, slots=True)
class HeldDataset:
    """A dataset as it is in Domo."""

    id: str
    name: str
    description: str
    rows: int
    columns: tuple[tuple[str, str], ...]
    """Name and type of each; empty where a listing does not say."""
    owner: str
    """Id of the user."""
    row_access: bool
    """Whether policies decide who sees which rows."""


@dataclass(frozen=True, slots=True)
class HeldStream:
    """The way into a dataset."""

    id: str
    dataset: str


@dataclass(frozen=True, slots=True)
class HeldExecution:
    """One transmission of rows."""

    id: str
    state: str
    """ACTIVE until it is committed or aborted, and while the commit goes on."""
    ended: dt.datetime | None
    """When it was last changed."""

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state == "ACTIVE"

    @property
    def committed(self) -> bool:
        """Whether its commit went well."""
        return self.state == "SUCCESS"

    @property
    def has_committed(self) -> bool:
        """Whether it counts as a commit to Domo's limit: one that failed does, too."""
        return self.state not in ("ACTIVE", "ABORTED")


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """Who sees which rows: a row whose `column` has one of the `values`."""

    name: str
    column: str
    values: tuple[str, ...]
    users: tuple[int, ...]
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HeldPolicy:
    """A policy as it is in Domo."""

    id: str
    spec: PolicySpec | None
    """None for a policy that the platform would not have written: of several columns, or with another comparison."""
    name: str
    system: bool
    """Domo's own, which lets owners and administrators see all rows."""


class DomoApi:
    """One API client of a Domo account. All calls raise what `Line.call` raises; a token is fetched when the first is made."""

    def __init__(self, client_id: str, client_secret: str, address: str = PUBLIC, patience: Patience | None = None) -> None:
        """`address` may lack `https://`, or `http://` on this machine. Nothing is asked yet."""
        self.patience = patience or Patience()
        self._line = Line(address, self.patience)
        self._credentials = (client_id, client_secret)

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def datasets(self, name: str) -> tuple[HeldDataset, ...]:
        """The datasets of exactly that name that the client may see."""
        with _asking(f"datasets called {name!r}"):
            return tuple(_dataset(found) for found in self._datasets.list(name_like=name) if found.get("name") == name)

    def dataset(self, dataset: str) -> HeldDataset:
        """A dataset, with its columns."""
        with _asking(f"dataset {dataset}"):
            return _dataset(self._datasets.get(dataset))

    def update_dataset(self, dataset: str, fields: Mapping[str, object]) -> HeldDataset:
        """Change fields of a dataset: name, description, schema, owner, pdpEnabled. Says how it is then."""
        with _asking(f"change of dataset {dataset}"):
            self._datasets.update(dataset, dict(fields))
        return self.dataset(dataset)

    def create_stream(
        self, name: str, description: str, columns: Sequence[tuple[str, str]], *, method: str, key: Sequence[str] = ()
    ) -> HeldStream:
        """A new dataset and the stream into it. With a `key` what is appended takes the place of rows with the same one.

        Raises DomoAnswerLost where it may have been made.
        """
        request: dict[str, object] = {
            "dataSet": {"name": name, "description": description, "schema": schema_of(columns)}, "updateMethod": _allowed(method)}
        request |= {"keyColumnNames": list(key)} if key else {}
        with _asking(f"new dataset {name!r}"):
            return _stream(self._streams.create(request))

    def stream_of(self, dataset: str) -> HeldStream | None:
        """The stream into a dataset; None for one that came about in another way. Raises DomoRefused where there are several."""
        with _asking(f"stream of dataset {dataset}"):
            found = [_stream(entry) for entry in self._streams.search(f"dataSource.id:{dataset}")]
        mine = [stream for stream in found if stream.dataset == dataset]
        if len(mine) > 1:
            ids = ", ".join(stream.id for stream in mine)
            raise DomoRefused(f"Domo: dataset {dataset} has several streams ({ids}). Delete those that are not in use.")
        return mine[0] if mine else None

    def executions(self, stream: str) -> tuple[HeldExecution, ...]:
        """Every execution of a stream that Domo remembers."""
        with _asking(f"executions of stream {stream}"):
            return tuple(_execution(e) for e in _all(lambda limit, offset: self._streams.list_executions(stream, limit, offset)))

    def execution(self, stream: str, execution: str) -> HeldExecution:
        """How far an execution is."""
        with _asking(f"execution {execution} of stream {stream}"):
            return _execution(self._streams.get_execution(stream, execution))

    def begin(self, stream: str, method: str) -> HeldExecution:
        """A new execution. Raises DomoAnswerLost where one may be open."""
        with _asking(f"new execution of stream {stream}"):
            return _execution(self._streams.create_execution(stream, _allowed(method)))

    def upload(self, stream: str, execution: str, number: int, part: bytes) -> None:
        """Send a part: CSV without a header, compressed by gzip. One sent again replaces itself.

        Not by pydomo's `upload_part`, which takes no bytes, nor by its ways from files, which decompress or hold all of it.
        """
        with _asking(f"part {number} of execution {execution}"):
            self._transport.put_gzip(f"/v1/streams/{stream}/executions/{execution}/part/{number}", part)

    def commit(self, stream: str, execution: str) -> None:
        """Ask for the commit, which goes on after the answer. Raises DomoAnswerLost where it may have begun."""
        with _asking(f"commit of execution {execution}"):
            self._streams.commit_execution(stream, execution)

    def abort(self, stream: str, execution: str) -> None:
        """Forget an execution. Raises DomoRefused where it has ended."""
        with _asking(f"abort of execution {execution}"):
            self._streams.abort_execution(stream, execution)

    def abort_open(self, stream: str) -> None:
        """Forget whatever execution of the stream is open."""
        with _asking(f"abort of what is open on stream {stream}"):
            self._streams.abort_current_execution(stream)

    def policies(self, dataset: str) -> tuple[HeldPolicy, ...]:
        """The policies of a dataset."""
        with _asking(f"policies of dataset {dataset}"):
            return tuple(_policy(found) for found in self._datasets.list_pdps(dataset))

    def create_policy(self, dataset: str, policy: PolicySpec) -> None:
        """Add a policy. Raises DomoAnswerLost where it may have been added."""
        with _asking(f"new policy {policy.name!r} of dataset {dataset}"):
            self._datasets.create_pdp(dataset, _described(policy))

    def update_policy(self, dataset: str, held: str, policy: PolicySpec) -> None:
        """Make a policy like this."""
        with _asking(f"change of policy {policy.name!r} of dataset {dataset}"):
            self._datasets.update_pdp(dataset, held, _described(policy))

    def delete_policy(self, dataset: str, held: str) -> None:
        """Take a policy away; one that is gone stays so."""
        with suppress(DomoUnknown), _asking(f"removal of policy {held} of dataset {dataset}"):
            self._datasets.delete_pdp(dataset, held)

    @cached_property
    def users(self) -> Mapping[str, int]:
        """Ids of the account's users by e-mail address in small letters; asked for once."""
        with _asking("users"):
            return {str(user.get("email") or "").lower(): int(user["id"]) for user in _all(self._users.list)}

    @cached_property
    def groups(self) -> Mapping[str, int]:
        """Ids of the account's groups by name; asked for once."""
        with _asking("groups"):
            return {str(group["name"]): int(group["id"]) for group in _all(self._groups.list)}

    @cached_property
    def _transport(self) -> Transport:
        from lakehouse_platform.domo.transport import Transport

        return Transport(self._line, *self._credentials)

    @cached_property
    def _datasets(self) -> DataSetClient:
        from pydomo.datasets import DataSetClient

        return DataSetClient(self._transport, self._transport.logger)

    @cached_property
    def _streams(self) -> StreamClient:
        from pydomo.streams import StreamClient

        return StreamClient(self._transport, self._transport.logger)

    @cached_property
    def _users(self) -> UserClient:
        from pydomo.users import UserClient

        return UserClient(self._transport, self._transport.logger)

    @cached_property
    def _groups(self) -> GroupClient:
        from pydomo.groups import GroupClient

        return GroupClient(self._transport, self._transport.logger)


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """pydomo raises a bare Exception for a status that it does not expect; ours pass."""
    try:
        yield
    except LakehouseError:
        raise
    except Exception as error:
        raise DomoRefused(f"Domo: {what}: the answer is not one that pydomo knows ({type(error).__name__}: {error})") from error


def _all(page: Callable[[int, int], Sequence[Mapping[str, Any]]]) -> Iterator[Mapping[str, Any]]:
    """What is listed page by page, until a page is empty: a page may hold less than was asked for."""
    offset = 0
    while found := page(PAGE, offset):
        yield from found
        offset += len(found)


def _allowed(method: str) -> str:
    if method not in METHODS:
        raise DomoRefused(f'updateMethod "{method}" is not sent: Domo takes a word that it does not know for REPLACE. Valid: {METHODS}')
    return method


def schema_of(columns: Sequence[tuple[str, str]]) -> dict[str, list[dict[str, str]]]:
    """Columns as Domo is told of them."""
    return {"columns": [{"name": name, "type": kind} for name, kind in columns]}


def _dataset(found: Mapping[str, Any]) -> HeldDataset:
    columns = (found.get("schema") or {}).get("columns") or ()
    return HeldDataset(
        str(found["id"]), str(found.get("name") or ""), str(found.get("description") or ""), int(found.get("rows") or 0),
        tuple((str(c["name"]), str(c["type"])) for c in columns), str((found.get("owner") or {}).get("id") or ""),
        bool(found.get("pdpEnabled")))


def _stream(found: Mapping[str, Any]) -> HeldStream:
    return HeldStream(str(found["id"]), str((found.get("dataSet") or {}).get("id") or ""))


def _execution(found: Mapping[str, Any]) -> HeldExecution:
    changed = found.get("endedAt") or found.get("modifiedAt") or found.get("createdAt")
    return HeldExecution(str(found["id"]), str(found.get("currentState") or ""), _instant(str(changed)) if changed else None)


def _instant(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _described(policy: PolicySpec) -> dict[str, object]:
    column = {"column": policy.column, "not": False, "operator": "EQUALS", "values": list(policy.values)}
    return {
        "name": policy.name, "type": "user", "filters": [column], "users": list(policy.users), "groups": list(policy.groups),
        "virtualUsers": []}


def _policy(found: Mapping[str, Any]) -> HeldPolicy:
    filters = found.get("filters") or []
    plain = len(filters) == 1 and str(filters[0].get("operator")) == "EQUALS" and not filters[0].get("not")
    spec = PolicySpec(
        str(found.get("name") or ""), str(filters[0]["column"]), tuple(map(str, filters[0].get("values") or ())),
        tuple(sorted(map(int, found.get("users") or ()))), tuple(sorted(map(int, found.get("groups") or ()))),
    ) if plain and not found.get("virtualUsers") else None
    return HeldPolicy(str(found["id"]), spec, str(found.get("name") or ""), str(found.get("type")) == "system")
