"""fal's two lip-sync models: what each lets one choose, is sent, and costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from app.model import Order, SyncMode, Takes
from app.providers.base import Options
from app.providers.fal_queue import Fal

STILLS = "fal-ai/sync-lipsync/v3/image-to-video"


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

    def request(self, order: Order, face: str, audio: str) -> tuple[str, dict[str, Any]]:
        """The chosen endpoint, model and way to deal with lengths."""
        endpoint = self._endpoint(order.options)
        kind = "image_url" if endpoint == STILLS else "video_url"
        chosen = order.options.model_dump(include={"model"}, exclude_none=True)
        chosen |= {"sync_mode": order.sync_mode.value} if order.sync_mode else {}
        return endpoint, {kind: face, "audio_url": audio} | chosen

    def estimate(self, order: Order) -> float | None:
        """So much for each minute of the video."""
        price, seconds = self.unit_price(order.options), _seconds(order)
        return round(price * seconds / 60, 4) if price and seconds else None

    def unit_price(self, options: Any) -> float | None:
        """A unit is a minute of the video; the model's price goes before the endpoint's."""
        rates = self.price.rates
        return rates.get(str(options.model)) or rates.get(self._endpoint(options))

    def _endpoint(self, options: Any) -> str:
        return str(options.endpoint or self._config.video_to_video_lipsync)


class FalLipsync(Fal):
    """fal's own older model: two files and nothing to choose."""

    name = "fal_lipsync"
    label = "fal lipsync"

    def request(self, order: Order, face: str, audio: str) -> tuple[str, dict[str, Any]]:
        """Two files."""
        return self._config.lipsync_model, {"video_url": face, "audio_url": audio}

    def unit_price(self, options: Any) -> float | None:
        """Its price is not published, so it is counted in units as they are."""
        return 1.0


def _seconds(order: Order) -> float | None:
    """The length of the video that comes out."""
    ends = {SyncMode.CUT_OFF: min, SyncMode.SILENCE: max}
    lengths = [media.duration for media in (order.audio, order.face) if media.duration]
    chosen = ends.get(order.sync_mode) if order.sync_mode else None
    return chosen(lengths) if chosen and lengths else order.audio.duration
