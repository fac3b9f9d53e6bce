"""What the providers behind an HTTP API share: sending, the key, errors, and reading replies.

An adapter declares how its vendor differs and never sees a response, a header or a status code.
"""

from __future__ import annotations

import asyncio
import re

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import AliasPath, BaseModel, ConfigDict, Field, ValidationError

from app.errors import (
    BadAnswer,
    Charged,
    ContentPolicy,
    InputRejected,
    LipSyncError,
    NoFace,
    OutcomeUnknown,
    OutOfCredits,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    VendorWords,
)
from app.model import Media, Phase, State, Update, Video
from app.providers.base import Provider

A = TypeVar("A", bound="Answer")

_PAUSES = (0.2, 1.0)
"""Seconds before a connection that was never made is tried again: nothing was sent, nothing paid."""
_BLOCK = 1 << 20
_LONGEST_WORDS = 300

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

_MARKERS: tuple[tuple[str, type[LipSyncError]], ...] = (
    ("human face", NoFace),
    ("no_source_face", NoFace),
    ("face_detection", NoFace),
    ("detect face", NoFace),
    ("face not detected", NoFace),
    ("no face", NoFace),
    ("content_policy", ContentPolicy),
    ("content checker", ContentPolicy),
    ("out of credits", OutOfCredits),
    ("insufficient credits", OutOfCredits),
    ("insufficient_credits", OutOfCredits),
    ("user is locked", OutOfCredits),
    ("exhausted balance", OutOfCredits),
)
"""Words that mean the same wherever they stand: a 403 with them is no wrong key."""

_STATUSES: Mapping[int, type[LipSyncError]] = {
    400: InputRejected,
    401: ProviderAuth,
    402: OutOfCredits,
    403: ProviderAuth,
    413: InputRejected,
    415: InputRejected,
    422: InputRejected,
    429: RateLimited,
    503: ProviderUnavailable,
}


class Answer(BaseModel):
    """A vendor's reply: only the fields that matter, and lenient about all others."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def at(*path: str | int) -> Any:
    """A field that stands somewhere inside the reply: ``url: str | None = at("video", "url")``."""
    return Field(default=None, validation_alias=AliasPath(*path))


class HttpProvider(Provider):
    """A vendor behind an HTTP API. Its key goes to ``base_url``'s own origin and nowhere else."""

    auth: ClassVar[str] = "Bearer {}"
    """The Authorization header, with a place for the key."""
    words: ClassVar[Mapping[str, State]]
    """The vendor's status words in ours; a word that is not there means still working."""
    statuses: ClassVar[Mapping[int, type[LipSyncError]]] = {}
    """HTTP statuses by which this vendor means something of its own."""
    failure_costs: ClassVar[Charged] = Charged.UNKNOWN
    """Whether the vendor keeps the money for a job that failed."""

    def __init__(self, key: str, base_url: str, http: httpx.AsyncClient) -> None:
        self._key = key
        self._base_url = base_url.rstrip("/")
        self._http = http

    async def call(
        self, answer: type[A], method: str, url: str, *, pays: bool = False, **request: Any
    ) -> A:
        """Send one request and validate its reply.

        ``url`` is a path, or an address that the vendor returned. With ``pays`` it is the one that
        costs money: it is never repeated once bytes may have reached the vendor. Raises what the
        vendor's status and words mean, ProviderUnavailable, BadAnswer and OutcomeUnknown.
        """
        headers = {"Authorization": self.auth.format(self._key)}
        response = await self._send(method, self._own(url), pays=pays, headers=headers, **request)
        if response.is_error:
            raise self._refusal(response, pays=pays)
        try:
            return answer.model_validate_json(response.content)
        except ValidationError:
            unsure = Charged.UNKNOWN if pays else Charged.NO
            raise self._failed(BadAnswer, "the answer makes no sense.", charged=unsure) from None

    async def put(self, url: str, media: Media, *, content_type: str | None = None) -> None:
        """Stream a file to an address for uploads, without the key."""
        headers = {"Content-Length": str(media.size)}
        if content_type:
            headers["Content-Type"] = content_type
        if urlsplit(url).scheme not in ("https", urlsplit(self._base_url).scheme):
            raise self._failed(BadAnswer, "it named an address for uploads that cannot be used.")
        response = await self._send(
            "PUT", url, pays=False, headers=headers, content=_blocks(media.path)
        )
        if response.is_error:
            raise self._failed(ProviderUnavailable, "it did not take the upload.")

    def read(self, word: str, *, url: str | None, why: VendorWords, **facts: Any) -> Update:
        """What a status reply means: a video, a failure in the vendor's words, or patience."""
        state = self.words.get(word, State.PROCESSING)
        if state is State.SUCCESS:
            if not url:
                raise self._failed(BadAnswer, "it reported success without a video.")
            return Update(state, Phase.ARCHIVING, 1.0, video=Video(url=url), **facts)
        if state is State.FAILED:
            error = self._meaning(why, charged=self.failure_costs)
            return Update(state, error=error, **facts)
        phase = Phase.WAITING if state is State.QUEUED else Phase.RENDERING
        return Update(State.PROCESSING, phase, message=self._clean(why.message) or None, **facts)

    async def _send(self, method: str, url: str, *, pays: bool, **request: Any) -> httpx.Response:
        for pause in (*_PAUSES, None):
            try:
                return await self._http.request(method, url, **request)
            except _NEVER_SENT:
                if pause is None:
                    raise self._failed(ProviderUnavailable, "it cannot be reached.") from None
                await asyncio.sleep(pause)
            except (httpx.TransportError, httpx.DecodingError):
                if pays:
                    raise self._failed(
                        OutcomeUnknown,
                        "the order was sent and its answer lost. It may be under way and paid for,"
                        " so it is not sent again.",
                        charged=Charged.UNKNOWN,
                    ) from None
                raise self._failed(ProviderUnavailable, "the connection broke.") from None
        raise AssertionError("the last try either returns or raises")

    def _own(self, url: str) -> str:
        """The whole address, if the key may go there."""
        if url.startswith("/"):
            return self._base_url + url
        if _origin(url) != _origin(self._base_url):
            raise self._failed(BadAnswer, "it named an address that is not its own.")
        return url

    def _refusal(self, response: httpx.Response, *, pays: bool) -> LipSyncError:
        """What an error answer means. A server's own fault leaves open whether it took the order."""
        unsure = pays and response.status_code >= 500 and response.status_code != 503
        return self._meaning(
            _vendor_words(response),
            charged=Charged.UNKNOWN if unsure else Charged.NO,
            retry_after=_retry_after(response),
        )

    def _meaning(
        self, words: VendorWords, *, charged: Charged, retry_after: float | None = None
    ) -> LipSyncError:
        """The error that a vendor's status, code and words stand for."""
        said = f"{words.code} {words.message}".lower()
        by_words = next((kind for marker, kind in _MARKERS if marker in said), None)
        by_status = {**_STATUSES, **self.statuses}.get(words.status or 0, ProviderError)
        kind = by_words or by_status
        message = self._clean(words.message) or "it gave no reason."
        detail = None if kind is NoFace else f"{self.label} API error: {message}"
        vendor = VendorWords(message, words.status, words.code)
        return kind(detail, charged=charged, retry_after=retry_after, vendor=vendor)

    def _clean(self, message: str) -> str:
        """The vendor's words without markup, paths, addresses, and above all our key."""
        text = message.replace(self._key, "…")
        for pattern, kept in _NOISE:
            text = pattern.sub(kept, text)
        text = " ".join(text.split())
        return text if len(text) <= _LONGEST_WORDS else text[: _LONGEST_WORDS - 1] + "…"

    def _failed(
        self, kind: type[LipSyncError], why: str, *, charged: Charged = Charged.NO
    ) -> LipSyncError:
        return kind(f"{self.label} API error: {why}", charged=charged)


_NOISE = (
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),  # a link in Markdown keeps its text
    (re.compile(r"<[^>]{1,80}>"), ""),
    (re.compile(r"[*_`#]{1,3}(?=\S)|(?<=\S)[*_`#]{1,3}"), ""),
    (re.compile(r"(?<!\w)(?:/[\w.-]+){2,}"), "…"),
    (re.compile(r"\b(?:sk|mhk|key)[-_]\w{8,}\b"), "…"),
)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    try:
        return parts.scheme, parts.hostname, parts.port or usual
    except ValueError:
        return "", None, None


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, which some vendors give as a fraction."""
    with suppress(ValueError):
        seconds = float(response.headers.get("retry-after", ""))
        return seconds if 0 <= seconds < float("inf") else None
    return None


def _vendor_words(response: httpx.Response) -> VendorWords:
    try:
        body = response.json()
    except ValueError:
        body = None
    message, code = _said(body)
    return VendorWords(message or response.reason_phrase, response.status_code, code)


def _said(body: Any) -> tuple[str, str | None]:
    """The message and the code in any of the shapes in which vendors tell of errors."""
    match body:
        case str():
            return body, None
        case [first, *_]:
            return _said(first)
        case {"msg": str(message)}:
            return message, body.get("type")
        case {"error": str(message), "error_type": str(code)}:
            return message, code
        case {"error": {} | [*_] as inner} if inner:
            return _said(inner)
        case {"detail": {} | [*_] as inner} if inner:
            return _said(inner)
        case {"message": str(message)}:
            return message, body.get("code") or body.get("name")
        case {"detail": str(message)}:
            return message, body.get("error_type")
        case {"error": str(message)}:
            return message, None
        case {"name": str(message)}:
            return message, None
    return "", None


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
    finally:
        await asyncio.to_thread(file.close)
