"""The stand-in as a test holds it: started, scripted, looked into, ended."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
import psycopg

from tests.standins.account import StandIns
from tests.standins.faults import Effect, Fault, FaultPlan
from tests.standins.image import CREDENTIALS, REGION
from tests.standins.redshift.api_listener import ApiListener, data_api
from tests.standins.redshift.backend import Backend, RefusedError, unsupported
from tests.standins.redshift.data_api import SERVICE as SERVICE_OF_API
from tests.standins.redshift.parquet import Target
from tests.standins.redshift.plans import World
from tests.standins.redshift.postgres import Postgres, postgres
from tests.standins.redshift.session import SERVICE, HungUpError, Session, Shared
from tests.standins.redshift.statements import Statements
from tests.standins.redshift.tokens import literal
from tests.standins.redshift.wire import CANCEL_REQUEST, GSS_REQUEST, PROTOCOL, SSL_REQUEST, Message, Wire, startup_of, text

USER, PASSWORD, DATABASE = "lakehouse", "Lakehouse1", "lakehouse"
PLACES = frozenset({"lakehouse", "cluster", "workgroup"})
"""Clusters and workgroups that the Data API knows."""
REPORTED = {
    "server_version": "8.0.2", "server_encoding": "UNICODE", "client_encoding": "UNICODE", "DateStyle": "ISO, MDY", "TimeZone": "UTC",
    "integer_datetimes": "on",
}  # fmt: skip
"""What the server says of itself when a session begins."""


@dataclass(frozen=True)
class Faults:
    """Plans what goes wrong with statements, by patterns over their verb and text. Each verb gives the fault's number."""

    faults: FaultPlan

    def cut_before(self, text: str = "*", *, verb: str = "*", skip: int = 0, times: int = 1) -> int:
        """Hang up instead of doing it."""
        return self._plan(Effect.RESET, text, verb, skip, times)

    def cut_after(self, text: str = "*", *, verb: str = "*", skip: int = 0, times: int = 1) -> int:
        """Do it and hang up: a commit's answer is lost, an open transaction rolled back."""
        return self._plan(Effect.DROP, text, verb, skip, times)

    def refuse(self, code: str, text: str = "*", *, verb: str = "*", skip: int = 0, times: int = 1) -> int:
        """Refuse it with an SQLSTATE; `1023` is a violation of the isolation, `conflict` one of definitions."""
        return self._plan(Effect.REFUSE, text, verb, skip, times, code=code)

    def delay(self, seconds: float, text: str = "*", *, verb: str = "*", skip: int = 0, times: int = 1) -> int:
        """Do it late."""
        return self._plan(Effect.DELAY, text, verb, skip, times, delay=seconds)

    def met(self, number: int) -> int:
        """Statements that a fault met so far."""
        return self.faults.met(number)

    def clear(self) -> None:
        """Forget what has not happened yet."""
        self.faults.clear()

    def _plan(self, effect: Effect, text: str, verb: str, skip: int, times: int, **more: Any) -> int:
        return self.faults.add(Fault(effect, SERVICE, verb, text, times, skip=skip, **more))


@dataclass
class Redshift:
    """A warehouse that runs."""

    host: str
    port: int
    user: str
    password: str
    database: str
    server: Postgres
    shared: Shared
    sockets: set[socket.socket] = field(default_factory=set)
    api: ApiListener = field(init=False)
    """The Data API's own address; it has faults and a log of its own."""

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return Faults(self.shared.faults)

    @property
    def statements(self) -> Statements:
        """What was said."""
        return self.shared.statements

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a process here."""
        return {
            "LAKEHOUSE_REDSHIFT_HOST": self.host,
            "LAKEHOUSE_REDSHIFT_PORT": str(self.port),
            "LAKEHOUSE_REDSHIFT_USER": self.user,
            "LAKEHOUSE_REDSHIFT_PASSWORD": self.password,
        }

    @property
    def client(self) -> Mapping[str, Any]:
        """Arguments of `redshift_connector.connect`."""
        return {"host": self.host, "port": self.port, "user": self.user, "password": self.password, "database": self.database, "ssl": False}

    def connect(self, database: str | None = None) -> psycopg.Connection:
        """A client, through the proxy."""
        return psycopg.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=database or self.database, autocommit=True,
            sslmode="disable", client_encoding="utf8", prepare_threshold=None,
        )  # fmt: skip

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Look inside, as a client would, unseen by faults and log. Late-binding views are not resolved."""
        with closing(self.server.connect(self.user, self.database)) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def reset(self) -> None:
        """Forget all schemas, faults and statements."""
        self.faults.clear()
        self.cut()
        for (schema,) in self.rows("select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'"):
            self.rows(f'drop schema "{schema}" cascade')
        self.rows("create schema public; grant all on schema public to public; delete from pg_catalog.standin_load_error")
        self.statements.clear()

    def cut(self) -> None:
        """Hang up on all clients now."""
        for connection in list(self.sockets):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@dataclass
class _Reports:
    """Writes load errors in a session of its own."""

    server: list[Postgres]
    user: str
    database: str

    def load_error(self, table: str, file: str, column: Target | None, code: int, message: str) -> None:
        """Keep one."""
        known = (self.database, file, column.name if column else None, column.base if column else None, code, message)
        with closing(psycopg.connect(host=self.server[0].folder, user=self.user, dbname=self.database)) as connection:
            connection.execute(
                "insert into pg_catalog.standin_load_error (user_id, query_id, database_name, table_id, start_time, file_name, "
                f"column_name, column_type, error_code, error_message) values (100, 0, %s, to_regclass({literal(table)})::oid::int, "
                "now() at time zone 'utc', %s, %s, %s, %s, %s)".encode(), known,
            )  # fmt: skip
            connection.commit()


@contextmanager
def redshift(
    *, s3_address: str | None = None, user: str = USER, password: str = PASSWORD, database: str = DATABASE
) -> Iterator[Redshift]:
    """A warehouse of its own, empty, that reads S3 at an address."""
    session = boto3.Session(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
    s3 = session.client("s3", endpoint_url=s3_address)
    with postgres(user, database) as server, socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        world = World(database, {user: password}, s3, _Reports([server], user, database))
        shared = Shared(world, FaultPlan(), Statements())
        running = Redshift("127.0.0.1", listener.getsockname()[1], user, password, database, server, shared)
        threading.Thread(target=_accepting, args=(listener, running), daemon=True).start()
        try:
            with data_api(running.connect, PLACES) as running.api:
                yield running
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            running.cut()


@contextmanager
def redshift_beside(running: StandIns, **said: str) -> Iterator[Redshift]:
    """A warehouse beside the stand-ins of an account: it reads their S3, and their `redshift-data` is this one's."""
    with redshift(s3_address=running.address, **said) as warehouse:
        running.control("serve_elsewhere", service=SERVICE_OF_API, port=warehouse.api.server_port)
        yield warehouse


def _accepting(listener: socket.socket, running: Redshift) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_conversation, args=(connection, running), daemon=True).start()


def _conversation(connection: socket.socket, running: Redshift) -> None:
    running.sockets.add(connection)
    client = Wire(connection)
    try:
        with suppress(ConnectionError, OSError, ValueError):
            _served(client, running)
    finally:
        running.sockets.discard(connection)
        with suppress(OSError):
            client.close()


def _served(client: Wire, running: Redshift) -> None:
    code, parameters = startup_of(raw := client.read_startup())
    while code in (SSL_REQUEST, GSS_REQUEST):
        client.send_raw(b"N")
        code, parameters = startup_of(raw := client.read_startup())
    if code == CANCEL_REQUEST:
        _cancelled(raw, running.server)
        return
    try:
        backend = _let_in(client, code, parameters, running)
    except RefusedError as refused:
        client.send(RefusedError(refused.code, refused.message, S="FATAL").answer)
        return
    with closing(backend):
        reported = [Message(b"S", text(name, value)) for name, value in REPORTED.items()]
        client.send(Message(b"R", struct.pack("!i", 0)), *reported, backend.key, Message(b"Z", b"I"))
        backend.run("select 1")
        with suppress(HungUpError):
            Session(client, backend, running.shared, parameters["user"]).serve()


def _cancelled(asked: bytes, server: Postgres) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(server.socket)
        connection.sendall(struct.pack("!i", len(asked) + 4) + asked)
        connection.recv(1)


def _let_in(client: Wire, code: int, parameters: dict[str, str], running: Redshift) -> Backend:
    user, database = parameters.get("user", ""), parameters.get("database", "")
    if code >> 16 != PROTOCOL >> 16:
        raise unsupported("unsupported frontend protocol")
    known = running.shared.world.passwords.get(user)
    salt = os.urandom(4)
    client.send(Message(b"R", struct.pack("!i", 5) + salt))
    given = client.read().body[:-1].decode()
    if known is None or given != _digest(known, user, salt):
        raise RefusedError("28000", f'password authentication failed for user "{user}"')
    if database != running.database:
        raise RefusedError("3D000", f'database "{database}" does not exist')
    return Backend(running.server.socket, user, database)


def _digest(password: str, user: str, salt: bytes) -> str:
    inner = hashlib.md5((password + user).encode()).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt).hexdigest()
