"""What a vendor means when it says no: by its HTTP status, its code and its words together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
from pydantic import AliasPath
from pydantic_core import PydanticUndefined

from app.errors import (
    ContentPolicy,
    InputRejected,
    LipSyncError,
    NoFace,
    OutOfCredits,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    VendorWords,
)
from app.providers.answers import body_of

Kind = type[LipSyncError]

_LONGEST = 300

_WORDS: tuple[tuple[str, Kind], ...] = (
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
    ("downstream_service_error", ProviderError),
)
"""Words that mean the same wherever they stand: a 403 that speaks of credits is no wrong key."""

_STATUSES: Mapping[int, Kind] = {
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

_NOISE = (
    (re.compile(r"[\x00-\x1f\x7f]"), " "),
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),  # a link in Markdown keeps its text
    (re.compile(r"<[^>]{1,80}>"), ""),
    (re.compile(r"[*_`#]{1,3}(?=\S)|(?<=\S)[*_`#]{1,3}(?=\s|$)"), ""),
    (re.compile(r"(?<![\w:/])(?:/[\w.-]+){2,}"), "…"),
    (re.compile(r"\b(?:sk|mhk|key)[-_]\w{8,}"), "…"),
)


def meaning(words: VendorWords, own: Mapping[int, Kind]) -> Kind:
    """The error that a vendor's words stand for. ``own`` are statuses special to that vendor."""
    said = f"{words.code} {words.message}".lower()
    by_words = next((kind for marker, kind in _WORDS if marker in said), None)
    return by_words or {**_STATUSES, **own}.get(words.status or 0, ProviderError)


def words_of(response: httpx.Response) -> VendorWords:
    """What an error answer says, in whichever shape."""
    try:
        message, code = said(body_of(response))
    except ValueError:
        message, code = "", None
    return VendorWords(message or response.reason_phrase, response.status_code, code)


def holds(response: httpx.Response, places: Sequence[AliasPath]) -> bool:
    """Whether an error answer has something in one of these places."""
    try:
        body = body_of(response)
    except ValueError:
        return False
    # Nothing but an object has places with a name.
    found = [place.search_dict_for_path(body) for place in places] if isinstance(body, dict) else []
    return any(value not in (None, "", PydanticUndefined) for value in found)


def words_in(error: Any) -> VendorWords:
    """What an error inside a reply says, in whichever shape."""
    message, code = said(error)
    return VendorWords(message, code=code)


def said(body: Any) -> tuple[str, str | None]:
    """The message and the code in a reply: the first of the shapes in which vendors give them."""
    for shape in _SHAPES:
        if (found := shape(body)) is not None:
            return found
    return "", None


def clean(message: str, secret: str) -> str:
    """A vendor's words without markup, paths and keys, and not too many of them."""
    text = message.replace(secret, "…") if secret else message
    for noise, kept in _NOISE:
        text = noise.sub(kept, text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _plain(body: Any) -> tuple[str, str | None] | None:
    return (body, None) if isinstance(body, str) else None


def _first(body: Any) -> tuple[str, str | None] | None:
    return said(body[0]) if isinstance(body, list) and body else None


def _inside(body: Any) -> tuple[str, str | None] | None:
    if isinstance(body, dict):
        for name in ("error", "detail"):
            if isinstance(body.get(name), dict | list) and body[name]:
                return said(body[name])
    return None


def _labelled(body: Any) -> tuple[str, str | None] | None:
    if isinstance(body, dict):
        for name in ("msg", "message", "detail", "error", "name"):
            if isinstance(body.get(name), str) and body[name]:
                return body[name], _code(body)
    return None


def _code(body: Mapping[str, Any]) -> str | None:
    codes = (body.get(name) for name in ("error_type", "type", "code"))
    return next((code for code in codes if isinstance(code, str)), None)


_SHAPES: tuple[Callable[[Any], tuple[str, str | None] | None], ...] = (
    _plain,
    _first,
    _inside,
    _labelled,
)
