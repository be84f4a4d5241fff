"""Answers of AWS services, and how each protocol says an error."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JSON_REST = "application/json"
JSON_RPC = "application/x-amz-json-1.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class ServiceError(Exception):
    """What a service refuses, by its own name of the error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def json_answer(content: Mapping[str, Any], kind: str = JSON_REST) -> Answer:
    """Content as a JSON service gives it."""
    return Answer(200, (("Content-Type", kind), ("x-amzn-RequestId", str(uuid.uuid4()))), json.dumps(content).encode())


def error_answer(service: str, status: int, code: str, message: str) -> Answer:
    """An error as the service's protocol says it."""
    request = str(uuid.uuid4())
    if service == "s3":
        text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return Answer(status, (("Content-Type", "application/xml"), ("x-amz-request-id", request)), text.encode())
    if service in ("sts", "iam"):
        text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return Answer(status, (("Content-Type", "text/xml"), ("x-amzn-RequestId", request)), text.encode())
    kind = JSON_REST if service == "emr-serverless" else JSON_RPC
    body = json.dumps({"__type": code, "message": message}).encode()
    return Answer(status, (("Content-Type", kind), ("x-amzn-ErrorType", code), ("x-amzn-RequestId", request)), body)
