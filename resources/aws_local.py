"""What `lakehouse demo` plays on the stand-ins of AWS: the same business, anew each time, for the stand-ins forget."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resources.demo import Demo
from resources.legacy import Business, Legacy
from resources.legacy.server import PROJECT

STATE = Path(".lakehouse/aws-local")
LEGACY = Legacy(STATE / "legacy")


class DemoOnStandIns(Demo):
    """The business, one day at a time; S3, the Glue catalog and EMR Serverless are stand-ins."""

    title = "five days of a business, on S3 with a table on EMR Serverless (stand-ins)"
    next = (("make demo", "the same on one machine, where the lake stays"),)


def erp_uri() -> str:
    """Address of the ERP's database."""
    return LEGACY.uri("erp")


def crm_uri() -> str:
    """Address of the CRM's database."""
    return LEGACY.uri("crm")


@contextmanager
def open_demo(size: str, start: dt.date | None) -> Iterator[Demo]:
    """Start a new legacy, and stop it at the end."""
    shutil.rmtree(PROJECT / STATE, ignore_errors=True)
    with Business(LEGACY, size=size, start=start) as business:
        business.create()
        yield DemoOnStandIns(business)
