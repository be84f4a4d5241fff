"""Python's dates and instants as Spark's literals. PySpark's own way is by `java.sql`, whose calendar is another one before 1582."""

from __future__ import annotations

import datetime as dt
from functools import cache

from py4j.java_gateway import JavaClass, JavaObject
from py4j.protocol import register_input_converter

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class _Dates:
    """What py4j asks before it hands an object to the JVM."""

    def can_convert(self, given: object) -> bool:
        return isinstance(given, dt.date) and not (isinstance(given, dt.datetime) and given.tzinfo is None)

    def convert(self, given: dt.date, gateway_client: object) -> JavaObject:
        if isinstance(given, dt.datetime):
            seconds, rest = divmod(given - _EPOCH, dt.timedelta(seconds=1))
            return JavaClass("java.time.Instant", gateway_client).ofEpochSecond(seconds, rest.microseconds * 1000)
        return JavaClass("java.time.LocalDate", gateway_client).of(given.year, given.month, given.day)


@cache
def keep_literals_exact() -> None:
    """Make this process hand dates, and instants with a time zone, to Spark as what they are."""
    register_input_converter(_Dates(), prepend=True)
