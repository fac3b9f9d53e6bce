"""Gooey.AI: one multipart request with both files, then its status until there is a video."""

from __future__ import annotations

import json
import math
from typing import Any, ClassVar, Literal

from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field

from app.errors import VendorWords
from app.model import Order, Phase, State, Takes, Ticket, Update
from app.polling import Pace
from app.providers.base import Note, Options
from app.providers.http import Answer, HttpConfig, HttpProvider, at, mime

Padding = Field(0, ge=0, le=500, description="pixels around the face (Wav2Lip)")


class Config(HttpConfig, env_prefix="GOOEY_"):
    """What an operator can say about Gooey.AI."""

    base_url: str = "https://api.gooey.ai"


class SadTalker(BaseModel):
    """How SadTalker animates; the fields and their defaults are Gooey.AI's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    still: bool = True
    preprocess: Literal["crop", "extcrop", "resize", "full", "extfull"] = "resize"
    pose_style: int = Field(0, ge=0, le=45)
    expression_scale: float = 1.0
    ref_eyeblink: str | None = None
    ref_pose: str | None = None


class GooeyOptions(Options):
    """What Gooey.AI's recipe lets one choose."""

    lipsync_model: Literal["Wav2Lip", "SadTalker"] = Field(
        "Wav2Lip",
        validation_alias=AliasChoices("lipsync_model", "selected_model"),
        description="Wav2Lip is fast and about 480p; SadTalker is slow and up to 1080p",
    )
    face_padding_top: int = Padding
    face_padding_bottom: int = Padding
    face_padding_left: int = Padding
    face_padding_right: int = Padding
    sadtalker_settings: SadTalker = SadTalker()
    retention_policy: Literal["keep", "delete"] = "keep"


class Submitted(Answer):
    run_id: str
    status_url: str
    web_url: str | None = None


class Status(Answer):
    status: str
    detail: str = ""
    video_url: str | None = at("output", "output_video")


class Gooey(HttpProvider[Config]):
    """Takes stills and videos alike."""

    name = "gooey"
    label = "Gooey.AI"
    key_variable = "GOOEY_API_KEY"
    keys_url = "https://gooey.ai"
    docs_url = "https://docs.gooey.ai"
    short_video_hint = "Free Gooey.AI accounts get 250 frames at most."
    config = Config
    options = GooeyOptions
    credits_are_checked_late = True
    # A run that was stopped on its web page has no video, and from then on its status is a 500.
    pace = Pace(interval=1, overhead=20, per_second=3, gone=frozenset({404, 500}))
    takes = Takes(
        images=frozenset({"jpeg", "png"}),
        videos=frozenset({"mp4", "mov"}),
        audios=frozenset({"mp3", "wav"}),
    )
    words: ClassVar = {
        "starting": State.QUEUED,
        "standby": State.QUEUED,
        "running": State.PROCESSING,
        "completed": State.SUCCESS,
        "failed": State.FAILED,
    }

    async def submit(self, order: Order, note: Note) -> Ticket:
        """Both files and the order travel in one request."""
        await note(Phase.SUBMITTING)
        with order.face.path.open("rb") as face, order.audio.path.open("rb") as audio:
            made = await self.call(
                Submitted,
                "POST",
                "/v3/Lipsync/async/form/",
                pays=True,
                data={"json": json.dumps(_recipe(order.options))},
                files={
                    "input_face": (f"face.{order.face.container}", face, mime(order.face)),
                    "input_audio": (f"speech.{order.audio.container}", audio, mime(order.audio)),
                },
            )
        ticket = {"run_id": made.run_id, "status_url": made.status_url}
        return ticket | ({"provider_url": made.web_url} if made.web_url else {})

    def estimate(self, order: Order) -> float | None:
        """So many credits for each five seconds begun."""
        options: Any = order.options
        rates, seconds = self.price.rates, order.audio.duration
        blocks = math.ceil(seconds / rates["block_seconds"]) if seconds else None
        return blocks and blocks * rates[options.lipsync_model]

    async def check(self, ticket: Ticket) -> Update:
        """A run that failed says so in ``detail``, or answers with an error that names it."""
        run = await self.ask(Status, ticket["status_url"], verdict=[AliasPath("detail", "run_id")])
        return self.read(run.status, url=run.video_url, why=VendorWords(run.detail))


def _recipe(options: Any) -> dict[str, Any]:
    """Everything is said: what is left out comes from an example that Gooey.AI may change."""
    chosen: dict[str, Any] = options.model_dump(
        exclude={"lipsync_model", "sadtalker_settings", "retention_policy"}
    )
    chosen["selected_model"] = options.lipsync_model
    chosen["settings"] = {"retention_policy": options.retention_policy}
    if options.lipsync_model == "SadTalker":
        chosen["sadtalker_settings"] = options.sadtalker_settings.model_dump(exclude_none=True)
    return chosen
