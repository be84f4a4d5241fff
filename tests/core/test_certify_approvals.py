"""Approvals as files: what they say, what is wrong with them and where, and that they are only ever appended to."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from lakehouse_platform.certify.approvals import Act, ApprovalRefused, Entry, append_entry, approvals_file, check_approvals, load_approvals
from lakehouse_platform.contracts import ContractErrors
from lakehouse_platform.contracts.contract import Contract
from lakehouse_platform.contracts.serving import Certification
from tests.properties.feeds import contract as any_contract

NINE = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
OURS, OTHER = "a" * 64, "b" * 64
REQUEST = Entry(Act.REQUESTED, "ana@shop.test", NINE, OURS, why="the board: weekly")
APPROVAL = Entry(Act.APPROVED, "bo@shop.test", NINE + dt.timedelta(hours=1), OURS, NINE + dt.timedelta(days=180))
REVOCATION = Entry(Act.REVOKED, "eve@shop.test", NINE + dt.timedelta(days=2), why='rates are "wrong"')
ASKED = f"- requested: {{by: ana@shop.test, at: 2026-11-20T09:00:00Z, contract: {OURS}, why: board}}\n"
GRANTED = f"- approved: {{by: bo@shop.test, at: 2026-11-20T10:00:00Z, until: 2027-05-19T09:00:00Z, contract: {OURS}}}\n"


@pytest.fixture
def mart(tmp_path: Path) -> Contract:
    """A contract in a folder of its own."""
    file = tmp_path / "sales" / "daily.yaml"
    file.parent.mkdir()
    file.write_text("")
    return any_contract(path=file, certification=Certification())


def problems(mart: Contract, text: str) -> list[str]:
    approvals_file(mart).write_text(text)
    return [f"{found.line}: {found.message}" for found in check_approvals(mart.path.parents[1], [mart])]


def test_entries_are_read_as_they_were_appended(mart: Contract) -> None:
    assert load_approvals(mart) == ()
    for entry in (REQUEST, APPROVAL, REVOCATION):
        append_entry(mart, entry)
    assert load_approvals(mart) == (REQUEST, APPROVAL, REVOCATION)
    assert problems(mart, approvals_file(mart).read_text()) == []


def test_a_file_begins_with_what_it_is_for_and_reads_like_a_list(mart: Contract) -> None:
    append_entry(mart, REQUEST)
    assert approvals_file(mart).read_text() == (
        f"# The certificate of {mart.name}: who asked for it, who approved it, who took it back. Entries are appended, never changed.\n"
        "- requested:\n"
        "    by: ana@shop.test\n"
        "    at: 2026-11-20T09:00:00Z\n"
        f"    contract: {OURS}\n"
        '    why: "the board: weekly"\n')


@pytest.mark.parametrize("ending", ["\n", ""])
def test_what_stands_there_stays_to_the_letter(mart: Contract, ending: str) -> None:
    before = f"# ours\n{ASKED.rstrip()} # asked at the meeting{ending}"
    approvals_file(mart).write_text(before)
    append_entry(mart, APPROVAL)
    after = approvals_file(mart).read_text()
    assert after.startswith(before)
    assert [entry.act for entry in load_approvals(mart)] == [Act.REQUESTED, Act.APPROVED]


@pytest.mark.parametrize(("entry", "why"), [
    (Entry(Act.APPROVED, "Ana@shop.test", APPROVAL.at, OURS, APPROVAL.until), "Ana@shop.test requested it and cannot approve it"),
    (Entry(Act.APPROVED, "bo@shop.test", APPROVAL.at, OTHER, APPROVAL.until), "`contract` is not what was requested"),
    (Entry(Act.APPROVED, "bo@shop.test", APPROVAL.at, OURS, NINE), "is not after `at`"),
    (Entry(Act.APPROVED, "bo@shop.test", NINE - dt.timedelta(hours=1), OURS, APPROVAL.until), "is earlier than the entry before it"),
    (Entry(Act.APPROVED, "ana+board@shop.test", APPROVAL.at, OURS, APPROVAL.until), "requested it and cannot approve it"),
    (Entry(Act.APPROVED, "\u0430na@shop.test", APPROVAL.at, OURS, APPROVAL.until), "is not an e-mail address"),  # a Cyrillic a
    (Entry(Act.APPROVED, "ana@shop.test\u200b", APPROVAL.at, OURS, APPROVAL.until), "is not an e-mail address"),  # nothing to be seen
    (Entry(Act.REVOKED, "bo", APPROVAL.at, why="x"), '"bo" is not an e-mail address'),
    (Entry(Act.REVOKED, "bo@shop.test", APPROVAL.at, why=" "), "is blank"),
])
def test_an_entry_that_is_not_allowed_is_not_written(mart: Contract, entry: Entry, why: str) -> None:
    append_entry(mart, REQUEST)
    before = approvals_file(mart).read_bytes()
    with pytest.raises(ApprovalRefused, match=why.replace("`", ".")):
        append_entry(mart, entry)
    assert approvals_file(mart).read_bytes() == before


def test_a_file_that_may_not_be_written_is_said_to_be_so(mart: Contract) -> None:
    approvals_file(mart).symlink_to(mart.path.parent / "nowhere" / "file")
    with pytest.raises(ApprovalRefused, match="cannot be written: No such file"):
        append_entry(mart, REQUEST)


def test_nothing_is_written_behind_a_mistake(mart: Contract) -> None:
    approvals_file(mart).write_text("- requestd: {}\n")
    with pytest.raises(ContractErrors, match='unknown key "requestd"'):
        append_entry(mart, REQUEST)


def test_a_refused_first_entry_leaves_no_file(mart: Contract) -> None:
    with pytest.raises(ApprovalRefused, match="without an open request"):
        append_entry(mart, APPROVAL)
    assert not approvals_file(mart).exists()


@pytest.mark.parametrize(("text", "found"), [
    ("", []),
    ("# nothing yet\n", []),
    ("requested: {}\n", ["1: must be a list of entries, as in `- requested: {by: …, at: …, contract: …, why: …}`."]),
    (ASKED.replace("why", "reason"), ['1: unknown key "reason". Valid keys: at, by, contract, why.', '1: "why" is missing here.']),
    (ASKED.replace("requested", "requestd"), [
        '1: unknown key "requestd". Did you mean "requested"? Valid keys: approved, requested, revoked.']),
    (ASKED + GRANTED.rstrip("}\n") + ", by: eve@shop.test}\n", ['2: "by" is declared twice here; the first is on line 2. Keep one.']),
    ("- {}\n", ["1: an entry says one of requested, approved, revoked."]),
    (ASKED.replace("2026-11-20T09:00:00Z", "2026-11-20"), [
        '1: "2026-11-20" is not an instant. Write it with its zone, as in 2026-11-20T09:00:00Z.']),
    (ASKED + GRANTED.replace("2027-05-19T09:00:00Z", "9999-12-31T23:59:59-01:00"), [
        '2: "9999-12-31T23:59:59-01:00" is not an instant. Write it with its zone, as in 2026-11-20T09:00:00Z.']),
    (ASKED.replace(OURS, "abc"), [
        '1: "abc" is not a contract\'s fingerprint: 64 digits of 0-9 and a-f, as `lakehouse certify` writes them.']),
    (GRANTED, ["1: approves without an open request: somebody has to request it first."]),
    (ASKED + GRANTED + GRANTED, ["3: approves without an open request: somebody has to request it first."]),
    (ASKED + GRANTED.replace("bo@", "ANA@"), ["2: ANA@shop.test requested it and cannot approve it. Somebody else has to."]),
    (ASKED + GRANTED.replace(OURS, OTHER), ["2: `contract` is not what was requested. Request it again as it is now."]),
    (ASKED + GRANTED.replace("2027-05-19", "2026-05-19"), ["2: `until` is not after `at`: the approval would have ended before it began."]),
    (ASKED + GRANTED.replace("T10:", "T08:"), ["2: is earlier than the entry before it: entries are appended in the order of time."]),
    ("- revoked: {by: eve@shop.test, at: 2026-11-20T09:00:00Z, why: x}\n", ["1: revokes what is neither requested nor approved."]),
    (ASKED + "- approved:\n    by: bo@shop.test\n\t", ["4: a tab is used for indentation. YAML takes spaces only."]),
])
def test_each_mistake_is_named_at_its_line(mart: Contract, text: str, found: list[str]) -> None:
    assert problems(mart, text) == found


def test_approvals_without_their_contract_are_a_mistake(mart: Contract) -> None:
    lost = mart.path.with_name("gone.approvals.yaml")
    lost.write_text(ASKED)
    (found,) = check_approvals(mart.path.parents[1], [mart])
    assert (found.file, found.message) == (
        lost, "there is no contract gone.yaml beside it. Rename it after its contract, or remove it.")


def test_approvals_of_what_is_not_to_be_certified_are_a_mistake(tmp_path: Path, mart: Contract) -> None:
    approvals_file(mart).write_text(ASKED)
    plain = any_contract(path=mart.path)
    (found,) = check_approvals(tmp_path, [plain])
    assert found.message == "daily.yaml asks for no certificate. Add `certification: {}` to its lakehouse block."
