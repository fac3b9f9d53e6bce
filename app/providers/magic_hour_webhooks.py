"""Magic Hour's webhooks: what they tell, and the secret by which they are known to be its own."""

from __future__ import annotations

import hmac

from pydantic import AliasPath, Field, SecretStr

from app.providers.webhooks import Told, Webhook


class Event(Told):
    run_id: str = Field(validation_alias=AliasPath("payload", "id"))


WEBHOOK = Webhook(
    "magic_hour",
    timestamp="magic-hour-event-timestamp",
    signature="magic-hour-event-signature",
    signed=lambda headers, body: f"{headers['magic-hour-event-timestamp']}.".encode() + body,
    told=Event,
)


def signed_with(secret: SecretStr | None, message: bytes, signature: bytes) -> bool:
    """Whether the secret, which Magic Hour shows where webhooks are set up, made the signature."""
    if secret is None:
        return False
    own = hmac.digest(secret.get_secret_value().encode(), message, "sha256")
    return hmac.compare_digest(own, signature)
