"""A web server on loopback: files that are fetched from it, and what was sent to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Page:
    """An answer. With ``chunked`` it does not say how long it is."""

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Heard], Page]


class WebServer:
    """Answers what ``pages`` say of a path, else 404; ``heard`` are the requests so far."""

    def __init__(self, port: int = 0) -> None:
        self.pages: dict[str, Page | Answer] = {}
        self.heard: list[Heard] = []
        self._arrived = threading.Condition()
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                page = web.hear(Heard(self.path, headers, body))
                self.send_response(page.status)
                for name, value in page.headers.items():
                    self.send_header(name, value)
                length = ("Transfer-Encoding", "chunked") if page.chunked else None
                self.send_header(*(length or ("Content-Length", str(len(page.content)))))
                self.end_headers()
                if page.chunked:
                    self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(page.content), page.content))
                else:
                    self.wfile.write(page.content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def hold(self, name: str, file: Path | bytes, **headers: str) -> str:
        """Have a file to be fetched, and its address."""
        content = file if isinstance(file, bytes) else file.read_bytes()
        self.pages[f"/{name}"] = Page(content, headers=headers)
        return f"{self.url}/{name}"

    def hear(self, request: Heard) -> Page:
        """Note a request, and choose the answer."""
        with self._arrived:
            self.heard.append(request)
            self._arrived.notify_all()
        page = self.pages.get(request.path, Page(status=404))
        return page(request) if callable(page) else page

    def heard_of(self, path: str, times: int, *, within: float = 30) -> list[Heard]:
        """The requests for a path, once there were so many."""
        with self._arrived:
            came = self._arrived.wait_for(lambda: len(self.of(path)) >= times, within)
        assert came, f"{path} was asked for {len(self.of(path))} times, not {times}"
        return self.of(path)

    def of(self, path: str) -> list[Heard]:
        """The requests for a path so far."""
        return [request for request in self.heard if request.path == path]
