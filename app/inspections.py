"""Looks into files in worker processes, and into the same content only once.

A retry, or the same face sent to several providers, costs one look; so do many at the same time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from app.errors import OrderError, UnreadableMedia
from app.media.preflight import describe, find_face, find_speech
from app.media.probe import Limits, probe_audio, probe_face
from app.model import Media
from app.workers import WorkerDied, WorkerPool, WorkerTimedOut

REMEMBERED = 4096
"""Findings: each is a few hundred bytes."""
_PROBE_SECONDS = 30
_LOOK_SECONDS = 60

T = TypeVar("T")


class Inspections:
    """What is in files, found in ``pool`` and remembered by their SHA-256.

    What was wrong with a file is remembered as well, unless it could not be read: that may have
    been the disk. ``models`` is the folder of the face networks.
    """

    def __init__(self, pool: WorkerPool, *, models: Path, remembered: int = REMEMBERED) -> None:
        self._pool = pool
        self._models = models
        self._remembered = remembered
        self._findings: OrderedDict[Hashable, asyncio.Task[Any]] = OrderedDict()

    async def face(self, path: Path, *, sha256: str, limits: Limits) -> Media:
        """What the file in the "image" field is. Raises what `probe_face` does."""
        look = partial(probe_face, path, sha256=sha256, limits=limits)
        found = await self._once(("face", sha256, limits), "image", look, _PROBE_SECONDS)
        return replace(found, path=path)

    async def audio(self, path: Path, *, sha256: str, limits: Limits) -> Media:
        """What the file in the "audio" field is. Raises what `probe_audio` does."""
        look = partial(probe_audio, path, sha256=sha256, limits=limits)
        found = await self._once(("audio", sha256, limits), "audio", look, _PROBE_SECONDS)
        return replace(found, path=path)

    async def check(self, face: Media, audio: Media | None) -> None:
        """Raise NoFace or NoSpeech when the two cannot become a talking video.

        Without ``audio`` nobody listens: it is known that somebody speaks.
        """
        seek_face = partial(find_face, face, self._models)
        looks = [self._once(("find_face", face.sha256), "image", seek_face, _LOOK_SECONDS)]
        if audio:
            seek_speech = partial(find_speech, audio)
            key = ("find_speech", audio.sha256)
            looks.append(self._once(key, "audio", seek_speech, _LOOK_SECONDS))
        # Both at once, but it is always the image's fault that is told first.
        for fault in await asyncio.gather(*looks, return_exceptions=True):
            if fault:
                raise fault

    async def describe(self, video: Path) -> Media:
        """What is in a finished video. Raises UnreadableMedia when it cannot be played."""
        return await self._look("video", partial(describe, video), _LOOK_SECONDS)

    async def run(self, function: Callable[..., T], *args: object, seconds: float) -> T:
        """Call ``function(*args)`` in the pool, whatever was found before."""
        return await self._pool.run(function, *args, seconds=seconds)

    async def close(self) -> None:
        """End every look that is under way."""
        await self._pool.close()

    async def _once(self, key: Hashable, what: str, look: Callable[[], T], seconds: float) -> T:
        """The finding of ``look``, or of the same look into another copy of the file."""
        known = self._findings.get(key)
        finding = known or self._begin(key, what, look, seconds)
        self._findings.move_to_end(key)
        try:
            return await asyncio.shield(finding)
        except Exception as problem:
            if _tells_of_content(problem):
                # The one that is remembered must not gather tracebacks.
                raise copy(problem) from None
            if known is None:
                raise
        return await self._look(what, look, seconds)

    def _begin(
        self, key: Hashable, what: str, look: Callable[[], T], seconds: float
    ) -> asyncio.Task[T]:
        finding = asyncio.create_task(self._look(what, look, seconds))
        self._findings[key] = finding
        finding.add_done_callback(partial(self._forget_accident, key))
        while len(self._findings) > self._remembered:
            self._findings.popitem(last=False)
        return finding

    def _forget_accident(self, key: Hashable, finding: asyncio.Task[Any]) -> None:
        accident = finding.cancelled() or (
            (problem := finding.exception()) and not _tells_of_content(problem)
        )
        if accident and self._findings.get(key) is finding:
            del self._findings[key]

    async def _look(self, what: str, look: Callable[[], T], seconds: float) -> T:
        try:
            return await self._pool.run(look, seconds=seconds)
        except (WorkerDied, WorkerTimedOut, MemoryError):
            raise UnreadableMedia(
                f"The {what} takes too long or too much memory to read."
            ) from None


def _tells_of_content(problem: BaseException) -> bool:
    """Whether another copy of the file would be refused as well: a disk may fail only once."""
    return isinstance(problem, OrderError) and not isinstance(problem, UnreadableMedia)
