"""Answers a file that is kept: whole, in a range, or not again (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.problems import ProblemResponse, problem_of
from app.errors import RangeNotSatisfiable

_RANGE = re.compile(r"bytes\s*=\s*(\d{1,18})?\s*-\s*(\d{1,18})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that never changes: ``size`` in bytes, and a ``digest`` that no other has.

    ``read`` gives the bytes from one position up to another; it is asked for ``block`` at a time.
    """

    size: int
    digest: str
    content_type: str
    read: Callable[[int, int], Awaitable[bytes]]
    block: int

    async def answer(self, request: Request, headers: Mapping[str, str]) -> Response:
        """What the request asks for. Raises what ``read`` raises for a file that is not there."""
        tag = f'"{self.digest}"'
        told = {**headers, "ETag": tag, "Accept-Ranges": "bytes"}
        if {tag, "*"} & _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=told)
        whole = range(self.size)
        asked = whole
        if request.method == "GET" and request.headers.get("if-range", tag) == tag:
            asked = _asked(request.headers.get("range", ""), self.size)
        if not asked and self.size:
            return _unsatisfiable(self.size)
        if asked != whole:
            told["Content-Range"] = f"bytes {asked.start}-{asked.stop - 1}/{self.size}"
        return await self._content(request.method, asked, told, 200 if asked == whole else 206)

    async def _content(
        self, method: str, asked: range, headers: dict[str, str], status: int
    ) -> Response:
        headers["Content-Length"] = str(len(asked))
        if method == "HEAD":
            return Response(status_code=status, headers=headers, media_type=self.content_type)
        # Once the headers are out, it is too late to say that there is nothing.
        first = await self.read(asked.start, min(asked.stop, asked.start + self.block))
        blocks = self._blocks(first, asked)
        return StreamingResponse(blocks, status, headers, self.content_type)

    async def _blocks(self, first: bytes, asked: range) -> AsyncIterator[bytes]:
        yield first
        for start in range(asked.start + len(first), asked.stop, self.block):
            yield await self.read(start, min(asked.stop, start + self.block))


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _asked(header: str, size: int) -> range:
    """The bytes that ``Range`` asks for; all of them where it is not one plain range."""
    match = _RANGE.fullmatch(header.strip())
    first, last = match.groups() if match else (None, None)
    if first is None:
        return range(max(0, size - int(last)), size) if last else range(size)
    if last is not None and int(last) < int(first):
        return range(size)
    return range(int(first), min(size, int(last) + 1) if last else size)


def _unsatisfiable(size: int) -> Response:
    headers = {"Content-Range": f"bytes */{size}"}
    return ProblemResponse(problem_of(RangeNotSatisfiable()), headers)
