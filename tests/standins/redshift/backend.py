"""One session of the PostgreSQL behind: the proxy's own statements, and the client's messages."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.standins.redshift.wire import Message, Wire, error, fields_of, startup, text, values_of

Row = list[str | None]


class RefusedError(Exception):
    """What the warehouse refuses, as its error's fields say it."""

    def __init__(self, code: str, message: str, detail: str = "", **more: str) -> None:
        super().__init__(message)
        self.code, self.message, self.detail = code, message, detail
        self.fields = {"S": "ERROR", "C": code, "M": message, **({"D": detail} if detail else {}), **more}

    @property
    def answer(self) -> Message:
        """As it goes to the client."""
        return error(self.fields)


def unsupported(what: str) -> RefusedError:
    """A feature that Redshift does not have."""
    return RefusedError("0A000", what)


def syntax(near: str) -> RefusedError:
    """What Redshift's grammar does not know."""
    return RefusedError("42601", f'syntax error at or near "{near}"')


class Backend:
    """A session that trusts the proxy."""

    def __init__(self, path: str, user: str, database: str) -> None:
        self.wire = Wire(connection := socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        self.status, self.parameters, self.key = b"I", list[Message](), Message(b"K", b"\0" * 8)
        self.tag = ""
        self.said: list[str] = []
        """What the stand-in has to say beside the answer."""
        try:
            connection.connect(path)
            self.wire.send_raw(startup({"user": user, "database": database, "client_encoding": "UTF8"}))
            self._opened()
        except BaseException:
            self.wire.close()
            raise

    def _opened(self) -> None:
        while (message := self.read()).kind != b"Z":
            if message.kind == b"E":
                raise refusal_of(message)
            if message.kind == b"S":
                self.parameters.append(message)
            if message.kind == b"K":
                self.key = message

    def read(self) -> Message:
        """The next message; the transaction's status is noted."""
        message = self.wire.read()
        if message.kind == b"Z":
            self.status = message.body
        return message

    def run(self, sql: str, copied: Iterable[bytes] = ()) -> list[Row]:
        """Run the proxy's own statements; the rows of all. Raises RefusedError."""
        self.wire.send(Message(b"Q", text(sql)))
        rows: list[Row] = []
        refused: Message | None = None
        while (message := self.read()).kind != b"Z":
            if message.kind == b"D":
                rows.append([None if value is None else value.decode() for value in values_of(message.body)])
            elif message.kind == b"G":
                self._copy(copied)
            elif message.kind == b"C":
                self.tag = message.body[:-1].decode()
            elif message.kind == b"E":
                refused = message
        if refused:
            raise refusal_of(refused)
        return rows

    def _copy(self, copied: Iterable[bytes]) -> None:
        for piece in copied:
            self.wire.send(Message(b"d", piece))
        self.wire.send(Message(b"c"))

    @property
    def idle(self) -> bool:
        """No transaction is open."""
        return self.status == b"I"

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """All or nothing, in the client's transaction where there is one."""
        own = self.idle
        if own:
            self.run("begin")
        try:
            yield
        except BaseException:
            if own:
                self.run("rollback")
            raise
        if own:
            tag = self.tag
            self.run("commit")
            self.tag = tag

    def fail(self) -> None:
        """Have the client's transaction fail, as its own error would."""
        if self.status == b"T":
            try:
                self.run("select 1 / 0")
            except RefusedError:
                return

    def close(self) -> None:
        """End the session; an open transaction is rolled back."""
        try:
            self.wire.send(Message(b"X"))
        except OSError:
            return
        finally:
            self.wire.close()


def refusal_of(message: Message) -> RefusedError:
    """PostgreSQL's error."""
    fields = fields_of(message.body)
    more = {letter: value for letter, value in fields.items() if letter in "HPstcnd"}
    return RefusedError(fields["C"], fields["M"], fields.get("D", ""), **more)
