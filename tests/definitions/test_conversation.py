"""What a job says comes home in order, and past a file that is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lakehouse_platform.compute.runs import JobFolder
from lakehouse_platform.orchestration import conversation
from lakehouse_platform.orchestration.conversation import LOST, MessageReader
from tests.standins.account import StandIns, stand_ins
from tests.standins.image import REGION


@pytest.fixture(scope="module")
def account() -> Iterator[StandIns]:
    with stand_ins() as running:
        running.account.s3.create_bucket(Bucket="talk", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield running


@pytest.fixture
def folder(account: StandIns, request: pytest.FixtureRequest) -> JobFolder:
    return JobFolder(account.account, f"s3://talk/{request.node.name}")


def say(folder: JobFolder, number: int, text: str) -> None:
    key = f"{folder.messages_prefix(0)}/{number}.json"
    folder.account.s3.put_object(Bucket=folder.bucket, Key=key, Body=text.encode())


def test_files_are_read_one_after_the_other(folder: JobFolder) -> None:
    reader = MessageReader(folder, 0)
    assert reader.download_messages(None, {}) is None
    say(folder, 1, "one")
    assert reader.download_messages(None, {}) == (2, "one")
    say(folder, 2, "two")
    assert reader.download_messages(None, {}) == (3, "two")


def test_a_lost_file_is_waited_for_and_then_passed(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = MessageReader(folder, 0)
    say(folder, 2, "two")
    assert reader.download_messages(None, {}) is None
    monkeypatch.setattr(conversation, "PATIENCE", 0)
    assert reader.download_messages(None, {}) == (2, LOST)
    assert reader.download_messages(None, {}) == (3, "two")


def test_a_missing_newest_file_is_never_lost(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "PATIENCE", 0)
    reader = MessageReader(folder, 0)
    say(folder, 1, "one")
    assert reader.download_messages(None, {}) == (2, "one")
    assert [reader.download_messages(None, {}) for _ in range(2)] == [None, None]


def test_what_was_said_is_forgotten_and_what_was_done_is_kept(folder: JobFolder) -> None:
    folder.record(0, "job-1")
    folder.tell(0, "context")
    say(folder, 1, "one")
    folder.forget(0)
    assert (folder.submitted(), folder.newest_message(0), folder.message(0, 1)) == ({0: "job-1"}, 0, None)
