"""Who may call, and how often: keys, signed links to videos, and the rate limit."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections.abc import Sequence
from urllib.parse import parse_qs, urlencode

from limits import RateLimitItem
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import ProblemResponse, headers_of, problem_of
from app.api.uploads import drain
from app.errors import LipSyncError, RateLimited, Unauthorized

_OPEN_PATHS = frozenset({"/health", "/ready", "/", "/docs"})
_OPEN_FOLDERS = ("/studio/", "/docs/assets/", "/webhooks/")
"""What the pages are made of; the document that describes the API is not among it. Webhooks carry
signatures of their own."""
_ORDERS = frozenset({"/lipsync", "/text-to-speech"})
"""What is counted when it is posted: to cancel costs nothing, and may save something."""
_DAY = 86_400
_LINK_DAYS = 7


class Links:
    """Addresses of videos that play without a key, because they carry a signature instead."""

    def __init__(self) -> None:
        self._secret: bytes | None = None

    def use(self, secret: bytes) -> None:
        """Sign with this secret from now on; every replica uses the same."""
        self._secret = secret

    def sign(self, path: str) -> str:
        """The path with a signature that is good for a week, and the same for a day."""
        expires = str((int(time.time()) // _DAY + _LINK_DAYS + 1) * _DAY)
        query = urlencode({"expires": expires, "signature": self._signature(path, expires)})
        return f"{path}?{query}"

    def allow(self, path: str, query: str) -> bool:
        """Whether a request carries a signature for just this path that is still good."""
        given = parse_qs(query)
        # Who may play a video may see its pictures.
        path = f"{path.removesuffix('/thumbnail')}/video" if path.endswith("/thumbnail") else path
        expires, signature = given.get("expires", [""])[0], given.get("signature", [""])[0]
        return (
            expires.isdecimal()
            and float(expires) > time.time()
            and _same(signature, self._signature(path, expires))
        )

    def _signature(self, path: str, expires: str) -> str:
        assert self._secret is not None, "a link is signed once the service has started"
        return hmac.new(self._secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()


class Door:
    """ASGI middleware in front of every route. Without ``keys`` everybody may come in."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: Sequence[str],
        links: Links,
        limit: RateLimitItem | None,
        counted: Storage,
    ) -> None:
        self._app = app
        self._keys = keys
        self._links = links
        self._limit = limit
        self._limiter = MovingWindowRateLimiter(counted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a problem, or let the request in."""
        if scope["type"] == "http":
            request = Request(scope, receive)
            try:
                self._refuse_stranger(request)
                await self._refuse_haste(request)
            except LipSyncError as error:
                await drain(request)
                await ProblemResponse(problem_of(error), headers_of(error))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refuse_stranger(self, request: Request) -> None:
        path = request.url.path
        if not self._keys or path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS):
            return
        if request.method in ("GET", "HEAD") and self._links.allow(path, request.url.query):
            return
        # Every key is compared, so that the time taken tells nothing.
        if not any([_same(bearer(request), key) for key in self._keys]):
            raise Unauthorized

    async def _refuse_haste(self, request: Request) -> None:
        """Orders are counted; looking at them is not."""
        if self._limit is None or request.method != "POST" or request.url.path not in _ORDERS:
            return
        caller = bearer(request) if self._keys else request.client.host if request.client else ""
        try:
            if await self._limiter.hit(self._limit, caller):
                return
            window = await self._limiter.get_window_stats(self._limit, caller)
        except DBAPIError:
            # That the database is away is told to whoever goes on, in better words.
            return
        raise RateLimited(retry_after=max(1, math.ceil(window.reset_time - time.time())))


def bearer(request: Request) -> str:
    """The key that a request shows, or nothing."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
