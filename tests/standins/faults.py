"""What goes wrong on purpose, and what was asked."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum

from tests.standins.calls import Call


class Effect(StrEnum):
    """What a call meets instead of, or beside, what it asks for."""

    REFUSE = "refuse"
    """Answered with an error, and not done."""
    RESET = "reset"
    """The connection is reset, and nothing done."""
    LOSE = "lose"
    """Answered as if it were done."""
    DROP = "drop"
    """Done, and the connection closed without an answer."""
    DELAY = "delay"
    """Done, and answered late."""
    KILL = "kill"
    """Done, and all drivers killed before the answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: which calls it meets (patterns, `*` for any), how many of them, and for how long."""

    effect: Effect
    service: str
    operation: str = "*"
    key: str = "*"
    times: int | None = 1
    """Calls that it meets; all, where time alone ends it."""
    seconds: float | None = None
    """How long it waits for them; for ever without."""
    status: int = 503
    code: str = "SlowDown"
    delay: float = 0.0
    """Seconds, of DELAY; of a service's Retry-After, where it refuses with 429."""
    skip: int = 0
    """Calls that it lets pass before the first that it meets."""


@dataclass(slots=True)
class _Planned:
    fault: Fault
    until: float
    met: int = 0
    passed: int = 0

    def meets(self, call: Call) -> bool:
        fault = self.fault
        used_up = fault.times is not None and self.met >= fault.times
        fits = not used_up and time.monotonic() < self.until and call.matches(fault.service, fault.operation, fault.key)
        if fits and self.passed < fault.skip:
            self.passed += 1
            return False
        return fits


@dataclass
class FaultPlan:
    """Faults to come, in the order in which they were planned: the first that fits meets a call."""

    planned: list[_Planned] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> int:
        """Plan one; its number."""
        with self.lock:
            self.planned.append(_Planned(fault, time.monotonic() + (float("inf") if fault.seconds is None else fault.seconds)))
            return len(self.planned) - 1

    def clear(self) -> None:
        """Forget what has not happened yet; the numbers stay."""
        with self.lock:
            for planned in self.planned:
                planned.until = 0.0

    def met(self, number: int) -> int:
        """Calls that a fault met."""
        return self.planned[number].met

    def meeting(self, call: Call) -> Fault | None:
        """The fault that this call meets."""
        with self.lock:
            found = next((planned for planned in self.planned if planned.meets(call)), None)
            if found is None:
                return None
            found.met += 1
            return found.fault


@dataclass(frozen=True, slots=True)
class Answered:
    """One call and its outcome."""

    call: Call
    status: int
    """HTTP status; 0 where the connection was closed or reset."""


@dataclass
class RequestLog:
    """All calls, in the order in which they were answered."""

    entries: list[Answered] = field(default_factory=list)

    def count(self, service: str, operation: str, key: str, status: int | None) -> int:
        """Calls that fit the patterns, and were answered so."""
        fitting = (entry for entry in list(self.entries) if entry.call.matches(service, operation, key))
        return sum(status in (None, entry.status) for entry in fitting)
