"""What S3 says of new objects, as it comes through a queue: its own notifications, EventBridge's events, and either by way of SNS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that was created."""

    bucket: str
    key: str


def arrivals(body: str) -> tuple[Arrival, ...] | None:
    """The objects that a message tells of: none for tests and deletions, and None where it is no event of S3."""
    try:
        return tuple(_arrivals(json.loads(body)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _arrivals(event: dict[str, Any]) -> Iterator[Arrival]:
    if event.get("Type") == "Notification":
        yield from _arrivals(json.loads(event["Message"]))
    elif event.get("source") == "aws.s3":
        if event["detail-type"] == "Object Created":
            yield Arrival(event["detail"]["bucket"]["name"], event["detail"]["object"]["key"])
    elif event.get("Event") != "s3:TestEvent":
        for record in event["Records"]:
            if record["eventName"].startswith("ObjectCreated:"):
                # Only S3's own notifications are encoded as in a form.
                yield Arrival(record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"]))
