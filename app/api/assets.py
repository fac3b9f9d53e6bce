"""The files of a page, sent small, and not sent again while they are the same."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import NotFound

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
_WORTH_PACKING = (".html", ".css", ".js", ".svg")


_LONG_LISTS = frozenset({"/providers", "/text-to-speech/voices", "/openapi.json"})


class PackedLists:
    """ASGI middleware that packs the long JSON every visit of a page begins with.

    Videos and events are left as they are: a range is of the bytes that are kept, and an event
    must not wait for the next one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._packing = GZipMiddleware(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over to whoever packs, or to whoever does not."""
        packs = scope["type"] == "http" and scope["path"] in _LONG_LISTS
        await (self._packing if packs else self._plain)(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file as it goes out: ``packed`` is gzip's version of ``plain``, where that is smaller."""

    changed: int
    plain: bytes
    packed: bytes | None
    etag: str


class Assets:
    """The files that pages ask for by name; any other name is not found."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = {file.name: file for file in files if file.suffix in _TYPES}
        self._read: dict[str, _Asset] = {}

    async def answer(
        self, request: Request, name: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        """One file, or 304 for a browser that has it already. Raises NotFound."""
        if name not in self._files:
            raise NotFound
        asset = await asyncio.to_thread(self._as_it_is, name)
        told = {
            "ETag": asset.etag,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        }
        if _knows(request, asset.etag):
            return Response(status_code=304, headers=told)
        content = asset.plain
        if asset.packed and "gzip" in request.headers.get("accept-encoding", ""):
            content, told = asset.packed, told | {"Content-Encoding": "gzip"}
        return Response(content, headers=told, media_type=_TYPES[self._files[name].suffix])

    def _as_it_is(self, name: str) -> _Asset:
        """Whoever works on the page sees each change at once."""
        file = self._files[name]
        changed = file.stat().st_mtime_ns
        asset = self._read.get(name)
        if asset is None or asset.changed != changed:
            asset = self._read[name] = _packed(file, changed)
        return asset


def _packed(file: Path, changed: int) -> _Asset:
    plain = file.read_bytes()
    packed = gzip.compress(plain, 9, mtime=0) if file.suffix in _WORTH_PACKING else None
    # Weak (RFC 9110, 8.8.1): the same for both versions.
    etag = f'W/"{hashlib.sha256(plain).hexdigest()[:20]}"'
    return _Asset(changed, plain, packed, etag)


def _knows(request: Request, etag: str) -> bool:
    known = request.headers.get("if-none-match", "")
    return etag.removeprefix("W/") in [tag.strip().removeprefix("W/") for tag in known.split(",")]
