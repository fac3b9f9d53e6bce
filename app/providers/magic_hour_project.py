"""The two kinds of Magic Hour's projects: a lip-synced video, and a still that talks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from app.model import Kind, Media, Order
from app.providers.base import Options


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


@dataclass(frozen=True, slots=True)
class Project:
    """What an order asks of Magic Hour. ``start`` and ``end`` are seconds of the media."""

    files: tuple[Media, ...]
    """What is used of them: the audio comes last, and a video of YouTube's needs no face."""
    talking_photo: bool
    start: float
    end: float
    options: MagicHourOptions

    @classmethod
    def of(cls, order: Order) -> Project:
        """The project for an order: until the shorter file ends, unless the caller says so."""
        options: Any = order.options
        files = (order.audio,) if options.youtube_url else (order.face, order.audio)
        lengths = [media.duration for media in files if media.duration]
        end = options.end_seconds or int(min(lengths) * 100) / 100
        photo = files[0].kind is Kind.IMAGE
        return cls(files, photo, options.start_seconds, end, options)

    @property
    def seconds(self) -> float:
        """How long the video will be."""
        return self.end - self.start

    @property
    def path(self) -> str:
        """Where it is asked for."""
        return "/v1/ai-talking-photo" if self.talking_photo else "/v1/lip-sync"

    def credits(self, rates: Mapping[str, float]) -> float:
        """What it costs; the frames are estimated."""
        if self.talking_photo:
            return round(rates["photo_second"] * self.seconds)
        frames = min(self.options.max_fps_limit or 30, 30) * self.seconds
        mode = "pro_frame" if self.options.generation_mode == "pro" else "frame"
        return round(rates[mode] * frames)

    def body(self, places: list[str]) -> dict[str, Any]:
        """What is asked; ``places`` are those of the files."""
        asked = {"start_seconds": self.start, "end_seconds": self.end}
        asked |= self.options.model_dump(include=self._chosen, exclude_none=True)
        assets = self._face(places[0]) | {"audio_file_path": places[-1]}
        mode = "realistic" if self.talking_photo else self.options.generation_mode
        return {**asked, "assets": assets, "style": {"generation_mode": mode}}

    @property
    def _chosen(self) -> set[str]:
        return {"name"} if self.talking_photo else {"name", "max_fps_limit"}

    def _face(self, place: str) -> dict[str, str]:
        if self.talking_photo:
            return {"image_file_path": place}
        if self.options.youtube_url:
            return {"video_source": "youtube", "youtube_url": self.options.youtube_url}
        return {"video_source": "file", "video_file_path": place}
