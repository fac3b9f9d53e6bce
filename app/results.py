"""What came out of a job: fetched from the provider, looked into, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from app.addresses import Addresses
from app.archive import Archive
from app.copies import Copies, LateCopy
from app.errors import LipSyncError, ProviderUnavailable, StorageUnavailable, UnreadableMedia
from app.inspections import Inspections
from app.model import Job, Media, Phase, State, Video
from app.polling import Clock
from app.providers import Providers
from app.store import Store

MOST_VIDEO_BYTES = 2_000_000_000
DOWNLOAD_PAUSES = (1.0, 3.0)
"""Seconds between attempts to copy a video while its caller waits; then it is tried on alone."""
LATE_COPIES_FOR = timedelta(hours=24)
"""How long it is tried on, unless the provider promises to keep its own for longer."""
NOTICEABLE = 0.5
"""Seconds by which a video may be shorter than the audio before its caller is told."""
PASSING = (ProviderUnavailable, UnreadableMedia, StorageUnavailable)
"""What may be better at the next attempt: a video may have been cut off on its way."""
_AFTER_TROUBLE = 30.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Results:
    """Has a copy of our own of what the providers made, byte for byte."""

    store: Store
    archive: Archive
    copies: Copies
    providers: Providers
    inspections: Inspections
    addresses: Addresses
    clock: Clock

    async def keep(self, job: Job) -> None:
        """End a job with a copy of our own, and say what is not as it should be.

        Without a copy it is a success as well where the provider's own address plays: it was paid
        for. Then the copy is tried on.
        """
        assert job.video is not None
        try:
            result = await self._kept(job, job.video, DOWNLOAD_PAUSES)
        except LipSyncError as problem:
            if job.video.url is None:
                raise
            told = f"The video could not be copied, so only `video_url` plays: {problem.detail}"
            if isinstance(problem, PASSING):
                await self.copies.add(job.id, told, until=_until(job.video))
            await self._succeed(job, None, (told,))
        else:
            await self._succeed(job, result, self._shortcomings(job, result))
        await self.archive.close(job.id)

    async def make_late_copies(self) -> None:
        """Make the copies that could not be made at once, as long as the service runs."""
        while True:
            try:
                if late := await self.copies.claim():
                    await self._copy_late(late)
                else:
                    await self.copies.next()
            except Exception:
                log.exception("a late copy met a bug")
                await self.clock.sleep(_AFTER_TROUBLE)

    async def _copy_late(self, late: LateCopy) -> None:
        job = await self.store.find(late.job_id)
        if job is None or job.state is not State.SUCCESS or job.result or job.expired_at:
            # It is listed a moment before its job is final.
            under_way = job is not None and not job.state.final
            await (self.copies.postpone(late) if under_way else self.copies.remove(late.job_id))
            return
        assert job.video is not None
        try:
            source = await self._asked_again(job) or job.video
            result = await self._kept(job, source, ())
        except PASSING:
            await self.copies.postpone(late)
        except LipSyncError:
            await self.copies.remove(late.job_id)
        else:
            await self._add(job, result, late)
        finally:
            await self.archive.close(job.id)

    async def _add(self, job: Job, result: Media, late: LateCopy) -> None:
        others = tuple(told for told in job.warnings if told != late.warning)
        warnings = (*others, *self._shortcomings(job, result))
        if not await self.store.add_copy(job.id, result, warnings):
            await self.archive.discard(job.id)  # it was deleted in the meantime
        await self.copies.remove(job.id)
        log.info("a job's video was copied late", job_id=job.id, tries=late.tries)

    async def _kept(self, job: Job, source: Video, pauses: Sequence[float]) -> Media:
        """Our own copy. Raises what went wrong at the last attempt."""
        for pause in (*pauses, None):
            try:
                return await self._copied(job, source)
            except PASSING:
                if pause is None:
                    raise
                await self.clock.sleep(pause)
                source = await self._asked_again(job) or source
        raise AssertionError("the last try either returns or raises")

    async def _copied(self, job: Job, source: Video) -> Media:
        video = await (self._downloaded(job, source.url) if source.url else self._rendered(job))
        found = await self.inspections.describe(video)
        name = f"video.{found.container}"
        await self.archive.keep(job.id, video, name=name, lasting=True)
        return replace(found, path=self.archive.folder(job.id) / name)

    async def _downloaded(self, job: Job, url: str) -> Path:
        try:
            video = await self.archive.open(job.id) / "fetched"
            await self.addresses.download(url, video, most_bytes=MOST_VIDEO_BYTES)
        except OSError as problem:  # a disk that is full does not undo what was paid for
            log.warning("the disk failed", job_id=job.id, reason=problem.strerror)
            raise StorageUnavailable from None
        return video

    async def _rendered(self, job: Job) -> Path:
        """What our own engine made; made again where it was lost with another replica's disk."""
        assert job.ticket is not None
        assert job.video is not None
        assert job.video.path is not None
        video = self.archive.folder(job.id) / job.video.path.name
        provider = self.providers.choose(job.provider)
        while not await asyncio.to_thread(video.exists):
            await self.archive.bring(job)
            update = await provider.check(job.ticket)
            if update.error:
                raise update.error
            await self.clock.sleep(provider.pace.interval)
        return video

    async def _asked_again(self, job: Job) -> Video | None:
        """Where the video is now: some vendors' links expire, and asking again gives another."""
        assert job.ticket is not None
        if job.video is None or job.video.url is None:
            return None
        try:
            update = await self.providers.choose(job.provider).check(job.ticket)
        except LipSyncError:
            return None
        return update.video

    def _shortcomings(self, job: Job, result: Media) -> tuple[str, ...]:
        told = []
        if result.audio_codec is None:
            told.append("The video has no sound.")
        provider = self.providers.by_name[job.provider]
        if provider.has_voice(job.voice):
            return tuple(told)  # how long its own voice would speak, nobody knew
        spoken, shown = job.audio.duration or 0, result.duration or 0
        if shown < spoken - NOTICEABLE:
            hint = provider.short_video_hint
            short = f"The video is {shown:.1f} seconds long, shorter than the audio ({spoken:.1f})."
            told.append(f"{short} {hint}" if hint else short)
        elif shown > spoken + NOTICEABLE and not job.options.get("sync_mode"):
            told.append(
                f"The video is {shown:.1f} seconds long, longer than the audio ({spoken:.1f})."
            )
        return tuple(told)

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


def _until(video: Video) -> datetime:
    """For how long a late copy is worth a try."""
    usual = datetime.now(UTC) + LATE_COPIES_FOR
    try:
        promised = datetime.fromisoformat(video.expires_at or "").astimezone(UTC)
    except ValueError:
        return usual
    return max(usual, promised)
