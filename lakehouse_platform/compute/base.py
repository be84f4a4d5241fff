"""What a service that runs Spark jobs does for the platform."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from lakehouse_platform.settings import Compute


class JobState(StrEnum):
    """How far a job is, in words that all services share."""

    WAITING = "waiting"
    """Accepted, not running yet."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """For whatever reason: an error, a timeout, an expiry."""
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """The service uses a word for it that is not known here."""

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a job needs, uploaded once per version: addresses on S3."""

    python: str
    """`.tar.gz` of a Python with the wheel's dependencies."""
    wheel: str
    entry: str
    """The script that is submitted."""
    project: str
    """`.zip` of contracts and the environment's file."""
    jars: tuple[str, ...] = ()
    """What the service's image lacks."""
    fingerprint: str = ""
    """Of all of it; changes when any of it does."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One job to be run once, however often it is asked for."""

    name: str
    """For people."""
    token: str
    """The same for the same work: at most 64 of A-Z a-z 0-9 - _."""
    arguments: tuple[str, ...]
    """Of the entry point."""
    bundle: Bundle
    spark: Mapping[str, str] = field(default_factory=dict)
    """Spark configuration beyond the service's own."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """For the bill."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a job consumed, as the service bills it."""

    vcpu_hours: float = 0.0
    gb_hours: float = 0.0
    """Of memory."""
    storage_gb_hours: float = 0.0
    dpu_hours: float = 0.0
    seconds: float = 0.0
    """From start to end."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as the service sees it now."""

    job_id: str
    state: JobState
    said: str
    """The service's own word for the state."""
    reason: str = ""
    """Why it failed, where it did."""
    usage: Usage = Usage()
    """So far."""
    started: dt.datetime | None = None
    ended: dt.datetime | None = None


class JobRunner(Protocol):
    """One service. Its methods raise TransientError where trying again may help, else TerminalError."""

    compute: Compute

    def submit(self, request: JobRequest) -> str:
        """Id of the job that does the request's work: the one that has the token already, or a new one."""
    def status(self, job_id: str) -> JobStatus:
        """How the job is."""
    def cancel(self, job_id: str) -> None:
        """Have it stopped; one that has ended is left alone."""
    def logs(self, job_id: str) -> Mapping[str, str]:
        """What the driver printed so far, by stream (`stdout`, `stderr`); missing streams are left out."""
