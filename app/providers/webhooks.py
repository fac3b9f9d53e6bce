"""What a vendor's webhook tells: that a run is worth a look, and no more than that.

How the run stands is asked as ever: a webhook only has it asked earlier.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from pydantic import BaseModel, ValidationError

from app.errors import ProviderUnavailable, Unauthorized

FRESH_SECONDS = 300
"""How far a webhook's time may be off: an old one that is sent again tells nothing new."""
_KEPT_SECONDS = 86_400.0
_NOT_SOONER_THAN = 300.0
"""Seconds between two looks for new keys: whoever forges signatures must not cause many."""
_PATIENCE_SECONDS = 5
"""How long fetching keys may take: whoever sends a webhook waits for its answer."""
KEY_BYTES, SIGNATURE_BYTES = 32, 64

Headers = Mapping[str, str]


class Told(BaseModel):
    """What is read of a webhook's body; a subclass says where it stands."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """How a vendor's webhooks look. They come to `/webhooks/<vendor>`.

    ``timestamp`` (seconds since 1970) and ``signature`` are names of headers, in lower case;
    ``signed`` makes of the headers and the body what was signed.
    """

    vendor: str
    timestamp: str
    signature: str
    signed: Callable[[Headers, bytes], bytes]
    told: type[Told]


class Hears(Protocol):
    """Whoever can tell whether a webhook is its vendor's own."""

    async def vouches(self, message: bytes, signature: bytes) -> bool:
        """Whether the vendor signed the message."""
        ...


async def run_told_of(
    webhook: Webhook, vendor: Hears, headers: Headers, body: bytes, *, now: float
) -> str | None:
    """The id of the run that a webhook is about, if it is about one.

    Raises Unauthorized unless the vendor signed it, and not long ago.
    """
    if not _fresh(headers.get(webhook.timestamp, ""), now):
        raise Unauthorized("The webhook's time is missing, or too far from now.")
    signature = _from_hex(headers.get(webhook.signature, ""))
    if not signature or not await vendor.vouches(webhook.signed(headers, body), signature):
        raise Unauthorized("The webhook's signature is missing or wrong.")
    try:
        return webhook.told.model_validate_json(body).run_id
    except ValidationError:
        return None


def _fresh(timestamp: str, now: float) -> bool:
    return timestamp.isdecimal() and abs(float(timestamp) - now) <= FRESH_SECONDS


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


class SigningKeys:
    """A vendor's public Ed25519 keys (RFC 8032): fetched once a day, and when none of them fits."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Sequence[bytes]]],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._keys: Sequence[bytes] = ()
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def fit(self, message: bytes, signature: bytes) -> bool:
        """Whether one of the keys made the signature. Raises what fetching raises."""
        await self._renew(_KEPT_SECONDS)
        if self._any_fits(message, signature):
            return True
        await self._renew(_NOT_SOONER_THAN)
        return self._any_fits(message, signature)

    async def _renew(self, age: float) -> None:
        async with self._fetching:
            if self._now() - self._fetched_at >= age:
                self._fetched_at = self._now()
                try:
                    async with asyncio.timeout(_PATIENCE_SECONDS):
                        keys = await self._fetch()
                except TimeoutError:
                    raise ProviderUnavailable("The vendor's keys cannot be had now.") from None
                self._keys = [key for key in keys if len(key) == KEY_BYTES]

    def _any_fits(self, message: bytes, signature: bytes) -> bool:
        return len(signature) == SIGNATURE_BYTES and any(
            _fits(key, message, signature) for key in self._keys
        )


def _fits(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(key).verify(message, signature)
    except BadSignatureError:
        return False
    return True
