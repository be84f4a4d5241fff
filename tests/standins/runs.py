"""Job runs: drivers that are really started, in the order of states that services share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.standins.image import Fetch, Image, lay_out
from tests.standins.submission import Submission

POLL = 0.05


class Phase(StrEnum):
    """How far a run is."""

    SUBMITTED = "submitted"
    PENDING = "pending"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED, Phase.TIMED_OUT, Phase.EXPIRED)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the services are, in seconds."""

    state: float = 0.1
    """That a run stays in each state before it runs."""
    minute: float = 60.0
    """That a minute of a timeout lasts."""
    logs: float = 2.0
    """Between two uploads of a running driver's output."""


@dataclass
class Driver:
    """One try: a process group, and what it printed."""

    process: subprocess.Popen[bytes]
    folder: Path

    @classmethod
    def start(cls, image: Image, submission: Submission, fetch: Fetch) -> Driver:
        """Lay out a fresh folder and start spark-submit in it. Raises MalformedSubmissionError, and what `fetch` raises."""
        folder = Path(tempfile.mkdtemp(prefix="driver-", dir=image.folder))
        layout = lay_out(image, submission, folder / "work", fetch)
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            process = subprocess.Popen(
                layout.command, cwd=layout.folder, env=dict(layout.environment),
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
            )  # fmt: skip
        return cls(process, folder)

    def kill(self) -> None:
        """End the driver and all that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def printed(self, stream: str) -> bytes:
        """Output so far."""
        return (self.folder / stream).read_bytes()

    def forget(self) -> None:
        """Give its disk back; the output stays."""
        shutil.rmtree(self.folder / "work", ignore_errors=True)


@dataclass
class Run:
    """One job run. A thread of its own takes it through its states; any other may read it, or ask it to stop."""

    submission: Submission
    tries: int = 1
    timeout: float = float("inf")
    """Seconds from the first start of a driver."""
    publish_logs: Callable[[Run, Driver], None] = lambda run, driver: None
    phase: Phase = Phase.SUBMITTED
    reason: str = ""
    attempt: int = 1
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    driver: Driver | None = None
    asked_to_end: Phase | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seconds(self) -> float:
        """From the first start to the end, or until now."""
        return (self.ended or time.time()) - self.started if self.started else 0.0

    def enter(self, phase: Phase, reason: str = "") -> None:
        """Be in a state from now on. One that was asked to end goes on to nothing else, and one that has ended stays as it is."""
        with self.lock:
            if self.phase.ended or (self.asked_to_end and not phase.ended):
                return
            self._enter(phase, reason)

    def stop(self, final: Phase = Phase.STOPPED) -> None:
        """Have it end like that; one that has ended stays as it is."""
        with self.lock:
            if not self.phase.ended:
                self.asked_to_end = final
                self._enter(Phase.STOPPING, self.reason)

    def _enter(self, phase: Phase, reason: str) -> None:
        self.updated = time.time()
        self.ended = self.updated if phase.ended else None
        self.phase, self.reason = phase, reason


@dataclass(frozen=True)
class Cluster:
    """Where runs run."""

    image: Image
    fetch: Fetch
    pace: Pace
    runs: list[Run] = field(default_factory=list)

    def submit(self, run: Run, done: Callable[[Run], object] = lambda run: None) -> None:
        """Take a run through its states on a thread of its own; `done` is called at the end."""
        self.runs.append(run)
        threading.Thread(target=self._live, args=(run, done), daemon=True).start()

    def kill_drivers(self) -> None:
        """End the drivers that run, as a lost machine does."""
        for run in list(self.runs):
            if run.driver and run.phase is Phase.RUNNING:
                run.driver.kill()

    def close(self) -> None:
        """End everything."""
        for run in list(self.runs):
            run.stop()
            if run.driver:
                run.driver.kill()

    def _live(self, run: Run, done: Callable[[Run], object]) -> None:
        for phase in (Phase.PENDING, Phase.SCHEDULED):
            time.sleep(self.pace.state)
            run.enter(phase)
        time.sleep(self.pace.state)
        try:
            while not run.asked_to_end and not run.phase.ended:
                self._try(run)
        except Exception as error:  # noqa: BLE001 - whatever it is, the service says that the run failed of it
            run.enter(Phase.FAILED, f"{type(error).__name__}: {error}")
        if run.asked_to_end:
            time.sleep(self.pace.state)
            run.enter(run.asked_to_end, run.reason)
        done(run)

    def _try(self, run: Run) -> None:
        run.driver = driver = Driver.start(self.image, run.submission, self.fetch)
        run.started = run.started or time.time()
        run.enter(Phase.RUNNING)
        self._watch(run, driver)
        driver.kill()
        code = driver.process.wait()
        run.publish_logs(run, driver)
        driver.forget()
        if run.asked_to_end:
            return
        if code == 0:
            run.enter(Phase.SUCCEEDED)
        elif run.attempt < run.tries:
            run.attempt += 1
            run.enter(Phase.SCHEDULED)
        else:
            run.enter(Phase.FAILED, failure(code, *(driver.printed(stream).decode(errors="replace") for stream in ("stderr", "stdout"))))

    def _watch(self, run: Run, driver: Driver) -> None:
        published = time.monotonic()
        while driver.process.poll() is None and not run.asked_to_end:
            time.sleep(POLL)
            if run.seconds > run.timeout:
                run.stop(Phase.TIMED_OUT)
            if time.monotonic() - published > self.pace.logs:
                run.publish_logs(run, driver)
                published = time.monotonic()


def failure(code: int, *streams: str) -> str:
    """Why a driver failed, in few words: the last line of error. Spark sends what a Python driver says of errors to stdout."""
    lines = [line.strip() for stream in streams for line in stream.splitlines() if "Error" in line or "Exception" in line]
    return f"ExitCode: {code}. Last few exceptions: {lines[-1] if lines else 'none'}"
