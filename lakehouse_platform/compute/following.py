"""Waits for a job to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lakehouse_platform.compute.base import JobRunner, JobState, JobStatus
from lakehouse_platform.errors import TerminalError, TransientError


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a job is looked at, in seconds."""

    first: float = 2.0
    """Between the first two looks; each further time is half as long again."""
    longest: float = 30.0
    patience: float = 900.0
    """How long a service may give no answer that can be used before the job is given up."""
    now: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


PACE = Pace()
GROWTH = 1.5
BLINK = 1.0
"""Seconds after which a wish to cancel is noticed."""


def _nothing(_: JobStatus) -> None: ...


def _never() -> bool:
    return False


def follow(
    runner: JobRunner, job_id: str, *, poll: Pace = PACE, on_change: Callable[[JobStatus], None] = _nothing,
    cancelled: Callable[[], bool] = _never,
) -> JobStatus:
    """Last status of the job, once it has ended. `on_change` is told of each new state; `cancelled` asks for it to be stopped.

    Raises TransientError where the service gives no answer for too long, TerminalError where its answers are not understood.
    """
    return _Watch(runner, job_id, poll, on_change, cancelled).to_the_end()


@dataclass
class _Watch:
    runner: JobRunner
    job_id: str
    pace: Pace
    on_change: Callable[[JobStatus], None]
    cancelled: Callable[[], bool]
    said: str | None = None
    stopping: bool = False

    def to_the_end(self) -> JobStatus:
        interval, answered = self.pace.first, self.pace.now()
        while True:
            status = self._look(out_of_patience=self.pace.now() - answered > self.pace.patience)
            if status is not None and status.state.ended:
                return status
            if status is not None and status.state is not JobState.UNKNOWN:
                answered = self.pace.now()
            self._rest(interval)
            interval = min(interval * GROWTH, self.pace.longest)

    def _look(self, *, out_of_patience: bool) -> JobStatus | None:
        try:
            self._stop_where_asked()
            status = self.runner.status(self.job_id)
        except TransientError:
            if out_of_patience:
                raise
            return None
        if status.said != self.said:
            self.said = status.said
            self.on_change(status)
        if status.state is JobState.UNKNOWN and out_of_patience:
            raise TerminalError(
                f'{self.job_id} is "{status.said}", a state of {self.runner.compute} that is not known here: it is followed no more, '
                "and may be running. Look at it in the console, and cancel it there before you run the step again.")
        return status

    def _stop_where_asked(self) -> None:
        if not self.stopping and self.cancelled():
            self.runner.cancel(self.job_id)
            self.stopping = True

    def _rest(self, seconds: float) -> None:
        """Wait, but not longer than it takes to notice that the job is to be cancelled."""
        until = self.pace.now() + seconds
        while (left := until - self.pace.now()) > 0 and (self.stopping or not self.cancelled()):
            self.pace.wait(min(left, BLINK))
