"""What one request asks for, as its signature, target and path say: the service, its operation, and the object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from fnmatch import fnmatchcase
from urllib.parse import parse_qs, unquote, urlsplit

SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")

CONTROL_PATH = "/_standins/"
"""No bucket begins with an underscore."""

OBJECT_OPERATIONS = {
    ("PUT", "partNumber"): "UploadPart",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("POST", "delete"): "DeleteObjects",
    ("GET", "list-type"): "ListObjectsV2",
}
"""S3's operations that a parameter of the query tells."""
PLAIN_OPERATIONS = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject", "POST": "PostObject"}
JOB_RUNS = {
    ("POST", "jobruns"): "StartJobRun",
    ("GET", "jobruns"): "ListJobRuns",
    ("GET", "run"): "GetJobRun",
    ("DELETE", "run"): "CancelJobRun",
    ("GET", "dashboard"): "GetDashboardForJobRun",
    ("GET", "attempts"): "ListJobRunAttempts",
    ("POST", "applications"): "CreateApplication",
    ("GET", "applications"): "ListApplications",
    ("GET", "application"): "GetApplication",
    ("DELETE", "application"): "DeleteApplication",
    ("POST", "start"): "StartApplication",
    ("POST", "stop"): "StopApplication",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    service: str
    """As its signature names it: `s3`, `glue`, `emr-serverless`."""
    operation: str
    """AWS's name of it, or the HTTP method where the request does not tell."""
    method: str
    key: str
    """`bucket/key` of an S3 object, `bucket/prefix` of what is listed, the path of anything else."""

    def matches(self, service: str, operation: str, key: str) -> bool:
        """Whether the patterns (`*` for any) fit."""
        return fnmatchcase(self.service, service) and fnmatchcase(self.operation, operation) and fnmatchcase(self.key, key)


def recognise(method: str, target: str, headers: Message) -> Call:
    """The call that a request makes."""
    address = urlsplit(target)
    query = parse_qs(address.query, keep_blank_values=True)
    signed = SCOPE.search(headers.get("Authorization") or "") or SCOPE.search("Credential=" + query.get("X-Amz-Credential", [""])[0])
    service = signed[1] if signed else "s3"
    path = unquote(address.path)
    if path.startswith(CONTROL_PATH):
        return Call("standins", path.removeprefix(CONTROL_PATH), method, path)
    named = (headers.get("X-Amz-Target") or "").rpartition(".")[2]
    if service == "s3":
        listed = "/" + query["prefix"][0] if "prefix" in query else ""
        return Call(service, _object_operation(method, path, query), method, path.strip("/") + listed)
    return Call(service, named or (_job_operation(method, path) if service == "emr-serverless" else method), method, path)


def _object_operation(method: str, path: str, query: Mapping[str, list[str]]) -> str:
    told = next((name for (verb, parameter), name in OBJECT_OPERATIONS.items() if verb == method and parameter in query), None)
    if told or "/" in path.strip("/"):
        return told or PLAIN_OPERATIONS.get(method, method)
    return f"{method} bucket"


def _job_operation(method: str, path: str) -> str:
    parts = path.strip("/").split("/")
    place = {1: "applications", 2: "application", 4: "run"}.get(len(parts), parts[-1])
    return JOB_RUNS.get((method, place), method)
