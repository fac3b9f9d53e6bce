"""Magic Hour: uploads, then a lip-sync project for a video or a talking photo for a still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, SecretStr

from app.errors import Charged, InvalidRequest, PlanRequired, TooLong, VendorWords
from app.model import Media, Order, Phase, Takes, Ticket, Update
from app.polling import Pace
from app.providers.answers import Amount, Answer, at, words
from app.providers.base import Note
from app.providers.config import HttpConfig
from app.providers.http import HttpProvider
from app.providers.magic_hour_project import MagicHourOptions, Project
from app.providers.magic_hour_webhooks import WEBHOOK, signed_with
from app.providers.uploads import extension

LONGEST_PHOTO_SECONDS = 300


class Config(HttpConfig, env_prefix="MAGIC_HOUR_"):
    """What an operator can say about Magic Hour."""

    base_url: str = "https://api.magichour.ai"
    webhook_secret: SecretStr | None = None


class Place(Answer):
    upload_url: str
    file_path: str


class Places(Answer):
    items: list[Place] = Field(min_length=1)


class Created(Answer):
    id: str


class Status(Answer):
    status: str
    credits_charged: Amount = None
    code: str | None = at("error", "code")
    why: str | None = at("error", "message")
    video_url: str | None = at("downloads", 0, "url")
    expires_at: str | None = at("downloads", 0, "expires_at")


class MagicHour(HttpProvider[Config]):
    """Needs to be told how long the media are, which the gateway has found out."""

    name = "magic_hour"
    label = "Magic Hour"
    keys_url = "https://magichour.ai"
    docs_url = "https://docs.magichour.ai"
    config = Config
    options = MagicHourOptions
    pace = Pace(interval=1, overhead=60, per_second=10)
    failure_costs = Charged.NO
    statuses: ClassVar = {403: PlanRequired}
    takes = Takes.of(
        images="png jpeg heif webp avif tiff bmp",
        videos="mp4 m4v mov webm",
        audios="mp3 wav aac flac m4a ogg aiff amr",
        max_bytes=200_000_000,
    )
    webhook = WEBHOOK
    words = words(queued="draft queued", success="complete", failed="error canceled")

    def refuse(self, order: Order) -> None:
        """A talking photo has a longest length, and an end comes after its start."""
        project = Project.of(order)
        if project.seconds < 0.1:
            raise InvalidRequest("options.end_seconds: This must be after start_seconds.")
        if project.talking_photo and project.seconds > LONGEST_PHOTO_SECONDS:
            raise TooLong(
                f"The audio is {project.seconds:.1f} seconds long; with a still,"
                f" {self.label} takes {LONGEST_PHOTO_SECONDS}."
            )

    async def submit(self, order: Order, note: Note) -> Ticket:
        """Places for the files, the files, and then the one request that costs."""
        project = Project.of(order)
        await note(Phase.UPLOADING)
        body = project.body(await self._upload(project.files))
        await note(Phase.SUBMITTING)
        made = await self.call(Created, "POST", project.path, pays=True, json=body)
        return {"run_id": made.id}

    def estimate(self, order: Order) -> float | None:
        """So many credits for each second of a still or for each frame of a video."""
        return Project.of(order).credits(self.price.rates)

    async def check(self, ticket: Ticket) -> Update:
        """The project; each time it is asked for, its link is a fresh one."""
        project = await self.ask(Status, f"/v1/video-projects/{ticket['run_id']}")
        return self.read(
            project.status,
            url=project.video_url,
            why=VendorWords(project.why or "", code=project.code),
            charged=project.credits_charged,
            expires_at=project.expires_at,
        )

    async def vouches(self, message: bytes, signature: bytes) -> bool:
        """By a secret that both know."""
        return signed_with(self._config.webhook_secret, message, signature)

    async def _upload(self, files: Sequence[Media]) -> list[str]:
        items = [{"type": file.kind.value, "extension": extension(file)} for file in files]
        places = await self.call(Places, "POST", "/v1/files/upload-urls", json={"items": items})
        for place, file in zip(places.items, files, strict=True):
            await self.put(place.upload_url, file, Answer)
        return [place.file_path for place in places.items]
