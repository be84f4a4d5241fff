"""One client's session: its messages are passed on, but for the statements that the stand-in carries out itself."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.standins.calls import Call
from tests.standins.faults import Effect, FaultPlan
from tests.standins.redshift.backend import Backend, RefusedError, refusal_of
from tests.standins.redshift.plans import Plan, World, plan, verb_of
from tests.standins.redshift.statements import Statement, Statements
from tests.standins.redshift.tokens import literal, statements_of, words_of
from tests.standins.redshift.views import Late
from tests.standins.redshift.wire import BYTEA, Message, Wire, columns_of, described, notice, row, text, values_of
from tests.standins.redshift.wording import as_redshift, planned_refusal

SERVICE = "redshift"
ANSWERS = {b"P": b"1", b"B": b"2", b"C": b"3", b"D": b"tTn", b"E": b"CIs"}
"""What ends the answer to a message of the extended protocol."""
LATE_COLUMNS = ("PG_GET_LATE_BINDING_VIEW_COLS", "SVV_COLUMNS", "SVV_REDSHIFT_COLUMNS", "SVV_ALL_COLUMNS", "SHOW COLUMNS")
LATE_VIEWS = (
    "select n.nspname, c.relname, l.definition, l.relation from pg_catalog.standin_late l "
    "join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace"
)


class HungUpError(Exception):
    """The session ends as a fault wants it."""


@dataclass
class Shared:
    """What all sessions share."""

    world: World
    faults: FaultPlan
    statements: Statements
    has_late_views: bool = False


class Session:
    """A client that is let in, and its backend."""

    def __init__(self, client: Wire, backend: Backend, shared: Shared, user: str) -> None:
        self.client, self.backend, self.shared, self.user = client, backend, shared, user
        self.prepared: dict[bytes, Plan] = {}
        self.portals: dict[bytes, Plan] = {}
        self.binary: dict[int, bool] = {}
        self.skipping = False
        self.columns: list[int] = []

    def serve(self) -> None:
        """Answer until the client goes."""
        handlers: dict[bytes, Callable[[Message], None]] = {
            b"Q": self._query, b"P": self._parse, b"B": self._bind, b"D": self._describe, b"E": self._execute, b"C": self._close,
            b"S": self._sync, b"H": lambda message: None,
        }  # fmt: skip
        while (message := self.client.read()).kind != b"X":
            if self.skipping and message.kind not in b"SQ":
                continue
            try:
                handlers[message.kind](message)
            except RefusedError as refused:
                self.client.send(refused.answer)
                self.skipping = True

    # The simple protocol.

    def _query(self, message: Message) -> None:
        statements = statements_of(message.body[:-1].decode())
        try:
            if not statements:
                self.client.send(Message(b"I"))
            for statement in statements:
                self._simple(self._planned(statement))
        except RefusedError as refused:
            self.client.send(refused.answer)
        self.client.send(Message(b"Z", self.backend.status))

    def _simple(self, wanted: Plan) -> None:
        def done() -> None:
            if wanted.action:
                self._carry_out(wanted)
                return
            self.backend.wire.send(Message(b"Q", text(wanted.sql)))
            self._relay(b"Z", ends=False)

        self._faulty(wanted, done)

    # The extended protocol.

    def _parse(self, message: Message) -> None:
        name, sql, types = message.body.split(b"\0", 2)
        pieces = statements_of(sql.decode())
        if len(pieces) > 1:
            raise self._failed(RefusedError("42601", "cannot insert multiple commands into a prepared statement"))
        wanted = self.prepared[name] = self._planned(pieces[0] if pieces else "")
        if wanted.action:
            self.client.send(Message(b"1"))
        else:
            self._try(wanted, Message(b"P", name + b"\0" + wanted.sql.encode() + b"\0" + types))

    def _bind(self, message: Message) -> None:
        portal, name, _ = message.body.split(b"\0", 2)
        wanted = self.portals[portal] = self.prepared.get(name, Plan("", "", ""))
        if wanted.action:
            self.client.send(Message(b"2"))
            return
        if name and self.shared.has_late_views:
            self._again(name, wanted)
        self._try(wanted, message)

    def _try(self, wanted: Plan, message: Message) -> None:
        try:
            self._pass_on(message)
        except RefusedError as refused:
            self._log(wanted, refused.code)
            raise

    def _again(self, name: bytes, wanted: Plan) -> None:
        """A late-binding view may have changed since the statement was prepared."""
        fresh = self._planned(wanted.text)
        if fresh.sql != wanted.sql:
            self.prepared[name] = fresh
            self._pass_on(Message(b"C", b"S" + name + b"\0"), quiet=True)
            self._pass_on(Message(b"P", name + b"\0" + fresh.sql.encode() + b"\0" + struct.pack("!h", 0)), quiet=True)

    def _describe(self, message: Message) -> None:
        kind, name = message.body[:1], message.body[1:-1]
        wanted = (self.prepared if kind == b"S" else self.portals).get(name)
        if wanted and wanted.action:
            parameters = [Message(b"t", struct.pack("!h", 0))] if kind == b"S" else []
            self.client.send(*parameters, Message(b"n"))
        else:
            self._pass_on(message)

    def _execute(self, message: Message) -> None:
        wanted = self.portals.get(message.body.split(b"\0", 1)[0], Plan("", "", ""))

        def done() -> None:
            if wanted.action:
                self._carry_out(wanted)
            else:
                self._pass_on(message)

        self._faulty(wanted, done)

    def _close(self, message: Message) -> None:
        (self.prepared if message.body[:1] == b"S" else self.portals).pop(message.body[1:-1], None)
        self._pass_on(message)

    def _sync(self, message: Message) -> None:
        self.skipping = False
        self.backend.wire.send(message)
        self._relay(b"Z", ends=True)

    def _pass_on(self, message: Message, *, quiet: bool = False) -> None:
        self.backend.wire.send(message, Message(b"H"))
        self._relay(ANSWERS[message.kind], ends=True, quiet=quiet, parts=2 if message.body[:1] == b"S" and message.kind == b"D" else 1)

    # Both.

    def _planned(self, sql: str) -> Plan:
        late = self._late_views()
        try:
            wanted = plan(sql, late, self.shared.world)
        except RefusedError as refused:
            self._log(Plan(sql, verb_of(words_of(sql)), sql), refused.code)
            raise self._failed(refused) from refused
        if late and any(name in sql.upper() for name in LATE_COLUMNS):
            self._describe_late(late)
        return wanted

    def _late_views(self) -> Late:
        if not self.shared.has_late_views or self.backend.status == b"E":
            return {}
        return {(str(row[0]), str(row[1])): str(row[2]) for row in self.backend.run(LATE_VIEWS)}

    def _describe_late(self, late: Late) -> None:
        for schema, name, definition, relation in self.backend.run(LATE_VIEWS):
            whole = plan(str(definition), {key: value for key, value in late.items() if key != (schema, name)}, self.shared.world).sql
            self.backend.run(f"select pg_catalog.standin_describe({relation}, {literal(whole)})")

    def _failed(self, refused: RefusedError) -> RefusedError:
        self.backend.fail()
        return refused

    def _carry_out(self, wanted: Plan) -> None:
        if self.backend.status == b"E":
            raise RefusedError("25P02", "current transaction is aborted, commands ignored until end of transaction block")
        if wanted.action is None:
            return
        try:
            tag = wanted.action(self.backend)
        except RefusedError as refused:
            raise self._failed(as_redshift(refused)) from refused
        self.shared.has_late_views |= wanted.verb == "CREATE VIEW"
        said = [notice(line) for line in self.backend.said]
        self.backend.said.clear()
        self.client.send(*said, Message(b"C", text(tag)))

    def _faulty(self, wanted: Plan, done: Callable[[], None]) -> None:
        """Do it, with the fault that is planned for it."""
        fault = self.shared.faults.meeting(Call(SERVICE, wanted.verb, "SQL", wanted.text))
        if fault and fault.effect is Effect.RESET:
            self._log(wanted, "cut")
            raise HungUpError
        if fault and fault.effect is Effect.REFUSE:
            self._log(wanted, fault.code)
            raise self._failed(planned_refusal(fault))
        if fault and fault.effect is Effect.DROP:
            self._unanswered(wanted, done)
        if fault and fault.effect is Effect.DELAY:
            time.sleep(fault.delay)
        try:
            done()
        except RefusedError as refused:
            self._log(wanted, refused.code)
            raise
        self._log(wanted, "done")

    def _unanswered(self, wanted: Plan, done: Callable[[], None]) -> None:
        self.client = _Silent(self.client)
        done()
        if self.backend.status == b"I" and not wanted.action:
            self.backend.wire.send(Message(b"S"))
            self._relay(b"Z", ends=True)
        self._log(wanted, "unanswered")
        raise HungUpError

    def _log(self, wanted: Plan, outcome: str) -> None:
        self.shared.statements.add(Statement(wanted.text.strip(), wanted.verb, outcome, self.user))

    def _relay(self, until: bytes, *, ends: bool, quiet: bool = False, parts: int = 1) -> None:
        """Give the client what the backend says, up to a letter. An error ends it too, and is raised."""
        refused: RefusedError | None = None
        while True:
            message = self.backend.read()
            if message.kind == b"E":
                refused = as_redshift(refusal_of(message))
                if until != b"Z":
                    raise refused
            elif message.kind == b"Z" and not ends:
                break
            elif not quiet or message.kind in b"NSA":
                self.client.send(self._translated(message))
            if message.kind in until and (parts == 1 or message.kind in b"Tn"):
                break
        if refused:
            raise refused

    def _translated(self, message: Message) -> Message:
        if message.kind == b"T":
            columns = columns_of(message.body)
            self.columns = [at for at, column in enumerate(columns) if column.type == BYTEA]
            return described(columns)
        if message.kind == b"D" and self.columns:
            values = list(values_of(message.body))
            return row([_hex(value) if at in self.columns else value for at, value in enumerate(values)])
        return message


class _Silent(Wire):
    """A client that hears nothing more."""

    def __init__(self, client: Wire) -> None:
        self.connection, self.received = client.connection, client.received

    def send(self, *messages: Message) -> None:
        """Keep it."""


def _hex(value: bytes | None) -> bytes | None:
    return value[2:] if value is not None and value.startswith(b"\\x") else value
