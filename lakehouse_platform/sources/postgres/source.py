"""A PostgreSQL database whose tables can be read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, Contract, SourceTable
from lakehouse_platform.errors import SourceError
from lakehouse_platform.sources.base import SEQ, Reading, Request, SourceColumn
from lakehouse_platform.sources.postgres.catalog import Relation, read_marks, read_query, read_relation
from lakehouse_platform.sources.postgres.query import Plan, Subject, build_plans, own_columns
from lakehouse_platform.sources.postgres.session import Session, open_session


class PostgresSource:
    """One PostgreSQL database (13 or later), connected to when it is read and only then."""

    def __init__(self, uri: Callable[[], str], time_zone: str, batch_bytes: int = 4 << 20) -> None:
        self._uri = uri
        self.time_zone = time_zone
        self._batch_bytes = batch_bytes

    def describe(self, contract: Contract) -> Sequence[SourceColumn]:
        """Columns of what the contract's rows are read from (a change log's own three left out), as they are now."""
        target = _Target(contract)
        with self._session(target) as session:
            session.begin(target.table)
            return own_columns(target.spec, contract.columns, target.relation(session))

    @contextmanager
    def read(self, request: Request) -> Iterator[Reading]:
        """One consistent read in a transaction of its own, streamed in bounded memory."""
        target = _Target(request.contract)
        with self._session(target) as session:
            session.begin(target.table)
            marks, relation = read_marks(session), target.relation(session)
            source = target.selectable(relation)
            subject = Subject(request, target.spec, target.place, source, relation, marks, self.time_zone)
            plans = build_plans(subject)
            imaged = target.spec.mode is Capture.SNAPSHOT or target.spec.reconcile_deletes
            with closing(_change_rows(session, plans, target.place)) as batches:
                yield Reading(
                    rows=pa.RecordBatchReader.from_batches(plans[0].schema, batches),
                    low=request.low,
                    high=marks.high,
                    position=subject.position if imaged else None,
                    seen_at=marks.seen_at,
                    running=marks.running,
                    columns=own_columns(target.spec, request.contract.columns, relation),
                )

    @contextmanager
    def _session(self, target: _Target) -> Iterator[Session]:
        connection = target.source.connection
        with open_session(self._uri, connection=connection, place=target.place, batch_bytes=self._batch_bytes) as session:
            yield session


class _Target:
    """What a contract's rows are selected from: its table, its change log, or the query of its `extract` step."""

    def __init__(self, contract: Contract) -> None:
        if not isinstance(contract.source, SourceTable) or contract.capture is None:
            raise SourceError(f"{contract.name} has no table at a database: it is a mart, or comes in files.")
        self.source, self.spec = contract.source, contract.capture
        self._query = _query(contract, self.spec)
        log = self.spec.log if self.spec.mode is Capture.CHANGE_LOG else None
        schema, name = (log.schema, log.table) if log else (self.source.schema, self.source.table)
        self._schema, self._name = schema, name
        self.place = f"{schema}.{name}" if self._query is None else f"the query {contract.steps['extract'].name} of {contract.name}"
        self.table = None if self._query is not None else sa.table(name, schema=schema)

    def relation(self, session: Session) -> Relation:
        """Its columns in the session's snapshot."""
        if self._query is not None:
            return read_query(session, self._query.columns().subquery("t"))
        relation = read_relation(session, self._schema, self._name)
        if relation is None:
            raise SourceError(f"{self.place} has no columns. Compare the contract's `source.table` with the database.")
        return relation

    def selectable(self, relation: Relation) -> sa.FromClause:
        """It as something to select from, by its columns' names."""
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in relation.columns]
        if self._query is not None:
            return self._query.columns(*columns).subquery("t")
        return sa.table(self._name, *columns, sa.column("xmin"), schema=self._schema).alias("t")


def _query(contract: Contract, spec: CaptureSpec) -> sa.TextClause | None:
    step: Path | None = contract.steps.get("extract")
    if step is None:
        return None
    if spec.mode is not Capture.SNAPSHOT:
        raise SourceError(
            f"{contract.name} has an extract step, {step.name}, with {spec.mode} capture, but a query's rows have no transaction number. "
            "Use capture mode snapshot with it, or drop the step."
        )
    written = (contract.path.parent / step).read_text(encoding="utf-8").strip().rstrip(";")
    return sa.text(written.replace(":", r"\:") + "\n")


def _change_rows(session: Session, plans: Sequence[Plan], place: str) -> Generator[pa.RecordBatch]:
    for plan in plans:
        with closing(session.stream(plan.statement)) as stream:
            for batch in stream:
                rows = plan.shape(batch)
                if rows.column(SEQ).null_count:
                    raise SourceError(f"{place} has a change without a position, so it has no place in the order. Have it filled in.")
                yield rows
