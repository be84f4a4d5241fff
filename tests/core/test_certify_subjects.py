"""What is to be certified of a project, and which badges follow from how it stands."""

from __future__ import annotations

import copy
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from lakehouse_platform.certify.approvals import Act, Entry, append_entry
from lakehouse_platform.certify.evidence import Evidence, Kind
from lakehouse_platform.errors import UnknownName
from lakehouse_platform.jobs.certificates import Certified, badges_wanted, observe, watched
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.publish import publications
from tests.core.certify_cases import MANIFEST, MART, build_lakehouse, green

NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
RAW, ODS, CURATED = "raw/operations/shipment", "ods/operations/shipment", "curated/operations/kpi_fulfilment_daily"
DATASET = "domo/operations/fulfilment_by_day"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return build_lakehouse(tmp_path)


def test_mart_is_certified_for_its_checks_and_for_all_that_it_is_made_of(project: Project) -> None:
    (subject,) = Certified.of(project).subjects
    assert (subject.name, subject.green_runs, subject.freshness) == (MART, 1, dt.timedelta(hours=26))
    assert subject.mart.checks == {"matches_contract", "control_total", "parts_make_the_whole"}
    assert subject.control_totals == {"control_total"}
    assert [(asset.key, asset.by_day, sorted(asset.schema_checks)) for asset in subject.upstream] == [
        (ODS, True, []), (RAW, True, ["schema_matches_contract"])]
    assert subject.dataset is not None
    assert subject.dataset.key == DATASET
    assert subject.dataset.checks == {"rows_match"}
    assert (subject.owner, subject.row_access, subject.unknown, subject.certified_upstream) == (None, None, (), ())
    assert watched([subject])[RAW] == {"schema_matches_contract"}


def test_model_without_a_contract_is_an_end_that_nobody_knows(tmp_path: Path) -> None:
    manifest: dict[str, Any] = copy.deepcopy(MANIFEST)
    manifest["nodes"]["model.marts.kpi_fulfilment_daily"]["depends_on"]["nodes"].append("model.marts.int_shipment")
    (subject,) = Certified.of(build_lakehouse(tmp_path, manifest)).subjects
    assert subject.unknown == ("int_shipment",)


def test_only_what_is_to_be_certified_is_a_subject(project: Project) -> None:
    found = Certified.of(project)
    assert found.subject("kpi_fulfilment_daily").name == MART
    with pytest.raises(UnknownName, match=r"operations\.shipment is not to be certified"):
        found.subject("shipment")


def test_contract_and_end_of_the_data_are_written_when_they_change(project: Project) -> None:
    found = Certified.of(project)
    seen = observe(found, (), NOW)
    assert [(e.kind, e.passed) for e in seen] == [(Kind.CONTRACT, True), (Kind.COMPLETE, False)]
    assert observe(found, seen, NOW + dt.timedelta(hours=1)) == ()


def entry(dataset: str, at: dt.datetime) -> publications.Entry:
    return publications.Entry(publications.new_publication(), publications.Event.DONE, MART, dataset, 1, 1, "", at)


def test_badge_is_that_of_the_dataset_that_was_published_last(project: Project) -> None:
    for number, dataset in enumerate(["earlier title", "present", "earlier title", "present"]):
        publications.record(project.lake, entry(dataset, NOW + dt.timedelta(hours=number)))
    found, now = Certified.of(project), dt.datetime.now(tz=dt.UTC)
    contract, before = project.contract(MART), now - dt.timedelta(hours=1)
    append_entry(contract, Entry(Act.REQUESTED, "ana@shop.test", before, contract.fingerprint, why="x"))
    append_entry(contract, Entry(Act.APPROVED, "bo@shop.test", before, contract.fingerprint, now + dt.timedelta(days=1)))
    assert badges_wanted(found, found.at(now, ()), ()) == {"earlier title": False, "present": False}
    green(project)
    evidence = found.evidence()
    assert badges_wanted(found, found.at(now, evidence), evidence) == {"earlier title": False, "present": True}
    once = Evidence(CURATED, Kind.CONTRACT, NOW, True)
    assert badges_wanted(Certified(project, ()), {}, [once]) == {"earlier title": False, "present": False}


def test_past_moment_is_judged_with_the_contract_of_then(project: Project) -> None:
    found = Certified.of(project)
    contract = project.contract(MART)
    append_entry(contract, Entry(Act.REQUESTED, "ana@shop.test", NOW, "a" * 64, why="x"))
    append_entry(contract, Entry(Act.APPROVED, "bo@shop.test", NOW, "a" * 64, NOW + dt.timedelta(days=1)))
    then = [Evidence(CURATED, Kind.CONTRACT, NOW, True, figures={"fingerprint": "a" * 64})]
    assert found.then(NOW, then)[MART].state == "approved"
    assert found.at(NOW, then)[MART].state == "revoked"
