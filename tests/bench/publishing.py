"""Ways from a mart to a dataset in Domo, one function a way, and a sink that takes what they send."""

from __future__ import annotations

import json
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from lakehouse_platform.contracts.contract import Column, Contract, Drift
from lakehouse_platform.contracts.serving import Publication
from lakehouse_platform.contracts.types import parse_type
from lakehouse_platform.domo.public import DomoApi
from lakehouse_platform.engines.base import Commit, TableSpec
from lakehouse_platform.engines.polars import PolarsEngine
from lakehouse_platform.naming import Zone
from lakehouse_platform.publish.domo import DomoDestination
from lakehouse_platform.publish.refresh import refresh_dataset
from lakehouse_platform.zones.lake import Lake
from lakehouse_platform.zones.rows import declared
from tests.bench.measure import Meter
from tests.standins.child import announce, child

COLUMNS = {
    "invoice_id": "bigint", "customer_id": "bigint", "invoice_date": "date", "status": "varchar(8)", "note": "varchar(40)",
    "amount": "numeric(18,2)", "rate": "numeric(18,4)", "changed_at": "timestamptz",
}
VALUES = """
    select n as invoice_id, hash(n) % 200000 as customer_id, date '2019-01-01' + (n % 2500)::int as invoice_date,
        ['open', 'paid', 'draft'][1 + n % 3] as status, 'invoice, ' || left(md5(n::varchar), 8 + (n % 24)::int) as note,
        ((hash(n + 1) % 10000000) / 100)::decimal(18, 2) as amount, (1 + (n % 5000) / 10000)::decimal(18, 4) as rate,
        to_timestamp(1700000000 + n / 7)::timestamptz as changed_at
    from range({rows}) r(n)
"""
NAME = "Invoices"
DATASET = {"id": "d1", "name": NAME, "description": "Lakehouse mart finance.invoices", "owner": {"id": 1, "name": "a"}}


def contract() -> Contract:
    """The mart's."""
    columns = tuple(Column(name, name, parse_type(kind)) for name, kind in COLUMNS.items())
    return Contract(
        domain="finance", table="invoices", version="1.0.0", description="", owner="team:finance", columns=columns, key=("invoice_id",),
        source=None, model="invoices", capture=None, keeps_history=False, drift=Drift.FREEZE, rules=(), freshness=None, retention=None,
        steps={}, publication=Publication(NAME), tags={}, path=Path("invoices.yaml"), fingerprint="", shape="", rules_version="")


def build(folder: str, rows: int) -> None:
    """The mart, as it is published into Curated."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        reader = connection.execute(VALUES.format(rows=rows)).to_arrow_reader(65_536)
        uri = Lake(folder, PolarsEngine()).uri(Zone.CURATED, contract())
        PolarsEngine().create(TableSpec(uri, declared(contract()))).replace(reader, Commit("bench"))


def ours(meter: Meter, folder: str, port: int) -> None:
    """The platform: from the pinned version, gzip parts three at a time, counted, with a ledger."""
    lake = Lake(folder, PolarsEngine())
    api = DomoApi("client", "secret", f"127.0.0.1:{port}")
    with meter:
        refresh_dataset(lake, DomoDestination(api), contract())
    api.close()


def pydomo_upload(meter: Meter, folder: str, port: int) -> None:
    """pydomo's `stream_upload` of a pandas frame, which it is given ready."""
    frame = _frame(folder)
    from pydomo import Domo

    domo = Domo("client", "secret", api_host=f"127.0.0.1:{port}", use_https=False, request_timeout=600)
    with meter:
        domo.utilities.stream_upload("d1", frame, warn_schema_change=False)


def _frame(folder: str) -> Any:
    table: pa.Table = DeltaTable(f"{folder}/{Zone.CURATED}/finance/invoices").to_pyarrow_table()
    return table.to_pandas()


class Sink(ThreadingHTTPServer):
    """As much of Domo as a replacement needs: it counts bytes, and forgets rows."""

    daemon_threads = True

    def __init__(self, rows: int) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.rows, self.sent, self.state = rows, 0, "ACTIVE"
        self.schema: dict[str, Any] = {"columns": []}
        self.lock = threading.Lock()

    def answer(self, method: str, path: str, body: bytes) -> object:
        """What Domo would say."""
        if path == "/oauth/token":
            return {"access_token": "token", "expires_in": 3599}
        if path == "/sent":
            return self.sent
        if "/executions" in path:
            return self._execution(method, path)
        if path.startswith("/v1/streams/search"):
            return [{"id": 1, "dataSet": DATASET}]
        if method == "PUT" and path == "/v1/datasets/d1":
            self.schema = json.loads(body).get("schema", self.schema)
        held = {**DATASET, "rows": self.rows if self.state == "SUCCESS" else 0, "schema": self.schema}
        return held if path == "/v1/datasets/d1" else [held] if "offset=0" in path else []

    def _execution(self, method: str, path: str) -> object:
        if method == "GET" and "offset=" in path:
            return []
        if method == "POST":
            self.state = "ACTIVE"
        elif path.endswith("/commit"):
            self.state = "SUCCESS"
        return {"id": 1, "currentState": self.state}


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Sink

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self._drained(length) if "/part/" in self.path else self.rfile.read(length)
        content = json.dumps(self.server.answer(self.command, self.path, body)).encode()
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_POST = do_GET  # noqa: N815 - so http.server calls them

    def _drained(self, length: int) -> bytes:
        with self.server.lock:
            self.server.sent += length
        while length > 0:
            length -= len(self.rfile.read(min(length, 1 << 18)))
        return b""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


def sent(port: int) -> float:
    """MB of parts that a sink was sent."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/sent") as answer:
        return int(answer.read()) / 1e6


@contextmanager
def sink(rows: int) -> Iterator[int]:
    """A sink in a process of its own: its time and memory are not those of who sends. Its port."""
    with child("tests.bench.publishing", str(rows)) as port:
        yield port


if __name__ == "__main__":
    served = Sink(int(sys.argv[1]))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    announce(served.server_port)
