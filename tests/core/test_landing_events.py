"""What a message of the queue tells of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lakehouse_platform.sources.landing.events import Arrival, arrivals


def notified(key: str, event: str = "ObjectCreated:Put", bucket: str = "lake") -> dict[str, Any]:
    return {"Records": [{"eventName": event, "s3": {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": "0A"}}}]}


def bridged(key: str, event: str = "Object Created", bucket: str = "lake") -> dict[str, Any]:
    return {"source": "aws.s3", "detail-type": event, "detail": {"bucket": {"name": bucket}, "object": {"key": key, "etag": "e"}}}


@pytest.mark.parametrize(("message", "keys"), [
    (notified("raw/a+b%2Bc%C3%A9.csv"), ["raw/a b+cé.csv"]),
    (notified("raw/a.csv", "ObjectCreated:CompleteMultipartUpload"), ["raw/a.csv"]),
    (notified("raw/a.csv", "ObjectRemoved:Delete"), []),
    (bridged("raw/a+b%2B é.csv"), ["raw/a+b%2B é.csv"]),
    (bridged("raw/a.csv", "Object Deleted"), []),
    ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "lake"}, []),
    ({"Type": "Notification", "Message": json.dumps(notified("raw/a.csv"))}, ["raw/a.csv"]),
])  # fmt: skip
def test_message_tells_which_objects_were_created(message: dict[str, Any], keys: list[str]) -> None:
    assert arrivals(json.dumps(message)) == tuple(Arrival("lake", key) for key in keys)


@pytest.mark.parametrize("body", ["", "hello", "[]", "3", "{}", '{"Records": 3}', '{"source": "aws.s3"}', '{"Type": "Notification"}'])
def test_message_that_is_no_event_is_told_apart(body: str) -> None:
    assert arrivals(body) is None
