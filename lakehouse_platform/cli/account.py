"""What a lakehouse has to show after a while of work: figures that a page or a person can read. Read from the lake, never from runs."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_platform.cli.listing import held_back, statuses
from lakehouse_platform.cli.place import shown

if TYPE_CHECKING:
    from lakehouse_platform.contracts.contract import Contract
    from lakehouse_platform.drift.findings import Finding
    from lakehouse_platform.jobs.project import Project
    from lakehouse_platform.zones.status import TableStatus


MADE_OF_TABLES = ("curated/", "domo/")


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of a table that one rule holds back."""

    table: str
    rule: str
    reason: str
    rows: int
    keys: tuple[str, ...]
    """Keys, the classified parts masked."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """A column where the source left the contract."""

    table: str
    column: str
    what: str
    policy: str
    """What the contract says to do about it."""
    owner: str
    downstream: tuple[str, ...]
    """Assets of the marts and datasets that are made of the table."""
    patch: str
    """Lines that bring the contract back to the source; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How a rule fared on all that was ever judged."""

    table: str
    rule: str
    on_failure: str
    failed: int
    evaluated: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """A published dataset."""

    name: str
    mart: str
    rows: int
    certificate: str
    """Its state; empty where it is not to be certified."""


@dataclass(frozen=True, slots=True)
class Account:
    """The state of a lakehouse."""

    now: dt.datetime
    tables: tuple[TableStatus, ...]
    held: tuple[Held, ...]
    drifted: tuple[Drifted, ...]
    judged: tuple[Judged, ...]
    datasets: tuple[Dataset, ...]


def account_of(project: Project) -> Account:
    """Look at the lake, the sources' schemas and the datasets."""
    return Account(
        dt.datetime.now(tz=dt.UTC), tuple(statuses(project)), tuple(_held(project)), tuple(_drifted(project)), tuple(_judged(project)),
        tuple(_datasets(project)))


def _held(project: Project) -> Iterator[Held]:
    for contract in project.tables:
        rows = held_back(project, contract.name)
        for (rule, reason), number in Counter((str(row["rule"]), str(row["reason"])) for row in rows).items():
            keys = dict.fromkeys(str(row["key"]) for row in rows if row["rule"] == rule)
            yield Held(contract.name, rule, reason, number, tuple(keys))


def _judged(project: Project) -> Iterator[Judged]:
    from lakehouse_platform.engines.base import opened
    from lakehouse_platform.zones import gate

    for contract in project.tables:
        table = opened(project.lake.engine, project.lake.gate_uri(contract))
        given = gate.verdicts(project.lake, table) if table is not None else ()
        last = {verdict.batch_id: verdict for verdict in given}
        for result in gate.totals(last.values()):
            yield Judged(contract.name, result.rule, str(result.on_failure), result.failed, result.evaluated)


def _drifted(project: Project) -> Iterator[Drifted]:
    from lakehouse_platform.drift.findings import compare
    from lakehouse_platform.jobs.marts import read_marts
    from lakehouse_platform.orchestration.definitions import downstream_of

    marts = read_marts(project)
    for contract in (c for c in project.tables if c not in project.landing):
        for finding in compare(contract, project.source_of(contract).describe(contract)):
            made = tuple(name for name in downstream_of(contract, marts) if name.startswith(MADE_OF_TABLES))
            yield Drifted(contract.name, finding.column, str(finding), str(contract.drift), contract.owner, made, _patch(contract, finding))


def _patch(contract: Contract, finding: Finding) -> str:
    from lakehouse_platform.contracts.patch import propose_column, propose_type
    from lakehouse_platform.drift.findings import Change

    if finding.found is None:
        return ""
    if finding.change is Change.ADDED:
        patch = propose_column(contract, finding.column, finding.found)
    else:
        name = next(c.name for c in contract.columns if c.physical_name == finding.column)
        patch = propose_type(contract, name, finding.found)
    return "\n".join((f"# {shown(patch.file)}, under properties", *patch.lines))


def _datasets(project: Project) -> Iterator[Dataset]:
    """By the ledger: what is there was counted when it was published."""
    from lakehouse_platform.jobs.certificates import Certified
    from lakehouse_platform.publish.publications import Event, recorded

    certified = Certified.of(project)
    standing = certified.judged(dt.datetime.now(tz=dt.UTC), certified.evidence(), certified.readable_approvals()[0])
    for mart in _published(project.marts):
        done = [entry for entry in recorded(project.lake, mart.name) if entry.event is Event.DONE]
        if done and mart.publication is not None:
            known = standing.get(mart.name)
            yield Dataset(mart.publication.dataset, mart.name, done[-1].rows, str(known.state) if known is not None else "")


def _published(marts: Iterable[Contract]) -> Iterator[Contract]:
    return (mart for mart in marts if mart.publication is not None)
