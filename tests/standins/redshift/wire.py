"""PostgreSQL's wire protocol, as far as both sides of the stand-in speak it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

PROTOCOL = 196608
SSL_REQUEST, CANCEL_REQUEST, GSS_REQUEST = 80877103, 80877102, 80877104
SUPER, VARBYTE = 4000, 6551
"""Redshift's type numbers."""
JSONB, BYTEA = 3802, 17
"""PostgreSQL's, which stand for them."""
AS_REDSHIFT = {JSONB: SUPER, BYTEA: VARBYTE}


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its letter and what follows the length."""

    kind: bytes
    body: bytes = b""

    @property
    def packed(self) -> bytes:
        """As it goes over the wire."""
        return self.kind + struct.pack("!i", len(self.body) + 4) + self.body


class Wire:
    """Messages over a socket. Raises ConnectionError when the other side is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = connection.makefile("rb", 1 << 16)

    def read(self) -> Message:
        """The next message."""
        head = self._exactly(5)
        return Message(head[:1], self._exactly(struct.unpack("!i", head[1:])[0] - 4))

    def read_startup(self) -> bytes:
        """What opens a connection: no letter, only a length."""
        return self._exactly(struct.unpack("!i", self._exactly(4))[0] - 4)

    def send(self, *messages: Message) -> None:
        """Send them at once."""
        self.send_raw(b"".join(message.packed for message in messages))

    def send_raw(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(content)

    def close(self, *, reset: bool = False) -> None:
        """Hang up, at once and rudely where told."""
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.received.close()
        self.connection.close()

    def _exactly(self, size: int) -> bytes:
        content: bytes = self.received.read(size)
        if len(content) < size:
            raise ConnectionError("the other side has hung up")
        return content


def startup_of(content: bytes) -> tuple[int, dict[str, str]]:
    """The code, and the parameters, of an opening message."""
    code = struct.unpack("!i", content[:4])[0]
    parts = [part.decode(errors="replace") for part in content[4:].split(b"\0")]
    return code, dict(zip(parts[::2], parts[1::2], strict=False))


def startup(parameters: Mapping[str, str]) -> bytes:
    """An opening message."""
    body = struct.pack("!i", PROTOCOL) + b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def text(*parts: str) -> bytes:
    """Strings, each ended by a zero."""
    return b"".join(part.encode() + b"\0" for part in parts)


def error(fields: Mapping[str, str]) -> Message:
    """An ErrorResponse."""
    return Message(b"E", b"".join(letter.encode() + value.encode() + b"\0" for letter, value in fields.items()) + b"\0")


def notice(message: str) -> Message:
    """A NoticeResponse for information."""
    return Message(b"N", text("SINFO", "C00000", f"M{message}") + b"\0")


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse."""
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result."""

    name: bytes
    rest: bytes
    """Table, position, type, size, modifier, format."""

    @property
    def type(self) -> int:
        """PostgreSQL's type number."""
        return int(struct.unpack("!i", self.rest[6:10])[0])

    @property
    def as_redshift(self) -> bytes:
        """Described with Redshift's type number."""
        number = struct.pack("!i", AS_REDSHIFT.get(self.type, self.type))
        return self.name + b"\0" + self.rest[:6] + number + self.rest[10:]


def columns_of(body: bytes) -> list[Column]:
    """The columns of a RowDescription."""
    found, at = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        end = body.index(b"\0", at)
        found.append(Column(body[at:end], body[end + 1 : end + 19]))
        at = end + 19
    return found


def described(columns: list[Column]) -> Message:
    """A RowDescription in Redshift's types."""
    return Message(b"T", struct.pack("!h", len(columns)) + b"".join(column.as_redshift for column in columns))


def values_of(body: bytes) -> Iterator[bytes | None]:
    """The values of a DataRow."""
    at = 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        size = struct.unpack("!i", body[at : at + 4])[0]
        at += 4
        yield None if size < 0 else body[at : at + size]
        at += max(size, 0)


def row(values: list[bytes | None]) -> Message:
    """A DataRow."""
    packed = (struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in values)
    return Message(b"D", struct.pack("!h", len(values)) + b"".join(packed))
