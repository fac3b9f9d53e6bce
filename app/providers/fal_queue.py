"""What fal's models share: an order goes through its queue, and COMPLETED only means over."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from pydantic import AliasPath, Field, SecretStr

from app.errors import InputRejected, VendorWords
from app.model import Order, Phase, State, Takes, Ticket, Update
from app.polling import Clock, Pace
from app.providers.answers import Amount, Answer, at, words
from app.providers.base import Note
from app.providers.config import HttpConfig
from app.providers.fal_storage import store
from app.providers.fal_webhooks import WEBHOOK, KeySet
from app.providers.http import HttpProvider
from app.providers.refusals import words_in
from app.providers.webhooks import SigningKeys

TYPES = (AliasPath("detail", 0, "type"), AliasPath("error_type"))
"""Where an error says what kind it is."""


class Config(HttpConfig, env_prefix="FAL_"):
    """What an operator can say about fal; one key serves all models."""

    api_key: SecretStr | None = Field(None, validation_alias="FAL_KEY")
    api_key_file: Path | None = Field(None, validation_alias="FAL_KEY_FILE")
    base_url: str = Field("https://queue.fal.run", validation_alias="FAL_QUEUE_URL")
    rest_url: str = "https://rest.fal.ai"
    video_to_video_lipsync: str = "fal-ai/sync-lipsync"
    lipsync_model: str = "fal-ai/lipsync"


class Queued(Answer):
    request_id: str
    status_url: str
    response_url: str
    cancel_url: str = ""


class Status(Answer):
    status: str
    queue_position: int | None = None
    error: str | None = None
    error_type: str | None = None
    log: Any = at("logs", -1)


class Result(Answer):
    video_url: str | None = at("video", "url")
    units: Amount = at("headers", "x-fal-billable-units")


class Fal(HttpProvider[Config]):
    """A model of fal's. What is sent to which endpoint, and its price, are its own."""

    keys_url = "https://fal.ai"
    auth = "Key {}"
    config = Config
    pace = Pace(interval=1, overhead=20, per_second=4)
    can_cancel = True
    takes = Takes.of(videos="mp4 mov webm avi", audios="mp3 wav ogg flac m4a")
    webhook = WEBHOOK
    words = words(queued="IN_QUEUE", success="COMPLETED", failed="FAILED")

    def __init__(self, config: Config, http: httpx.AsyncClient, clock: Clock) -> None:
        super().__init__(config, http, clock)
        self._signing_keys = SigningKeys(self._published_keys)

    @property
    def origins(self) -> tuple[str, ...]:
        """The queue and the storage."""
        return self._config.base_url, self._config.rest_url

    @abstractmethod
    def request(self, order: Order, face: str, audio: str) -> tuple[str, dict[str, Any]]:
        """The endpoint for an order, and what it is sent; the files are known by their links."""

    @abstractmethod
    def unit_price(self, options: Any) -> float | None:
        """What a billable unit comes to in ``price.unit``, where that is known."""

    async def submit(self, order: Order, note: Note) -> Ticket:
        """Upload both files, then queue the one request that costs."""
        await note(Phase.UPLOADING)
        rest = self._config.rest_url
        face, audio = [await store(self, rest, file) for file in (order.face, order.audio)]
        await note(Phase.SUBMITTING)
        path, body = self.request(order, face, audio)
        told = {"fal_webhook": order.webhook} if order.webhook else None
        queued = await self.call(Queued, "POST", f"/{path}", params=told, pays=True, json=body)
        # Used as given: fal leaves out a part of the path in them.
        return {
            "run_id": queued.request_id,
            "status_url": queued.status_url,
            "response_url": queued.response_url,
            "cancel_url": queued.cancel_url or f"{queued.response_url}/cancel",
            "unit_price": str(self.unit_price(order.options) or ""),
        }

    async def check(self, ticket: Ticket) -> Update:
        """COMPLETED says that it is over; how it went says only the result."""
        status = await self.ask(Status, ticket["status_url"], params={"logs": "1"})
        if status.error:
            return self.read("FAILED", why=VendorWords(status.error, code=status.error_type))
        if self.words.get(status.status) is not State.SUCCESS:
            ahead = status.queue_position
            queue = VendorWords(f"{ahead} ahead in the queue")
            return self.read(status.status, why=words_in(status.log) if ahead is None else queue)
        # Without a type it is not the model that failed, but something on the way.
        result = await self.ask(Result, ticket["response_url"], verdict=TYPES)
        price = ticket.get("unit_price")
        charged = result.units * float(price) if result.units is not None and price else None
        return self.read(status.status, url=result.video_url, charged=charged)

    async def cancel(self, ticket: Ticket) -> None:
        """Stop what has not begun; what is being rendered may come to its end."""
        with suppress(InputRejected):  # it was too late; how it ended, a check tells
            await self.call(Answer, "PUT", ticket["cancel_url"])

    async def vouches(self, message: bytes, signature: bytes) -> bool:
        """By the keys that fal publishes."""
        return await self._signing_keys.fit(message, signature)

    async def _published_keys(self) -> list[bytes]:
        address = f"{self._config.rest_url}/.well-known/jwks.json"
        return (await self.send(KeySet, "GET", address)).coordinates
