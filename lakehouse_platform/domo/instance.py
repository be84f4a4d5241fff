"""The interface of a Domo instance: certificates, tags, partitions, dataflows, lineage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard
from urllib.parse import quote

import requests

from lakehouse_platform.domo.base import NOTHING, Authorised, DomoRefused, DomoUnknown, Line, Patience, Said

TOKEN = "X-DOMO-Developer-Token"  # noqa: S105 - the name of the header
ACTIVE = "ACTIVE"
"""State of a certificate that readers see."""
PAGE = 100
CSV = {"Content-Type": "text/csv"}
GZIP = {**CSV, "Content-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class DatasetMetadata:
    """What an instance says of a dataset."""

    id: str
    name: str
    description: str
    tags: tuple[str, ...]
    owner: str
    """Name of the user who owns it."""
    rows: int


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of a dataset that is replaced and dropped on its own."""

    name: str
    rows: int | None
    """None where the instance does not say."""


class Progress(StrEnum):
    """How far a dataflow's execution is, or an index."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DataflowExecution:
    """One run of a dataflow."""

    id: str
    state: str
    """In Domo's word."""
    progress: Progress


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that is made of a dataset."""

    kind: str
    """DATA_SOURCE, DATAFLOW, CARD, …"""
    id: str


@dataclass(frozen=True, slots=True)
class Card:
    """A card that shows a dataset."""

    id: str
    title: str


class Instance:
    """One instance, as the bearer of a developer token sees it. All calls raise what `Line.call` raises."""

    def __init__(self, url: str, token: str, patience: Patience | None = None) -> None:
        """`url` is as in https://acme.domo.com; nothing is sent yet."""
        self._line = Line(url, patience or Patience())
        self.url = self._line.address
        self._auth = Authorised({TOKEN: token})

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def certificate(self, dataset: str) -> str | None:
        """State of a dataset's certificate (`ACTIVE` shows as a badge); None where it has none."""
        try:
            state = self._object("GET", _certificate(dataset)).get("state")
        except DomoUnknown:
            return None
        return str(state) if state else None

    def certify(self, dataset: str) -> None:
        """Give a dataset its badge; one that has it keeps it."""
        self._call("PUT", f"{_certificate(dataset)}/{ACTIVE}")

    def uncertify(self, dataset: str) -> None:
        """Take a dataset's badge away; one that has none stays without."""
        try:
            self._call("DELETE", _certificate(dataset))
        except DomoUnknown:
            return

    def metadata(self, dataset: str) -> DatasetMetadata:
        """What the instance says of a dataset."""
        found = self._object("GET", f"/api/data/v3/datasources/{_part(dataset)}", Said({"part": "core,permission"}), has="id")
        owner = found.get("owner") or {}
        return DatasetMetadata(
            str(found["id"]), str(found.get("name") or ""), str(found.get("description") or ""), _tags(found.get("tags")),
            str(owner.get("name") or ""), int(found.get("rowCount") or 0))

    def set_tags(self, dataset: str, tags: Sequence[str]) -> None:
        """Give a dataset these tags, and no others."""
        self._call("POST", f"/api/data/ui/v3/datasources/{_part(dataset)}/tags", Said(json=list(tags)))

    def begin_upload(self, dataset: str, partition: str) -> str:
        """Open an upload of a partition; its id. One that is never committed is nobody's."""
        said = Said({"restateDataTag": partition}, {"action": None, "appendId": None})
        return str(self._object("POST", _uploads(dataset), said, has="uploadId")["uploadId"])

    def upload_part(self, dataset: str, upload: str, number: int, content: bytes) -> None:
        """Send a part of an upload: CSV without a header, compressed by gzip. Numbers begin at 1; one sent again replaces itself."""
        self._call("PUT", f"{_uploads(dataset)}/{_part(upload)}/parts/{number}", Said(data=content, headers=GZIP))

    def commit_upload(self, dataset: str, upload: str, partition: str) -> None:
        """Put an upload's rows in the place of its partition's, unseen by readers before the next index.

        Raises DomoAnswerLost where it may have been done.
        """
        said = {"action": "APPEND", "restateDataTag": partition, "index": False}
        self._call("PUT", f"{_uploads(dataset)}/{_part(upload)}/commit", Said(json=said), repeatable=False)

    def index(self, dataset: str) -> str:
        """Begin to show readers all partitions as they were committed and dropped, at once; the index's id."""
        return str(self._object("POST", _indexes(dataset), Said(json={"dataIds": []}), has="indexId")["indexId"])

    def index_progress(self, dataset: str, index: str) -> Progress:
        """How far an index is."""
        found = self._list("GET", f"{_indexes(dataset)}/{_part(index)}/statuses")
        states = {str(entry.get("status") or "") for entry in found}
        return Progress.FAILED if any(map(_has_failed, states)) else Progress.SUCCEEDED if states == {"SUCCESS"} else Progress.RUNNING

    def partitions(self, dataset: str) -> tuple[Partition, ...]:
        """The partitions of a dataset."""
        found: list[Partition] = []
        while True:
            said = {"paginationFields": [], "limit": PAGE, "offset": len(found)}
            page = self._list("POST", f"/api/query/v1/datasources/{_part(dataset)}/partition/list", Said(json=said), has="partitionId")
            found += [_partition(entry) for entry in page]
            if len(page) < PAGE:
                return tuple(found)

    def drop_partition(self, dataset: str, partition: str) -> None:
        """Take a partition and its rows away, unseen by readers before the next index; one that is gone stays so."""
        base = f"/api/query/v1/datasources/{_part(dataset)}"
        for path in (f"{base}/tag/{_part(partition)}/data", f"{base}/partition/{_part(partition)}"):
            try:
                self._call("DELETE", path)
            except DomoUnknown:
                continue

    def run_dataflow(self, dataflow: str) -> DataflowExecution:
        """Start a dataflow. Raises DomoAnswerLost where it is not known whether it runs."""
        return _execution(self._object("POST", f"{_dataflow(dataflow)}/executions", Said(json={}), repeatable=False, has="id"))

    def dataflow_execution(self, dataflow: str, execution: str) -> DataflowExecution:
        """How far an execution is."""
        return _execution(self._object("GET", f"{_dataflow(dataflow)}/executions/{_part(execution)}", has="id"))

    def lineage(self, dataset: str, *, depth: int = 4) -> tuple[Entity, ...]:
        """The datasets and dataflows that are made of a dataset, as many steps away as `depth`."""
        said = {"traverseUp": "false", "maxDepth": str(depth), "requestEntities": "DATA_SOURCE,DATAFLOW"}
        found = self._object("GET", f"/api/data/v1/lineage/DATA_SOURCE/{_part(dataset)}", Said(said))
        entities = (Entity(str(e["type"]), str(e["id"])) for e in found.values())
        return tuple(sorted((e for e in entities if e.id != dataset), key=lambda e: (e.kind, e.id)))

    def cards(self, dataset: str) -> tuple[Card, ...]:
        """The cards that a dataset feeds, drilled views included."""
        found = self._list("GET", f"/api/content/v1/datasources/{_part(dataset)}/cards", Said({"drill": "true"}), has="id")
        return tuple(Card(str(card["id"]), str(card.get("title") or "")) for card in found)

    def _object(self, method: str, path: str, said: Said = NOTHING, *, repeatable: bool = True, has: str = "") -> dict[str, Any]:
        found = _content(self._call(method, path, said, repeatable=repeatable))
        if not _holds(found, has):
            raise DomoRefused(f"Domo: {method} {path}: the answer is not the JSON object that was expected")
        return found

    def _list(self, method: str, path: str, said: Said = NOTHING, *, has: str = "") -> list[dict[str, Any]]:
        found = _content(self._call(method, path, said))
        if not isinstance(found, list) or not all(_holds(entry, has) for entry in found):
            raise DomoRefused(f"Domo: {method} {path}: the answer is not the JSON list that was expected")
        return found

    def _call(self, method: str, path: str, said: Said = NOTHING, *, repeatable: bool = True) -> requests.Response:
        return self._line.call(method, path, said, auth=self._auth, repeatable=repeatable)


def _content(response: requests.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None


def _holds(found: object, name: str) -> TypeGuard[dict[str, Any]]:
    return isinstance(found, dict) and (not name or name in found)


def _part(text: str) -> str:
    return quote(text, safe="")


def _certificate(dataset: str) -> str:
    return f"/api/tags/v3/DATA_SOURCE/{_part(dataset)}/system/CERTIFIED/state"


def _uploads(dataset: str) -> str:
    return f"/api/data/v3/datasources/{_part(dataset)}/uploads"


def _indexes(dataset: str) -> str:
    return f"/api/data/v3/datasources/{_part(dataset)}/indexes"


def _dataflow(dataflow: str) -> str:
    return f"/api/dataprocessing/v1/dataflows/{_part(dataflow)}"


def _has_failed(state: str) -> bool:
    return state.startswith(("FAIL", "ERROR", "ABANDON", "KILL", "CANCEL", "ABORT"))


def _tags(found: object) -> tuple[str, ...]:
    """Domo gives the list as text."""
    listed = json.loads(found) if isinstance(found, str) and found else found
    return tuple(str(tag) for tag in listed) if isinstance(listed, list) else ()


def _partition(entry: Mapping[str, Any]) -> Partition:
    rows = entry.get("rowCount")
    return Partition(str(entry["partitionId"]), int(rows) if rows is not None else None)


def _execution(found: Mapping[str, Any]) -> DataflowExecution:
    state = str(found.get("state") or "")
    failed = bool(found.get("failed")) or _has_failed(state)
    progress = Progress.SUCCEEDED if state == "SUCCESS" and not failed else Progress.FAILED if failed else Progress.RUNNING
    return DataflowExecution(str(found["id"]), state, progress)
