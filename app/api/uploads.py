"""Receives a multipart form: files go to disk and are hashed while they arrive.

Nothing is held whole in memory, and nothing is written twice: a file lands where its job keeps it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from app.errors import InvalidRequest, TooLarge

MEGABYTE = 1_000_000
_BATCH = 1 << 20
"""Bytes gathered before a thread is asked to write them: a hop for each chunk would cost more."""
_LONGEST_TEXT = 64 * 1024
_MOST_PARTS = 32
_LONGEST_HEADERS = 8 * 1024
_LONGEST_BOUNDARY = 70
"""Characters (RFC 2046, 5.1.1)."""
_PATIENCE = 30
"""Seconds for which the rest of a refused upload is read and dropped, so that its sender, who may
not listen before all is sent, gets to read why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A file that a form may hold: where it goes, and how many bytes it may have."""

    path: Path
    limit: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that arrived."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Form:
    """What a multipart request said."""

    files: Mapping[str, Upload]
    fields: Mapping[str, str]


async def receive(request: Request, slots: Mapping[str, Slot]) -> Form:
    """Read a form. Raises InvalidRequest when it is none, and TooLarge past a slot's limit."""
    reader = _Reader(slots, _boundary(request))
    try:
        _refuse_declared_size(request, slots)
        async for chunk in request.stream():
            reader.feed(chunk)
            if reader.waiting >= _BATCH:
                await reader.flush()
        return await reader.finish()
    finally:
        await reader.close()


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise InvalidRequest("Send the fields image and audio as multipart/form-data.")
    return boundary


def _refuse_declared_size(request: Request, slots: Mapping[str, Slot]) -> None:
    declared = request.headers.get("content-length", "")
    most = sum(slot.limit for slot in slots.values()) + _MOST_PARTS * _LONGEST_TEXT
    if declared.isdigit() and int(declared) > most:
        limits = " and ".join(f"{_megabytes(slot)} ({name})" for name, slot in slots.items())
        raise TooLarge(f"The request is too large. The limits are {limits}.")


async def drain(request: Request) -> None:
    """Read what is still being sent to a request that is refused, and drop it."""
    with suppress(Exception):
        async with asyncio.timeout(_PATIENCE):
            async for _ in request.stream():
                pass


def _megabytes(slot: Slot) -> str:
    return f"{slot.limit / MEGABYTE:g} MB"


@dataclass(slots=True)
class _Part:
    """One part of the form while it arrives: text, or a file when it has a slot and a name."""

    name: str
    slot: Slot | None
    size: int = 0
    text: bytearray = field(default_factory=bytearray)
    gathered: list[memoryview] = field(default_factory=list)
    leaving: list[memoryview] = field(default_factory=list)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    file: BinaryIO | None = None

    def take(self, data: memoryview) -> None:
        self.size += len(data)
        if self.slot is None:
            self.text += data
            if self.size > _LONGEST_TEXT:
                raise TooLarge(f"The field {self.name} is too large. The limit is 64 kB.")
        else:
            self.gathered.append(data)
            if self.size > self.slot.limit:
                raise TooLarge(
                    f"The {self.name} is too large. The limit is {_megabytes(self.slot)}."
                )

    def pack(self) -> None:
        """Set aside what is to be written, so that more can be gathered meanwhile."""
        self.leaving, self.gathered = self.gathered, []

    def write(self) -> None:
        if self.slot is None:
            return
        if self.file is None:
            self.file = self.slot.path.open("wb")
        for data in self.leaving:
            self.digest.update(data)
            self.file.write(data)
        self.leaving.clear()


class _Reader:
    def __init__(self, slots: Mapping[str, Slot], boundary: bytes) -> None:
        self.waiting = 0
        self._slots = slots
        self._parts: list[_Part] = []
        self._writing: asyncio.Task[None] | None = None
        self._headers: dict[bytes, bytes] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._header_bytes = 0
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_field,
                "on_header_value": self._header_text,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._part_data,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except MultipartParseError:
            raise InvalidRequest("The multipart body is malformed.") from None

    async def flush(self) -> None:
        """Begin to write what has been gathered, once what was gathered before is written."""
        await self._written()
        self.waiting = 0
        for part in self._parts:
            part.pack()
        self._writing = asyncio.create_task(asyncio.to_thread(self._write))

    async def _written(self) -> None:
        if self._writing:
            await self._writing

    async def finish(self) -> Form:
        """The whole form, once its last boundary has been seen."""
        if not self._complete:
            raise InvalidRequest("The multipart body ends too early.")
        await self.flush()
        await self._written()
        files = [part for part in self._parts if part.slot]
        texts = [part for part in self._parts if not part.slot]
        return Form(
            files={part.name: _upload(part) for part in files},
            fields={part.name: _text(part) for part in texts},
        )

    async def close(self) -> None:
        with suppress(Exception):
            await self._written()
        await asyncio.to_thread(self._close)

    def _write(self) -> None:
        for part in self._parts:
            part.write()

    def _close(self) -> None:
        for part in self._parts:
            if part.file:
                part.file.close()

    def _part_begins(self) -> None:
        self._headers = {}
        self._header_bytes = 0
        if len(self._parts) >= _MOST_PARTS:
            raise InvalidRequest("The form has too many parts.")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += self._counted(data[start:end])

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += self._counted(data[start:end])

    def _counted(self, data: bytes) -> bytes:
        self._header_bytes += len(data)
        if self._header_bytes > _LONGEST_HEADERS:
            raise InvalidRequest("A part of the form has headers that are too long.")
        return data

    def _header_ends(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if any(part.name == name for part in self._parts):
            raise InvalidRequest(f"The field {name} is given twice.")
        # A form sends an empty file input with an empty name; text under a file's name is none.
        is_file = bool(options.get(b"filename"))
        self._parts.append(_Part(name, self._slots.get(name) if is_file else None))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self.waiting += end - start
        self._parts[-1].take(memoryview(data)[start:end])

    def _end(self) -> None:
        self._complete = True


def _upload(part: _Part) -> Upload:
    assert part.slot is not None
    return Upload(part.slot.path, part.size, part.digest.hexdigest())


def _text(part: _Part) -> str:
    try:
        return part.text.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"The field {part.name} is not text.") from None
