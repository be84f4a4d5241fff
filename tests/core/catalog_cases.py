"""A Glue catalog over HTTP: moto's, behind a front that counts calls and does what moto leaves out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

from lakehouse_platform import contracts
from lakehouse_platform.aws.base import Account
from lakehouse_platform.contracts.contract import Column, Contract
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.settings import Aws, CatalogBlock
from lakehouse_platform.settings.references import Reference
from lakehouse_platform.zones.lake import Lake
from tests.standins.answers import Answer, ServiceError
from tests.standins.calls import Call
from tests.standins.front import Front

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

PROJECT = Path(__file__).resolve().parents[2]
CONTRACTS = {contract.name: contract for contract in contracts.load(PROJECT / "assets/contracts")}
INVOICE, MART = CONTRACTS["finance.invoice"], CONTRACTS["finance.kpi_revenue_daily"]
SETTINGS = CatalogBlock(prefix="lake", crawler_role="arn:aws:iam::123456789012:role/crawler")
ROOT = "s3://lake-bucket/lake"
REGION = "eu-west-1"


@dataclass
class Catalog:
    """The catalog under test."""

    front: Front
    account: Account
    server: str
    """Address of moto."""
    moto: GlueClient
    """Past the front: what AWS itself, a crawler or a person does is not counted."""
    bodies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Operation and request of every call that came through the front."""

    @property
    def glue(self) -> GlueClient:
        """As the platform has it."""
        return self.account.glue

    def emptied(self) -> Catalog:
        """The same, holding nothing and with no fault planned."""
        urlopen(Request(f"{self.server}/moto-api/reset", method="POST")).close()
        self.front.faults.clear()
        self.front.desks[:] = [self.desk]
        self.bodies.clear()
        return self

    def calls(self) -> list[str]:
        """Operations asked for since the last look."""
        seen = [operation for operation, _ in self.bodies]
        self.bodies.clear()
        return seen

    def table(self, name: str, database: str = "lake_finance") -> Any:
        """A table as the catalog holds it."""
        return self.moto.get_table(DatabaseName=database, Name=name)["Table"]

    def desk(self, call: Call, target: str, body: bytes) -> Answer | None:
        """Remember each call. UpdateTable's VersionId is honoured as AWS does, and UpdateCrawler is there: moto lacks both."""
        if call.service != "glue":
            return None
        request = json.loads(body or b"{}")
        self.bodies.append((call.operation, request))
        if call.operation == "UpdateTable" and "VersionId" in request:
            held = self.moto.get_table(DatabaseName=request["DatabaseName"], Name=request["TableInput"]["Name"])["Table"]
            if held["VersionId"] != request["VersionId"]:
                raise ServiceError(400, "ConcurrentModificationException", "Update table failed due to concurrent modifications.")
        if call.operation == "UpdateCrawler":
            self.moto.delete_crawler(Name=request["Name"])
            self.moto.create_crawler(**request)
            return Answer(200, (("Content-Type", "application/x-amz-json-1.1"),), b"{}")
        return None


@contextmanager
def catalog() -> Iterator[Catalog]:
    """A catalog for many tests; each begins with `emptied`."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    moto, front = f"http://127.0.0.1:{port}", Front(port)
    machine = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "LAKEHOUSE_AWS_ENDPOINT": front.address}
    try:
        with pytest.MonkeyPatch.context() as patch, front.listening():
            for name, value in machine.items():
                patch.setenv(name, value)
            account = Account(Aws(REGION, Reference("env", "LAKEHOUSE_AWS_ENDPOINT", PROJECT, "here")))
            yield Catalog(front, account, moto, boto3.client("glue", region_name=REGION, endpoint_url=moto))
    finally:
        server.stop()


def lake(folder: Path) -> Lake:
    """A lake in a folder: the catalog is told addresses on S3, and reads nothing there."""
    return Lake(str(folder / "lake"), PolarsEngine())


def uri(zone: str, contract: Contract) -> str:
    """Where the catalog is told that a table lies."""
    return f"{ROOT}/{zone}/{contract.domain}/{contract.table}"


def widened(contract: Contract, name: str = "colour", kind: str = "varchar(10)") -> Contract:
    """The contract with one more column."""
    column = Column(name, name, parse_type(kind), description="Added later.")
    return replace(contract, columns=(*contract.columns, column), version="1.1.0", fingerprint="f" * 64)
