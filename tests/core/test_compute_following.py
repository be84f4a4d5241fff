"""Waiting for a job: how often it is looked at, what is borne, and when it is given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from lakehouse_platform.compute.base import JobRequest, JobState, JobStatus
from lakehouse_platform.compute.following import Pace, follow
from lakehouse_platform.contracts.contract import Compute
from lakehouse_platform.errors import TerminalError, TransientError

WORDS = {"WAITS": JobState.WAITING, "RUNS": JobState.RUNNING, "DONE": JobState.SUCCEEDED, "STOPPED": JobState.CANCELLED}
NO_ANSWER = "no answer"


@dataclass
class Service:
    """Says one word after the other, the last one for ever, on a clock that only waiting moves."""

    words: Sequence[str]
    looks: list[float] = field(default_factory=list)
    cancellations: list[float] = field(default_factory=list)
    time: float = 0.0
    compute = Compute.GLUE

    def submit(self, request: JobRequest) -> str:
        return request.token

    def status(self, job_id: str) -> JobStatus:
        word = "STOPPED" if self.cancellations else self.words[min(len(self.looks), len(self.words) - 1)]
        self.looks.append(self.time)
        if word == NO_ANSWER:
            raise TransientError(word)
        return JobStatus(job_id, WORDS.get(word, JobState.UNKNOWN), word)

    def cancel(self, job_id: str) -> None:
        self.cancellations.append(self.time)

    def logs(self, job_id: str) -> Mapping[str, str]:
        return {}

    def wait(self, seconds: float) -> None:
        self.time += seconds

    def pace(self) -> Pace:
        return Pace(first=2, longest=10, patience=60, now=lambda: self.time, wait=self.wait)


def test_looks_come_later_and_later_and_each_change_is_told_once() -> None:
    service, told = Service(["WAITS", "WAITS", "RUNS", "RUNS", "RUNS", "RUNS", "DONE"]), list[str]()
    status = follow(service, "j", poll=service.pace(), on_change=lambda seen: told.append(seen.said))
    assert (status.said, told) == ("DONE", ["WAITS", "RUNS", "DONE"])
    assert service.looks == [0, 2, 5, 9.5, 16.25, 26.25, 36.25]


def test_calls_that_fail_are_borne_for_a_while() -> None:
    service = Service(["RUNS", *[NO_ANSWER] * 6, "RUNS", *[NO_ANSWER] * 6, "DONE"])
    assert follow(service, "j", poll=service.pace()).said == "DONE"


def test_service_that_never_answers_is_given_up() -> None:
    service = Service(["RUNS", NO_ANSWER])
    with pytest.raises(TransientError, match=NO_ANSWER):
        follow(service, "j", poll=service.pace())
    assert 60 < service.time < 75


def test_state_that_is_not_known_is_told_and_given_up() -> None:
    service, told = Service(["RUNS", "PONDERS"]), list[str]()
    with pytest.raises(TerminalError, match='j is "PONDERS", a state of glue that is not known here'):
        follow(service, "j", poll=service.pace(), on_change=lambda seen: told.append(seen.said))
    assert told == ["RUNS", "PONDERS"]
    assert 60 < service.time < 75


def test_state_that_is_not_known_may_pass() -> None:
    service = Service(["PONDERS", "PONDERS", "DONE"])
    assert follow(service, "j", poll=service.pace()).said == "DONE"


def test_wish_to_cancel_is_noticed_within_a_second_and_passed_on_once() -> None:
    service = Service(["RUNS"])
    status = follow(service, "j", poll=service.pace(), cancelled=lambda: service.time >= 18)
    assert (status.said, service.cancellations) == ("STOPPED", [18.25])
