"""Certificates of a project: what is to be certified, what is seen of it, and how its certificates stand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lakehouse_platform.certify import evidence as ledger
from lakehouse_platform.certify.approvals import Entry, load_approvals
from lakehouse_platform.certify.badge import Waiting
from lakehouse_platform.certify.evidence import Evidence, Kind, changed
from lakehouse_platform.certify.state import Certificate, certificates
from lakehouse_platform.certify.subject import Asset, Subject
from lakehouse_platform.contracts import ContractErrors
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.errors import LakehouseError, UnknownName, did_you_mean
from lakehouse_platform.jobs.datasets import dataset_checks
from lakehouse_platform.jobs.marts import Mart, mart_complete_through, mart_project, prepare_marts, read_marts
from lakehouse_platform.jobs.project import Project, domo_api, domo_instance
from lakehouse_platform.jobs.reads import columns_read
from lakehouse_platform.jobs.steps import SCHEMA, CheckSpec, declared_checks
from lakehouse_platform.naming import Zone, asset_key, dataset_asset_key
from lakehouse_platform.settings import Domo

if TYPE_CHECKING:
    from lakehouse_platform.domo.base import Patience
    from lakehouse_platform.domo.instance import Instance
    from lakehouse_platform.domo.public import DomoApi

CERTIFIED = CheckSpec("certified", "The certificate stands: approved, unchanged since, and every gate open.", about_now=True)
"""The check of a dataset that is to be certified, or of its mart where it has no dataset."""
CONTROL_TOTAL = "control_total"
"""What the names of dbt's tests begin with that compare a mart with the tables that it is made of."""
ZONES = {Zone.RAW: (Zone.RAW,), Zone.ODS: (Zone.RAW, Zone.ODS), Zone.HDS: (Zone.RAW, Zone.ODS, Zone.HDS)}
"""A zone's table and what it is made of."""


@dataclass(frozen=True)
class Certified:
    """The marts of a project that are to be certified, and what certificates are judged from."""

    project: Project
    marts: tuple[Mart, ...]
    """All of the project."""

    @classmethod
    def of(cls, project: Project) -> Certified:
        """As the contracts and the dbt project are now."""
        prepare_marts(project)
        return cls(project, read_marts(project))

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """What is to be certified."""
        unknown = _without_contract(self.project)
        in_domo = isinstance(self.project.environment.domo, Domo)
        wanted = [mart for mart in self.marts if mart.contract.certification is not None]
        return tuple(subject_of(mart, self.marts, unknown, in_domo=in_domo) for mart in wanted)

    @cached_property
    def account(self) -> DomoApi | None:
        """The Domo account that datasets are published to; None where they go elsewhere. It is asked when it is used."""
        bound = self.project.environment.domo
        return domo_api(bound, _patience()) if isinstance(bound, Domo) else None

    @property
    def names(self) -> tuple[str, ...]:
        """`domain.table` of each."""
        return tuple(subject.name for subject in self.subjects)

    def subject(self, name: str) -> Subject:
        """The subject called `domain.table`, or `table`. Raises UnknownName."""
        contract = self.project.contract(name)
        found = next((subject for subject in self.subjects if subject.name == contract.name), None)
        if found is None:
            known = did_you_mean(contract.name, self.names, noun="marts that are")
            raise UnknownName(f"{contract.path}: {contract.name} is not to be certified: its contract has no `certification`. {known}")
        return found

    def mart(self, subject: Subject) -> Mart:
        """The subject's mart."""
        return next(mart for mart in self.marts if mart.contract.name == subject.name)

    def approvals(self) -> dict[str, tuple[Entry, ...]]:
        """Approvals by subject, as git has them. Raises ContractErrors."""
        return {subject.name: load_approvals(self.project.contract(subject.name)) for subject in self.subjects}

    def readable_approvals(self) -> tuple[dict[str, tuple[Entry, ...]], tuple[str, ...]]:
        """The same, and what is wrong with files that cannot be read: they approve nothing."""
        found: dict[str, tuple[Entry, ...]] = {}
        wrong: list[str] = []
        for subject in self.subjects:
            try:
                found[subject.name] = load_approvals(self.project.contract(subject.name))
            except ContractErrors as error:
                wrong.append(str(error))
        return found, tuple(wrong)

    def evidence(self) -> tuple[Evidence, ...]:
        """What was seen so far."""
        return ledger.recorded(self.project.lake)

    def at(self, now: dt.datetime, evidence: Sequence[Evidence]) -> dict[str, Certificate]:
        """Every certificate at a moment. Raises ContractErrors where approvals cannot be read."""
        return self.judged(now, evidence, self.approvals())

    def judged(
        self, now: dt.datetime, evidence: Sequence[Evidence], approvals: Mapping[str, tuple[Entry, ...]]
    ) -> dict[str, Certificate]:
        """Every certificate at a moment, by these approvals."""
        return certificates(self.subjects, approvals, evidence, now)

    def then(self, now: dt.datetime, evidence: Sequence[Evidence]) -> dict[str, Certificate]:
        """Every certificate at a past moment, with the contracts of which the evidence up to then tells."""
        past = [replace(subject, fingerprint=_fingerprint_at(subject, now, evidence)) for subject in self.subjects]
        return certificates(past, self.approvals(), evidence, now)


def subject_of(mart: Mart, marts: Sequence[Mart], unknown: Mapping[str, tuple[str, ...]], *, in_domo: bool) -> Subject:
    """What a mart is to be certified for. `unknown` are models without a contract, by the model that they go into."""
    contract, found = mart.contract, contract_publication(mart.contract)
    above = _above(mart, {m.contract.name: m for m in marts})
    own = mart_asset(mart)
    named = contract.owner if "@" in contract.owner else ""
    return Subject(
        name=contract.name, fingerprint=contract.fingerprint, mart=own,
        green_runs=contract.certification.green_runs if contract.certification is not None else 1,
        dataset=Asset(found, frozenset(spec.name for spec in dataset_checks(mart.contract) if spec.halting)) if found else None,
        upstream=_upstream([mart, *above]),
        unknown=tuple(dict.fromkeys(name for m in (mart, *above) for name in unknown.get(str(m.contract.model), ()))),
        certified_upstream=tuple(m.contract.name for m in above if m.contract.certification is not None),
        control_totals=frozenset(name for name in own.checks if name.startswith(CONTROL_TOTAL)), freshness=contract.freshness,
        owner=(contract.publication.owner or named) if contract.publication is not None and in_domo else None,
        row_access=contract.publication.row_access if contract.publication is not None and in_domo else None)


def contract_publication(contract: Contract) -> str:
    """Asset of the contract's dataset; empty where it has none."""
    said = contract.publication
    return "/".join(dataset_asset_key(contract.domain, said.dataset)) if said is not None else ""


def mart_asset(mart: Mart) -> Asset:
    """A mart in Curated and its blocking checks."""
    return Asset(_key(Zone.CURATED, mart.contract), frozenset(spec.name for spec in mart.checks if spec.halting))


def _key(zone: str, contract: Contract) -> str:
    return "/".join(asset_key(zone, contract.domain, contract.table))


def _above(mart: Mart, marts: Mapping[str, Mart]) -> list[Mart]:
    """The marts that a mart is made of, near ones first."""
    near = [marts[contract.name] for zone, contract in mart.upstream if zone == Zone.CURATED and contract.name in marts]
    every = [*near, *(far for found in near for far in _above(found, marts))]
    return list({found.contract.name: found for found in every}.values())


def _upstream(marts: Sequence[Mart]) -> tuple[Asset, ...]:
    """The marts behind the first, and every table that one of them reads, down to Raw."""
    tables = {
        (step, contract.name): (step, contract)
        for mart in marts for zone, contract in mart.upstream if zone != Zone.CURATED for step in ZONES[Zone(zone)]}
    return (*map(mart_asset, marts[1:]), *(_table(zone, contract) for _, (zone, contract) in sorted(tables.items())))


def _table(zone: Zone, contract: Contract) -> Asset:
    halting = frozenset(spec.name for spec in declared_checks(zone, contract) if spec.halting)
    return Asset(_key(zone, contract), halting, frozenset({SCHEMA} if zone is Zone.RAW else ()), by_day=True)


def _without_contract(project: Project) -> dict[str, tuple[str, ...]]:
    """Models that no contract declares, by the model that reads them."""
    if not project.marts:
        return {}
    manifest: dict[str, Any] = json.loads(mart_project(project).manifest.read_text(encoding="utf-8"))
    known = {str(contract.model) for contract in project.marts}
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return {node["name"]: tuple(name for name in _read_models(node) if name not in known) for node in models}


def _read_models(node: Mapping[str, Any]) -> Iterator[str]:
    """What a model reads that is no declared source: models, seeds, snapshots."""
    return (str(name).split(".")[-1] for name in node["depends_on"]["nodes"] if not str(name).startswith("source."))


def _fingerprint_at(subject: Subject, now: dt.datetime, evidence: Sequence[Evidence]) -> str:
    seen = [e for e in evidence if e.kind is Kind.CONTRACT and e.subject == subject.mart.key and e.at <= now]
    return str(seen[-1].figures.get("fingerprint")) if seen else subject.fingerprint


def observe(found: Certified, held: Iterable[Evidence], now: dt.datetime) -> tuple[Evidence, ...]:
    """What is seen now of contracts and of how far the data goes, where it says something new."""
    return changed([seen for subject in found.subjects for seen in _observed(found, subject, now)], held)


def _observed(found: Certified, subject: Subject, now: dt.datetime) -> Iterator[Evidence]:
    yield Evidence(subject.mart.key, Kind.CONTRACT, now, passed=True, figures={"fingerprint": subject.fingerprint})
    mart = found.mart(subject)
    reads = columns_read(found.project, [mart, *_above(mart, {m.contract.name: m for m in found.marts})])
    if reads is not None:
        yield Evidence(subject.mart.key, Kind.READS, now, passed=True, figures=reads)
    through = mart_complete_through(found.project, mart, found.marts)
    said = through.astimezone(dt.UTC).isoformat() if through is not None else ""
    yield Evidence(subject.mart.key, Kind.COMPLETE, now, through is not None, figures={"complete_through": said})


def observe_domo(found: Certified, held: Iterable[Evidence], now: dt.datetime) -> tuple[tuple[Evidence, ...], dict[str, str]]:
    """What Domo says of the datasets that were published, where it is something new, and why one could not be asked for."""
    try:
        account = found.account
    except LakehouseError as error:
        return (), {"any dataset": str(error)}
    if account is None:
        return (), {}
    try:
        seen, failed = _asked(found, account, now)
    finally:
        account.close()
    return changed(seen, held), failed


def _asked(found: Certified, account: DomoApi, now: dt.datetime) -> tuple[list[Evidence], dict[str, str]]:
    from lakehouse_platform.certify.served import observe as observe_served

    seen: list[Evidence] = []
    failed: dict[str, str] = {}
    waiting = Waiting()
    for subject in found.subjects:
        dataset = published(found.project, subject.name)
        if dataset is not None and subject.dataset is not None:
            try:
                with waiting:
                    seen += observe_served(account, dataset, subject.dataset.key, now)
            except LakehouseError as error:
                failed[subject.name] = str(error)
    return seen, failed


def published(project: Project, mart: str) -> str | None:
    """Id of the dataset that a mart was last published to; None where it never was."""
    return next(reversed(_published(project, mart)), None)


def _published(project: Project, mart: str) -> list[str]:
    """Ids of every dataset that a mart was published to, the present one last: one of another title is another dataset."""
    from lakehouse_platform.publish import publications

    return list(dict.fromkeys(entry.dataset for entry in reversed(publications.recorded(project.lake, mart))))[::-1]


def badges_wanted(found: Certified, now: Mapping[str, Certificate], evidence: Iterable[Evidence]) -> dict[str, bool]:
    """Whether each dataset is to have its badge: none is of a mart that is not to be certified any more, nor one of an earlier title."""
    names = dict(_once(evidence)) | {subject.mart.key: subject.name for subject in found.subjects}
    wanted: dict[str, bool] = {}
    for name in names.values():
        for dataset in (datasets := _published(found.project, name)):
            wanted[dataset] = dataset == datasets[-1] and name in now and now[name].active
    return wanted


def _once(evidence: Iterable[Evidence]) -> Iterator[tuple[str, str]]:
    return ((seen.subject, ".".join(seen.subject.split("/")[1:])) for seen in evidence if seen.kind is Kind.CONTRACT)


def watched(subjects: Iterable[Subject]) -> dict[str, frozenset[str]]:
    """Checks that matter to certificates, by asset."""
    found: dict[str, frozenset[str]] = {}
    for subject in subjects:
        for asset in (subject.mart, *([subject.dataset] if subject.dataset else []), *subject.upstream):
            found[asset.key] = found.get(asset.key, frozenset()) | asset.checks | asset.schema_checks
    return found


def instance_of(project: Project) -> Instance | None:
    """The environment's Domo instance, where badges are; None where it has none."""
    bound = project.environment.domo
    return domo_instance(bound, _patience()) if isinstance(bound, Domo) else None


def _patience() -> Patience:
    """A look at the certificates has to end before the next one begins, which asks again."""
    from lakehouse_platform.domo.base import Patience

    return Patience(tries=2, longest_pause=1.0, connect_seconds=3.0, answer_seconds=6.0)
