"""Queries on Athena: submitted to a domain's workgroup, watched, stopped when nobody waits any more, and read as Arrow."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from lakehouse_platform.aws.base import asking
from lakehouse_platform.errors import LakehouseError
from lakehouse_platform.lake.athena.errors import AthenaBusy, AthenaError, QueryStopped, ScanCapExceeded
from lakehouse_platform.lake.athena.names import Relation, by_name, translate
from lakehouse_platform.lake.athena.results import result
from lakehouse_platform.lake.athena.workgroups import MEGABYTE, workgroup_name
from lakehouse_platform.naming import catalog_database
from lakehouse_platform.settings.cloud import AthenaBlock

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import QueryExecutionContextTypeDef, QueryExecutionTypeDef

LONGEST_S = 1800.0
"""How long a query may take; Athena itself ends one after 30 minutes."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 5.0
BILLED_AT_LEAST = 10 * MEGABYTE
TERABYTE = 10**12
CATALOG = "AwsDataCatalog"
_CAP = "bytes scanned limit"
"""What Athena says of a query that read more than it may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A query that has succeeded."""

    id: str
    """Athena's id of it."""
    workgroup: str
    rows: pa.RecordBatchReader
    """Read once, page by page."""
    bytes_scanned: int
    seconds: float
    """From its submission to its end, queueing included."""
    cost: float
    """US dollars, by the environment's price."""


class AthenaQuery:
    """Queries over the lake in Athena's own SQL; tables are `zone.domain.table`."""

    def __init__(self, client: AthenaClient, settings: AthenaBlock, prefix: str, relations: Iterable[Relation]) -> None:
        """`prefix` is the catalog's; `relations` are the tables that there are."""
        self._client, self._settings, self._prefix = client, settings, prefix
        self._relations = by_name(relations)

    def run(self, sql: str, *, workgroup: str | None = None, longest_s: float = LONGEST_S) -> Answer:
        """Run one SELECT and wait for it. Its workgroup is that of the first table's domain unless another is named.

        A query that does not end in time is stopped, as it is when the wait is interrupted. Raises AthenaError, UnknownName,
        ScanCapExceeded, QueryStopped, AthenaBusy.
        """
        found = translate(sql, self._relations, self._prefix)
        if workgroup is None and not found.domains:
            raise AthenaError("The query reads no table, so that no domain's workgroup is its own. Say which: --workgroup.")
        group = workgroup or workgroup_name(self._settings, found.domains[0])
        place: QueryExecutionContextTypeDef = {"Catalog": CATALOG}
        if found.domains:
            place["Database"] = catalog_database(self._prefix, found.domains[0])
        with asking(f"query in workgroup {group}"):
            query = self._client.start_query_execution(QueryString=found.sql, WorkGroup=group, QueryExecutionContext=place)
            ended = self._wait(query["QueryExecutionId"], longest_s)
            return self._answer(ended, group)

    def _wait(self, query: str, longest_s: float) -> QueryExecutionTypeDef:
        """The query when it has ended. Whatever ends the wait before stops the query: nobody would read what it is paid for."""
        try:
            return self._watch(query, longest_s)
        except BaseException:
            with suppress(LakehouseError), asking(f"stopping query {query}"):
                self._client.stop_query_execution(QueryExecutionId=query)
            raise

    def _watch(self, query: str, longest_s: float) -> QueryExecutionTypeDef:
        end, wait = time.monotonic() + longest_s, FIRST_WAIT_S
        while True:
            found = self._client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            if found.get("Status", {}).get("State") in ("SUCCEEDED", "FAILED", "CANCELLED"):
                return found
            if time.monotonic() + wait > end:
                raise QueryStopped(f"Query {query} has not ended after {longest_s:.0f} s, and was stopped.")
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _answer(self, ended: QueryExecutionTypeDef, group: str) -> Answer:
        query, state = ended.get("QueryExecutionId", ""), ended.get("Status", {}).get("State")
        if state != "SUCCEEDED":
            raise self._why(ended, group)
        figures = ended.get("Statistics", {})
        scanned = figures.get("DataScannedInBytes", 0)
        seconds = figures.get("TotalExecutionTimeInMillis", 0) / 1000
        return Answer(query, group, result(self._client, query), scanned, seconds, cost(scanned, self._settings.price_per_tb))

    def _why(self, ended: QueryExecutionTypeDef, group: str) -> LakehouseError:
        status = ended.get("Status", {})
        query, reason = ended.get("QueryExecutionId", ""), status.get("StateChangeReason") or "Athena does not say why."
        if _CAP in reason.lower():
            read = ended.get("Statistics", {}).get("DataScannedInBytes", 0)
            return ScanCapExceeded(
                f"Query {query} had read {read:,} bytes when it was stopped: workgroup {group} lets a query read "
                f"{self._settings.scan_cap_mb:,} MB (scan_cap_mb). Name fewer columns, or bound the columns that the table is sorted by.")
        if status.get("State") == "CANCELLED":
            return QueryStopped(f"Query {query} was cancelled: {reason}")
        passing = status.get("AthenaError", {}).get("Retryable", False)
        return (AthenaBusy if passing else AthenaError)(f"Query {query} failed: {reason}")


def cost(scanned: int, price_per_tb: float) -> float:
    """What a query costs: bytes are billed by the started megabyte, ten at least, and nothing where nothing is read."""
    billed = max(BILLED_AT_LEAST, math.ceil(scanned / MEGABYTE) * MEGABYTE) if scanned else 0
    return billed / TERABYTE * price_per_tb
