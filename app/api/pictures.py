"""The pictures of a job's video: made when somebody first asks for them, and kept with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response

from app.api.files import finished_video
from app.api.problems import documented
from app.api.ranges import KeptFile
from app.api.reading import Reader
from app.archive import Archive
from app.errors import Gone, InvalidRequest, NotFound, StorageUnavailable, UnreadableMedia
from app.inspections import Inspections
from app.media.thumbnail import write_contact_sheet, write_thumbnail
from app.model import Job, Media
from app.workers import WorkerDied, WorkerTimedOut

_DRAW_SECONDS = 30
_LARGEST = 4_000_000
"""Bytes: no picture of ours comes near."""
_HEADERS = {
    "Cache-Control": "private, max-age=86400",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
Draw = Callable[[Path, float, Path], None]


@dataclass(frozen=True, slots=True)
class PictureRoutes:
    """The route of a video's thumbnail and of its contact sheet."""

    reader: Reader
    archive: Archive
    inspections: Inspections

    def router(self) -> APIRouter:
        """The route, described for OpenAPI."""
        router = APIRouter(tags=["lipsync"])
        path = "/lipsync/{job_id}/thumbnail"
        router.add_api_route(path, self.thumbnail, methods=["HEAD"], include_in_schema=False)
        router.add_api_route(
            path,
            self.thumbnail,
            summary="A picture of the video",
            response_class=Response,
            responses={
                200: {"content": {"image/jpeg": {}}, "description": "A JPEG"},
                304: {"description": "It is what `If-None-Match` names"},
                **documented(NotFound, Gone, InvalidRequest, StorageUnavailable),
            },
        )
        return router

    async def thumbnail(
        self,
        job_id: str,
        request: Request,
        sheet: Annotated[
            bool, Query(description="nine pictures from all over the video, in three rows")
        ] = False,
    ) -> Response:
        """A frame of the finished video as a JPEG, at most 320 pixels on its longest side."""
        job = await self.reader.existing(job_id)
        video = finished_video(job)
        name, draw = ("sheet.jpg", write_contact_sheet) if sheet else _THUMBNAIL
        try:
            picture = await self.archive.read(job_id, name, 0, _LARGEST)
        except FileNotFoundError:
            picture = await self._drawn(job, video, name, draw)

        async def read(start: int, end: int) -> bytes:
            return picture[start:end]

        digest = hashlib.sha256(picture).hexdigest()
        file = KeptFile(len(picture), digest, "image/jpeg", read, _LARGEST)
        return await file.answer(request, _HEADERS)

    async def _drawn(self, job: Job, video: Media, name: str, draw: Draw) -> bytes:
        desk = f"{job.id}-{uuid4().hex}"
        folder = await self.archive.open(desk)
        try:
            await self.archive.fetch(job.id, video.path.name, folder / "video")
            await self.inspections.run(
                draw,
                folder / "video",
                video.duration or 0.0,
                folder / name,
                seconds=_DRAW_SECONDS,
            )
            await self.archive.keep(job.id, folder / name)
            await self._discard_unwanted(job.id)
            return await self.archive.read(job.id, name, 0, _LARGEST)
        except FileNotFoundError:
            raise NotFound("The video is not there any more.") from None
        except (UnreadableMedia, WorkerDied, WorkerTimedOut, MemoryError):
            raise NotFound("The video has no picture that can be shown.") from None
        finally:
            await self.archive.close(desk)

    async def _discard_unwanted(self, job_id: str) -> None:
        """Keep no picture of a video deleted while it was drawn. Raises NotFound and Gone."""
        try:
            finished_video(await self.reader.existing(job_id))
        except (NotFound, Gone):
            await self.archive.discard(job_id)
            raise


_THUMBNAIL: tuple[str, Draw] = ("thumbnail.jpg", write_thumbnail)
