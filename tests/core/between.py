"""A stretch of network in front of a server: a test may do something before a request goes on, answer it, or lose its answer."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

Request = tuple[str, str]
"""Method, and how the path ends."""
Answer = tuple[int, bytes]
"""Status and content."""
HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}
"""Headers that this stretch says anew."""


@dataclass
class Between:
    """What happens to requests on their way. All but `always` happens once, to the first request that fits."""

    address: str
    before: dict[Request, Callable[[], object]] = field(default_factory=dict)
    """Done before the request goes on."""
    answers: dict[Request, Answer] = field(default_factory=dict)
    """Given in the server's place."""
    always: dict[Request, Answer] = field(default_factory=dict)
    """The same, each time."""
    lost: set[Request] = field(default_factory=set)
    """The server does it, and its answer does not arrive."""
    seen: list[Request] = field(default_factory=list)
    """Method and whole path of each request."""


class Stretch(ThreadingHTTPServer):
    """Listens where clients think the server is."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.onward = (host, port)
        self.way = Between(f"http://127.0.0.1:{self.server_port}")


class Handler(BaseHTTPRequestHandler):
    """Passes one connection's requests on."""

    protocol_version = "HTTP/1.1"
    server: Stretch

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""

    def pass_on(self) -> None:
        """Take a request and what was planned for it."""
        way, body = self.server.way, self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(self.path.partition("?")[0])
        way.seen.append((self.command, path))
        if found := fitting(way.before, self.command, path):
            way.before.pop(found)()
        if found := fitting([*way.always, *way.answers], self.command, path):
            return self.reply(*(way.answers.pop(found, None) or way.always[found]), [])
        status, content, headers = self.asked(body)
        if found := fitting(way.lost, self.command, path):
            way.lost.remove(found)
            self.close_connection = True
            return None
        return self.reply(status, content, headers)

    def asked(self, body: bytes) -> tuple[int, bytes, list[tuple[str, str]]]:
        """Status, content and headers of the server's answer."""
        onward = http.client.HTTPConnection(*self.server.onward)
        onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            onward.putheader(name, value)
        onward.endheaders(body)
        with onward.getresponse() as answer:
            content, headers = answer.read(), answer.getheaders()
        onward.close()
        return answer.status, content, headers

    def reply(self, status: int, content: bytes, headers: list[tuple[str, str]]) -> None:
        """Answer the client."""
        size = next((value for name, value in headers if name.lower() == "content-length"), "0")
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", size if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = pass_on  # noqa: N815 - the base class's names


def fitting(planned: Iterable[Request], method: str, path: str) -> Request | None:
    """First planned request that this one is."""
    return next((request for request in planned if request[0] == method and path.endswith(request[1])), None)


@contextmanager
def between(host: str, port: int) -> Iterator[Between]:
    """A stretch that leads to the server at `host` and `port`."""
    with Stretch(host, port) as stretch:
        thread = threading.Thread(target=stretch.serve_forever, daemon=True)
        thread.start()
        try:
            yield stretch.way
        finally:
            stretch.shutdown()
            thread.join()
