"""The stand-ins' own process: the front, the job services, and moto beside it."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3

from tests.standins.answers import Answer, ServiceError, json_answer
from tests.standins.calls import Call
from tests.standins.child import announce, child
from tests.standins.emr_serverless import EmrServerless
from tests.standins.faults import Effect, Fault
from tests.standins.front import Front
from tests.standins.glue_jobs import GlueJobs
from tests.standins.image import CREDENTIALS, REGION, Image
from tests.standins.listener import CONTROL
from tests.standins.runs import Cluster, Pace, Phase

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef
    from mypy_boto3_s3 import S3Client


@dataclass
class Behind:
    """How the services themselves reach the account: past the front, so no fault meets them."""

    moto: int
    sent: dict[tuple[str, str], int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def s3(self) -> S3Client:
        """Objects."""
        return self._session.client("s3", endpoint_url=self._address)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch."""
        return self._session.client("logs", endpoint_url=self._address)

    @property
    def _session(self) -> boto3.Session:
        return boto3.Session(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], region_name=REGION)

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self.moto}"

    def fetch(self, address: str, path: Path) -> None:
        """Copy an object to a file."""
        place = urlsplit(address)
        self.s3.download_file(place.netloc, place.path.lstrip("/"), str(path))

    def put(self, address: str, content: bytes) -> None:
        """Store an object."""
        place = urlsplit(address)
        self.s3.put_object(Bucket=place.netloc, Key=place.path.lstrip("/"), Body=content)

    def put_log(self, group: str, stream: str, printed: bytes) -> None:
        """Send the lines that were not sent yet."""
        with self.lock:
            lines = printed.decode(errors="replace").splitlines()
            known = self.sent.get((group, stream))
            if known is None:
                self._make(group, stream)
            fresh = lines[known or 0 :]
            self.sent[group, stream] = len(lines)
            if fresh:
                now = int(time.time() * 1000)
                events: list[InputLogEventTypeDef] = [{"timestamp": now, "message": line or " "} for line in fresh]
                self.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def _make(self, group: str, stream: str) -> None:
        if not self.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            self.logs.create_log_group(logGroupName=group)
        self.logs.create_log_stream(logGroupName=group, logStreamName=stream)


@dataclass
class Control:
    """What tests script and ask, as a service of its own."""

    front: Front
    cluster: Cluster
    emr: EmrServerless
    glue: GlueJobs
    accepted: list[dict[str, str]]

    def answer(self, call: Call, target: str, body: bytes) -> Answer | None:
        """Desk of the front."""
        if call.service != CONTROL:
            return None
        if call.operation not in self._verbs():
            raise ServiceError(404, "ValidationException", f"no verb {call.operation}")
        return json_answer({"result": self._verbs()[call.operation](**json.loads(body))})

    def _verbs(self) -> Mapping[str, Callable[..., Any]]:
        faults = self.front.faults
        return {
            "plan": lambda **fault: faults.add(Fault(**fault | {"effect": Effect(fault["effect"])})),
            "clear": faults.clear,
            "met": faults.met,
            "count": self.front.log.count,
            "calls": lambda: [asdict(entry) for entry in list(self.front.log.entries)],
            "accepted": lambda: list(self.accepted),
            "kill_drivers": self.cluster.kill_drivers,
            "end": self._end,
            "add_application": self.emr.add_application,
            "serve_elsewhere": lambda service, port: self.front.elsewhere.update({service: port}),
        }

    def _end(self, run_id: str, phase: str) -> None:
        """Have a run end in a way that nobody asked for: an expiry, a failure of the service."""
        runs = self.emr.runs | self.glue.runs
        runs[run_id].run.stop(Phase(phase))


def serve(jars: Path | None, pace: Pace) -> None:
    """Serve until the parent is gone."""
    with child("tests.standins.moto_server") as moto, tempfile.TemporaryDirectory(prefix="standins-", ignore_cleanup_errors=True) as folder:
        front = Front(moto)
        behind = Behind(moto)
        image = Image(Path(folder), jars, front.address)
        image.build()
        cluster = Cluster(image, behind.fetch, pace)
        accepted: list[dict[str, str]] = []

        def accept(service: str, run_id: str, name: str, token: str) -> None:
            accepted.append({"service": service, "run_id": run_id, "name": name, "token": token})

        emr = EmrServerless(cluster, behind.put, accept)
        glue = GlueJobs(cluster, behind.put_log, accept)
        front.kill_drivers = cluster.kill_drivers
        front.desks += [emr.answer, glue.answer, Control(front, cluster, emr, glue, accepted).answer]
        with front.listening():
            announce(front.server_port)
            cluster.close()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    serve(Path(given["jars"]) if given["jars"] else None, Pace(**given["pace"]))
