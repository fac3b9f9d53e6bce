"""HTTP/1.1 over bare sockets: as little work as can be, so that what is measured is the service."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer whose length is stated."""

    first_line: str
    body: bytes

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.first_line.split(" ")[1])


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """The next message of a connection; None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Message(head.partition(b"\r\n")[0].decode(), body)


class Connection:
    """A connection to the service that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> Message:
        """Send a request and wait for its answer. Raises ConnectionError when there is none."""
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(f"{head}Content-Type: {kind}\r\n\r\n".encode() + body)
        answer = await read_message(self._reader)
        if answer is None:
            raise ConnectionError("no answer")
        return answer
