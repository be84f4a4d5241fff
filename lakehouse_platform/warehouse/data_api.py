"""Redshift's Data API: batches that run in the warehouse whoever waits for them, found again by their token."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_platform.aws.base import Account, asking
from lakehouse_platform.errors import LakehouseError, TransientError
from lakehouse_platform.settings import Redshift
from lakehouse_platform.warehouse.session import WarehouseUnavailable, refusal
from lakehouse_platform.warehouse.transfer import Statement

if TYPE_CHECKING:
    from mypy_boto3_redshift_data.type_defs import BatchExecuteStatementInputTypeDef, DescribeStatementResponseTypeDef

MOST_STATEMENTS = 40
MOST_BYTES = 100_000
"""Limits of a batch: its statements, and the characters of each."""
GENERATIONS = 5
"""How often a batch whose earlier runs have failed is given a new token."""
ENDED = frozenset({"FINISHED", "FAILED", "ABORTED"})


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a batch is looked at, in seconds."""

    first: float = 0.2
    longest: float = 10.0
    growth: float = 1.5
    wait: Callable[[float], None] = time.sleep


PACE = Pace()


def fits(statements: Sequence[Statement]) -> bool:
    """Whether the Data API takes them as one batch."""
    return len(statements) <= MOST_STATEMENTS and all(len(s.sql.encode()) <= MOST_BYTES for s in statements)


def token_of(name: str, statements: Sequence[Statement], generation: int) -> str:
    """A client token, the same for the same work: 64 characters."""
    return hashlib.sha256(repr((name, [s.sql for s in statements], generation)).encode()).hexdigest()


class DataApi:
    """Runs batches, each in one transaction."""

    def __init__(self, account: Account, settings: Redshift, pace: Pace = PACE) -> None:
        self._account, self._settings, self._pace = account, settings, pace

    def run(self, what: str, statements: Sequence[Statement]) -> None:
        """Run the statements in one transaction, or wait for the same batch that runs already.

        A batch that ended without success before this call is run again under a new token. Raises as the statements' guards say,
        TransientError where the answer does not come, and cancels the batch where this process is interrupted.
        """
        begun = time.time()
        for generation in range(GENERATIONS):
            batch = self._submit(what, statements, generation)
            ended = self._followed(what, batch)
            if ended["Status"] == "FINISHED":
                return
            if ended["CreatedAt"].timestamp() >= begun or generation == GENERATIONS - 1:
                raise _failure(what, ended, statements)

    def _submit(self, name: str, statements: Sequence[Statement], generation: int) -> str:
        found = self._settings
        asked: BatchExecuteStatementInputTypeDef = {
            "Sqls": [s.sql for s in statements], "Database": found.database, "StatementName": name[:500],
            "ClientToken": token_of(name, statements, generation)}
        if found.workgroup is not None:  # It knows the user by the role that asks.
            asked["WorkgroupName"] = found.workgroup
        else:
            asked |= {"ClusterIdentifier": str(found.cluster), "DbUser": found.user.resolve()}
        with asking(f"submitting {name} to Redshift"):
            return self._account.redshift_data.batch_execute_statement(**asked)["Id"]

    def _followed(self, name: str, batch: str) -> DescribeStatementResponseTypeDef:
        pause = self._pace.first
        try:
            while (status := self._described(name, batch))["Status"] not in ENDED:
                self._pace.wait(pause)
                pause = min(pause * self._pace.growth, self._pace.longest)
        except TransientError:
            raise
        except BaseException:
            self._cancel(batch)
            raise
        return status

    def _described(self, name: str, batch: str) -> DescribeStatementResponseTypeDef:
        with asking(f"following {name} in Redshift"):
            return self._account.redshift_data.describe_statement(Id=batch)

    def _cancel(self, batch: str) -> None:
        """Best effort: a batch that has ended meanwhile cannot be cancelled, and one that goes on is found by its token."""
        try:
            with asking("cancelling a batch in Redshift"):
                self._account.redshift_data.cancel_statement(Id=batch)
        except LakehouseError:
            return


def _failure(name: str, ended: DescribeStatementResponseTypeDef, statements: Sequence[Statement]) -> Exception:
    if ended["Status"] == "ABORTED":
        return WarehouseUnavailable(f"{name}: somebody cancelled it in Redshift")
    parts = ended.get("SubStatements", [])
    at = next((number for number, part in enumerate(parts) if part.get("Status") == "FAILED"), None)
    said = (parts[at].get("Error") if at is not None else None) or ended.get("Error") or "it failed without a word"
    return refusal(name, said, guard=statements[at].guard if at is not None and at < len(statements) else None)
