"""Stand-ins for one AWS account, as a test holds them: started, scripted, asked, ended."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lakehouse_platform.aws.base import Account
from lakehouse_platform.settings import Aws, ObjectStore
from lakehouse_platform.settings.references import Reference
from tests.standins.child import child
from tests.standins.faults import Effect, Fault
from tests.standins.image import CREDENTIALS, REGION
from tests.standins.runs import Pace

ENDPOINT = "LAKEHOUSE_AWS_ENDPOINT"
CONTROL_SECONDS = 60
ROLE = "arn:aws:iam::123456789012:role/lakehouse-jobs"
APPLICATION = "00standin"
RELEASE = "emr-7.12.0"


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission that a service accepted as new; a repetition that it recognised by its token is none."""

    service: str
    run_id: str
    name: str
    """Of the run; of the job, where the service is Glue."""
    token: str


@dataclass(frozen=True)
class Faults:
    """Plans what goes wrong. Each verb gives the fault's number."""

    stand_ins: StandIns

    def refuse(
        self, service: str, operation: str = "*", *, key: str = "*", times: int | None = 1, seconds: float | None = None,
        status: int = 503, code: str = "SlowDown",
    ) -> int:  # fmt: skip
        """Answer the next calls with an error, undone: so many, or for so long."""
        return self.plan(Fault(Effect.REFUSE, service, operation, key, times, seconds, status, code))

    def throttle(self, service: str, operation: str = "*", *, times: int = 1) -> int:
        """Refuse the next calls as too many: with 429 where the service speaks REST, else with 400."""
        status = 429 if service == "emr-serverless" else 400
        return self.refuse(service, operation, times=times, status=status, code="ThrottlingException")

    def reset(self, service: str, operation: str = "*", *, key: str = "*", times: int = 1) -> int:
        """Reset the connection, the call undone."""
        return self.plan(Fault(Effect.RESET, service, operation, key, times))

    def drop_answer(self, service: str, operation: str = "*", *, key: str = "*", times: int = 1) -> int:
        """Do what is asked, and close the connection without a word."""
        return self.plan(Fault(Effect.DROP, service, operation, key, times))

    def delay_answer(self, service: str, operation: str = "*", *, delay: float, key: str = "*", times: int = 1) -> int:
        """Do what is asked, and say so `delay` seconds late."""
        return self.plan(Fault(Effect.DELAY, service, operation, key, times, delay=delay))

    def lose(self, key: str, *, times: int = 1) -> int:
        """Answer PUTs of objects `bucket/key` with 200, and store nothing."""
        return self.plan(Fault(Effect.LOSE, "s3", "PutObject", key, times))

    def kill_drivers_on(self, operation: str, key: str, *, times: int = 1) -> int:
        """Kill all drivers once S3 did this and before it says so."""
        return self.plan(Fault(Effect.KILL, "s3", operation, key, times))

    def kill_drivers(self) -> None:
        """Kill all drivers now."""
        self.stand_ins.control("kill_drivers")

    def end(self, run_id: str, phase: str) -> None:
        """Have a run end as nobody asked: `failed`, `expired`, `timed_out`."""
        self.stand_ins.control("end", run_id=run_id, phase=phase)

    def met(self, number: int) -> int:
        """Calls that a fault met so far."""
        return int(self.stand_ins.control("met", number=number))

    def clear(self) -> None:
        """Forget what has not happened yet."""
        self.stand_ins.control("clear")

    def plan(self, fault: Fault) -> int:
        """Plan any fault."""
        return int(self.stand_ins.control("plan", **asdict(fault)))


@dataclass(frozen=True)
class StandIns:
    """Stand-ins that run."""

    address: str
    """Of all services."""

    @cached_property
    def faults(self) -> Faults:
        """What goes wrong."""
        return Faults(self)

    @property
    def submissions(self) -> list[Submission]:
        """Job submissions that were accepted as new, in their order."""
        return [Submission(**found) for found in self.control("accepted")]

    def count(self, service: str = "*", operation: str = "*", key: str = "*", *, status: int | None = None) -> int:
        """Calls so far that fit the patterns (`key` is `bucket/key` of an object), and that were answered so."""
        return int(self.control("count", service=service, operation=operation, key=key, status=status))

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead a process here, and nowhere else."""
        return {ENDPOINT: self.address, **CREDENTIALS, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}

    @cached_property
    def endpoint(self) -> Reference:
        """The address as settings refer to it; resolves while `environment` is set."""
        return Reference("env", ENDPOINT, Path(), "stand-ins")

    @cached_property
    def aws(self) -> Aws:
        """The account's settings."""
        return Aws(REGION, self.endpoint)

    @cached_property
    def store(self) -> ObjectStore:
        """The lake's object store."""
        return ObjectStore(REGION, self.endpoint)

    @cached_property
    def account(self) -> Account:
        """The library's clients."""
        return Account(self.aws)

    def add_application(self, application: str = APPLICATION, name: str = "lakehouse", release: str = RELEASE) -> str:
        """An EMR Serverless application with an id that is known beforehand; gives the id."""
        self.control("add_application", application=application, name=name, release=release)
        return application

    def control(self, verb: str, **arguments: Any) -> Any:
        """Ask the stand-ins themselves."""
        request = urllib.request.Request(f"{self.address}/_standins/{verb}", json.dumps(arguments).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:
            return json.load(answer)["result"]


@contextmanager
def stand_ins(*, jars: Path | None = None, pace: Pace | None = None) -> Iterator[StandIns]:
    """Stand-ins of an empty account, and this process's environment leading there. Drivers have Delta and S3A from `jars`."""
    given = json.dumps({"jars": str(jars.resolve()) if jars else None, "pace": asdict(pace or Pace())})
    with child("tests.standins.server", given) as port:
        running = StandIns(f"http://127.0.0.1:{port}")
        with _environment(running.environment):
            yield running


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
