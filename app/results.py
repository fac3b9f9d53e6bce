"""What came out of a job: fetched from the provider, looked into, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.addresses import Addresses
from app.archive import Archive
from app.errors import LipSyncError, ProviderUnavailable, UnreadableMedia
from app.inspections import Inspections
from app.model import Job, Media, Phase, State
from app.polling import Clock
from app.providers import Providers
from app.store import Store

MOST_VIDEO_BYTES = 2_000_000_000
DOWNLOAD_PAUSES = (1.0, 3.0, 9.0, 27.0)
"""Seconds between attempts to fetch a video that is already paid for."""
NOTICEABLE = 0.5
"""Seconds by which a video may be shorter than the audio before its caller is told."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Results:
    """Has a copy of our own of what the providers made."""

    store: Store
    archive: Archive
    providers: Providers
    inspections: Inspections
    addresses: Addresses
    clock: Clock

    async def keep(self, job: Job) -> None:
        """Have a copy of our own of what came out, and say what is not as it should be."""
        video = self.archive.video(job.id)
        rendered = job.video.path if job.video else None
        if rendered and rendered.exists():
            rendered.replace(video)
        try:
            result = await self._copied(job, video)
        except LipSyncError as problem:
            # It was paid for: a video that only the provider has is better than none.
            await self._succeed(job, None, (f"The video could not be copied: {problem.detail}",))
        else:
            await self._succeed(job, result, self._shortcomings(job, result))

    async def _copied(self, job: Job, video: Path) -> Media:
        url = job.video.url if job.video else None
        for pause in (*DOWNLOAD_PAUSES, None):
            try:
                if url:
                    await self.addresses.download(url, video, most_bytes=MOST_VIDEO_BYTES)
                return await self.inspections.describe(video)
            except (ProviderUnavailable, UnreadableMedia):
                if pause is None:
                    raise
                await self.clock.sleep(pause)
                url = url and (await self._fresh_address(job) or url)
        raise AssertionError("the last try either returns or raises")

    async def _fresh_address(self, job: Job) -> str | None:
        """Where the video is now: some vendors' links expire, and asking again gives another."""
        assert job.ticket is not None
        try:
            update = await self.providers.choose(job.provider).check(job.ticket)
        except LipSyncError:
            return None
        return update.video.url if update.video else None

    def _shortcomings(self, job: Job, result: Media) -> tuple[str, ...]:
        spoken, shown = job.audio.duration or 0, result.duration or 0
        if shown >= spoken - NOTICEABLE:
            return ()
        hint = self.providers.by_name[job.provider].short_video_hint
        told = f"The video is {shown:.1f} seconds long, shorter than the audio ({spoken:.1f})."
        return (f"{told} {hint}" if hint else told,)

    async def _succeed(self, job: Job, result: Media | None, warnings: tuple[str, ...]) -> None:
        log.info("a job succeeded", job_id=job.id, provider=job.provider)
        await self.store.save(
            job.id,
            state=State.SUCCESS,
            phase=Phase.DONE,
            progress=1.0,
            message="Lip-sync video generated successfully!",
            result=result,
            warnings=(*job.warnings, *warnings),
            finished_at=datetime.now(UTC),
        )
