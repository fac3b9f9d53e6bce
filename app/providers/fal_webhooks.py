"""fal's webhooks: what they tell, and the keys by which they are known to be fal's."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode

from pydantic import Field

from app.providers.answers import Answer
from app.providers.webhooks import Headers, Told, Webhook


class SigningKey(Answer):
    x: str


class KeySet(Answer):
    keys: list[SigningKey]

    @property
    def coordinates(self) -> list[bytes]:
        """The public keys as they are (RFC 8037)."""
        return [_from_base64(key.x) for key in self.keys]


class Finished(Told):
    run_id: str = Field(validation_alias="request_id")


def _signed(headers: Headers, body: bytes) -> bytes:
    parts = (
        headers.get("x-fal-webhook-request-id", ""),
        headers.get("x-fal-webhook-user-id", ""),
        headers["x-fal-webhook-timestamp"],
        hashlib.sha256(body).hexdigest(),
    )
    return "\n".join(parts).encode()


def _from_base64(text: str) -> bytes:
    """What a key's coordinate says; nothing where it says nothing."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""


WEBHOOK = Webhook(
    "fal",
    timestamp="x-fal-webhook-timestamp",
    signature="x-fal-webhook-signature",
    signed=_signed,
    told=Finished,
)
