"""What each capture reads: a SELECT and how its answer becomes change rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa
import sqlalchemy as sa

from lakehouse_platform.contracts.contract import Capture, CaptureSpec, ChangeLog, Column
from lakehouse_platform.errors import SourceError, did_you_mean
from lakehouse_platform.sources.base import EFFECTIVE, OP, PARKED, SEQ, SNAPSHOT, Request, SourceColumn
from lakehouse_platform.sources.postgres.catalog import VERSIONED, Marks, Relation
from lakehouse_platform.sources.postgres.columns import (
    INSTANT,
    TIMES,
    TIMESTAMPTZ,
    Cell,
    Condition,
    Expression,
    Found,
    cell,
    instant,
    parked,
    text_of,
)

Constant: TypeAlias = str | int | dt.datetime | None

_CYCLE = 2**32
PLACES = 2**16
"""Places in `_seq` for each transaction: its rows have the first, and images that see no later one ended follow each other in the rest."""
_INTEGERS = frozenset({"smallint", "integer", "bigint"})


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the batch: computed by the database, or the same in every row."""

    name: str
    type: pa.DataType
    expression: Expression | None = None
    constant: Constant = None

    def repeated(self, rows: int) -> pa.Array[Any]:
        """The constant in every row."""
        return pa.repeat(pa.scalar(self.constant, self.type), rows)  # type: ignore[no-any-return, call-overload]


@dataclass(frozen=True, slots=True)
class Plan:
    """A query and the shape of its answer."""

    statement: sa.SelectBase
    fields: tuple[Field, ...]

    @property
    def schema(self) -> pa.Schema:
        """Schema of the change rows."""
        return pa.schema([pa.field(f.name, f.type) for f in self.fields])

    def shape(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Change rows of a batch as the driver handed it over."""
        answered = iter(batch.columns)
        columns = [f.repeated(batch.num_rows) if f.expression is None else next(answered).cast(f.type) for f in self.fields]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is read, when, and what is known of it."""

    request: Request
    spec: CaptureSpec
    place: str
    """Its name, for people."""
    source: sa.FromClause
    relation: Relation
    marks: Marks
    zone: str

    def find(self, physical: str) -> Found | None:
        """A column, if it is there."""
        actual = self.relation.columns.get(physical)
        return Found(self.source.c[physical], actual.type, self.zone) if actual else None

    def require(self, physical: str) -> Found:
        """A column that must be there."""
        found = self.find(physical)
        if found is None:
            raise SourceError(
                f'{self.place} has no column "{physical}", which the contract needs to read it (key, capture or log). '
                f"{did_you_mean(physical, self.relation.columns, noun='columns')} Correct the contract, or have the column restored."
            )
        return found

    def require_time(self, physical: str) -> Found:
        """A column that must be there and stand for an instant."""
        found = self.require(physical)
        if found.family not in TIMES:
            raise SourceError(
                f'"{physical}" of {self.place} is {found.type}, but must be a date or a timestamp, for it says when a change became true. '
                "Name another column in the contract's capture."
            )
        return found

    @property
    def key(self) -> tuple[str, ...]:
        """Physical names of the key."""
        return tuple(self.request.contract.column(name).physical_name for name in self.request.contract.key)

    @property
    def position(self) -> int:
        """Where a full image stands: behind the rows of all transactions below `high`, and behind the last image.

        While a transaction stays open, one image after the other sees the same `high` and yet another state, so they may
        not share a position. Row versions from `high` on are read later and stand behind all of these images.
        """
        ended, above = (self.marks.high - 1) * PLACES, self.request.above
        following = ended if above is None else max(ended, above + 1)
        return following if self.spec.mode is Capture.SNAPSHOT else min(following, ended + PLACES - 1)

    @property
    def fallback(self) -> dt.datetime:
        """When a change became true that does not tell: at the end of the partition, never in the future."""
        return min(self.request.window.end, self.marks.seen_at)


def build_plans(subject: Subject) -> tuple[Plan, ...]:
    """The queries of a contract's capture, to be streamed one after the other; all of one schema."""
    for physical in subject.key:
        subject.require(physical)
    if subject.spec.mode is not Capture.SNAPSHOT:
        _require_versions(subject)
    return tuple(_CAPTURES[subject.spec.mode](subject))


def own_columns(spec: CaptureSpec, declared: Iterable[Column], relation: Relation) -> tuple[SourceColumn, ...]:
    """Columns that are the table's data: a log's position, operation and instant are not, unless the contract declares them."""
    machinery = {spec.log.position, spec.log.operation, spec.log.changed_at} if spec.log else set()
    machinery -= {c.physical_name for c in declared}
    return tuple(c for c in relation.columns.values() if c.name not in machinery)


def version_of(bits: Expression, *, running: int) -> Expression:
    """The 64-bit number of the transaction that wrote a row, from the 32 bits (`xmin`) that the row keeps.

    It is the greatest number below the first one not begun that ends in those bits. A visible row's transaction had
    begun, so for all that were written in the last 2^32 transactions it is exact. An older, frozen row keeps its bits and
    seems to be written again once a cycle: it is read once more than needed, and history drops what changes nothing.
    None is missed: the number is never below the true one, and one at or above `high` is left to the next batch.
    """
    newest: Expression = sa.literal(running - 1, sa.BigInteger)
    number: Expression = sa.cast(sa.cast(bits, sa.Text), sa.BigInteger)
    return newest - (newest - number).bitwise_and(sa.literal(_CYCLE - 1, sa.BigInteger))


def _snapshot(subject: Subject) -> Iterable[Plan]:
    """All rows, at the image's position."""
    marks = (_op("upsert"), Field(SEQ, pa.int64(), constant=subject.position), Field(SNAPSHOT, pa.bool_(), constant=True))
    yield _plan(subject, marks, _effective(subject, subject.spec.effective_at))


def _row_version(subject: Subject) -> Iterable[Plan]:
    """Rows whose transaction ended since the last batch; with deletes reconciled, the keys that are left."""
    marks = (_op("upsert"), Field(SEQ, pa.int64(), _version(subject) * PLACES), Field(SNAPSHOT, pa.bool_(), constant=False))
    rows = _plan(subject, marks, _effective(subject, subject.spec.effective_at), where=_since(subject))
    yield rows
    if subject.spec.reconcile_deletes:
        yield _present(subject, rows)


def _present(subject: Subject, rows: Plan) -> Plan:
    """The key of every visible row, as a full image right behind transaction `high - 1`.

    The snapshot sees all that transactions below `high` did, so a key that it lacks was deleted, and the delete sorts
    after every row version that was ever read of it: those are below `high`, and at the same place rows come before
    images. What transactions from `high` on did is partly visible. A key that one of them inserted is in the image,
    which claims nothing about its content, and its row follows with a greater `_seq` in a later batch. A key that one
    of them deleted is missing already; nothing of it will be read again, unless it comes back with a greater `_seq`.
    What is not yet visible leaves the key as it was, and the next image tells.
    """
    constants: dict[str, Constant] = {OP: "present", SEQ: subject.position, SNAPSHOT: True, EFFECTIVE: subject.fallback}
    kept = [f if f.name in subject.key else Field(f.name, f.type, constant=constants.get(f.name)) for f in rows.fields]
    guarded = [(name, c) for name, c in _cells(subject) if name in subject.key]
    return _select(subject, [*kept[:-1], Field(PARKED, pa.string(), parked(guarded, ()))], where=None)


def _window(subject: Subject) -> Iterable[Plan]:
    """Rows whose event time lies in the partition, and, of other days, those whose transaction ended since the last batch.

    The first batch takes whatever is older than the partition's end, so that history before the platform is kept.
    """
    column = subject.spec.column or ""
    value = instant(subject.require_time(column))
    start, end = (_moment(m) for m in (subject.request.window.start, subject.request.window.end))
    if subject.request.only_window:
        where = sa.and_(value >= start, value < end)
    elif subject.request.low is None:
        where = sa.or_(value < end, value.is_(None))
    else:
        where = sa.or_(sa.and_(value >= start, value < end), _since(subject))
    order = Field(SEQ, pa.int64(), sa.func.coalesce(value, _moment(subject.fallback), type_=TIMESTAMPTZ))
    yield _plan(subject, (_op("upsert"), order, Field(SNAPSHOT, pa.bool_(), constant=False)), _effective(subject, column), where=where)


def _change_log(subject: Subject) -> Iterable[Plan]:
    """Changes whose transaction ended since the last batch, in the log's own order."""
    log = _log(subject.spec)
    position, operation = subject.require(log.position), subject.require(log.operation)
    if position.family not in _INTEGERS:
        raise SourceError(f'"{log.position}" of {subject.place} is {position.type}, but must be an integer: it puts changes in order.')
    deleted = sa.cast(operation.expression, sa.Text).in_(log.delete_values)
    marks = (
        Field(OP, pa.string(), sa.case((deleted, "delete"), else_="upsert")),
        Field(SEQ, pa.int64(), sa.cast(position.expression, sa.BigInteger)),
        Field(SNAPSHOT, pa.bool_(), constant=False),
    )
    yield _plan(subject, marks, _effective(subject, log.changed_at), where=_since(subject))


_CAPTURES: dict[Capture, Callable[[Subject], Iterable[Plan]]] = {
    Capture.SNAPSHOT: _snapshot,
    Capture.ROW_VERSION: _row_version,
    Capture.WINDOW: _window,
    Capture.CHANGE_LOG: _change_log,
}


def _plan(subject: Subject, marks: Sequence[Field], effective: Cell, *, where: Condition | None = None) -> Plan:
    cells = _cells(subject)
    declared = {name for name, _ in cells}
    own = own_columns(subject.spec, subject.request.contract.columns, subject.relation)
    undeclared = [(c.name, text_of(subject.require(c.name))) for c in own if c.name not in declared]
    when = Field(EFFECTIVE, INSTANT, effective.expression, None if effective.expression is not None else subject.fallback)
    rest = Field(PARKED, pa.string(), parked([*cells, (EFFECTIVE, effective)], undeclared))
    return _select(subject, [*(Field(name, c.type, c.expression) for name, c in cells), *marks, when, rest], where=where)


def _select(subject: Subject, fields: Sequence[Field], *, where: Condition | None) -> Plan:
    asked = [f.expression.label(f"c{i}") for i, f in enumerate(fields) if f.expression is not None]
    if not asked:
        raise SourceError(f"{subject.place} has no columns. Compare the contract's source with the database.")
    statement = sa.select(*asked).select_from(subject.source)
    return Plan(statement if where is None else statement.where(where), tuple(fields))


def _cells(subject: Subject) -> list[tuple[str, Cell]]:
    columns = {c.physical_name: c for c in subject.request.contract.columns}
    return [(physical, cell(column, subject.find(physical))) for physical, column in columns.items()]


def _effective(subject: Subject, physical: str | None) -> Cell:
    """When a change became true by its own column; capped at the source's clock, the column's value parked then."""
    if physical is None:
        return Cell(None, INSTANT)
    found = subject.require_time(physical)
    value, now = instant(found), _moment(subject.marks.seen_at)
    later = sa.or_(value > now, found.expression == "infinity")
    unusable = sa.and_(found.expression.is_not(None), sa.or_(value.is_(None), value > now))
    moment = sa.case((value <= now, value), (later, now), else_=_moment(subject.fallback))
    return Cell(sa.cast(moment, TIMESTAMPTZ), INSTANT, unusable, text_of(found))


def _since(subject: Subject) -> Condition:
    version, low = _version(subject), subject.request.low
    below = version < subject.marks.high
    return below if low is None else sa.and_(version >= low, below)


def _version(subject: Subject) -> Expression:
    return version_of(subject.source.c.xmin, running=subject.marks.running)


def _require_versions(subject: Subject) -> None:
    if subject.relation.kind not in VERSIONED:
        raise SourceError(
            f"{subject.place} is not a table, so its rows have no transaction number, which {subject.spec.mode} capture needs. "
            "Name the table behind it as the source, or use capture mode snapshot."
        )
    if subject.request.low is not None and subject.request.low > subject.marks.running:
        raise SourceError(
            f"{subject.place} was read up to transaction {subject.request.low}, but its database has only reached {subject.marks.running}: "
            "it was restored or replaced. Changes can no longer be told by number; the table has to be loaded anew."
        )


def _log(spec: CaptureSpec) -> ChangeLog:
    if spec.log is None:
        raise SourceError("A change_log capture needs its log table. Add `log` to the contract's capture.")
    return spec.log


def _op(name: str) -> Field:
    return Field(OP, pa.string(), constant=name)


def _moment(moment: dt.datetime) -> Expression:
    return sa.cast(sa.literal(moment.astimezone(dt.UTC).isoformat(), sa.Text), TIMESTAMPTZ)
