"""fal's lip-sync models: the files to its storage, the order to its queue, then the result."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import httpx
from pydantic import AliasPath, Field, SecretStr

from app.errors import InputRejected, VendorWords
from app.model import Media, Order, Phase, State, SyncMode, Takes, Ticket, Update
from app.polling import Pace
from app.providers.base import Note, Options
from app.providers.http import Amount, Answer, HttpConfig, HttpProvider, at, mime
from app.providers.refusals import words_in
from app.providers.webhooks import SigningKeys, Told, Webhook

STILLS = "fal-ai/sync-lipsync/v3/image-to-video"
PART = 10 << 20
IN_PARTS_FROM = 90 << 20
TYPES = (AliasPath("detail", 0, "type"), AliasPath("error_type"))
"""Where an error says what kind it is."""


class Config(HttpConfig, env_prefix="FAL_"):
    """What an operator can say about fal; one key serves both models."""

    api_key: SecretStr | None = Field(None, validation_alias="FAL_KEY")
    api_key_file: Path | None = Field(None, validation_alias="FAL_KEY_FILE")
    base_url: str = Field("https://queue.fal.run", validation_alias="FAL_QUEUE_URL")
    rest_url: str = "https://rest.fal.ai"
    video_to_video_lipsync: str = "fal-ai/sync-lipsync"
    lipsync_model: str = "fal-ai/lipsync"


class SyncOptions(Options):
    """What sync-lipsync lets one choose."""

    endpoint: Literal[
        "fal-ai/sync-lipsync",
        "fal-ai/sync-lipsync/v2",
        "fal-ai/sync-lipsync/v2/pro",
        "fal-ai/sync-lipsync/v3",
        "fal-ai/sync-lipsync/v3/image-to-video",
        None,
    ] = Field(None, description="instead of FAL_VIDEO_TO_VIDEO_LIPSYNC")
    model: Literal[
        "lipsync-1.9.0-beta", "lipsync-1.8.0", "lipsync-1.7.1", "lipsync-2", "lipsync-2-pro", None
    ] = Field(None, description="of the endpoints that have several")
    sync_mode: SyncMode | None = Field(None, description="by default no speech is lost")


class Place(Answer):
    upload_url: str
    file_url: str


class Part(Answer):
    part_number: int = Field(alias="partNumber")
    etag: str


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


class SigningKey(Answer):
    x: str


class KeySet(Answer):
    keys: list[SigningKey]


class Finished(Told):
    run_id: str = Field(validation_alias="request_id")


class Fal(HttpProvider[Config]):
    """What fal's models share: its storage and its queue."""

    key_variable = "FAL_KEY"
    keys_url = "https://fal.ai"
    auth = "Key {}"
    config = Config
    pace = Pace(interval=1, overhead=20, per_second=4)
    can_cancel = True
    takes = Takes(
        images=frozenset(),
        videos=frozenset({"mp4", "mov", "webm", "avi"}),
        audios=frozenset({"mp3", "wav", "ogg", "flac", "m4a"}),
    )
    words: ClassVar = {
        "IN_QUEUE": State.QUEUED,
        "COMPLETED": State.SUCCESS,
        "FAILED": State.FAILED,
    }

    webhook = Webhook(
        "fal",
        timestamp="x-fal-webhook-timestamp",
        signature="x-fal-webhook-signature",
        signed=lambda headers, body: "\n".join(
            [
                headers.get("x-fal-webhook-request-id", ""),
                headers.get("x-fal-webhook-user-id", ""),
                headers["x-fal-webhook-timestamp"],
                hashlib.sha256(body).hexdigest(),
            ]
        ).encode(),
        told=Finished,
    )

    def __init__(self, config: Config, http: httpx.AsyncClient) -> None:
        super().__init__(config, http)
        self._signing_keys = SigningKeys(self._published_keys)

    @property
    def origins(self) -> tuple[str, ...]:
        """The queue and the storage."""
        return self._config.base_url, self._config.rest_url

    async def submit(self, order: Order, note: Note) -> Ticket:
        """Upload both files, then queue the one request that costs."""
        await note(Phase.UPLOADING)
        face, audio = await self._store(order.face), await self._store(order.audio)
        await note(Phase.SUBMITTING)
        path, body = self._request(order, face, audio)
        told = {"fal_webhook": order.webhook} if order.webhook else None
        queued = await self.call(Queued, "POST", f"/{path}", params=told, pays=True, json=body)
        # Used as given: fal leaves out a part of the path in them.
        return {
            "run_id": queued.request_id,
            "status_url": queued.status_url,
            "response_url": queued.response_url,
            "cancel_url": queued.cancel_url or f"{queued.response_url}/cancel",
            "unit_price": str(self._unit_price(order.options) or ""),
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
        return [_from_base64(key.x) for key in (await self.send(KeySet, "GET", address)).keys]

    def _request(self, order: Order, face: str, audio: str) -> tuple[str, dict[str, Any]]:
        return self._config.lipsync_model, {"video_url": face, "audio_url": audio}

    def _unit_price(self, options: Any) -> float | None:
        """What a billable unit comes to, where that is known: itself, if there is no price."""
        return 1.0

    async def _store(self, media: Media) -> str:
        if media.size > IN_PARTS_FROM:
            return await self._store_in_parts(media)
        place = await self._place("initiate", media)
        await self.put(place.upload_url, media, Answer, content_type=mime(media))
        return place.file_url

    async def _store_in_parts(self, media: Media) -> str:
        place = await self._place("initiate-multipart", media)
        address, _, query = place.upload_url.partition("?")
        parts = [
            await self.put(f"{address}/{n}?{query}", media, Part, start=start, size=PART)
            for n, start in enumerate(range(0, media.size, PART), start=1)
        ]
        done = {"parts": [part.model_dump(by_alias=True) for part in parts]}
        await self.send(Answer, "POST", f"{address}/complete?{query}", json=done)
        return place.file_url

    async def _place(self, flow: str, media: Media) -> Place:
        path = f"{self._config.rest_url}/storage/upload/{flow}?storage_type=fal-cdn-v3"
        file = {"file_name": f"{media.kind}.{media.container}", "content_type": mime(media)}
        return await self.call(Place, "POST", path, json=file)


def _from_base64(text: str) -> bytes:
    """What a key's coordinate says (RFC 8037); nothing where it says nothing."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""


class FalLipsync(Fal):
    """fal's own older model: two files and nothing to choose."""

    name = "fal_lipsync"
    label = "fal lipsync"
    options = Options


class FalSyncLipsync(Fal):
    """sync.so's models, through fal."""

    name = "fal_sync_lipsync"
    label = "fal sync-lipsync"
    options = SyncOptions
    takes = replace(Fal.takes, sync_modes=frozenset(SyncMode))

    def takes_for(self, options: Any) -> Takes:
        """The endpoint for stills takes nothing else."""
        if self._endpoint(options) != STILLS:
            return self.takes
        return replace(self.takes, images=frozenset({"jpeg", "png", "webp"}), videos=frozenset())

    def estimate(self, order: Order) -> float | None:
        """So much for each minute of the video."""
        price, seconds = self._unit_price(order.options), _seconds(order)
        return round(price * seconds / 60, 4) if price and seconds else None

    def _unit_price(self, options: Any) -> float | None:
        rates = self.price.rates
        return rates.get(str(options.model)) or rates.get(self._endpoint(options))

    def _endpoint(self, options: Any) -> str:
        return str(options.endpoint or self._config.video_to_video_lipsync)

    def _request(self, order: Order, face: str, audio: str) -> tuple[str, dict[str, Any]]:
        endpoint = self._endpoint(order.options)
        kind = "image_url" if endpoint == STILLS else "video_url"
        chosen = order.options.model_dump(include={"model"}, exclude_none=True)
        chosen |= {"sync_mode": order.sync_mode.value} if order.sync_mode else {}
        return endpoint, {kind: face, "audio_url": audio} | chosen


def _seconds(order: Order) -> float | None:
    """The length of the video that comes out."""
    ends = {SyncMode.CUT_OFF: min, SyncMode.SILENCE: max}
    lengths = [media.duration for media in (order.audio, order.face) if media.duration]
    chosen = ends.get(order.sync_mode) if order.sync_mode else None
    return chosen(lengths) if chosen and lengths else order.audio.duration
