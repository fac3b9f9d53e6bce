"""Magic Hour: uploads, then a lip-sync project for a video or a talking photo for a still."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import AliasPath, Field, SecretStr

from app.errors import Charged, InvalidRequest, PlanRequired, TooLong, VendorWords
from app.model import Kind, Media, Order, Phase, State, Takes, Ticket, Update
from app.polling import Pace
from app.providers.base import Note, Options
from app.providers.http import Amount, Answer, HttpConfig, HttpProvider, at
from app.providers.webhooks import Told, Webhook

LONGEST_PHOTO_SECONDS = 300


class Config(HttpConfig, env_prefix="MAGIC_HOUR_"):
    """What an operator can say about Magic Hour."""

    base_url: str = "https://api.magichour.ai"
    webhook_secret: SecretStr | None = None


class MagicHourOptions(Options):
    """What Magic Hour lets one choose."""

    generation_mode: Literal["lite", "standard", "pro"] = Field(
        "lite", description="of a video; the better ones need a plan"
    )
    start_seconds: float = Field(0, ge=0)
    end_seconds: float | None = Field(None, ge=0.1, description="the end of the media by default")
    max_fps_limit: float | None = Field(None, ge=1)
    name: str | None = Field(None, max_length=200)
    youtube_url: str | None = Field(None, description="a video that stands in for the image sent")


class Place(Answer):
    upload_url: str
    file_path: str


class Places(Answer):
    items: list[Place] = Field(min_length=1)


class Created(Answer):
    id: str
    credits_charged: Amount = None


class Project(Answer):
    status: str
    credits_charged: Amount = None
    code: str | None = at("error", "code")
    why: str | None = at("error", "message")
    video_url: str | None = at("downloads", 0, "url")
    expires_at: str | None = at("downloads", 0, "expires_at")


class Event(Told):
    run_id: str = Field(validation_alias=AliasPath("payload", "id"))


class MagicHour(HttpProvider[Config]):
    """Needs to be told how long the media are, which the gateway has found out."""

    name = "magic_hour"
    label = "Magic Hour"
    key_variable = "MAGIC_HOUR_API_KEY"
    keys_url = "https://magichour.ai"
    docs_url = "https://docs.magichour.ai"
    config = Config
    options = MagicHourOptions
    pace = Pace(interval=1, overhead=60, per_second=10)
    failure_costs = Charged.NO
    statuses: ClassVar = {403: PlanRequired}
    takes = Takes(
        images=frozenset({"png", "jpeg", "heif", "webp", "avif", "tiff", "bmp"}),
        videos=frozenset({"mp4", "m4v", "mov", "webm"}),
        audios=frozenset({"mp3", "wav", "aac", "flac", "m4a", "ogg", "aiff", "amr"}),
        max_bytes=200_000_000,
    )
    webhook = Webhook(
        "magic_hour",
        timestamp="magic-hour-event-timestamp",
        signature="magic-hour-event-signature",
        signed=lambda headers, body: f"{headers['magic-hour-event-timestamp']}.".encode() + body,
        told=Event,
    )
    words: ClassVar = {
        "draft": State.QUEUED,
        "queued": State.QUEUED,
        "rendering": State.PROCESSING,
        "complete": State.SUCCESS,
        "error": State.FAILED,
        "canceled": State.FAILED,
    }

    def refuse(self, order: Order) -> None:
        """A talking photo has a longest length, and an end comes after its start."""
        start, end = _span(order)
        if end - start < 0.1:
            raise InvalidRequest("options.end_seconds: This must be after start_seconds.")
        if _is_photo(order) and end - start > LONGEST_PHOTO_SECONDS:
            raise TooLong(
                f"The audio is {end - start:.1f} seconds long; with a still,"
                f" {self.label} takes {LONGEST_PHOTO_SECONDS}."
            )

    async def submit(self, order: Order, note: Note) -> Ticket:
        """Places for the files, the files, and then the one request that costs."""
        await note(Phase.UPLOADING)
        paths = await self._upload(_files(order))
        await note(Phase.SUBMITTING)
        path, body = _project(order, face=paths[0], audio=paths[-1])
        made = await self.call(Created, "POST", path, pays=True, json=body)
        return {"run_id": made.id}

    def estimate(self, order: Order) -> float | None:
        """So many credits for each second of a still or for each frame of a video."""
        start, end = _span(order)
        options: Any = order.options
        if _is_photo(order):
            return round(self.price.rates["photo_second"] * (end - start))
        frames = min(options.max_fps_limit or 30, 30) * (end - start)
        pro = options.generation_mode == "pro"
        return round(self.price.rates["pro_frame" if pro else "frame"] * frames)

    async def check(self, ticket: Ticket) -> Update:
        """The project; each time it is asked for, its link is a fresh one."""
        project = await self.ask(Project, f"/v1/video-projects/{ticket['run_id']}")
        return self.read(
            project.status,
            url=project.video_url,
            why=VendorWords(project.why or "", code=project.code),
            charged=project.credits_charged,
            expires_at=project.expires_at,
        )

    async def vouches(self, message: bytes, signature: bytes) -> bool:
        """By the secret that Magic Hour shows where webhooks are set up."""
        if self._config.webhook_secret is None:
            return False
        secret = self._config.webhook_secret.get_secret_value()
        own = hmac.digest(secret.encode(), message, "sha256")
        return hmac.compare_digest(own, signature)

    async def _upload(self, files: Sequence[Media]) -> list[str]:
        items = [{"type": file.kind.value, "extension": _extension(file)} for file in files]
        places = await self.call(Places, "POST", "/v1/files/upload-urls", json={"items": items})
        for place, file in zip(places.items, files, strict=True):
            await self.put(place.upload_url, file, Answer)
        return [place.file_path for place in places.items]


def _extension(file: Media) -> str:
    return {"jpeg": "jpg", "heif": "heic"}.get(file.container, file.container)


def _youtube(order: Order) -> str | None:
    options: Any = order.options
    return str(options.youtube_url) if options.youtube_url else None


def _files(order: Order) -> list[Media]:
    """What is used of an order: a video of YouTube's stands in for the face."""
    return [order.audio] if _youtube(order) else [order.face, order.audio]


def _is_photo(order: Order) -> bool:
    return order.face.kind is Kind.IMAGE and not _youtube(order)


def _span(order: Order) -> tuple[float, float]:
    """Seconds of the media that are used: what both have, unless the caller says otherwise."""
    lengths = [media.duration for media in _files(order) if media.duration]
    options: Any = order.options
    return options.start_seconds, options.end_seconds or int(min(lengths) * 100) / 100


def _project(order: Order, *, face: str, audio: str) -> tuple[str, dict[str, Any]]:
    options: Any = order.options
    start, end = _span(order)
    body: dict[str, Any] = {"start_seconds": start, "end_seconds": end}
    body |= {"name": options.name} if options.name else {}
    if _is_photo(order):
        assets = {"image_file_path": face, "audio_file_path": audio}
        return "/v1/ai-talking-photo", body | {
            "assets": assets,
            "style": {"generation_mode": "realistic"},
        }
    source = (
        {"video_source": "youtube", "youtube_url": options.youtube_url}
        if options.youtube_url
        else {"video_source": "file", "video_file_path": face}
    )
    body |= {"max_fps_limit": options.max_fps_limit} if options.max_fps_limit else {}
    style = {"generation_mode": options.generation_mode}
    return "/v1/lip-sync", body | {"assets": source | {"audio_file_path": audio}, "style": style}
